"""Data sets of images in a folder a class."""

import re
from pathlib import Path

from fmnist_report.data.custom.roles import SPLITS, Layout, Piece, read_role, split_words
from fmnist_report.data.custom.tree import UNREAD_SUFFIXES, Folder, count_kinds, describe_kinds, show_name

# What a folder is called that divides images otherwise than by class, or that holds no images of a class.
DIVISION = re.compile(
    r"(images?|imgs?|pictures|photos|data|part|fold|batch)[\W_]*\d*|.*[\W_]part[\W_]*\d+", re.IGNORECASE
)
DRAWN = {"masks", "mask_images", "annotations", "annotation", "groundtruth", "ground_truth", "gt", "trimaps", "labels"}


def find_images(tree: Folder) -> Layout:
    """Find a folder of images a class, in one folder or in folders of the splits, one or two levels above the classes.

    Raises:
        ValueError: says what stands in the way.
    """
    top = _descend(tree)
    splits: dict[str, list[Folder]] = {}
    for folder in top.filled():
        if folder.filled() and (split := read_role(folder.name)[0]):
            splits.setdefault(split, []).append(folder)
    alike = len(top.filled()) > 1 and all(folder.filled() for folder in top.filled())
    if alike and [len(folders) for folders in splits.values()] == [1]:
        splits = {}  # a class may be called train
    if not splits:
        pieces, notes = _find_classes("", top)
    else:
        _check_splits(top, splits)
        pieces, notes = [], _tell_strays(top)
        for split, folders in splits.items():
            of_split, told = _find_classes(split, _descend(folders[0]))
            pieces, notes = pieces + of_split, notes + told
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError(
            f"it has images of one class only, {pieces[0].what!r}; there has to be a folder a class, two at "
            f"least{_give_example([piece.path for piece in pieces])}"
        )
    return Layout("images", tuple(pieces), tuple(notes))


def _descend(folder: Folder) -> Folder:
    """Pass folders that hold but one folder of folders."""
    while len(inner := folder.filled()) == 1 and inner[0].filled():
        folder = inner[0]
    return folder


def _check_splits(top: Folder, splits: dict[str, list[Folder]]) -> None:
    for folders in splits.values():
        if len(folders) > 1:
            names = " and ".join(repr(folder.name) for folder in folders)
            raise ValueError(f"{names} are both the same split; keep one of them")
    known = [folder for folders in splits.values() for folder in folders]
    names = ", ".join(repr(folder.name) for folder in known)
    for folder in top.filled():
        if folder not in known and read_role(folder.name)[0]:
            raise ValueError(
                f"nothing tells what the {len(folder.images):,} images in {folder.name!r} show; put them into a "
                f"folder a class, or take {folder.name!r} out: where there is no test split, a sixth of each class "
                "becomes it"
            )
        if folder not in known:
            raise ValueError(f"beside {names} there are images in {folder.name!r}, which is no split; take it out")
    if "train" not in splits:
        raise ValueError(f"there is {names}, but no folder 'train' beside it")


def _find_classes(split: str, folder: Folder) -> tuple[list[Piece], list[str]]:
    classes = folder.filled()
    unread = {one.name: one.every_unread() for one in folder.folders}
    for one in folder.folders:
        n_others = sum(path.suffix.lower() not in UNREAD_SUFFIXES for path in one.every_file())
        if 2 * len(unread[one.name]) > max(n_others, 1):  # of a class, or of most of it
            raise ValueError(
                f"{one.name!r} holds {describe_kinds(count_kinds(unread[one.name]))}, and such are not read; convert "
                f"them to JPEG or PNG, or take {one.name!r} out"
            )
    if not classes:
        found = describe_kinds(count_kinds(folder.images))
        raise ValueError(
            f"it holds {found} and no class folder; put the images of each class into a folder that bears its "
            f"name{_give_example(folder.images)}"
        )
    _check_classes(classes, split)
    notes = _tell_strays(folder)
    notes += [f"of {name!r} are not read: {describe_kinds(count_kinds(left))}" for name, left in unread.items() if left]
    notes += [f"the folder {one.name!r} holds no images" for one in folder.folders if one not in classes]
    pieces = []
    for one in classes:
        drawn = [inner for inner in one.filled() if inner.name.casefold() in DRAWN]
        left_out = {path for inner in drawn for path in inner.every_image()}
        images = [path for path in one.every_image() if path not in left_out]
        pieces += [Piece(split, one.name, path) for path in images]
        if n := len(images) - len(one.images):
            notes.append(f"{n:,} images in folders within {one.name!r} count as {one.name!r}")
        notes += [f"the images in {one.name!r}/{inner.name!r} are not used" for inner in drawn]
    return pieces, notes


def _check_classes(classes: list[Folder], split: str) -> None:
    """Refuse folders that divide the images otherwise than by class, as far as their names tell.

    Args:
        split: in which they stand; "" where the set is not divided.
    """
    names = {one.name: {inner.name for inner in one.filled()} for one in classes}
    divisions = [name for name in names if DIVISION.fullmatch(name)]
    divisions = divisions if len(divisions) > 1 or len(names) == 1 else []  # one alone may be a class, such as photos
    for one in classes:
        if within := [inner.name for inner in one.filled() if inner.name.casefold() in SPLITS]:
            raise ValueError(
                f"the folder {one.name!r} holds the split {within[0]!r}; splits have to stand above the classes, as in "
                f"{within[0]}/{one.name}"
            )
        if one.name in divisions or one.name.casefold() in DRAWN:
            raise ValueError(
                f"the folder {one.name!r} bears no class's name, so nothing tells what its images show; there has to "
                "be a folder a class"
            )
    split_like = [name for name in names if read_role(name)[0]]
    bare = [name for name in split_like if all(word in SPLITS for word in split_words(name))]
    if not split and (len(bare) > 1 or len({read_role(name)[0] for name in split_like}) > 1):
        raise ValueError(
            f"{' and '.join(map(repr, split_like[:4]))} look like splits, but hold no class folders; put the images of "
            "each class into a folder that bears its name, in each split, or rename them if these are the classes"
        )
    seen: dict[str, str] = {}
    for name, inner in names.items():
        for word in inner - set(seen):
            if not DIVISION.fullmatch(word) and word.casefold() not in DRAWN:
                seen[word] = name
    for name, inner in names.items():
        twice = [word for word in inner if seen.get(word, name) != name] + [word for word in inner if word in names]
        if twice:
            raise ValueError(
                f"the name {twice[0]!r} stands for a folder at more than one place, also within {name!r}, so nothing "
                "tells which folders are the classes; name the folder that holds them with --data-dir"
            )


def _give_example(images: list[Path]) -> str:
    """Say by an example how images could be sorted whose names begin with that of their class."""
    words = {word[0] for path in images if (word := re.match(r"[^\W\d_]+", path.name))}
    if len(words) < 2:
        return ""
    first = next(path.name for path in images if path.name.startswith(tuple(words)))
    longest = max((word for word in words if first.startswith(word)), key=len)
    return f", {show_name(first)!r} into {show_name(longest)!r}, for example"


def _tell_strays(folder: Folder) -> list[str]:
    n = len(folder.images)
    return [f"{n:,} images lie beside the folders of classes or splits, so they are not used"] if n else []
