"""Tables of a command's result on standard output."""

import io
import os
import sys
import typing

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from fmnist_report.errors import ReportError


def make_table(columns: typing.Sequence[str], rows: typing.Iterable[typing.Sequence[str]]) -> Table:
    """Lay out rows of text under column names; rows with nothing between the first and the last cell are headings."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column == "seconds" else "left")
    for row in rows:
        cells = [escape(cell) for cell in row]  # brackets in file names are brackets
        table.add_row(*cells, style="bold" if len(row) > 2 and not any(row[1:-1]) else None)
    return table


def print_table(columns: typing.Sequence[str], rows: typing.Iterable[typing.Sequence[str]]) -> None:
    """Print a table to standard output; no word is cut at any width.

    On a terminal, cells wrap at spaces, and the table is at least as wide as its longest words. Off a terminal every
    row is one line.
    """
    rendered = io.StringIO()
    console = Console(file=rendered, force_terminal=sys.stdout is not None and sys.stdout.isatty(), highlight=False)
    table = make_table(columns, rows)
    least, most = Measurement.get(console, console.options.update(max_width=100_000), table)
    console.width = max(console.width, least) if console.is_terminal else most
    console.print(table, crop=False)
    _write("".join(f"{line.rstrip()}\n" for line in rendered.getvalue().splitlines()))


def print_line(text: str) -> None:
    """Print one line to standard output."""
    _write(f"{text}\n")


def _write(text: str) -> None:
    """Write to standard output; a reader that has closed the pipe has what it wanted.

    Raises:
        ReportError: standard output cannot be written, for example to a full disk.
    """
    if sys.stdout is None:  # it was closed before this process began
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
    except OSError as error:
        raise ReportError(f"Standard output is not writable ({error.strerror}).") from error
