"""Data sets of images whose classes or splits are in tables beside them."""

import collections
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.annotations import WHOLE, Annotations, find_annotations
from fmnist_report.data.custom.class_folders import DIVISION, descend, find_images
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import Layout, Piece, find_split, read_role, split_words
from fmnist_report.data.custom.tree import Folder, show_name, show_path

NAMES = 3  # examples in a message
FOLDERS = ""  # value of label in classes.toml: the classes are the names of the folders


def find_labelled_images(tree: Folder, column: str | None = None) -> Layout:
    """Find images in class folders, or labelled by tables; tables may also divide them into splits.

    Args:
        column: name of the column of the class in a table; FOLDERS for class folders; None if neither was given.

    Raises:
        ValueError: the classes of the images are unknown or ambiguous; the message gives the reason.
    """
    tables = find_annotations(tree, column or None)
    if column:
        return _label_images(tree, [table for table in tables if table.labels or table.doubt], column)
    try:
        layout = find_images(tree)
    except ValueError:
        if column is None and any(table.labels or table.doubt for table in tables):
            return _label_images(tree, [table for table in tables if table.labels or table.doubt])
        raise
    if column is None:
        for table in tables:
            _check_agreement(layout, table, tree)
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
        f"the classes are ambiguous: {name} ({column}) gives others than the folders' names. In classes.toml, "
        f'write label = "" for the folders, or label = "…" with the name of the column for the table'
    )


def _divide(layout: Layout, tables: list[Annotations], tree: Folder) -> Layout:
    """Return a layout with the splits that tables give, if its folders give none."""
    if any(piece.split for piece in layout.pieces):
        return layout
    images = {piece.path for piece in layout.pieces}
    named = [table for table in tables if any(path in images for path in table.splits)]
    used = [table for table in named if not table.doubt]
    splits = _join_splits(used, tree)
    found = {splits[path] for path in images if path in splits}
    notes = [*layout.notes]
    notes += [
        Note(notes_of.SPLITS_UNUSED, f": {table.doubt}", table=show_path(table.path, tree.path))
        for table in named
        if table.doubt
    ]
    if len(found) < 2 and "train" in found or not found:
        return replace(layout, notes=tuple(notes))
    rest = "" if "train" in found else "train"  # lists of test and validation images alone
    pieces = [replace(piece, split=splits.get(piece.path, rest)) for piece in layout.pieces]
    kept = tuple(piece for piece in pieces if piece.split)
    notes.append(Note(notes_of.SPLITS_FROM, tables=sorted({show_path(table.path, tree.path) for table in used})))
    if n := len(pieces) - len(kept):
        notes.append(Note(notes_of.NO_MEMBER, n=n))
    return Layout(layout.form, kept, tuple(notes), tuple(table.path for table in used))


def _join_splits(tables: list[Annotations], tree: Folder) -> dict[Path, str]:
    """Return the split of each image.

    Raises:
        ValueError: tables contradict each other, or are folds.
    """
    listed: dict[str, list[Annotations]] = collections.defaultdict(list)
    for table in tables:
        if table.name_split and set(table.splits.values()) == {table.name_split}:
            listed[table.name_split].append(table)
    for split, same in listed.items():
        if len(same) > 1:
            parts = {path for path in listed if path != split}
            whole = [table for table in same if "trainval" in split_words(table.path.stem)]
            if whole and "val" in parts and len(same) - len(whole) == 1:  # train and val are parts of it
                tables = [table for table in tables if table not in whole]
                continue
            names = ", ".join(show_path(table.path, tree.path) for table in same[:NAMES])
            kind = "folds" if all(re.search(r"\d", table.path.stem) for table in same) else "several sets of splits"
            raise ValueError(f"{names} are {kind}; keep only the lists of one of them in the folder")
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
    return splits


def _label_images(tree: Folder, tables: list[Annotations], column: str = "") -> Layout:
    """Return the images with the classes that tables give.

    Args:
        column: the column of the class, if it was given.
    """
    usable = [table for table in tables if not table.doubt]
    most = max((table.n_images for table in usable), default=0)
    for table in tables:
        if table.doubt and table.n_images >= most:
            raise ValueError(table.doubt)
    passed, tables = [table for table in tables if table.doubt], usable
    if not tables:
        raise ValueError(f"no table that names the images has a column {column!r}, as classes.toml has it")
    labels, splits = _join_labels(tables, tree), _join_splits(tables, tree)
    pieces = [
        Piece(splits.get(path) or find_split(path, tree.path), show_name(label), path) for path, label in labels.items()
    ]
    notes = [_describe_columns(table, tree) for table in tables] + [note for table in tables for note in table.notes]
    notes += [
        Note(notes_of.CLASSES_UNUSED, f": {table.doubt}", table=show_path(table.path, tree.path)) for table in passed
    ]
    found = {piece.split for piece in pieces}
    if found & {"val", "test"} and "train" not in found and "" not in found:
        more, told = _find_training(tree, set(labels))
        pieces, notes = more + pieces, notes + told
    elif len(found) > 1 and "" in found:
        more = [piece for piece in pieces if not piece.split]
        if "train" in found:
            notes.append(Note(notes_of.NO_MEMBER, n=len(more)))
            pieces = [piece for piece in pieces if piece.split]
        else:
            pieces = [replace(piece, split=piece.split or "train") for piece in pieces]
    known = {piece.path for piece in pieces}
    if rest := [path for path in tree.every_image() if path not in known]:
        notes.append(Note(notes_of.UNLABELLED, n=len(rest), file=show_path(rest[0], tree.path)))
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError(f"the tables give all images one class, {pieces[0].what!r}; at least two are needed")
    return Layout("images", tuple(pieces), tuple(notes), tuple(table.path for table in tables))


def _describe_columns(table: Annotations, tree: Folder) -> Note:
    name, columns = show_path(table.path, tree.path), table.columns
    if isinstance(columns, int):
        return Note(notes_of.CLASSES_NUMBER, n=columns, table=name)
    return Note(notes_of.CLASSES_FROM, columns=columns, table=name)


def _join_labels(tables: list[Annotations], tree: Folder) -> dict[Path, str]:
    """Return the class of each image; raise ValueError if two tables give an image different classes."""
    labels: dict[Path, str] = {}
    origin: dict[Path, Path] = {}
    for table in tables:
        for path, label in table.labels.items():
            if labels.setdefault(path, label) != label:
                both = f"{show_path(origin[path], tree.path)} and {show_path(table.path, tree.path)}"
                raise ValueError(
                    f"{both} give {show_path(path, tree.path)} different classes, {labels[path]!r} and {label!r}; keep "
                    "one of them in the folder"
                )
            origin.setdefault(path, table.path)
    return labels


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
    """Return a copy of a tree without some images and folders."""
    left_out = images if isinstance(images, set) else set(images)
    inner = [_without(one, left_out, folders) for one in folder.folders if one.path not in folders]
    return Folder(folder.path, [path for path in folder.files if path not in left_out], inner)
