"""Tables of pixels in .csv files: how their columns are to be read, and their rows."""

import csv
import re
import typing
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

LABEL_NAMES = {"label", "labels", "class", "target", "y", "digit", "character", "letter", "emotion", "category"}
PACKED = "pixels"  # a column of all pixels, separated by spaces, as FER2013 has it
USAGE = {"usage", "split", "part", "subset"}  # a column that tells the part
LEAST_PIXELS = 25
MOST_LABELS = 100
PEEKED = 200  # rows that tell which of two columns is the label
MOST_IN_ROW = 2**20  # characters


@dataclass(frozen=True)
class Columns:
    """How a table of pixels is to be read.

    label: the column of the labels; None where it has none.
    pixels: the columns of the pixels; one where all stand in it.
    usage: the column that tells the part of each row; None where it has none.
    width: how many columns there are.
    has_header: whether its first row names the columns.
    """

    separator: str
    label: int | None
    pixels: tuple[int, ...]
    usage: int | None
    width: int
    has_header: bool


def read_columns(path: Path) -> Columns | None:
    """Tell from its first rows how a table holds pixels; None where it does not.

    Raises:
        ValueError: it has no header, and nothing tells whether the first or the last column is the label.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        line = file.readline(MOST_IN_ROW)
    separator = max(",;\t", key=line.count)
    names = [name.strip().casefold() for name in next(csv.reader([line], delimiter=separator), [])]
    if not names:
        return None
    if all(re.fullmatch(r"-?\d+(\.\d*)?", name) for name in names):
        return _read_unnamed(path, separator, len(names))
    labels = [number for number, name in enumerate(names) if name in LABEL_NAMES]
    usage = next((number for number, name in enumerate(names) if name in USAGE), None)
    groups: dict[str, list[int]] = {}  # by what stands before the number, as in pixel0 and 1x1
    for number, name in enumerate(names):
        if numbered := re.fullmatch(r"(.*?)\d+(x\d+)?", name):
            groups.setdefault(numbered[1], []).append(number)
    pixels = [names.index(PACKED)] if PACKED in names else max(groups.values(), key=len, default=[])
    if PACKED not in names and (len(pixels) < LEAST_PIXELS or isqrt(len(pixels)) ** 2 != len(pixels)):
        return None
    return Columns(separator, labels[0] if labels else None, tuple(pixels), usage, len(names), True)


def _read_unnamed(path: Path, separator: str, width: int) -> Columns | None:
    n = width if isqrt(width) ** 2 == width else width - 1
    if n < LEAST_PIXELS or isqrt(n) ** 2 != n:
        return None
    if n == width:
        return Columns(separator, None, tuple(range(n)), None, width, False)
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = [row for _, row in zip(range(PEEKED), csv.reader(file, delimiter=separator), strict=False)]
    kinds = {number: {row[number] for row in rows if len(row) == width} for number in (0, width - 1)}
    most = min(MOST_LABELS, max(2, len(rows) // 3))  # values, for labels repeat
    likely = [number for number, found in kinds.items() if 1 < len(found) <= most]
    if len(likely) != 1:
        raise ValueError(
            f"{path.name} has no header, and nothing tells whether its first or its last column is the label; give it "
            "a first row with 'label' and the pixels' names"
        )
    label = likely[0]
    return Columns(separator, label, tuple(i for i in range(width) if i != label), None, width, False)


def read_rows(path: Path, columns: Columns) -> typing.Iterator[tuple[str, str, list[str]]]:
    """Yield label, usage ("" where there is none) and pixels of each row, as text.

    Raises:
        ValueError: a row has more or fewer values than the first; names its line.
    """
    assert columns.label is not None, "a table without labels is no part of a data set"
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=columns.separator)
        for number, row in enumerate(reader):
            if not row or (columns.has_header and number == 0):
                continue
            if len(row) != columns.width:
                raise ValueError(
                    f"{path.name}: line {reader.line_num} has {len(row)} values, the first line {columns.width}"
                )
            packed = len(columns.pixels) == 1
            pixels = row[columns.pixels[0]].split() if packed else [row[i] for i in columns.pixels]
            yield row[columns.label].strip(), row[columns.usage] if columns.usage is not None else "", pixels
