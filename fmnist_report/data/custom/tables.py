"""Tables of pixels in .csv files: detection of the columns, and reading of the rows."""

import collections
import contextlib
import csv
import re
import typing
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from fmnist_report.data.custom.images import list_forms

LABEL_NAMES = {"label", "labels", "class", "target", "y", "digit", "character", "letter", "emotion", "category"}
PACKED = "pixels"  # a column of all pixels, separated by spaces, as in FER2013
USAGE = {"usage", "split", "part", "subset"}  # a column of the split
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", re.IGNORECASE)
INDEX_NAMES = {"", "index", "id", "unnamed: 0"}  # names of a first column of row numbers
LEAST_PIXELS = 25
LEAST_SIDE = 8  # minimum side of images in tables without meaningful column names
MOST_OF_ONE = 0.9  # maximum share of rows with the same label, if another column could be the label
MOST_LABELS = 100
MOST_IN_ROW = 2**20  # characters
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # first bytes of files that Excel saves as Unicode text


@dataclass(frozen=True)
class Columns:
    """The columns of a table of pixels.

    label: the column of the labels; None if there is none.
    pixels: the columns of the pixels, from first to last; a single one if it contains all pixels.
    usage: the column of the split of each row; None if there is none.
    width: number of columns.
    has_header: whether the first row has the column names.
    """

    separator: str
    label: int | None
    pixels: tuple[int, ...]
    usage: int | None
    width: int
    has_header: bool


class Row(typing.NamedTuple):
    """One image of a table, as text; usage is "" without a column of splits, and line counts from 1."""

    label: str
    usage: str
    pixels: list[str]
    line: int


def read_columns(path: Path) -> Columns | None:
    """Detect the columns of a table of pixels from its first row or, if that has no names, from its values.

    Returns:
        None if it is not a table of pixels.

    Raises:
        ValueError: the column of labels or the order of the pixels is ambiguous.
    """
    with open(path, encoding=find_encoding(path), errors="replace") as file:
        line = file.readline(MOST_IN_ROW)
    separator = max(",;\t", key=line.count)
    with _naming(path):
        row = next(csv.reader([line], delimiter=separator), [])
    names = [name.strip().casefold() for name in row]
    if not names:
        return None
    n_before = int(names[0] in INDEX_NAMES)
    inner = names[n_before:]
    if all(NUMBER.fullmatch(name) for name in inner) and (not n_before or _is_counted(inner)):
        return _read_unnamed(path, separator, row, _is_counted(inner), n_before)
    if columns := _find_text_label(names, separator):
        return columns
    labels = [number for number, name in enumerate(names) if name in LABEL_NAMES]
    usage = next((number for number, name in enumerate(names) if name in USAGE), None)
    pixels = (names.index(PACKED),) if PACKED in names else _find_pixels(names, path)
    if len(pixels) == len(inner) > LEAST_SIDE**2 and not _is_image(len(pixels)):
        return _read_unnamed(path, separator, row, True, n_before)  # V1, V2, …, as R names them
    if PACKED not in names and not _is_image(len(pixels)):
        return None
    if len(labels) > 1:
        labels = [number for number in labels if names[number] == "label"] or labels
    if len(labels) > 1:
        listed = " or ".join(repr(row[number].strip()) for number in labels)
        advice = "rename the others" if names[labels[0]] == "label" else "name it 'label'"
        raise ValueError(f"the column of labels in {path.name} is ambiguous, {listed}; {advice}")
    return Columns(separator, labels[0] if labels else None, pixels, usage, len(names), True)


def _is_square(n: int) -> bool:
    return n >= LEAST_PIXELS and isqrt(n) ** 2 == n


def _is_image(n: int) -> bool:
    """Return whether so many columns may be the values of a square image, in grey or in colour."""
    return n >= LEAST_PIXELS and bool(list_forms(n))


def _is_counted(names: list[str]) -> bool:
    """Return whether names count from 0 or 1, as pandas names unnamed columns."""
    return any(names == [str(first + i) for i in range(len(names))] for first in (0, 1))


def _find_text_label(names: list[str], separator: str) -> Columns | None:
    """Return the columns of a table without a header if its first or last column is text, the label; else None."""
    others = [number for number, name in enumerate(names) if not NUMBER.fullmatch(name)]
    pixels = tuple(number for number in range(len(names)) if number not in others)
    repeated = len({names[number] for number in pixels}) < len(pixels)  # so they are not names
    if len(others) != 1 or others[0] not in (0, len(names) - 1) or not _is_square(len(pixels)) or not repeated:
        return None
    return Columns(separator, others[0] if names[others[0]] else None, pixels, None, len(names), False)


def _find_pixels(names: list[str], path: Path) -> tuple[int, ...]:
    """Find the largest group of columns whose names differ by a number, or two as in 1x1, and sort them by it.

    If the second number counts the rows of an image, as in x_y, columns in row order keep the order of the file.
    """
    groups: dict[str, list[tuple[tuple[int, ...], int]]] = {}
    for column, name in enumerate(names):
        if found := re.fullmatch(r"(.*?)(\d+)(?:[x_](\d+))?", name):
            groups.setdefault(found[1], []).append((tuple(int(n) for n in found.groups()[1:] if n), column))
    largest: list[tuple[tuple[int, ...], int]] = max(groups.values(), key=len, default=[])
    by_second = [place[::-1] for place, _ in largest]
    if by_second != sorted(by_second):
        largest.sort()
    if _is_square(len(largest)) and len({place for place, _ in largest}) < len(largest):
        raise ValueError(f"two columns of {path.name} are the same pixel according to their names")
    return tuple(column for _, column in largest)


def _read_unnamed(path: Path, separator: str, first: list[str], has_header: bool, n_before: int) -> Columns | None:
    """Decide by its values whether the first or the last column of a table is the label.

    Args:
        first: its first row.
        n_before: number of leading columns of row numbers.
    """
    width = len(first)
    if _is_square(width - n_before):
        return Columns(separator, None, tuple(range(n_before, width)), None, width, has_header)
    if not _is_square(width - n_before - 1):
        return None
    ends: dict[int, collections.Counter] = {n_before: collections.Counter(), width - 1: collections.Counter()}
    with open(path, encoding=find_encoding(path), errors="replace") as file:
        file.readline()
        for line in file:
            if line.strip():
                outermost = line.split(separator, n_before + 1)[n_before : n_before + 1], line.rsplit(separator, 1)[-1:]
                for found, value in zip(ends.values(), outermost, strict=True):
                    found["".join(value).strip('" \n')] += 1
    if not has_header:
        whole = _undo_endings(first)
        for column, found in ends.items():
            found[whole[column].strip()] += 1
    most = min(MOST_LABELS, max(2, ends[n_before].total() // 3))  # values, because labels repeat
    likely = [column for column, found in ends.items() if 1 < len(found) <= most]
    if len(likely) > 1:  # a pixel at the edge is nearly always black
        likely = [column for column in likely if max(ends[column].values()) < MOST_OF_ONE * ends[column].total()]
    if len(likely) != 1:
        header = "the column names do not show" if has_header else "it has no header, so it is unclear"
        raise ValueError(
            f"{path.name}: {header} whether the first or the last column is the label; give it a first row with "
            "'label' and the pixels' names"
        )
    pixels = tuple(column for column in range(n_before, width) if column != likely[0])
    return Columns(separator, likely[0], pixels, None, width, has_header)


def read_rows(path: Path, columns: Columns) -> typing.Iterator[Row]:
    """Yield the images of a table.

    Raises:
        ValueError: a row has more or fewer values than the first, or is not readable text; the message names its line.
    """
    assert columns.label is not None, "a table without labels is not a split of a data set"
    with open(path, encoding=find_encoding(path), newline="") as file, _naming(path) as place:
        reader = csv.reader(file, delimiter=columns.separator)
        for number, row in enumerate(reader):
            place["line"] = reader.line_num + 1  # where the next row begins
            if not row or (columns.has_header and number == 0):
                continue
            if len(row) != columns.width:
                raise ValueError(
                    f"{path.name}: line {reader.line_num} has {len(row)} values, the first line {columns.width}"
                )
            row = _undo_endings(row) if number == 0 else row
            packed = len(columns.pixels) == 1
            pixels = row[columns.pixels[0]].split() if packed else [row[i] for i in columns.pixels]
            if columns.separator == ";":
                pixels = [value.replace(",", ".") for value in pixels]  # decimal commas
            usage = row[columns.usage] if columns.usage is not None else ""
            yield Row(row[columns.label].strip(), usage.strip(), pixels, reader.line_num)


def _undo_endings(row: list[str]) -> list[str]:
    """Return the original row of integers if pandas took it for names and made them unique: 0, 0.1, 0.2."""
    seen: collections.Counter = collections.Counter()
    whole = [value.partition(".")[0] for value in row]
    for value, number in zip(row, whole, strict=True):
        if value != (f"{number}.{seen[number]}" if seen[number] else number):
            return row
        seen[number] += 1
    return whole


@contextlib.contextmanager
def _naming(path: Path) -> typing.Iterator[dict[str, int]]:
    """Allow long rows, and add the file and the row's first line to errors raised while reading."""
    place, former = {"line": 1}, csv.field_size_limit(MOST_IN_ROW)
    try:
        yield place
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not in UTF-8; save it as “CSV UTF-8”") from None
    except csv.Error as error:
        long = f"a value has more than {MOST_IN_ROW:,} characters; perhaps a quotation mark is not closed"
        fault = long if "field larger" in str(error) else str(error)
        raise ValueError(f"{path.name}: in the row that begins in line {place['line']}: {fault}") from None
    finally:
        csv.field_size_limit(former)


def find_encoding(path: Path) -> str:
    """Return the encoding of a text table: UTF-16 if it begins with a byte-order mark of it, else UTF-8."""
    with open(path, "rb") as file:
        return "utf-16" if file.read(2) in UTF_16 else "utf-8-sig"
