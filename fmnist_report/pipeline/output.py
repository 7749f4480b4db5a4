"""Tables of a command's result on standard output."""

import typing

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table


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
    console = Console(highlight=False)
    table = make_table(columns, rows)
    least, most = Measurement.get(console, console.options.update(max_width=100_000), table)
    console.width = max(console.width, least) if console.is_terminal else most
    with console.capture() as capture:
        console.print(table, crop=False)
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def print_line(text: str) -> None:
    """Print one line to standard output."""
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
