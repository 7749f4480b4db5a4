"""The splits of a data set, recognised from names of files, folders and arrays."""

import re
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.data.custom.notes import Note

SPLITS = {
    **dict.fromkeys(("train", "training", "trainset", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "t10k", "eval"), "test"),
}
WHAT = {
    **dict.fromkeys(("x", "img", "imgs", "image", "images", "data", "pictures", "pixels"), "x"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "y"),
}


@dataclass(frozen=True)
class Piece:
    """A file of a data set, or an array in it.

    split: "train", "val", "test", or "" if the data set is not split.
    what: the class of an image or of an array of images; "x" or "y" for an array; "xy" for a table, which has both.
    key: the array's name in its file; "" for the only one.
    """

    split: str
    what: str
    path: Path
    key: str = ""


@dataclass(frozen=True)
class Layout:
    """A detected data set: its format and its files.

    form: "idx", "arrays", "class_arrays", "csv", "parquet" or "images".
    notes: messages for the user.
    tables: files that label or divide the images.
    """

    form: str
    pieces: tuple[Piece, ...]
    notes: tuple[Note, ...] = ()
    tables: tuple[Path, ...] = ()


def split_words(name: str) -> list[str]:
    """Split a name into lower-case words, at non-letters and before capitals."""
    parted = re.sub(r"^([xXyY])(?=train|test|val)", r"\1 ", name)
    return [word.casefold() for word in re.findall(r"[tT]10[kK]|[A-Z]?[a-z]+|[A-Z]+(?![a-z])", parted)]


def read_role(name: str) -> tuple[str, str]:
    """Return the split and the content ("x", "y") that a name indicates; "" for unknown ones."""
    words = split_words(name)
    split = next((SPLITS[word] for word in words if word in SPLITS), "")
    what = {WHAT[word] for word in words if word in WHAT}
    return split, "y" if "y" in what else "x" if what else ""  # image_labels are labels


def find_split(path: Path, folder: Path) -> str:
    """Return the split indicated by a file's name, or by a folder that contains it."""
    names = (path.stem, *reversed(path.relative_to(folder).parent.parts))
    return next((split for name in names if (split := read_role(name)[0])), "")
