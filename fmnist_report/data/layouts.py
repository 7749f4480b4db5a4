"""The forms in which data sets are passed on, found by the names of files and folders, and by how tables begin."""

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fmnist_report.data.tables import read_columns
from fmnist_report.data.tree import (
    PICTURE_SUFFIXES,
    UNREAD_SUFFIXES,
    Folder,
    count_kinds,
    describe_kinds,
    show_name,
    show_path,
)

PARTS = {
    **dict.fromkeys(("train", "training", "trainset", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "t10k", "eval"), "test"),
}
WHAT = {
    **dict.fromkeys(("x", "img", "imgs", "image", "images", "data", "pictures", "pixels"), "x"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "y"),
}
IDX_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|t10k|test|validation|valid|val)-(?P<what>images|labels)[-.]idx\d-(ubyte|int)(\.gz)*",
    re.IGNORECASE,
)
# What a folder is called that divides pictures otherwise than by class, or that holds no pictures of a class.
DIVISION = re.compile(
    r"(images?|imgs?|pictures|photos|data|part|fold|batch)[\W_]*\d*|.*[\W_]part[\W_]*\d+", re.IGNORECASE
)
DRAWN = {"masks", "mask_images", "annotations", "annotation", "groundtruth", "ground_truth", "gt", "trimaps", "labels"}
MOST_NAMED = 8  # arrays that a sentence names
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

    form: "idx", "arrays", "csv", "parquet" or "pictures".
    notes: what the user should know of it, in sentences.
    """

    form: str
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()


def find_layout(tree: Folder) -> Layout:
    """Tell in which form a folder holds a data set.

    IDX files and arrays are there on purpose; tables often lie beside the pictures that they describe, so that they
    count only where the pictures are no data set.

    Raises:
        ValueError: in none, or in one that is not whole; says what was found and what can be done.
    """
    files = list(tree.every_file())
    for find in (find_idx, find_arrays):
        if layout := find(files, tree.path):
            return layout
    trouble = None
    if any(path.suffix.lower() in PICTURE_SUFFIXES for path in files):
        try:
            return find_pictures(tree)
        except ValueError as error:
            trouble = error
    for find in (find_parquet, find_csv):
        try:
            if layout := find(files, tree.path):
                return layout
        except ValueError as error:
            trouble = trouble or error
    if trouble:
        raise trouble
    found = f"it holds {describe_kinds(count_kinds(files))}, and no data set that is known" if files else "it is empty"
    raise ValueError(f"{found}{_advise(files)}. Looked for: {LOOKED_FOR}")


def _advise(files: Iterable[Path]) -> str:
    """Say what can be done about files that are nearly a data set."""
    suffixes = {path.suffix.lower() for path in files}
    advice = "; unpack what is packed" if suffixes & ARCHIVES else ""
    if unread := sorted(suffixes & UNREAD_SUFFIXES):
        advice += f"; convert the pictures in {' and '.join(unread)} to JPEG or PNG"
    for path in files:
        if names := [name for name in _list_arrays(path) if name]:
            listed = ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
            return f"{advice}; the arrays in {path.name} are called {listed}"
    return advice


def split_words(name: str) -> list[str]:
    """Split a name into its words, in small letters: at what is no letter, and before capitals."""
    parted = re.sub(r"^([xXyY])(?=train|test|val)", r"\1 ", name)
    return [word.casefold() for word in re.findall(r"[tT]10[kK]|[A-Z]?[a-z]+|[A-Z]+(?![a-z])", parted)]


def read_role(name: str) -> tuple[str, str]:
    """Return the part and what ("x", "y") that the words of a name tell; "" for what they do not."""
    words = split_words(name)
    part = next((PARTS[word] for word in words if word in PARTS), "")
    what = {WHAT[word] for word in words if word in WHAT}
    return part, "y" if "y" in what else "x" if what else ""  # image_labels are labels


def find_part(path: Path, folder: Path) -> str:
    """Return the part that a file's name tells, or that of a folder in which it lies."""
    names = (path.stem, *reversed(path.relative_to(folder).parent.parts))
    return next((part for name in names if (part := read_role(name)[0])), "")


def find_idx(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find the IDX files of the one set in a folder; a packed file counts before a plain one."""
    found: dict[tuple[Path, str], dict[tuple[str, str], Path]] = {}
    for path in sorted(files, reverse=True):
        if named := IDX_NAME.fullmatch(path.name):
            role = PARTS[named["part"].lower()], "x" if named["what"].lower() == "images" else "y"
            place = path.parent.parent if IDX_NAME.fullmatch(path.parent.name) else path.parent
            found.setdefault((place, named["set"].casefold()), {}).setdefault(role, path)
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(show_path(place, folder) + f"/{name}*" for place, name in found))
        raise ValueError(f"it holds several sets of IDX files ({names}); name the folder of one with --data-dir")
    roles = next(iter(found.values()))
    return Layout("idx", tuple(Piece(part, what, path) for (part, what), path in sorted(roles.items())))


def find_arrays(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find arrays of pictures and labels in .npz and .npy files."""
    pieces: dict[tuple[str, str], list[tuple[int, Piece]]] = {}
    for path in files:
        for key in _list_arrays(path):
            name = re.sub(r"^arr_\d+$", "", key) or path.stem
            part, what = read_role(name)
            if what:
                piece = Piece(part or find_part(path, folder), what, path, key)
                n_unknown = sum(word not in PARTS and word not in WHAT for word in split_words(name))
                pieces.setdefault((piece.part, what), []).append((n_unknown, piece))
    notes = []
    if {("", "x"), ("", "y")} <= set(pieces) and not {("train", "x"), ("train", "y")} & set(pieces):
        if any(part for part, _ in pieces):
            notes.append("the arrays that bear no part are its training part")
        pieces = {(part or "train", what): found for (part, what), found in pieces.items()}  # X, y, X_test, y_test
    parts = {part for part, _ in pieces}
    if not any({(part, "x"), (part, "y")} <= set(pieces) for part in parts):
        return None
    chosen = []
    for (part, _), found in pieces.items():
        least = min(n for n, _ in found)  # x_train before x_train_ids in one file
        same = [piece for n, piece in found if n == least]
        images = [piece for piece in same if "images" in split_words(piece.key)]
        same = images if len(images) == 1 else same  # before data, which are often the same as rows
        if len(same) > 1 or len({piece.path for _, piece in found}) > 1:
            same = [piece for _, piece in found]
            names = " and ".join(_name_piece(piece, folder) for piece in same)
            raise ValueError(f"{names} are the same part of several sets; keep one of them in the folder")
        if part:
            chosen.append(replace(same[0], part=part))
    return Layout("arrays", tuple(chosen), tuple(notes))


def _name_piece(piece: Piece, folder: Path) -> str:
    return show_path(piece.path, folder) + (f" ({piece.key})" if piece.key else "")


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
    """Find tables of encoded pictures; a part may lie in several files of one folder."""
    paths = [path for path in files if path.suffix.lower() == ".parquet"]
    places = {path.parent.parent if read_role(path.parent.name)[0] else path.parent for path in paths}
    if len(places) > 1:
        names = ", ".join(sorted(show_path(place, folder) for place in places))
        raise ValueError(f"it holds several sets of .parquet files ({names}); name the folder of one with --data-dir")
    return _keep_divided("parquet", [Piece(find_part(path, folder), "xy", path) for path in paths])


def find_csv(files: Iterable[Path], folder: Path) -> Layout | None:
    """Find tables with a label and the pixels."""
    tables = [(path, read_columns(path)) for path in files if path.suffix.lower() in (".csv", ".tsv")]
    labelled = [path for path, columns in tables if columns and columns.label is not None]
    blind = [show_path(path, folder) for path, columns in tables if columns and columns.label is None]
    if blind and not labelled:
        raise ValueError(
            f"{blind[0]} has columns of pixels, but none of labels; call the one that tells the class 'label'"
        )
    pieces = [Piece(find_part(path, folder), "xy", path) for path in labelled]
    for part in {piece.part for piece in pieces}:
        same = [_name_piece(piece, folder) for piece in pieces if piece.part == part]
        if len(same) > 1:
            raise ValueError(f"{' and '.join(same)} are the same part of several sets; keep one set in the folder")
    return _keep_divided("csv", pieces, *(f"{name} has no column of labels, so it is not used" for name in blind))


def _keep_divided(form: str, pieces: list[Piece], *notes: str) -> Layout | None:
    """Leave out what belongs to no part where others do; where these are no training part, it is that."""
    parts = {piece.part for piece in pieces}
    if "" in parts and len(parts) > 1 and "train" not in parts:
        notes += tuple(f"{piece.path.name} bears no part, so it is training" for piece in pieces if not piece.part)
        pieces = [replace(piece, part=piece.part or "train") for piece in pieces]
    kept = [piece for piece in pieces if piece.part] or pieces
    return Layout(form, tuple(kept), notes) if kept else None


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
    alike = len(top.filled()) > 1 and all(folder.filled() for folder in top.filled())
    if alike and [len(folders) for folders in parts.values()] == [1]:
        parts = {}  # a class may be called train
    if not parts:
        pieces, notes = _find_classes("", top)
    else:
        _check_parts(top, parts)
        pieces, notes = [], _tell_strays(top)
        for part, folders in parts.items():
            of_part, told = _find_classes(part, _descend(folders[0]))
            pieces, notes = pieces + of_part, notes + told
    if len({piece.what for piece in pieces}) < 2:
        raise ValueError(
            f"it has pictures of one class only, {pieces[0].what!r}; there has to be a folder a class, two at "
            f"least{_give_example([piece.path for piece in pieces])}"
        )
    return Layout("pictures", tuple(pieces), tuple(notes))


def _descend(folder: Folder) -> Folder:
    """Pass folders that hold but one folder of folders."""
    while len(inner := folder.filled()) == 1 and inner[0].filled():
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
    unread = {one.name: one.every_unread() for one in folder.folders}
    for one in folder.folders:
        n_others = sum(path.suffix.lower() not in UNREAD_SUFFIXES for path in one.every_file())
        if 2 * len(unread[one.name]) > max(n_others, 1):  # of a class, or of most of it
            raise ValueError(
                f"{one.name!r} holds {describe_kinds(count_kinds(unread[one.name]))}, and such are not read; convert "
                f"them to JPEG or PNG, or take {one.name!r} out"
            )
    if not classes:
        found = describe_kinds(count_kinds(folder.pictures))
        raise ValueError(
            f"it holds {found} and no class folder; put the pictures of each class into a folder that bears its "
            f"name{_give_example(folder.pictures)}"
        )
    _check_classes(classes, part)
    notes = _tell_strays(folder)
    notes += [f"of {name!r} are not read: {describe_kinds(count_kinds(left))}" for name, left in unread.items() if left]
    notes += [f"the folder {one.name!r} holds no pictures" for one in folder.folders if one not in classes]
    pieces = []
    for one in classes:
        drawn = [inner for inner in one.filled() if inner.name.casefold() in DRAWN]
        left_out = {path for inner in drawn for path in inner.every_picture()}
        pictures = [path for path in one.every_picture() if path not in left_out]
        pieces += [Piece(part, one.name, path) for path in pictures]
        if n := len(pictures) - len(one.pictures):
            notes.append(f"{n:,} pictures in folders within {one.name!r} count as {one.name!r}")
        notes += [f"the pictures in {one.name!r}/{inner.name!r} are not used" for inner in drawn]
    return pieces, notes


def _check_classes(classes: list[Folder], part: str) -> None:
    """Refuse folders that divide the pictures otherwise than by class, as far as their names tell.

    Args:
        part: in which they stand; "" where the set is not divided.
    """
    names = {one.name: {inner.name for inner in one.filled()} for one in classes}
    divisions = [name for name in names if DIVISION.fullmatch(name)]
    divisions = divisions if len(divisions) > 1 or len(names) == 1 else []  # one alone may be a class, such as photos
    for one in classes:
        if within := [inner.name for inner in one.filled() if inner.name.casefold() in PARTS]:
            raise ValueError(
                f"the folder {one.name!r} holds the part {within[0]!r}; parts have to stand above the classes, as in "
                f"{within[0]}/{one.name}"
            )
        if one.name in divisions or one.name.casefold() in DRAWN:
            raise ValueError(
                f"the folder {one.name!r} bears no class's name, so nothing tells what its pictures show; there has to "
                "be a folder a class"
            )
    part_like = [name for name in names if read_role(name)[0]]
    bare = [name for name in part_like if all(word in PARTS for word in split_words(name))]
    if not part and (len(bare) > 1 or len({read_role(name)[0] for name in part_like}) > 1):
        raise ValueError(
            f"{' and '.join(map(repr, part_like[:4]))} look like parts, but hold no class folders; put the pictures of "
            "each class into a folder that bears its name, in each part, or rename them if these are the classes"
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


def _give_example(pictures: list[Path]) -> str:
    """Say by an example how pictures could be sorted whose names begin with that of their class."""
    words = {word[0] for path in pictures if (word := re.match(r"[^\W\d_]+", path.name))}
    if len(words) < 2:
        return ""
    first = next(path.name for path in pictures if path.name.startswith(tuple(words)))
    longest = max((word for word in words if first.startswith(word)), key=len)
    return f", {show_name(first)!r} into {show_name(longest)!r}, for example"


def _tell_strays(folder: Folder) -> list[str]:
    n = len(folder.pictures)
    return [f"{n:,} pictures lie beside the folders of classes or parts, so they are not used"] if n else []

