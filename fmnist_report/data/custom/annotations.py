"""Tables that name image files and their classes or splits, as on Kaggle and in Hugging Face's ImageFolder."""

from __future__ import annotations

import collections
import csv
import io
import itertools
import json
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import read_role, split_words
from fmnist_report.data.custom.tables import LABEL_NAMES, MOST_IN_ROW, USAGE, find_encoding, read_columns
from fmnist_report.data.custom.tree import Folder, show_name, show_path

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".jsonl"})
OWN_LABELS = LABEL_NAMES | {
    "classid", "classname", "labelname", "categoryid", "categoryname", "dx", "diagnosis", "species", "breed",
}  # fmt: skip
SUBMISSION = re.compile(
    r".*submi(ssion|t).*", re.IGNORECASE
)  # Kaggle's examples have a placeholder in place of classes
MOST_BESIDE = 40  # tables in one folder; more of them describe one image each
MOST_BYTES = 2**30
MOST_CLASSES = 1000  # distinct values of a column that may be the class
N_FIRST, EVERY = 2000, 50  # rows of which all, and later one in so many, are compared with the images
LEAST_KNOWN = 0.1  # share of the rows that must name an image
WHOLE = 0.9  # share of the images that a table must name to be their labels, where there are class folders too
BINARY = frozenset({"0", "1", "0.0", "1.0", "false", "true"})
MOST_NAMED = 6  # columns and values listed in a message
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", re.IGNORECASE)


class ImageIndex:
    """The images of a tree by file name, with and without extension, and without leading zeros."""

    def __init__(self, tree: Folder) -> None:
        self.root = tree.path
        self.found: dict[str, list[Path]] = collections.defaultdict(list)
        self.n_images = 0
        for path in tree.every_image():
            self.n_images += 1
            stem = path.stem.casefold()
            for key in {path.name.casefold(), stem, stem.lstrip("0") if stem.isdecimal() else stem}:
                self.found[key].append(path)

    def candidates(self, value: str) -> list[Path]:
        """Return the images that a value may name, without regard to folders; often none."""
        name = value[max(value.rfind("/"), value.rfind("\\")) + 1 :].casefold()
        return self.found.get(name) or (self.found.get(name.lstrip("0"), []) if name.isdecimal() else [])

    def find(self, value: str, near: tuple[str, ...]) -> Path | None:
        """Return the image that a value names, by file name, by path from any folder, or by number; None if unknown.

        Args:
            near: names of folders, in lower case; of images of the same name, those in them take precedence.

        Raises:
            ValueError: several images have that name.
        """
        paths = self.candidates(value)
        if len(paths) > 1:
            wanted = [part.casefold() for part in PurePosixPath(value.replace("\\", "/")).parts[:-1]][::-1]
            paths = _keep_best(paths, lambda path: _count_same(wanted, self._parts(path)[::-1]))
        if len(paths) > 1:
            paths = _keep_best(paths, lambda path: sum(part in near for part in self._parts(path)))
        if len(paths) > 1:
            paths = _keep_best(paths, lambda path: path.stem.casefold() == value.casefold())  # 1 before 01
        if len(paths) > 1:
            names = " and ".join(show_path(path, self.root) for path in paths[:2])
            raise ValueError(f"{value!r} may be {names}; write the path of the image from the folder of the data set")
        return paths[0] if paths else None

    def _parts(self, path: Path) -> list[str]:
        return [part.casefold() for part in path.relative_to(self.root).parts[:-1]]


def _keep_best(paths: list[Path], score: typing.Callable[[Path], int]) -> list[Path]:
    scores = [score(path) for path in paths]
    return [path for path, own in zip(paths, scores, strict=True) if own == max(scores)]


def _count_same(wanted: list[str], parts: list[str]) -> int:
    pairs = zip(wanted, parts, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass
class Column:
    """What is known of a column after all rows were read.

    values: its distinct values, at most MOST_CLASSES + 1.
    images: the images that its values name, among the rows compared.
    n_known: number of rows whose value names an image, estimated from these.
    """

    values: set[str] = field(default_factory=set)
    images: set[Path] = field(default_factory=set)
    n_known: int = 0

    @property
    def may_be_class(self) -> bool:
        """Whether few values repeat, none of which is a fraction."""
        whole = all(
            value.rstrip("0").endswith(".") for value in self.values if NUMBER.fullmatch(value) and "." in value
        )
        return 1 < len(self.values - {""}) <= MOST_CLASSES and whole


@dataclass
class Annotations:
    """A table that names images.

    n_images: number of images that it names.
    labels, splits: class and split by image; empty if it has none.
    columns: names of the column of the class, or of the columns of which one is 1; or the column's number, from 1.
    doubt: why its classes or splits cannot be used; "" if they can, or if it has none.
    notes: messages for the user if the table is used.
    """

    path: Path
    n_images: int = 0
    labels: dict[Path, str] = field(default_factory=dict)
    splits: dict[Path, str] = field(default_factory=dict)
    columns: list[str] | int = 0
    doubt: str = ""
    notes: list[Note] = field(default_factory=list)

    @property
    def name_split(self) -> str:
        """The split that the file's name indicates."""
        return read_role(self.path.stem)[0]


def find_annotations(tree: Folder, column: str | None = None) -> list[Annotations]:
    """Read all tables in a folder that name its images.

    Args:
        column: name of the column of the class, if it is known.
    """
    index = ImageIndex(tree)
    found = []
    for folder in _every_folder(tree):
        tables = [path for path in folder.files if path.suffix.lower() in SUFFIXES]
        if len(tables) > MOST_BESIDE:
            continue
        for path in tables:
            if not SUBMISSION.fullmatch(path.stem) and path.stat().st_size <= MOST_BYTES:
                try:
                    read = _read_table(path, index, column)
                except ValueError as error:
                    read = Annotations(path, doubt=str(error))
                found += [read] if read else []
    return found


def _every_folder(tree: Folder) -> typing.Iterator[Folder]:
    yield tree
    for folder in tree.folders:
        yield from _every_folder(folder)


def _read_table(path: Path, index: ImageIndex, column: str | None) -> Annotations | None:
    """Return the content of a table, or None if it does not name images."""
    rows = Rows(path)
    names, columns, n_rows = _survey(rows, index)
    known = [one for one in columns if one.images]
    if not known:
        return None
    file = max(range(len(columns)), key=lambda i: (len(columns[i].images), -i))
    few = columns[file].n_known < LEAST_KNOWN * n_rows and 2 * columns[file].n_known < index.n_images
    if few or len(columns[file].images) < 2 or _is_pixels(path):
        return None
    names = names if len(names) == len(columns) else []
    words = [re.sub(r"[\W_]+", "", name.casefold()) for name in names]
    split = next((i for i, word in enumerate(words) if word in USAGE and i != file), None)
    read = Annotations(path)
    chosen: tuple[int, ...] = ()
    rivals: list[int] = []
    try:
        chosen, rivals = _find_label(names, words, columns, {file, split} - {None}, column)
    except ValueError as error:
        read.doubt = f"{show_name(path.name)}: {error}"
    _collect(rows, index, read, names, file, split, chosen, rivals)
    if chosen and not read.doubt:
        read.columns = [names[i] for i in chosen] if names else chosen[0] + 1
    return read


def _is_pixels(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".tsv"):
        return False
    try:
        return read_columns(path) is not None
    except ValueError:
        return True


class Rows:
    """The rows of a text table, read anew by each iteration.

    names: the column names; empty if the first row has none.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.suffix = path, path.suffix.lower()
        self.names: list[str] = []
        self.separator: str | None = None
        with open(path, encoding=find_encoding(path), errors="replace") as file:
            first = [line for line in itertools.islice(_lines(file), N_FIRST) if line]
        if self.suffix == ".jsonl":
            with_keys = (json_row(line) for line in first)
            self.names = list(dict.fromkeys(key for row in with_keys for key in row))
        elif self.suffix == ".txt":
            self.separator = _find_separator(first)
        else:
            line = first[0] if first else ""
            self.separator = max(",;\t", key=line.count)
            self.separator = self.separator if line.count(self.separator) else None

    def __iter__(self) -> typing.Iterator[list[str]]:
        with open(self.path, encoding=find_encoding(self.path), errors="replace", newline="") as file:
            if self.suffix == ".jsonl":
                for line in filter(None, _lines(file)):
                    row = json_row(line)
                    yield [row.get(name, "") for name in self.names]
            elif self.suffix == ".txt" and self.separator in (None, " "):
                for line in _lines(file):
                    if line:
                        yield line.split() if self.separator else [line]
            else:
                yield from self._read_csv(file)

    def _read_csv(self, file: io.TextIOBase) -> typing.Iterator[list[str]]:
        former = csv.field_size_limit(MOST_IN_ROW)
        try:
            for row in csv.reader(typing.cast(typing.Iterable[str], file), delimiter=self.separator or ","):
                if row and not (self.suffix == ".txt" and row[0].startswith("#")):
                    yield [value.strip() for value in row]
        except csv.Error as error:
            raise ValueError(f"{show_name(self.path.name)} cannot be read ({error})") from None
        finally:
            csv.field_size_limit(former)


def _lines(file: typing.TextIO) -> typing.Iterator[str]:
    """Yield the lines without comments, stripped; a line that is too long ends the table."""
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


def _find_separator(lines: list[str]) -> str | None:
    """Return what separates the values of all lines of a text file; None if each line is one value."""
    for separator in "\t,; ":
        counts = {len(line.split()) - 1 if separator == " " else line.count(separator) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return separator
    return None


def _survey(rows: Rows, index: ImageIndex) -> tuple[list[str], list[Column], int]:
    """Return the column names, the columns, and the number of rows."""
    columns: list[Column] = []
    names, number = list(rows.names), -1
    for number, row in enumerate(rows):
        if not number and not names and not any(index.candidates(value) for value in row):
            names = rows.names = row
            continue
        if not columns:
            columns = [Column() for _ in row]
        is_compared = number < N_FIRST or number % EVERY == 0
        for column, value in zip(columns, row, strict=False):
            if len(column.values) <= MOST_CLASSES:
                column.values.add(value)
            if is_compared and value and (paths := index.candidates(value)):
                column.images.update(paths)
                column.n_known += 1 if number < N_FIRST else EVERY
    return names, columns, number + 1


def _find_label(
    names: list[str], words: list[str], columns: list[Column], taken: set[typing.Any], wanted: str | None
) -> tuple[tuple[int, ...], list[int]]:
    """Return the column of the class, or those of which one is 1 in each row; and others that must agree with it.

    Raises:
        ValueError: several columns qualify, or the wanted one does not exist.
    """
    others = [i for i in range(len(columns)) if i not in taken]
    if wanted:
        folded = [name.casefold() for name in names]
        return ((folded.index(wanted.casefold()),) if wanted.casefold() in folded else ()), []
    usual = [i for i in others if words and words[i] in OWN_LABELS and columns[i].values - {""}]
    if usual:
        best = [i for i in usual if words[i] == "label"] or [i for i in usual if not _is_numeric(columns[i])] or usual
        return (best[0],), [i for i in usual if i != best[0]]
    likely = [i for i in others if columns[i].may_be_class]
    binary = [i for i in likely if {value.casefold() for value in columns[i].values} <= BINARY]
    if len(binary) > 1 and len(binary) == len(likely) and names:
        return tuple(binary), []
    if len(likely) > 1 and not names:
        likely = [i for i in likely if not _is_numeric(columns[i])] or likely
    if len(likely) > 1:
        listed = " or ".join(repr(names[i]) if names else f"number {i + 1}" for i in likely[:MOST_NAMED])
        how = "name it in classes.toml, as in label = " + repr(names[likely[0]]) if names else "give it a row of names"
        raise ValueError(f"the column of the class is ambiguous, {listed}; {how}")
    return tuple(likely), []


def _is_numeric(column: Column) -> bool:
    return all(NUMBER.fullmatch(value) for value in column.values)


def _collect(
    rows: Rows, index: ImageIndex, read: Annotations, names: list[str], file: int, split: int | None,
    label: tuple[int, ...], rivals: list[int],
) -> None:  # fmt: skip
    """Read class and split of each image into a table's annotations."""
    near = tuple(split_words(read.path.stem)) + (read.path.stem.casefold(), read.path.parent.name.casefold())
    n_unknown, n_short, n_blank = 0, 0, 0
    pairs: list[set[tuple[str, str]]] = [set() for _ in rivals]
    width = len(names) or None
    words: dict[str, str] = {}
    for number, row in enumerate(rows):
        if number == 0 and row == rows.names and rows.suffix != ".jsonl":
            continue
        width = width or len(row)
        if len(row) != width:
            n_short += 1
            continue
        try:
            path = index.find(row[file], near) if row[file] else None
        except ValueError as error:
            read.doubt = read.doubt or f"{show_name(read.path.name)}: {error}"
            continue
        read.n_images += path is not None
        if path is None:
            n_unknown += 1
            continue
        if split is not None and row[split]:
            read.splits[path] = words.setdefault(row[split], row[split])
        elif read.name_split:
            read.splits[path] = read.name_split
        if not label or read.doubt:
            continue
        try:
            name = _name_class(row, names, label, path, index)
        except ValueError as error:
            read.doubt = f"{show_name(read.path.name)}: {error}"
            continue
        if not name:
            n_blank += 1
            continue
        name = words.setdefault(name, name)
        if read.labels.setdefault(path, name) != name:
            read.doubt = (
                f"{show_name(read.path.name)}: {show_path(path, index.root)} has several classes, such as "
                f"{read.labels[path]!r} and {name!r}; one class per image is supported"
            )
        for seen, rival in zip(pairs, rivals, strict=True):
            seen.add((name, row[rival]))
    if split is not None:
        read.splits = {path: _read_split(word, read.path) for path, word in read.splits.items()}
    for seen, rival in zip(pairs, rivals, strict=True):
        if not len({a for a, _ in seen}) == len({b for _, b in seen}) == len(seen) and names[label[0]] != "label":
            read.doubt = (
                f"{show_name(read.path.name)}: the column of the class is ambiguous, {names[label[0]]!r} or "
                f"{names[rival]!r}; name it in classes.toml, as in label = {names[label[0]]!r}"
            )
    read.labels = _drop_fractions(read.labels)
    counts = ((notes_of.ROWS_UNKNOWN, n_unknown), (notes_of.ROWS_BLANK, n_blank), (notes_of.ROWS_SHORT, n_short))
    read.notes += [Note(message, n=n, table=show_name(read.path.name)) for message, n in counts if n]


def _name_class(row: list[str], names: list[str], label: tuple[int, ...], path: Path, index: ImageIndex) -> str:
    if len(label) == 1:
        return row[label[0]]
    ones = [i for i in label if row[i].casefold() in ("1", "1.0", "true")]
    if len(ones) != 1:
        which = " and ".join(repr(names[i]) for i in ones[:2]) if ones else "none"
        raise ValueError(f"{show_path(path, index.root)} has {len(ones)} classes ({which}); each image needs one")
    return names[ones[0]]


def _drop_fractions(labels: dict[Path, str]) -> dict[Path, str]:
    """Write classes as whole numbers if pandas wrote them with a fraction: 3.0."""
    if not labels or not all(re.fullmatch(r"\d+\.0*", value) for value in set(labels.values())):
        return labels
    return {path: value.partition(".")[0] for path, value in labels.items()}


def _read_split(word: str, path: Path) -> str:
    if split := read_role(word)[0]:
        return split
    raise ValueError(
        f"{show_name(path.name)}: {word!r} in the column of splits is unknown; use train, val or test, or remove the "
        "column"
    )
