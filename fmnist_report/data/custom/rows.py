"""Rows of text tables: .csv, .tsv, .txt and .jsonl."""

import collections
import csv
import itertools
import json
import typing
from pathlib import Path

from fmnist_report.data.custom.image_index import ImageIndex
from fmnist_report.data.custom.tables import MOST_IN_ROW, find_encoding
from fmnist_report.data.custom.tree import show_name

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".jsonl"})
SEPARATORS = "\t,; "
N_FIRST = 2000  # rows by which the form of a table is found
FIRST, LAST = "first", "last"  # the space that separates the image from the rest of a line


class Rows:
    """The rows of a text table, read anew by each iteration.

    names: keys of lines of JSON; empty for other tables, whose first row may have names.
    """

    def __init__(self, path: Path, index: ImageIndex) -> None:
        self.path, self.suffix = path, path.suffix.lower()
        self.names: list[str] = []
        self.separator: str | None = None
        try:
            with self._open() as file:
                first = [line for line in itertools.islice(_lines(file), N_FIRST) if line]
        except UnicodeDecodeError:
            raise ValueError(self._blame_encoding()) from None
        if self.suffix == ".jsonl":
            self.names = list(dict.fromkeys(key for line in first for key in json_row(line)))
        elif self.suffix == ".txt":
            self.separator = _find_separator(first, index)
        else:
            line = first[0] if first else ""
            separator = max(",;\t", key=line.count)
            self.separator = separator if line.count(separator) else None

    def _blame_encoding(self) -> str:
        return f"{show_name(self.path.name)} is not in UTF-8; save it as “CSV UTF-8”"

    def _open(self) -> typing.TextIO:
        return open(self.path, encoding=find_encoding(self.path), newline="")

    def __iter__(self) -> typing.Iterator[list[str]]:
        """Yield the values of each row that is not empty.

        Raises:
            ValueError: the table is not in UTF-8, or damaged.
        """
        try:
            with self._open() as file:
                if self.suffix == ".jsonl":
                    for line in filter(None, _lines(file)):
                        row = json_row(line)
                        yield [row.get(name, "") for name in self.names]
                elif self.suffix == ".txt" and self.separator in (None, " ", FIRST, LAST):
                    yield from (_split(line, self.separator) for line in filter(None, _lines(file)))
                else:
                    yield from self._read_csv(file)
        except UnicodeDecodeError:
            raise ValueError(self._blame_encoding()) from None

    def _read_csv(self, file: typing.TextIO) -> typing.Iterator[list[str]]:
        former = csv.field_size_limit(MOST_IN_ROW)
        try:
            for row in csv.reader(file, delimiter=self.separator or ","):
                comment = row and (self.suffix == ".txt" and row[0].startswith("#") or row[0].startswith("sep="))
                if row and not comment:
                    yield [value.strip() for value in row]
        except csv.Error as error:
            raise ValueError(f"{show_name(self.path.name)} cannot be read ({error})") from None
        finally:
            csv.field_size_limit(former)


def _split(line: str, separator: str | None) -> list[str]:
    if separator == FIRST:
        return line.split(None, 1)
    if separator == LAST:
        return line.rsplit(None, 1)
    return line.split() if separator else [line]


def _lines(file: typing.TextIO) -> typing.Iterator[str]:
    """Yield the lines, stripped, comments as empty ones; a line that is too long is read as several."""
    while line := file.readline(MOST_IN_ROW):
        yield "" if line.startswith("#") else line.strip()


def json_row(line: str) -> dict[str, str]:
    """Return the fields of a line of JSON as text; none if it is not an object."""
    try:
        row = json.loads(line) if line else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    return {str(key): str(value).strip() for key, value in row.items() if isinstance(value, str | int | float | bool)}


def _find_separator(lines: list[str], index: ImageIndex) -> str | None:
    """Return what separates the values of all lines of a text file; None if each line is one value.

    Lines of different numbers of words are separated at the first or the last space, whichever part names images.
    """
    for separator in SEPARATORS:
        counts = {len(line.split()) - 1 if separator == " " else line.count(separator) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return separator
    n_known: collections.Counter[str | None] = collections.Counter()
    for line in lines:
        for way in (None, FIRST, LAST):
            parts = _split(line, way)
            n_known[way] += any(bool(index.candidates(part)) for part in parts)
    return max((None, FIRST, LAST), key=n_known.__getitem__)
