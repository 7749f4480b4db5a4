"""Data sets of images whose classes or splits are in tables beside them."""

import collections
import csv
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.annotations import OWN_LABELS, WHOLE, Annotations, find_annotations
from fmnist_report.data.custom.class_folders import DIVISION, DRAWN, descend, find_images
from fmnist_report.data.custom.image_index import ImageIndex, drop_zeros
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import SPLITS, WHAT, Layout, Piece, read_role, split_words
from fmnist_report.data.custom.rows import SUFFIXES
from fmnist_report.data.custom.tables import find_encoding
from fmnist_report.data.custom.tree import Folder, show_name, show_path

NAMES = 3  # examples in a message
FILLERS = {*SPLITS, *WHAT, "set", "part", "dir", "jpg", "png", "jpeg"}  # words of folders that say no class
OTHER_TABLES = (".xlsx", ".xls", ".ods", ".json", ".lst", ".xml", ".parquet", ".feather")
TINY = 0.1  # a table that names fewer images than this share of another's says something else
MOST_READ = 2**16  # characters of a table that is looked at for a message


def find_labelled_images(tree: Folder, column: str | None = None) -> Layout:
    """Find images in class folders, or labelled by tables; tables may also divide them into splits.

    Args:
        column: name of the column of the class in a table; "" for class folders; None if neither was given.

    Raises:
        ValueError: the classes of the images are unknown or ambiguous; the message gives the reason.
    """
    index = ImageIndex(tree)
    tables = find_annotations(tree, index, column or None)
    labelled = any(table.labels or table.doubt for table in tables)
    if column:
        return _label_images(tree, index, tables, column)
    try:
        layout = find_images(tree)
    except ValueError as error:
        if column is None and labelled:
            return _label_images(tree, index, tables)
        raise ValueError(f"{error}{_mention_tables(tree, index, tables)}") from None
    if column is None:
        for table in tables:
            _check_agreement(layout, table, tree)
        _check_folders(layout, tree)
    return _divide(layout, tables, tree)


def _check_agreement(layout: Layout, table: Annotations, tree: Folder) -> None:
    """Raise ValueError if a table that labels nearly all images gives them other classes than their folders do."""
    folders = {piece.path: piece.what for piece in layout.pieces}
    both = {(folders[path], label) for path, label in table.labels.items() if path in folders}
    n = 0 if table.doubt else sum(path in folders for path in table.labels)
    if n < WHOLE * len(folders) or len({a for a, _ in both}) == len({b for _, b in both}) == len(both):
        return
    name, columns = show_path(table.path, tree.path), table.columns
    column = f"column number {columns}" if isinstance(columns, int) else f"column {columns[0]!r}"
    raise ValueError(
        f"the classes are ambiguous: those of {name} ({column}) are not the folders' names. In classes.toml, write "
        'label = "" for the folders, or label = "…" with the name of the column for the table'
    )


def _check_folders(layout: Layout, tree: Folder) -> None:
    """Raise ValueError if a table gives the folders classes, as of patients, so that they are no classes themselves."""
    folders = {drop_zeros(piece.path.parent.name.casefold()) for piece in layout.pieces}
    for path in (path for path in tree.files if path.suffix.lower() in (".csv", ".tsv")):
        rows = _read_some(path)
        for place, name in enumerate(rows[0] if rows else ()):
            values = [drop_zeros(row[place].casefold()) for row in rows[1:] if len(row) == len(rows[0])]
            if len(folders) < 3 or len(folders & set(values)) < WHOLE * len(folders):
                continue
            for other, label in enumerate(rows[0]):
                own = {row[other] for row in rows[1:] if len(row) == len(rows[0])}
                names_class = _plain(label) in OWN_LABELS or all(name.isdecimal() for name in folders)
                if other != place and names_class and 1 < len(own) <= len(folders) // 2:
                    raise ValueError(
                        f"the folders are named in column {name!r} of {show_name(path.name)}, which gives them classes "
                        f"in column {label!r}; put the folders of each class into a folder named after it"
                    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _read_some(path: Path) -> list[list[str]]:
    """Return the first rows of a table, as far as they can be read."""
    try:
        with open(path, encoding=find_encoding(path), errors="replace", newline="") as file:
            lines = file.read(MOST_READ).splitlines()
        separator = max(",;\t", key=lines[0].count) if lines else ","
        return [[value.strip() for value in row] for row in csv.reader(lines, delimiter=separator)]
    except (OSError, csv.Error):
        return []


def _mention_tables(tree: Folder, index: ImageIndex, tables: list[Annotations]) -> str:
    """Name a table that seems to have the classes of the images, but cannot be used, and say why."""
    known = {table.path for table in tables}
    for path in tree.every_file():
        name = show_name(path.name)
        if path.suffix.lower() in OTHER_TABLES:
            return f". {name} is not read beside images; if it has their classes, save it as labels.csv: file,label"
        if path in known or path.suffix.lower() not in SUFFIXES:
            continue
        rows = _read_some(path)
        words = [_plain(value) for value in rows[0]] if rows else []
        if len(rows) > 2 and any(word in OWN_LABELS for word in words):
            value = next((value for value, word in zip(rows[1], words, strict=False) if word not in OWN_LABELS), "")
            return f". {name} names none of the images: there is no {value!r} among them"
    return ""


def _divide(layout: Layout, tables: list[Annotations], tree: Folder) -> Layout:
    """Return a layout with the splits that tables give, if its folders give none."""
    images = {piece.path for piece in layout.pieces}
    doubtful = [table for table in tables if table.doubt and 2 * table.n_images > len(images)]
    notes = [*layout.notes, *(_describe_doubt(table, tree) for table in doubtful)]
    if any(piece.split for piece in layout.pieces):
        return replace(layout, notes=tuple(notes))
    used = [table for table in tables if not table.doubt and any(path in images for path in table.splits)]
    splits, used = _join_splits(used, tree)
    found = {splits[path] for path in images if path in splits}
    if len(found) < 2 and "train" in found or not found:
        return replace(layout, notes=tuple(notes))
    rest = "" if "train" in found else "train"  # lists of test and validation images alone
    pieces = [replace(piece, split=splits.get(piece.path, rest)) for piece in layout.pieces]
    kept = tuple(piece for piece in pieces if piece.split)
    notes += [note for table in used for note in table.notes]
    notes.append(Note(notes_of.SPLITS_FROM, tables=sorted({show_path(table.path, tree.path) for table in used})))
    if n := len(pieces) - len(kept):
        notes.append(Note(notes_of.NO_MEMBER, n=n))
    return Layout(layout.form, kept, tuple(notes), tuple(table.path for table in used))


def _describe_doubt(table: Annotations, tree: Folder) -> Note:
    return Note(notes_of.TABLE_UNUSED, f": {table.doubt}", table=show_path(table.path, tree.path))


def _join_splits(tables: list[Annotations], tree: Folder) -> tuple[dict[Path, str], list[Annotations]]:
    """Return the split of each image, and the tables that say so.

    Raises:
        ValueError: tables contradict each other, or are folds.
    """
    listed: dict[str, list[Annotations]] = collections.defaultdict(list)
    for table in tables:
        if table.name_split and table.splits:
            listed[table.name_split].append(table)
    for split, same in listed.items():
        if len(same) > 1:
            whole = [table for table in same if "trainval" in split_words(table.path.stem)]
            if whole and "val" in listed and len(same) - len(whole) == 1:  # train and val are parts of it
                tables = [table for table in tables if table not in whole]
                continue
            if len({frozenset(table.splits) for table in same}) == 1:  # labels of several kinds for the same images
                continue
            names = ", ".join(show_path(table.path, tree.path) for table in same[:NAMES])
            kind = "folds" if all(re.search(r"\d", table.path.stem) for table in same) else "several sets of splits"
            raise ValueError(f"{names} are {kind}; keep only the lists of one of them in the folder ({split})")
    splits: dict[Path, str] = {}
    origin: dict[Path, Path] = {}
    for table in tables:
        for path, split in table.splits.items():
            if splits.setdefault(path, split) != split:
                both = f"{show_path(origin[path], tree.path)} and {show_path(table.path, tree.path)}"
                raise ValueError(
                    f"{show_path(path, tree.path)} is in the splits {splits[path]!r} and {split!r} ({both}); each "
                    "image must be in one"
                )
            origin.setdefault(path, table.path)
    return splits, [table for table in tables if table.splits]


def _label_images(tree: Folder, index: ImageIndex, tables: list[Annotations], column: str = "") -> Layout:
    """Return the images with the classes that tables give.

    Args:
        column: the column of the class, if it was given.
    """
    usable = [table for table in tables if table.labels and not table.doubt]
    doubtful = [table for table in tables if table.doubt]
    if not usable and doubtful:
        raise ValueError(max(doubtful, key=lambda table: table.n_images).doubt)
    if not usable:
        raise ValueError(f"no table that names the images has a column {column!r}, as classes.toml has it")
    most = max(len(table.labels) for table in usable)
    labels, left = _join_labels(usable, most, tree)
    usable = [table for table in usable if table not in left]
    splits, dividing = _join_splits([table for table in tables if not table.doubt and table not in left], tree)
    folders = folder_splits(labels, tree)
    pieces = [
        Piece(splits.get(path) or folders.get(path.parent, ""), show_name(label), path)
        for path, label in labels.items()
    ]
    notes = [_describe_columns(table, tree) for table in usable] + [note for table in usable for note in table.notes]
    notes += [_describe_doubt(table, tree) for table in (*doubtful, *left)]
    lists = sorted({show_path(table.path, tree.path) for table in dividing})
    notes += (
        [Note(notes_of.SPLITS_FROM, tables=lists)]
        if len({splits[path] for path in labels if path in splits}) > 1
        else []
    )
    by_folder = {show_path(path.parent, tree.path) for path in labels if path not in splits and path.parent in folders}
    notes += [Note(notes_of.SPLIT_FOLDERS, folders=sorted(by_folder))] if by_folder else []
    pieces, more = _complete_splits(pieces, tree)
    notes += more
    known = {piece.path for piece in pieces}
    if rest := [path for path in index.images if path not in known]:
        notes.append(Note(notes_of.UNLABELLED, n=len(rest), file=show_path(rest[0], tree.path)))
    if index.masks:
        notes.append(Note(notes_of.MASKS, n=len(index.masks), folder=tree.name, file=show_name(index.masks[0].name)))
    notes += [Note(notes_of.DRAWN, folder=show_path(path, tree.path)) for path in index.drawn]
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError(f"the tables give all images one class, {pieces[0].what!r}; at least two are needed")
    used = dict.fromkeys(table.path for table in (*usable, *dividing))
    return Layout("images", tuple(pieces), tuple(notes), tuple(used))


def _complete_splits(pieces: list[Piece], tree: Folder) -> tuple[list[Piece], list[Note]]:
    """Add training images in class folders if tables label only those of other splits; leave out those of no split."""
    found = {piece.split for piece in pieces}
    if found & {"val", "test"} and not found & {"train", ""}:
        more, told = _find_training(tree, {piece.path for piece in pieces})
        return more + pieces, told
    if len(found) > 1 and "" in found:
        more = [piece for piece in pieces if not piece.split]
        if "train" in found:
            return [piece for piece in pieces if piece.split], [Note(notes_of.NO_MEMBER, n=len(more))]
        return [replace(piece, split=piece.split or "train") for piece in pieces], []
    return pieces, []


def folder_splits(images: Iterable[Path], tree: Folder) -> dict[Path, str]:
    """Return the split of each folder of images whose name, or that of one above it, says nothing but the split.

    Other words do not matter if folders have the same ones with different splits, as ISIC_Training_Input and
    ISIC_Test_Input have.
    """
    named: dict[str, tuple[str, tuple[str, ...]]] = {}
    parents = set(dict.fromkeys(path.parent for path in images))
    for name in {part for parent in parents for part in parent.relative_to(tree.path).parts}:
        if split := read_role(name)[0]:
            named[name] = split, tuple(word for word in split_words(name) if word not in FILLERS)
    groups: dict[tuple[str, ...], set[str]] = collections.defaultdict(set)
    for split, rest in named.values():
        groups[rest].add(split)
    plain = {name: split for name, (split, rest) in named.items() if not rest or len(groups[rest]) > 1}
    found = {}
    for parent in parents:
        parts = reversed(parent.relative_to(tree.path).parts)
        if split := next((plain[part] for part in parts if part in plain), ""):
            found[parent] = split
    return found


def _describe_columns(table: Annotations, tree: Folder) -> Note:
    name, columns = show_path(table.path, tree.path), table.columns
    if isinstance(columns, int):
        return Note(notes_of.CLASSES_NUMBER, n=columns, table=name)
    return Note(notes_of.CLASSES_FROM, columns=columns, table=name)


def _join_labels(tables: list[Annotations], most: int, tree: Folder) -> tuple[dict[Path, str], list[Annotations]]:
    """Return the class of each image, and the tables that say something else, as the names of the classes do.

    Args:
        most: number of images that the largest table names.

    Raises:
        ValueError: two tables give an image different classes.
    """
    labels: dict[Path, str] = {}
    origin: dict[Path, Path] = {}
    left: list[Annotations] = []
    for table in sorted(tables, key=lambda table: -len(table.labels)):
        strange = next((path for path, label in table.labels.items() if labels.get(path, label) != label), None)
        if strange is not None and len(table.labels) < TINY * most:
            left.append(table)
            table.question("it has other classes for images that another table names")
            continue
        if strange is not None:
            both = f"{show_path(origin[strange], tree.path)} and {show_path(table.path, tree.path)}"
            raise ValueError(
                f"{both} give {show_path(strange, tree.path)} different classes, {labels[strange]!r} and "
                f"{table.labels[strange]!r}; keep one of them in the folder"
            )
        labels |= table.labels
        origin |= dict.fromkeys(table.labels, table.path)
    return labels, left


def _find_training(tree: Folder, labelled: set[Path]) -> tuple[list[Piece], list[Note]]:
    """Return the training images in class folders, if tables label only those of other splits, as in Tiny ImageNet."""
    rest = _without(tree, labelled, set())
    flat = {folder.path for folder in descend(rest).filled() if read_role(folder.name)[0] and _is_flat(folder)}
    layout = find_images(_without(rest, set(), flat))
    return [replace(piece, split=piece.split or "train") for piece in layout.pieces], list(layout.notes)


def _is_flat(folder: Folder) -> bool:
    inner = folder.filled()
    return not inner or len(inner) == 1 and bool(DIVISION.fullmatch(inner[0].name)) and not inner[0].filled()


def _without(folder: Folder, images: Iterable[Path], folders: set[Path]) -> Folder:
    """Return a copy of a tree without some images and folders, and without those of drawings."""
    left_out = images if isinstance(images, set) else set(images)
    kept = (one for one in folder.folders if one.path not in folders and one.name.casefold() not in DRAWN)
    inner = [_without(one, left_out, folders) for one in kept]
    return Folder(folder.path, [path for path in folder.files if path not in left_out], inner)
