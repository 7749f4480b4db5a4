"""Progress output of a run: a live display on a terminal, plain lines elsewhere."""

import time
import typing

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from fmnist_report.pipeline.output import make_table

PLAIN_INTERVAL_SECONDS = 15.0
LEAST_WIDTH = 40  # columns


class Position(typing.Protocol):
    """The position inside a training run, with the arguments of Progress.update."""

    def update(self, done: float, total: float, note: str = "", images: int | None = None) -> None: ...

    def warn(self, message: str) -> None: ...


class Progress:
    """A display of the current stage, its position, images per second and the time left.

    Args:
        quiet: show only warnings and errors.
        console: output; stderr by default (rich honours NO_COLOR).
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.console.width = max(self.console.width, LEAST_WIDTH)  # COLUMNS=0 would leave no room for a letter
        self.quiet = quiet
        self.live = self.console.is_terminal and not quiet
        self._bar: Bar | None = None
        self._stage: str | None = None

    def begin(self, stage: str) -> None:
        """Announce a stage."""
        self._last_line = time.monotonic()
        self._first: tuple[float, float, int] | None = None
        if self.live:
            self._bar = Bar(
                TextColumn("[bold]{task.fields[stage]}"),
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, stage=stage)
        elif not self.quiet:
            self.console.print(f"{stage}: started", markup=False)
        self._stage = stage

    def update(self, done: float, total: float, note: str = "", images: int | None = None) -> None:
        """Report the position inside the stage.

        Args:
            done, total: position and end, in the stage's own units.
            note: for example "epoch 3/8, validation 0.9312".
            images: images processed so far, for the rate.
        """
        if self.quiet or self._stage is None:
            return
        now = time.monotonic()
        if self._first is None:  # the first step includes loading and compiling, so rates start after it
            self._first = (now, done, images or 0)
        since, first_done, first_images = self._first
        if images is not None and now > since:
            note += f", {(images - first_images) / (now - since):,.0f} images/s"
        if self._bar:
            self._bar.update(self._task, completed=done, total=total, description=note)
        elif now - self._last_line >= PLAIN_INTERVAL_SECONDS:
            self._last_line = now
            left = ""
            if done > first_done:
                left = f", {(now - since) * (total - done) / (done - first_done):.0f} s left"
            self.console.print(f"{self._stage}: {done / total:4.0%} {note}{left}", markup=False)

    def end(self, stage: str, seconds: float) -> None:
        """Announce a finished stage."""
        self.close()
        self.say(f"{stage}: done in {seconds:.1f} s")

    def close(self) -> None:
        """Remove the live display."""
        if self._bar:
            self._bar.stop()
            self._bar = None
        if self.live:  # a subprocess with its own display may have been stopped before it could do this
            self.console.show_cursor(True)

    def say(self, message: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            self.console.print(message, markup=False)

    def warn(self, message: str) -> None:
        """Print a warning, also when quiet."""
        self.console.print(f"Warning: {message}", style="yellow", markup=False)

    def table(self, columns: typing.Sequence[str], rows: typing.Iterable[typing.Sequence[str]]) -> None:
        """Print a table, unless quiet."""
        if not self.quiet:
            self.console.print(make_table(columns, rows))
