"""Tables that name image files and their classes or splits, as on Kaggle and in Hugging Face's ImageFolder."""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.image_index import ImageIndex
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import SPLITS, read_role, split_words
from fmnist_report.data.custom.rows import N_FIRST, SUFFIXES, Rows
from fmnist_report.data.custom.tables import LABEL_NAMES, read_columns
from fmnist_report.data.custom.tree import Folder, show_name, show_path

OWN_LABELS = LABEL_NAMES | {
    "classid", "classname", "labelname", "categoryid", "categoryname", "dx", "diagnosis", "species", "breed",
}  # fmt: skip
SPLIT_NAMES = frozenset({"usage", "split", "part", "subset", "partition", "set", "phase", "dataset", "datasplit"})
FLAGS = {
    **{f"{prefix}{word}": split for prefix in ("", "is", "in") for word, split in (
        ("train", "train"), ("training", "train"), ("test", "test"), ("val", "val"), ("valid", "val"))},
}  # fmt: skip
FOLDS = frozenset({"fold", "folds", "kfold", "cvfold", "foldid"})
NUMBERED = {"0": "train", "1": "val", "2": "test"}  # as CelebA and Waterbirds have it
TRUE, FALSE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})
NO_CLASS = frozenset({"", "-1", "-1.0", "nan", "none", "null", "n/a", "na", "<na>", "?"})
COMBINED = re.compile(r".+[|,;].+")  # several classes in one value
PLACEHOLDER = re.compile(  # example tables of competitions, with a placeholder in place of classes
    r".*(submi|sample|solution|example|dummy|random|placeholder|baseline).*", re.IGNORECASE
)
MOST_BESIDE = 40  # tables in one folder; more of them describe one image each
MOST_BYTES = 2**30
MOST_CLASSES = 1000  # distinct values of a column that may be the class
LEAST_ROWS = 20  # by which it is seen whether values repeat
EVERY = 50  # after the first rows, one in so many is compared with the images
LEAST_KNOWN = 0.1  # share of the rows that must name an image
WHOLE = 0.9  # share of the images that a table must name to be their labels, where there are class folders too
MOST_NAMED = 6  # columns and values listed in a message
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", re.IGNORECASE)


@dataclass
class Column:
    """What is known of a column after all rows were read.

    values: its distinct values, at most MOST_CLASSES + 1.
    known: those that name images, among the rows compared.
    n_known: number of rows whose value names an image, estimated from these; n_rows: of all rows.
    counts: whether its values count the rows, from 0 or 1.
    """

    values: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    n_known: int = 0
    n_rows: int = 0
    first: str = ""
    counts: bool = True

    @property
    def words(self) -> set[str]:
        """Its distinct values in lower case, without the empty one."""
        return {value.casefold() for value in self.values} - {""}

    @property
    def may_be_class(self) -> bool:
        """Whether few values repeat, none of which is a fraction."""
        fractions = (value for value in self.values if NUMBER.fullmatch(value) and "." in value)
        most = self.n_rows // 2 if self.n_rows >= LEAST_ROWS else self.n_rows
        return 1 < len(self.words) <= min(MOST_CLASSES, most) and all(v.rstrip("0").endswith(".") for v in fractions)

    @property
    def is_split(self) -> bool:
        """Whether every value is the name of a split."""
        return bool(self.words) and all(word in SPLITS for word in self.words)

    @property
    def is_numeric(self) -> bool:
        """Whether every value is a number."""
        return all(NUMBER.fullmatch(value) for value in self.values if value)


@dataclass
class Annotations:
    """A table that names images.

    n_images: number of rows that name an image.
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
    name_split: str = ""

    def question(self, sentence: str) -> None:
        """Keep the first reason for which the table cannot be used."""
        self.doubt = self.doubt or f"{show_name(self.path.name)}: {sentence}"


@dataclass(frozen=True)
class Form:
    """The columns of a table by their meaning.

    names: column names; empty if there are none.
    label: the column of the class, or those of which one is 1 in each row; rivals: others that say the same or not.
    splits: the split that each value of the column split has.
    no_class: values that stand for a missing class.
    """

    names: list[str]
    n_columns: int
    file: int
    split: int | None
    splits: dict[str, str]
    label: tuple[int, ...]
    rivals: tuple[int, ...]
    no_class: frozenset[str] = NO_CLASS


def find_annotations(tree: Folder, index: ImageIndex, column: str | None = None) -> list[Annotations]:
    """Read all tables in a folder that name its images.

    Args:
        column: name of the column of the class, if it is known.
    """
    found = []
    for folder in _every_folder(tree):
        tables = [path for path in folder.files if path.suffix.lower() in SUFFIXES]
        if len(tables) > MOST_BESIDE:
            continue
        for path in tables:
            if not PLACEHOLDER.fullmatch(path.stem) and path.stat().st_size <= MOST_BYTES:
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
    rows = Rows(path, index)
    names, columns = survey(rows, index)
    known = [i for i, one in enumerate(columns) if len(one.known) > 1]
    if not known:
        return None
    # A column of row numbers may name images by chance, if they are numbered.
    file = max(known, key=lambda i: (not columns[i].counts, len(columns[i].known), -i))
    if columns[file].n_known < LEAST_KNOWN * columns[file].n_rows and 2 * columns[file].n_known < len(index.images):
        file = max(known, key=lambda i: (len(columns[i].known), -i))
    few = columns[file].n_known < LEAST_KNOWN * columns[file].n_rows and 2 * columns[file].n_known < len(index.images)
    if few or _is_pixels(path):
        return None
    read = Annotations(path)
    words = [re.sub(r"[\W_]+", "", name.casefold()) for name in names]
    split, splits = _find_split(words, columns, file, read)
    taken = {file, split, *(i for i, word in enumerate(words) if word in FOLDS)}
    label: tuple[int, ...] = ()
    rivals: tuple[int, ...] = ()
    try:
        label, rivals = _find_label(names, words, columns, taken, column)
    except ValueError as error:
        read.question(str(error))
    if split is None:
        read.name_split = read_role(path.stem)[0]
    signs = len(label) == 1 and columns[label[0]].words == {"-1", "1"}  # two classes
    form = Form(names, len(columns), file, split, splits, label, rivals, frozenset({""}) if signs else NO_CLASS)
    _collect(rows, index, read, form)
    if label and not read.doubt:
        read.columns = [names[i] for i in label] if names else label[0] + 1
    return read


def _is_pixels(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".tsv"):
        return False
    try:
        return read_columns(path) is not None
    except ValueError:
        return True


def survey(rows: Rows, index: ImageIndex) -> tuple[list[str], list[Column]]:
    """Return the column names, empty if there are none, and the columns."""
    columns: list[Column] = []
    names = list(rows.names)
    for number, row in enumerate(rows):
        if not row:
            continue
        if not number and not names and not any(index.candidates(value) for value in row):
            names = rows.names = row
            continue
        if not columns:
            columns = [Column() for _ in row]
            if len(row) == len(names) + 1:  # R writes the names of the rows first, without a name of the column
                names = ["", *names]
        n = columns[0].n_rows
        for column, value in zip(columns, row, strict=False):
            column.n_rows += 1
            if len(column.values) <= MOST_CLASSES:
                column.values.add(value)
            if column.counts:
                column.first = column.first if n else value
                column.counts = column.first in ("0", "1") and value == str(n + int(column.first))
            if (n < N_FIRST or n % EVERY == 0) and value and index.candidates(value):
                column.known.add(value)
                column.n_known += 1 if n < N_FIRST else EVERY
    return (names if len(names) == len(columns) else []), columns


def _find_split(
    words: list[str], columns: list[Column], file: int, read: Annotations
) -> tuple[int | None, dict[str, str]]:
    """Return the column of the split, by its name or its values, and the split that each value means."""
    for i, column in enumerate(columns):
        if i != file and column.is_split and not (words and words[i] in OWN_LABELS and len(column.words) < 2):
            return i, {word: SPLITS[word] for word in column.words}
    for i, word in enumerate(words):
        values = columns[i].words
        if i == file or not values:
            continue
        if word in FLAGS and values <= TRUE | FALSE:
            other = "test" if FLAGS[word] == "train" else "train"
            read.notes.append(Note(notes_of.SPLIT_FLAG, column=word, table=show_name(read.path.name), other=other))
            return i, {value: FLAGS[word] if value in TRUE else other for value in values}
        if word in SPLIT_NAMES:
            if values == set(NUMBERED):
                read.notes.append(Note(notes_of.SPLIT_NUMBERS, table=show_name(read.path.name)))
                return i, NUMBERED
            splits = {value: read_role(value)[0] for value in values}
            if unknown := next((value for value in sorted(values) if not splits[value]), None):
                read.question(
                    f"{unknown!r} in the column of splits is unknown; use train, val or test, or remove the column"
                )
            return i, splits
    return None, {}


def _find_label(
    names: list[str], words: list[str], columns: list[Column], taken: set[typing.Any], wanted: str | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the column of the class, or those of which one is 1 in each row; and others that say the same or not.

    Raises:
        ValueError: several columns qualify.
    """
    others = [i for i in range(len(columns)) if i not in taken]
    if wanted:
        folded = [name.casefold() for name in names]
        return ((folded.index(wanted.casefold()),) if wanted.casefold() in folded else ()), ()
    usual = [i for i in others if words and words[i] in OWN_LABELS and columns[i].words]
    if usual:
        best = [i for i in usual if words[i] == "label"] or [i for i in usual if not columns[i].is_numeric] or usual
        return (best[0],), tuple(i for i in usual if i != best[0])
    likely = [i for i in others if columns[i].may_be_class]
    binary = [i for i in likely if columns[i].words <= TRUE | FALSE]
    if len(binary) > 1 and len(binary) == len(likely) and names:
        return tuple(binary), ()
    if len(likely) > 1 and not names:
        likely = [i for i in likely if not columns[i].is_numeric] or likely
    if len(likely) > 1:
        likely.sort(key=lambda i: (columns[i].is_numeric, len(columns[i].words)))
        listed = " or ".join(repr(names[i]) if names else f"number {i + 1}" for i in likely[:MOST_NAMED])
        how = (
            f"name it in classes.toml, as in label = {names[likely[0]]!r}" if names else "give it a first row of names"
        )
        raise ValueError(f"the column of the class is ambiguous, {listed}; {how}")
    return tuple(likely), ()


def _collect(rows: Rows, index: ImageIndex, read: Annotations, form: Form) -> None:
    """Read class and split of each image into a table's annotations."""
    near = (*split_words(read.path.stem), read.path.stem.casefold(), read.path.parent.name.casefold())
    n_unknown, n_short, n_blank = 0, 0, 0
    seen: list[dict[tuple[str, str], int]] = [{} for _ in form.rivals]
    words: dict[str, str] = {}
    for number, row in enumerate(rows):
        if number == 0 and row == rows.names and rows.suffix != ".jsonl":
            continue
        if len(row) != form.n_columns:
            n_short += 1
            continue
        split = form.splits.get(row[form.split].casefold(), "") if form.split is not None else read.name_split
        try:
            path = index.find(row[form.file], near, split) if row[form.file] else None
        except ValueError as error:
            read.question(str(error))
            continue
        read.n_images += path is not None
        if path is None:
            n_unknown += 1
            continue
        if split and read.splits.setdefault(path, split) != split:
            read.question(f"{show_path(path, index.root)} is in two splits, {read.splits[path]!r} and {split!r}")
        if not form.label or read.doubt:
            continue
        try:
            name = _name_class(row, form, path, index)
        except ValueError as error:
            read.question(str(error))
            continue
        if name.casefold() in form.no_class:
            n_blank += 1
            continue
        name = words.setdefault(name, name)
        if read.labels.setdefault(path, name) != name:
            read.question(
                f"{show_path(path, index.root)} has several classes, such as {read.labels[path]!r} and {name!r}; one "
                "class per image is supported"
            )
        for pairs, rival in zip(seen, form.rivals, strict=True):
            pairs[name, row[rival]] = pairs.get((name, row[rival]), 0) + 1
    _compare_rivals(read, form, seen)
    read.labels = _drop_fractions(read.labels)
    table = show_name(read.path.name)
    counts = ((notes_of.ROWS_UNKNOWN, n_unknown), (notes_of.ROWS_BLANK, n_blank), (notes_of.ROWS_SHORT, n_short))
    read.notes += [Note(message, n=n, table=table) for message, n in counts if n]
    if combined := sorted({label for label in read.labels.values() if COMBINED.fullmatch(label)}):
        read.notes.append(Note(notes_of.COMBINED, n=len(combined), name=show_name(combined[0])))


def _compare_rivals(read: Annotations, form: Form, seen: list[dict[tuple[str, str], int]]) -> None:
    """Compare the column of the class with others of such a name; take the names of one that says the same in words."""
    for pairs, rival in zip(seen, form.rivals, strict=True):
        own, other = form.names[form.label[0]], form.names[rival]
        if len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
            is_number = all(NUMBER.fullmatch(a) for a, _ in pairs)
            if is_number and pairs and not any(NUMBER.fullmatch(b) or not b for _, b in pairs):
                named = dict(pairs.keys())
                read.labels = {path: named[label] for path, label in read.labels.items()}
        elif own.casefold() == "label":
            n_other = min(_count_exceptions(pairs, 0), _count_exceptions(pairs, 1))  # 0 if one is finer than the other
            told = Note(notes_of.RIVAL, n=n_other, other=other, own=own, table=show_name(read.path.name))
            read.notes += [told] if n_other else []
        else:
            read.question(
                f"the column of the class is ambiguous, {own!r} or {other!r}; name it in classes.toml, as in label = "
                f"{own!r}"
            )


def _count_exceptions(pairs: dict[tuple[str, str], int], place: int) -> int:
    """Count the rows whose other value is not the most frequent one of their value in a place of the pair."""
    most: dict[str, int] = {}
    for pair, count in pairs.items():
        most[pair[place]] = max(count, most.get(pair[place], 0))
    return sum(pairs.values()) - sum(most.values())


def _name_class(row: list[str], form: Form, path: Path, index: ImageIndex) -> str:
    if len(form.label) == 1:
        return row[form.label[0]]
    ones = [i for i in form.label if row[i].casefold() in TRUE]
    if len(ones) != 1:
        which = " and ".join(repr(form.names[i]) for i in ones[:2]) if ones else "none"
        raise ValueError(f"{show_path(path, index.root)} has {len(ones)} classes ({which}); each image needs one")
    return form.names[ones[0]]


def _drop_fractions(labels: dict[Path, str]) -> dict[Path, str]:
    """Write classes as whole numbers if pandas wrote them with a fraction: 3.0."""
    if not labels or not all(re.fullmatch(r"\d+\.0*", value) for value in set(labels.values())):
        return labels
    return {path: value.partition(".")[0] for path, value in labels.items()}
