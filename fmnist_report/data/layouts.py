"""The forms in which data sets are passed on, found by the names of files and folders alone."""

import math
import re
import typing
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.data.tree import PICTURE_SUFFIXES, Folder, count_kinds, describe_kinds, show_name, show_path

PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "t10k": "test", "eval": "test",
}  # fmt: skip
WHAT = {
    **dict.fromkeys(("x", "img", "imgs", "image", "images", "data", "pictures", "pixels"), "x"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "y"),
}
IDX_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|t10k|test)-(?P<what>images|labels)[-.]idx\d-(ubyte|int)(\.gz)*", re.IGNORECASE
)
LABEL_NAMES = {"label", "labels", "class", "target", "y"}
LEAST_PIXELS = 25
MOST_IN_ROW = 2**20  # characters
ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".rar", ".7z", ".bz2", ".xz"}
LOOKED_FOR = (
    "a folder of pictures a class, perhaps in train, val and test; IDX files as MNIST's; .npz or .npy arrays named "
    "x_train, y_train, x_test, y_test or train_images, train_labels, …; .csv tables with a label and one column a "
    "pixel; .parquet tables with a column of pictures and one of labels"
)


@dataclass(frozen=True)
class Piece:
    """A file of a data set, or an array in it.

    part: "train", "val", "test", or "" where the set is not divided.
    what: of a picture, its class; of arrays "x" or "y"; of tables, which hold both, "xy".
    key: the array's name in its file; "" for the only one.
    """

    part: str
    what: str
    path: Path
    key: str = ""


@dataclass(frozen=True)
class Layout:
    """What was found.

    form: one of FORMS.
    notes: what the user should know of it, in sentences.
    """

    form: str
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()


def find_layout(tree: Folder) -> Layout:
    """Tell in which form a folder holds a data set.

    Raises:
        ValueError: in none, or in one that is not whole; says what was found and what can be done.
    """
    files = list(tree.every_file())
    for find in FORMS.values():
        if layout := find(files, tree.path):
            return layout
    if any(path.suffix.lower() in PICTURE_SUFFIXES for path in files):
        return find_pictures(tree)
    found = f"it holds {describe_kinds(count_kinds(files))}, and no data set that is known" if files else "it is empty"
    advice = "; unpack what is packed" if any(path.suffix.lower() in ARCHIVES for path in files) else ""
    raise ValueError(f"{found}{advice}. Looked for: {LOOKED_FOR}")


def read_role(name: str) -> tuple[str, str]:
    """Return the part and what ("x", "y") that the words of a name tell; "" for what they do not."""
    words = re.findall(r"t10k|[a-z]+", name.casefold())
    return tuple(next((table[word] for word in words if word in table), "") for table in (PARTS, WHAT))  # type: ignore


def find_part(path: Path, folder: Path) -> str:
    """Return the part that a file's name tells, or that of a folder in which it lies."""
    names = (path.stem, *reversed(path.relative_to(folder).parent.parts))
    return next((part for name in names if (part := read_role(name)[0])), "")


def find_idx(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find the IDX files of the one set in a folder; a packed file counts before a plain one."""
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(files, reverse=True):
        if named := IDX_NAME.fullmatch(path.name):
            role = PARTS[named["part"].lower()], "x" if named["what"].lower() == "images" else "y"
            found.setdefault(named["set"].casefold(), {}).setdefault(role, path)
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(name.strip("-_ ") or "the set without a name" for name in found))
        raise ValueError(f"it holds several sets of IDX files ({names}); put one of them into a folder of its own")
    roles = next(iter(found.values()))
    return Layout("idx", tuple(Piece(part, what, path) for (part, what), path in sorted(roles.items())))


def find_arrays(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find arrays of pictures and labels in .npz and .npy files."""
    pieces = []
    for path in files:
        for key in _list_arrays(path):
            named = re.sub(r"^arr_\d+$", "", key)
            part, what = read_role(named or path.stem)
            if what:
                pieces.append(Piece(part or find_part(path, folder), what, path, key))
    return _one_of_each("arrays", pieces, folder) if pieces else None


def _list_arrays(path: Path) -> list[str]:
    if path.suffix.lower() == ".npy":
        return [""]
    if path.suffix.lower() != ".npz":
        return []
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} cannot be read ({error})") from None


def find_parquet(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find tables of encoded pictures; a part may lie in several files."""
    pieces = [Piece(find_part(path, folder), "xy", path) for path in files if path.suffix.lower() == ".parquet"]
    if divided := [piece for piece in pieces if piece.part]:
        pieces = divided
    return Layout("parquet", tuple(pieces)) if pieces else None


@dataclass(frozen=True)
class Columns:
    """How a table of pixels is to be read.

    label: the column of the labels; None where it has none.
    pixels: the columns of the pixels.
    has_header: whether its first row names the columns.
    """

    separator: str
    has_header: bool
    label: int | None
    pixels: tuple[int, ...]


def read_columns(path: Path) -> Columns | None:
    """Tell from its first row how a table holds pixels; None where it does not."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        line = file.readline(MOST_IN_ROW).strip()
    separator = max(",;\t", key=line.count)
    names = [name.strip().strip('"').casefold() for name in line.split(separator)]
    has_header = not all(name.replace(".", "", 1).isdigit() for name in names)
    labels = [number for number, name in enumerate(names) if name in LABEL_NAMES] if has_header else []
    if not has_header and not _is_square(len(names)) and _is_square(len(names) - 1):
        labels = [0]
    pixels = tuple(
        number
        for number, name in enumerate(names)
        if number not in labels[:1] and (not has_header or name[-1:].isdigit())
    )
    if not _is_square(len(pixels)) or len(pixels) < LEAST_PIXELS:
        return None
    return Columns(separator, has_header, labels[0] if labels else None, pixels)


def _is_square(n: int) -> bool:
    return math.isqrt(n) ** 2 == n


def find_csv(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find tables with a label and one column a pixel."""
    tables = [(path, read_columns(path)) for path in files if path.suffix.lower() in (".csv", ".tsv")]
    labelled = [path for path, columns in tables if columns and columns.label is not None]
    blind = [show_path(path, folder) for path, columns in tables if columns and columns.label is None]
    pieces = [Piece(find_part(path, folder), "xy", path) for path in labelled]
    if not pieces:
        return None
    found = _one_of_each("csv", pieces, folder)
    return Layout("csv", found.pieces, tuple(f"{name} has no column of labels, so it is not used" for name in blind))


def _one_of_each(form: str, pieces: list[Piece], folder: Path) -> Layout:
    """Check that no part is there twice; raises ValueError."""
    if any(piece.part for piece in pieces):
        pieces = [piece for piece in pieces if piece.part]
    by_role: dict[tuple[str, str], list[str]] = {}
    for piece in pieces:
        name = show_path(piece.path, folder) + (f" ({piece.key})" if piece.key else "")
        by_role.setdefault((piece.part, piece.what), []).append(name)
    for names in by_role.values():
        if len(names) > 1:
            raise ValueError(f"{' and '.join(names)} are the same part of several sets; keep one set in the folder")
    return Layout(form, tuple(pieces))


def find_pictures(tree: Folder) -> Layout:
    """Find a folder of pictures a class, in one folder or in folders of the parts, one or two levels above the classes.

    Raises:
        ValueError: says what stands in the way.
    """
    top = _descend(tree)
    parts: dict[str, list[Folder]] = {}
    for folder in top.filled():
        if folder.filled() and (part := read_role(folder.name)[0]):
            parts.setdefault(part, []).append(folder)
    if not parts:
        pieces, notes = _find_classes("", top)
    else:
        _check_parts(top, parts)
        pieces, notes = [], _tell_strays(top)
        for part, folders in parts.items():
            of_part, told = _find_classes(part, _descend(folders[0]))
            pieces, notes = pieces + of_part, notes + told
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError("it has pictures of one class only; there has to be a folder a class, two at least")
    return Layout("pictures", tuple(pieces), tuple(notes))


def _descend(folder: Folder) -> Folder:
    """Pass folders that hold nothing but one folder of folders."""
    while not folder.pictures and len(inner := folder.filled()) == 1 and inner[0].filled():
        folder = inner[0]
    return folder


def _check_parts(top: Folder, parts: dict[str, list[Folder]]) -> None:
    for folders in parts.values():
        if len(folders) > 1:
            names = " and ".join(repr(folder.name) for folder in folders)
            raise ValueError(f"{names} are both the same part; keep one of them")
    known = [folder for folders in parts.values() for folder in folders]
    names = ", ".join(repr(folder.name) for folder in known)
    for folder in top.filled():
        if folder not in known and read_role(folder.name)[0]:
            raise ValueError(
                f"nothing tells what the {len(folder.pictures):,} pictures in {folder.name!r} show; put them into a "
                f"folder a class, or take {folder.name!r} out: where there is no test part, a sixth of each class "
                "becomes it"
            )
        if folder not in known:
            raise ValueError(f"beside {names} there are pictures in {folder.name!r}, which is no part; take it out")
    if "train" not in parts:
        raise ValueError(f"there is {names}, but no folder 'train' beside it")


def _find_classes(part: str, folder: Folder) -> tuple[list[Piece], list[str]]:
    classes = folder.filled()
    if not classes:
        found = describe_kinds(count_kinds(folder.pictures))
        example = folder.pictures[0].name
        word = re.match(r"[^\W\d_]+", example)
        hint = f", {show_name(example)!r} into {show_name(word[0])!r}, for example" if word else ""
        raise ValueError(
            f"it holds {found} and no class folder; put the pictures of each class into a folder that bears its "
            f"name{hint}"
        )
    for one in classes:
        if within := [inner.name for inner in one.filled() if inner.name.casefold() in PARTS]:
            raise ValueError(
                f"the folder {one.name!r} holds the part {within[0]!r}; parts have to stand above the classes, as in "
                f"{within[0]}/{one.name}"
            )
    notes = _tell_strays(folder)
    notes += [f"the folder {one.name!r} holds no pictures" for one in folder.folders if one not in classes]
    for one in classes:
        if n := len(one.every_picture()) - len(one.pictures):
            notes.append(f"{n:,} pictures in folders within {one.name!r} count as {one.name!r}")
    return [Piece(part, one.name, path) for one in classes for path in one.every_picture()], notes


def _tell_strays(folder: Folder) -> list[str]:
    n = len(folder.pictures)
    return [f"{n:,} pictures lie beside the folders of classes or parts, so they are not used"] if n else []


FORMS: dict[str, typing.Callable[[Iterable[Path], Path], Layout | None]] = {
    "idx": find_idx, "arrays": find_arrays, "parquet": find_parquet, "csv": find_csv,
}  # fmt: skip
