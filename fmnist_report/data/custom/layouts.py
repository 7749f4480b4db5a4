"""Detection of the data-set format from names of files and folders, and from the first rows of tables."""

import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fmnist_report.data.custom import hdf5
from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.conversions import advise, describe_single_arrays
from fmnist_report.data.custom.labelling import find_labelled_images
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import SPLITS, WHAT, Layout, Piece, find_split, read_role, split_words
from fmnist_report.data.custom.tables import read_columns
from fmnist_report.data.custom.tree import (
    IMAGE_SUFFIXES,
    Folder,
    count_kinds,
    describe_kinds,
    show_name,
    show_path,
)

IDX_NAME = re.compile(
    r"(?P<set>.*?)(?P<split>train|t10k|test|validation|valid|val)-(?P<what>images|labels)[-.]idx\d-(ubyte|int)(\.gz)*",
    re.IGNORECASE,
)
MOST_NAMED = 8  # arrays listed in a message
LOOKED_FOR = (
    "one folder of images per class, optionally in train, val and test; a table that names the images and their "
    "classes; IDX files as in MNIST; .npz, .npy or .h5 "
    "arrays named x_train, y_train, x_test, y_test or train_images, train_labels, …; one .npy array of images per "
    "class; .csv tables with a label and one column per pixel; .parquet tables with a column of images and one of "
    "labels"
)


def find_layout(tree: Folder, label: str | None = None) -> Layout:
    """Return the layout of the data set in a folder.

    IDX files and arrays take precedence; tables often accompany the images that they describe, so they are used only
    if the images are not a data set.

    Args:
        label: the column of the class in a table that labels images, as in find_labelled_images.

    Raises:
        ValueError: there is no supported or complete data set; the message says what was found and how to fix it.
    """
    files = list(tree.every_file())
    for find in (find_idx, find_arrays):
        if layout := find(files, tree.path):
            return layout
    troubles: dict[str, ValueError] = {}
    if any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
        try:
            return find_labelled_images(tree, label)
        except ValueError as error:
            troubles["images"] = error
    others = {".parquet tables": find_parquet, ".csv tables": find_csv, ".npy arrays": find_class_arrays}
    for form, find in others.items():
        try:
            if layout := find(files, tree.path):
                passed = [
                    Note(notes_of.IMAGES_UNUSED if other == "images" else notes_of.TABLES_UNUSED, f": {error}")
                    for other, error in troubles.items()
                ]
                return replace(layout, notes=(*layout.notes, *passed))
        except ValueError as error:
            troubles[form] = error
    for trouble in troubles.values():
        raise trouble
    if not files:
        raise ValueError(f"the folder is empty. Supported: {LOOKED_FOR}")
    advice = [*advise(files), *_name_arrays(files)]
    ways = "".join(f"; {sentence}" for sentence in advice) if advice else f". Supported: {LOOKED_FOR}"
    raise ValueError(f"no supported data set found ({describe_kinds(count_kinds(files))}){ways}")


def _name_arrays(files: Iterable[Path]) -> list[str]:
    """Name the arrays in a file that is nearly a data set."""
    for path in files:
        if names := [name for name in _list_arrays(path) if name]:
            listed = ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
            return [f"the arrays in {path.name} are called {listed}; call them x_train, y_train, x_test and y_test"]
    return []


def find_idx(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find the IDX files of the only set in a folder; a compressed file takes precedence over a plain one."""
    found: dict[tuple[Path, str], dict[tuple[str, str], Path]] = {}
    for path in sorted(files, reverse=True):
        if named := IDX_NAME.fullmatch(path.name):
            role = SPLITS[named["split"].lower()], "x" if named["what"].lower() == "images" else "y"
            place = path.parent.parent if IDX_NAME.fullmatch(path.parent.name) else path.parent
            found.setdefault((place, named["set"].casefold()), {}).setdefault(role, path)
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(show_path(place, folder) + f"/{name}*" for place, name in found))
        raise ValueError(f"it has several sets of IDX files ({names}); pass the folder of one with --data-dir")
    roles = next(iter(found.values()))
    return Layout("idx", tuple(Piece(split, what, path) for (split, what), path in sorted(roles.items())))


def find_arrays(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find arrays of images and labels in .npz, .npy and HDF5 files."""
    pieces: dict[tuple[str, str], list[tuple[int, Piece]]] = {}
    for path in files:
        for key in _list_arrays(path):
            name = re.sub(r"^arr_\d+$", "", key) or path.stem
            split, what = read_role(name)
            if what:
                piece = Piece(split or find_split(path, folder), what, path, key)
                n_unknown = sum(word not in SPLITS and word not in WHAT for word in split_words(name))
                pieces.setdefault((piece.split, what), []).append((n_unknown, piece))
    notes = []
    if {("", "x"), ("", "y")} <= set(pieces) and not {("train", "x"), ("train", "y")} & set(pieces):
        if any(split for split, _ in pieces):
            notes.append(Note(notes_of.ARRAYS_TRAIN))
        pieces = {(split or "train", what): found for (split, what), found in pieces.items()}  # X, y, X_test, y_test
    splits = {split for split, _ in pieces}
    if not any({(split, "x"), (split, "y")} <= set(pieces) for split in splits):
        return None
    chosen = []
    for (split, _), found in pieces.items():
        least = min(n for n, _ in found)  # x_train before x_train_ids in one file
        same = [piece for n, piece in found if n == least]
        images = [piece for piece in same if "images" in split_words(piece.key)]
        same = images if len(images) == 1 else same  # before data, which often has the same values as rows
        if len(same) > 1 or len({piece.path for _, piece in found}) > 1:
            same = [piece for _, piece in found]
            names = " and ".join(_name_piece(piece, folder) for piece in same)
            raise ValueError(f"{names} are the same split of several sets; keep only one of them in the folder")
        if split:
            chosen.append(replace(same[0], split=split))
    return Layout("arrays", tuple(chosen), tuple(notes))


def _name_piece(piece: Piece, folder: Path) -> str:
    return show_path(piece.path, folder) + (f" ({piece.key})" if piece.key else "")


def _list_arrays(path: Path) -> list[str]:
    if path.suffix.lower() == ".npy":
        return [""]
    if path.suffix.lower() in hdf5.SUFFIXES:
        return hdf5.list_arrays(path)
    if path.suffix.lower() != ".npz":
        return []
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:  # the second for an unknown version
        raise ValueError(f"{path.name} cannot be read ({error})") from None


def find_class_arrays(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find .npy arrays of images that are named after their classes, as in Quick, Draw!.

    What all names begin with is not part of the classes' names: full_numpy_bitmap_.
    """
    paths = [path for path in files if path.suffix.lower() == ".npy"]
    if any(read_role(path.stem)[1] for path in paths):  # images or labels of some split, but not all that are needed
        return None
    common = os.path.commonprefix([path.stem for path in paths])
    start = re.match(r"(.*[\W_])?", common).end()  # type: ignore[union-attr]
    if len({path.stem for path in paths}) < 2 or any(not path.stem[start:] for path in paths):
        return None
    _check_one_file_a_class(paths, folder)
    pieces = []
    for path in paths:
        folders = reversed(path.relative_to(folder).parent.parts)
        split = next((split for name in folders if (split := read_role(name)[0])), "")
        pieces.append(Piece(split, show_name(path.stem[start:]), path))
    _check_class_names(pieces, folder)
    return _keep_divided("class_arrays", pieces, Note(notes_of.CLASS_ARRAYS))


def _check_one_file_a_class(paths: list[Path], folder: Path) -> None:
    """Raise ValueError if several folders, which are no splits, have several files each: one file an image."""
    places = [path.parent for path in paths if path.parent != folder and not read_role(path.parent.name)[0]]
    if len(set(places)) > 1 and len(places) >= 2 * len(set(places)):
        raise ValueError(
            f"each .npy file seems to be one image, as {show_path(paths[0], folder)}; {describe_single_arrays()}"
        )


def _check_class_names(pieces: list[Piece], folder: Path) -> None:
    """Reject files of one split whose names differ at most by a split, as train_cat.npy and test_cat.npy."""
    seen: dict[tuple[str, ...], Path] = {}
    for piece in pieces:
        words = (word for word in re.split(r"[\W_]+", piece.what.casefold()) if word not in SPLITS)
        former = seen.setdefault((piece.split, *words), piece.path)
        if former != piece.path:
            names = " and ".join(show_path(path, folder) for path in (former, piece.path))
            raise ValueError(
                f"{names} seem to be the same class; put the files of each split into a folder train or test"
            )


def find_parquet(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find tables of encoded images; a split may consist of several files of one folder."""
    paths = [path for path in files if path.suffix.lower() == ".parquet"]
    places = {path.parent.parent if read_role(path.parent.name)[0] else path.parent for path in paths}
    if len(places) > 1:
        names = ", ".join(sorted(show_path(place, folder) for place in places))
        raise ValueError(f"it has several sets of .parquet files ({names}); pass the folder of one with --data-dir")
    return _keep_divided("parquet", [Piece(find_split(path, folder), "xy", path) for path in paths])


def find_csv(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find tables with labels and pixels."""
    tables = [(path, read_columns(path)) for path in files if path.suffix.lower() in (".csv", ".tsv")]
    labelled = [path for path, columns in tables if columns and columns.label is not None]
    blind = [show_path(path, folder) for path, columns in tables if columns and columns.label is None]
    if blind and not labelled:
        raise ValueError(
            f"{blind[0]} has columns of pixels, but no column of labels; name the column of the class 'label'"
        )
    pieces = [Piece(find_split(path, folder), "xy", path) for path in labelled]
    for split in {piece.split for piece in pieces}:
        same = [_name_piece(piece, folder) for piece in pieces if piece.split == split]
        if len(same) > 1:
            raise ValueError(f"{' and '.join(same)} are the same split of several sets; keep one set in the folder")
    return _keep_divided("csv", pieces, *(Note(notes_of.NO_LABELS, file=name) for name in blind))


def _keep_divided(form: str, pieces: list[Piece], *notes: Note) -> Layout | None:
    """Omit pieces without a split if others have one; use them as the training split if there is none."""
    splits = {piece.split for piece in pieces}
    if "" in splits and len(splits) > 1 and "train" not in splits:
        unnamed = [show_name(piece.path.name) for piece in pieces if not piece.split]
        notes += tuple(Note(notes_of.NO_SPLIT, name=name) for name in unnamed)
        pieces = [replace(piece, split=piece.split or "train") for piece in pieces]
    kept = [piece for piece in pieces if piece.split] or pieces
    return Layout(form, tuple(kept), notes) if kept else None
