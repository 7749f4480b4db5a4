"""Data sets with one folder of images per class."""

import re
from collections.abc import Iterable
from pathlib import Path

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.roles import SPLITS, Layout, Piece, read_role, split_words
from fmnist_report.data.custom.tree import UNREAD_SUFFIXES, Folder, count_kinds, describe_kinds, show_name

# Names of folders that divide images by something other than class, or that contain no class images.
DIVISION = re.compile(
    r"(images?|imgs?|pictures|photos|data|part|fold|batch)[\W_]*\d*|.*[\W_]part[\W_]*\d+", re.IGNORECASE
)
MASK = re.compile(r"(?P<of>.+?)[ _.-]+(masks?|seg|segm|segmentation|gt|groundtruth|annotation)([ _.-]*\d+)?")
UNKNOWN = {"unlabeled", "unlabelled", "unknown", "unsorted", "unclassified", "other", "misc"}
DRAWN = {
    "masks", "mask_images", "annotations", "annotation", "groundtruth", "ground_truth", "gt", "trimaps", "labels",
    "segmentationclass", "segmentationobject", "segmentations",
}  # fmt: skip


def find_images(tree: Folder) -> Layout:
    """Find class folders of images, in one folder or in folders of the splits, one or two levels above the classes.

    Raises:
        ValueError: the folders are not class folders; the message gives the reason.
    """
    top = descend(tree)
    splits: dict[str, list[Folder]] = {}
    for folder in top.filled():
        if folder.filled() and (split := read_role(folder.name)[0]):
            splits.setdefault(split, []).append(folder)
    if unsplit := _find_unsplit(top, splits):
        splits["train"] = [unsplit]
    alike = not unsplit and len(top.filled()) > 1 and all(folder.filled() for folder in top.filled())
    if alike and [len(folders) for folders in splits.values()] == [1]:
        splits = {}  # a class may be called train
    if not splits:
        pieces, notes = _find_classes("", top)
    else:
        _check_splits(top, splits)
        pieces, notes = [], _describe_strays(top)
        if unsplit:
            notes.append(Note(notes_of.NO_SPLIT, name=unsplit.name))
        for split, folders in splits.items():
            of_split, more = _find_classes(split, descend(folders[0]))
            pieces, notes = pieces + of_split, notes + more
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError(
            f"it has images of one class only, {pieces[0].what!r}; at least two class folders are "
            f"needed{_give_example([piece.path for piece in pieces])}"
        )
    return Layout("images", tuple(pieces), tuple(notes))


def _find_unsplit(top: Folder, splits: dict[str, list[Folder]]) -> Folder | None:
    """Return the folder beside those of splits whose name is theirs without the split, as horse-or-human."""
    known = [folder for folders in splits.values() for folder in folders]
    others = [folder for folder in top.filled() if folder not in known]
    if "train" in splits or not known or len(others) != 1 or not others[0].filled():
        return None
    own = _list_words(others[0].name)
    same = own and all(_list_words(folder.name) == own for folder in known)
    return others[0] if same else None


def _list_words(name: str) -> list[str]:
    """List the words of a name that say neither the split nor that it is a set."""
    return [word for word in split_words(name) if word not in SPLITS and word not in ("set", "data", "dataset")]


def descend(folder: Folder) -> Folder:
    """Skip folders that contain only one folder of folders."""
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
                f"the classes of the {len(folder.images):,} images in {folder.name!r} are unknown; sort them into "
                f"class folders, or remove {folder.name!r}: without a test split, a sixth of each class is used for "
                "the test"
            )
        if folder not in known:
            raise ValueError(f"next to {names} there are images in {folder.name!r}, which is not a split; remove it")
    if "train" not in splits:
        raise ValueError(f"there is {names}, but no folder 'train' next to it")


def _find_classes(split: str, folder: Folder) -> tuple[list[Piece], list[Note]]:
    classes = folder.filled()
    unread = {one.name: one.every_unread() for one in folder.folders}
    for one in folder.folders:
        n_others = sum(path.suffix.lower() not in UNREAD_SUFFIXES for path in one.every_file())
        if 2 * len(unread[one.name]) > max(n_others, 1):  # at least half of the folder
            raise ValueError(
                f"{one.name!r} contains {describe_kinds(count_kinds(unread[one.name]))}, which is not supported; "
                f"convert to JPEG or PNG, or remove {one.name!r}"
            )
    if not classes:
        found = describe_kinds(count_kinds(folder.images))
        raise ValueError(
            f"it contains {found} and no class folder; put the images of each class into a folder named after "
            f"it{_give_example(folder.images)}; or add a table labels.csv with the columns file and label"
        )
    _check_classes(classes, split)
    notes = _describe_strays(folder)
    for name, left in unread.items():
        notes += [Note(notes_of.NOT_READ, folder=name, kinds=count_kinds(left))] if left else []
    notes += [Note(notes_of.EMPTY_FOLDER, folder=one.name) for one in folder.folders if one not in classes]
    notes += [Note(notes_of.UNKNOWN_CLASS, name=one.name) for one in classes if one.name.casefold() in UNKNOWN]
    pieces = []
    for one in classes:
        drawn = [inner for inner in one.filled() if inner.name.casefold() in DRAWN]
        left_out = {path for inner in drawn for path in inner.every_image()}
        masks = find_masks(one.every_image())
        images = [path for path in one.every_image() if path not in left_out | masks]
        if masks:
            notes.append(Note(notes_of.MASKS, n=len(masks), folder=one.name, file=show_name(min(masks).name)))
        pieces += [Piece(split, one.name, path) for path in images]
        if n := sum(path.parent != one.path for path in images):
            notes.append(Note(notes_of.INNER, n=n, folder=one.name))
        notes += [Note(notes_of.DRAWN, folder=f"{one.name}/{inner.name}") for inner in drawn]
    return pieces, notes


def find_masks(images: Iterable[Path]) -> set[Path]:
    """Return the images that are masks of others in the same folder, by their names: x_mask.png beside x.png."""
    images = list(images)
    stems = {(path.parent, path.stem.casefold()) for path in images}
    found = {path: MASK.fullmatch(path.stem.casefold()) for path in images}
    return {path for path, named in found.items() if named and (path.parent, named["of"]) in stems}


def _check_classes(classes: list[Folder], split: str) -> None:
    """Reject folders whose names show that they do not divide the images by class.

    Args:
        split: the split that contains them; "" if the data set is not split.
    """
    names = {one.name: {inner.name for inner in one.filled()} for one in classes}
    divisions = [name for name in names if DIVISION.fullmatch(name)]
    divisions = divisions if len(divisions) > 1 or len(names) == 1 else []  # one may be a class, e.g. photos
    for one in classes:
        if within := [inner.name for inner in one.filled() if inner.name.casefold() in SPLITS]:
            raise ValueError(
                f"the folder {one.name!r} contains the split {within[0]!r}; splits must be above the classes, as in "
                f"{within[0]}/{one.name}"
            )
        if one.name in divisions or one.name.casefold() in DRAWN:
            raise ValueError(
                f"the folder {one.name!r} is not named after a class, so the class of its images is unknown; use one "
                "folder per class"
            )
    split_like = [name for name in names if read_role(name)[0]]
    bare = [name for name in split_like if all(word in SPLITS for word in split_words(name))]
    if not split and (len(bare) > 1 or len({read_role(name)[0] for name in split_like}) > 1):
        raise ValueError(
            f"{' and '.join(map(repr, split_like[:4]))} look like splits, but contain no class folders; in each split, "
            "put the images of each class into a folder named after it, or rename the folders if they are classes"
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
                f"a folder named {twice[0]!r} exists in more than one place, also within {name!r}, so the class "
                "folders are ambiguous; pass the folder that contains them with --data-dir"
            )


def _give_example(images: list[Path]) -> str:
    """Return an example of how to sort images whose names start with that of their class."""
    words = {word[0] for path in images if (word := re.match(r"[^\W\d_]+", path.name))}
    if len(words) < 2:
        return ""
    first = next(path.name for path in images if path.name.startswith(tuple(words)))
    longest = max((word for word in words if first.startswith(word)), key=len)
    return f", {show_name(first)!r} into {show_name(longest)!r}, for example"


def _describe_strays(folder: Folder) -> list[Note]:
    n = len(folder.images)
    return [Note(notes_of.STRAYS, n=n)] if n else []
