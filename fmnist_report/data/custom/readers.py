"""Readers for the supported data-set formats."""

import collections
import typing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fmnist_report.data.custom import hdf5
from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.detection import MAX_BYTES, DataSet, open_unpacked
from fmnist_report.data.custom.images import (
    LARGEST,
    NEARLY_ALL,
    Encoded,
    Page,
    Spread,
    arrays_to_grey,
    count_pages,
    find_form,
    read_images,
)
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.parquet import read_tables
from fmnist_report.data.custom.roles import Piece, read_role
from fmnist_report.data.custom.tables import read_columns, read_rows
from fmnist_report.data.custom.tree import show_name, show_path, sort_key
from fmnist_report.data.idx import check_pair, parse_idx
from fmnist_report.settings import DataSettings

MOST_NAMED = 10  # unreadable images listed in a message
MOST_APART = 50.0  # maximum ratio of the brightest values of two splits
USUAL, STRAY = 0.999, 4.0  # a value so many times above this quantile is told
LONG = 1.5  # ratio of the sides of an image whose cropping is told
LEAST_BELOW = 0.12  # centred values reach at least this far below zero, as a fraction of the maximum
NUMPY = (b"\x93NUMPY", b"PK")  # first bytes of .npy and .npz
Tick = typing.Callable[[int, int], None]  # (images done, total)


@dataclass(frozen=True)
class RawDataSet:
    """The result of a reader.

    arrays: x_<split> (n, height, width) uint8 and y_<split> (n,) of integers; splits are train and optionally val and
        test.
    names: class names by label, if the files contain them.
    unreadable: number of unreadable images, if these are skipped.
    notes: messages for the user.
    """

    arrays: dict[str, np.ndarray]
    names: tuple[str, ...] = ()
    unreadable: int = 0
    notes: tuple[Note, ...] = ()


def read_idx_files(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read IDX files, plain or compressed; use the first column of labels with several, as in QMNIST."""
    found: dict[str, np.ndarray] = {}
    for piece in data_set.pieces:
        try:
            with open_unpacked(piece.path) as file:
                values = parse_idx(file.read(MAX_BYTES))
        except ValueError as error:
            raise ValueError(f"{piece.path.name}: {error}") from None
        if piece.what == "y" and values.ndim == 2 and values.shape[1]:
            values = values[:, 0]
        if values.ndim not in ((1,) if piece.what == "y" else (3, 4)):
            wanted, other = ("labels", "images") if piece.what == "y" else ("images", "labels")
            shape = str(values.shape)[:60]
            raise ValueError(f"{piece.path.name}: it contains {other} of the shape {shape}, not {wanted}")
        found[f"{piece.what}_{piece.split}"] = values
    return _join_splits(found)


def read_arrays(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read .npz, .npy and HDF5 files; labels may be one column or row, one-hot rows, text or Boolean values."""
    found: dict[str, np.ndarray] = {}
    for piece in data_set.pieces:
        values = _load_array(piece)
        if piece.what == "x":
            _check_type(values, piece.path.name)
        flat = _flatten(values, _name_array(piece)) if piece.what == "y" else values
        found[f"{piece.what}_{piece.split or 'train'}"] = flat
    return _join_splits(found)


def read_class_arrays(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read .npy files with the images of one class each, and shuffle them, because they are in order of the classes."""
    rng = np.random.default_rng(data.split_seed)
    arrays: dict[str, np.ndarray] = {}
    for split in dict.fromkeys(piece.split for piece in data_set.pieces):
        found = {piece: _load_array(piece) for piece in data_set.pieces if piece.split == split}
        for piece, values in found.items():
            _check_type(values, piece.path.name)
        shapes = {values.shape[1:]: piece.path.name for piece, values in found.items()}
        if len(shapes) > 1 or {values.ndim for values in found.values()} == {1}:
            each = ", ".join(f"{name} {' × '.join(map(str, shape)) or 'none'}" for shape, name in shapes.items())
            raise ValueError(f"its .npy files are not the images of one class each: values per image are {each}")
        if len({values.dtype.kind in "fb" for values in found.values()}) > 1:
            raise ValueError("its .npy files have images of different types, so they have no common scale")
        images = np.concatenate(list(found.values()))
        labels = np.repeat([piece.what for piece in found], [len(values) for values in found.values()])
        order = rng.permutation(len(labels))
        arrays |= {f"x_{split or 'train'}": images[order], f"y_{split or 'train'}": labels[order]}
    return _join_splits(arrays)


def _load_array(piece: Piece) -> np.ndarray:
    """Return an array with at least one axis of a .npz, .npy or HDF5 file; nothing is unpickled."""
    name, begins = piece.path.name, b""
    if piece.path.suffix.lower() in hdf5.SUFFIXES:
        return hdf5.read_array(piece.path, piece.key)
    try:
        with open(piece.path, "rb") as file:
            begins = file.read(6)
        loaded = np.load(piece.path, allow_pickle=False)
        values = loaded[piece.key] if piece.key else loaded
    except MemoryError:
        raise
    except Exception as error:  # from zip, zlib, tokenize and numpy
        fault = "it contains Python objects, which are never unpickled" if "allow_pickle" in str(error) else error
        fault = fault if begins.startswith(NUMPY) else "it is not a NumPy file; download it again"
        raise ValueError(f"{name}: {fault}") from None
    if not isinstance(values, np.ndarray) or values.ndim == 0:
        raise ValueError(f"{name}: it contains no array of images or labels")
    return values


def _check_type(values: np.ndarray, name: str) -> None:
    if values.dtype.kind not in "buif":
        raise ValueError(f"{name}: values of the type {values.dtype} are not images")


def _flatten(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.dtype.kind == "S":
        try:
            labels = np.char.decode(labels, "utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{name}: the labels are not in UTF-8") from None
    if labels.dtype.kind == "U":
        labels = np.char.strip(labels)
    if labels.ndim > 1 and labels.size == max(labels.shape):
        return labels.reshape(-1)
    numbers = labels.ndim == 2 and labels.dtype.kind in "buif"
    if numbers and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
        return labels.argmax(axis=1)
    if labels.ndim != 1:
        raise ValueError(f"{name}: labels of the shape {labels.shape} {_advise_on_labels(labels)}")
    return labels


def _advise_on_labels(labels: np.ndarray) -> str:
    """Say what labels with several values per image may be, and how to convert them."""
    if labels.ndim != 2 or labels.dtype.kind not in "buif":
        return "have more than one class per image"
    for axis, values in (("axis=1", labels), ("axis=0", labels.T)):
        order = np.sort(values, axis=1)
        if values.shape[1] > 1 and len(values) >= values.shape[1] and (order[:, -1] > order[:, -2]).all():
            kind = "a transposed one-hot array" if axis == "axis=0" else "no one-hot rows of 0 and 1"
            alike = len(np.unique(order.round(5), axis=0)) == 1  # smoothed one-hot, or -1 and 1
            if alike or axis == "axis=1" and np.allclose(values.sum(axis=1), 1):
                return f"are {kind}; if the largest value shows the class, save labels.argmax({axis}) in their place"
    return "have more than one class per image"


def _name_array(piece: Piece) -> str:
    return piece.path.name + (f", {piece.key}" if piece.key else "")


def read_csv(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read tables with labels and pixels; a column may contain the split of each row."""
    found: dict[str, tuple[list[str], list[np.ndarray]]] = {}
    for piece in data_set.pieces:
        columns = read_columns(piece.path)
        assert columns is not None, "the layout was found by it"
        for label, usage, pixels, line in read_rows(piece.path, columns):
            where = f"{piece.path.name}, line {line}"
            split = piece.split or "train" if columns.usage is None else read_usage(usage, where)
            labels, rows = found.setdefault(split, ([], []))
            try:
                rows.append(np.array(pixels, "float32"))
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            labels.append(label)
    if not found:
        raise ValueError("its tables have no rows")
    lengths = {len(row) for _, rows in found.values() for row in rows}
    if len(lengths) > 1:
        raise ValueError(f"its rows have different numbers of pixels, {min(lengths)} to {max(lengths)}")
    arrays = {f"x_{split}": np.stack(rows) for split, (_, rows) in found.items()}
    return _join_splits(arrays | {f"y_{split}": _number(labels) for split, (labels, _) in found.items()})


def read_usage(word: str, where: str) -> str:
    """Return the split that a word in a table names; raise ValueError if it names none."""
    if split := read_role(word)[0]:
        return split
    raise ValueError(
        f"{where}: {word!r} in the column of splits is unknown; use train, val or test, or remove the column"
    )


def _number(labels: list[str]) -> np.ndarray:
    """Return labels as numbers if all are numeric, otherwise as text."""
    try:
        return np.array(labels, "float64")
    except ValueError:
        return np.array(labels)


def read_parquet(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read tables with a column of encoded images and one of labels.

    Raises:
        ReportError: pyarrow is not installed.
    """
    tables, names = read_tables([piece.path for piece in data_set.pieces])
    encoded = [image for table in tables for image in table.images]
    labels = np.array([label for table in tables for label in table.labels], "float64")
    if not len(labels) or (labels != np.floor(labels)).any():
        raise ValueError("the labels are not whole numbers" if len(labels) else "its tables have no rows")
    splits, origin = [], []
    for piece, table in zip(data_set.pieces, tables, strict=True):
        rows = [f"{piece.path.name}, row {row}" for row in range(len(table.labels))]
        origin += rows
        splits += (
            [read_usage(word, where) for word, where in zip(table.usage, rows, strict=True)]
            if table.usage
            else [piece.split or "train"] * len(rows)
        )
    return _decode(encoded, labels.astype("int64"), np.array(splits), names, origin, data, tick)


def read_folders(data_set: DataSet, data: DataSettings, tick: Tick) -> RawDataSet:
    """Read one folder of images per class; the classes are in the order of their names."""
    names = tuple(sorted({piece.what for piece in data_set.pieces}, key=sort_key))
    number = {name: place for place, name in enumerate(names)}
    assert data_set.folder is not None, "images are in a folder"
    n_pages = _count_pages(data_set, data.pages)
    pieces, sources, origin = [], [], []
    for piece in data_set.pieces:
        where = show_path(piece.path, data_set.folder)
        for page in range(n_pages.get(piece.path, 1)):
            pieces.append(piece)
            sources.append(Page(piece.path, page) if piece.path in n_pages else piece.path)
            origin.append(f"{where}, page {page + 1}" if piece.path in n_pages else where)
    labels = np.array([number[piece.what] for piece in pieces])
    splits = np.array([piece.split or "train" for piece in pieces])
    read = _decode(sources, labels, splits, names, origin, data, tick)
    if not n_pages:
        return read
    told = Note(notes_of.PAGES, " (--set data.pages)", n=sum(n_pages.values()), files=len(n_pages))
    return replace(read, notes=(*read.notes, told))


def _count_pages(data_set: DataSet, pages: str) -> dict[Path, int]:
    """Return the number of pages of each TIFF file whose pages are images of their own.

    Args:
        pages: data.pages; with "auto", the pages of the only file of each class are images.

    Raises:
        ValueError: pages may be images, or parts of one.
    """
    tiff = [piece for piece in data_set.pieces if piece.path.suffix.lower() in (".tif", ".tiff")]
    counts = {piece: count_pages(piece.path) for piece in tiff} if pages != "first" else {}
    several = {piece.path: n for piece, n in counts.items() if n > 1}
    alone = len({(piece.split, piece.what) for piece in data_set.pieces}) == len(data_set.pieces)
    if several and pages == "auto" and not alone:
        path, n = next(iter(several.items()))
        raise ValueError(
            f"{len(several):,} TIFF files have several pages of one size, such as {show_name(path.name)} with {n:,}. "
            "--set data.pages=all takes each page as an image; data.pages=first takes only the first of each file"
        )
    return several


def _decode(
    sources: typing.Sequence[Encoded], labels: np.ndarray, splits: np.ndarray, names: tuple[str, ...],
    origin: list[str], data: DataSettings, tick: Tick,
) -> RawDataSet:  # fmt: skip
    """Decode images and divide them into splits, shuffled because files are in the order of the classes.

    Args:
        origin: the name of each source in messages.

    Raises:
        ValueError: images cannot be read and must not be skipped; the message lists them.
    """
    pad = data.aspect_ratio == "pad"
    images, read, faults, sizes, frames, spread = read_images(
        sources, data.side, lambda n: tick(n, len(sources)), pad=pad
    )
    if faults and not data.skip_unreadable:
        if len(faults) > MOST_NAMED and len(set(faults.values())) == 1:
            reason, place = next(iter(faults.values())), next(iter(faults))
            raise ValueError(f"{len(faults):,} images cannot be read, such as {origin[place]}: {reason}")
        named = "".join(f"\n  {origin[place]}: {reason}" for place, reason in list(faults.items())[:MOST_NAMED])
        further = f"\n  and {len(faults) - MOST_NAMED:,} more" if len(faults) > MOST_NAMED else ""
        raise ValueError(
            f"images that cannot be read: {len(faults):,}.{named}{further}\nRepair or remove them, or skip them "
            "with --set data.skip_unreadable=true."
        )
    for label in np.setdiff1d(labels, labels[read]):
        name = repr(names[label]) if 0 <= label < len(names) else str(label)
        raise ValueError(
            f"none of the {int((labels == label).sum()):,} images of the class {name} can be read; repair them, or "
            "remove the class"
        )
    labels, splits = labels[read], splits[read]
    order = np.random.default_rng(data.split_seed).permutation(len(labels))
    images, labels, splits = images[order], labels[order], splits[order]
    arrays = {f"x_{split}": images[splits == split] for split in dict.fromkeys(splits.tolist())}
    arrays |= {f"y_{split}": labels[splits == split] for split in dict.fromkeys(splits.tolist())}
    notes = (
        *_describe_sizes(sizes, origin, data.side, pad),
        *_describe_frames(frames, origin),
        *_describe_spread(spread),
    )
    return RawDataSet(arrays, names, len(faults), notes)


def _describe_frames(frames: dict[int, int], origin: list[str]) -> tuple[Note, ...]:
    """Describe files with several frames or pages, if there are any."""
    if not frames:
        return ()
    first, n = next(iter(frames.items()))
    return (Note(notes_of.FRAMES, n=len(frames), file=origin[first], frames=n),)


def _describe_spread(spread: Spread | None) -> tuple[Note, ...]:
    """Describe values far from nearly all others of images of more than eight bits, by which all images are scaled."""
    if spread is None:
        return ()
    usual, share, notes = spread.usual_high, 100 * NEARLY_ALL, []
    if spread.high > STRAY * usual > 0:
        hint = "; clip the values if they are strays"
        notes.append(Note(notes_of.DARK, hint, high=spread.high, share=share, usual=usual))
    if spread.usual_low >= 0 and spread.low < -LEAST_BELOW * usual:
        hint = "; replace values that stand for missing data"
        notes.append(Note(notes_of.LOW, hint, low=spread.low, share=share, usual=spread.usual_low))
    return tuple(notes)


def _describe_sizes(sizes: dict[int, tuple[int, int]], origin: list[str], side: int, pad: bool) -> tuple[Note, ...]:
    """Describe images that become squares because sizes differ or are too large, and what is cut off."""
    counts = collections.Counter(sizes.values()).most_common()
    if not counts or len(counts) == 1 and max(counts[0][0]) <= LARGEST:
        return ()
    (width, height), n = counts[0]
    squares = Note(notes_of.PADDED if pad else notes_of.CROPPED, " (--set data.side)", side=side)
    if len(counts) > 1 and 2 * n > len(sizes):
        other = next(place for place, size in sizes.items() if size != (width, height))
        w, h = sizes[other]
        odd = Note(notes_of.SIZES, n=n, width=width, height=height, others=len(sizes) - n, file=origin[other], w=w, h=h)
        return odd, squares
    ratios = {place: max(size) / min(size) for place, size in sizes.items()}
    most, n_long = max(ratios, key=ratios.__getitem__), sum(ratio >= LONG for ratio in ratios.values())
    if not n_long or pad:
        return (squares,)
    w, h = sizes[most]
    hint = "; --set data.aspect_ratio=pad keeps them"
    return squares, Note(notes_of.CUT, hint, n=n_long, ratio=LONG, file=origin[most], w=w, h=h)


def _check_order(images: np.ndarray, labels: np.ndarray, split: str) -> None:
    """Raise ValueError if the number of images is the last axis, as MATLAB's users save them."""
    n = len(labels)
    if images.ndim in (3, 4) and len(images) != n == images.shape[-1]:
        raise ValueError(
            f"the {split} images have the shape {images.shape}, with the {n:,} images on the last axis; save "
            "np.moveaxis(images, -1, 0) in their place"
        )


def _join_splits(found: dict[str, np.ndarray]) -> RawDataSet:
    """Check that images and labels match, and convert the images to one scale.

    An empty split is ignored. Text labels are numbered in the order of their names.
    """
    found = {name: values for name, values in found.items() if len(values) or name.startswith(("x_train", "y_train"))}
    splits = dict.fromkeys(name[2:] for name in found)
    for split in splits:
        for what, noun in (("x", "images"), ("y", "labels")):
            if f"{what}_{split}" not in found:
                raise ValueError(f"the {split} {noun} are missing")
        _check_order(found[f"x_{split}"], found[f"y_{split}"], split)
        check_pair(found[f"x_{split}"], found[f"y_{split}"])
    images = {name: values for name, values in found.items() if name.startswith("x")}
    if not all(values.size for values in images.values()):
        raise ValueError("there are no training images")
    if len({values.dtype.kind in "fb" for values in images.values()}) > 1:
        types = ", ".join(f"{name[2:]} {values.dtype}" for name, values in images.items())
        raise ValueError(f"the splits have images of different types, so they have no common scale: {types}")
    _check_ranges(images)
    notes = (*_describe_strays(images), *_describe_rows(images))
    grey = arrays_to_grey(images)
    shapes = {split: grey[f"x_{split}"].shape[1:] for split in splits}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{split} {' × '.join(map(str, shape))}" for split, shape in shapes.items())
        raise ValueError(f"the images of the splits have different sizes in pixels: {listed}")
    labels = {name: values for name, values in found.items() if name.startswith("y")}
    grey, labels, more = _leave_out_unlabelled(grey, labels)
    notes += more
    if all(values.dtype.kind in "US" for values in labels.values()):
        names = tuple(sorted({str(value) for values in labels.values() for value in values}, key=sort_key))
        number = {name: place for place, name in enumerate(names)}
        numbered = {name: np.array([number[str(v)] for v in values]) for name, values in labels.items()}
        return RawDataSet(grey | numbered, names, notes=notes)
    for name, values in labels.items():
        whole = values.dtype.kind in "bui" or (values.dtype.kind == "f" and np.isfinite(values).all())
        if not whole or (values != np.floor(values.astype("float64"))).any():
            raise ValueError(f"the {name[2:]} labels are not whole numbers")
    return RawDataSet(grey | {name: values.astype("int64") for name, values in labels.items()}, notes=notes)


def _leave_out_unlabelled(
    images: dict[str, np.ndarray], labels: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], tuple[Note, ...]]:
    """Leave out images whose label is −1, if that is the only negative label, as of unlabelled images."""
    images, labels = dict(images), dict(labels)
    if {value for values in labels.values() for value in np.unique(values).tolist()} == {-1, 1}:
        return images, labels, ()  # two classes
    n = 0
    for name, values in labels.items():
        if values.dtype.kind not in "if" or not (values < 0).any() or (values[values < 0] != -1).any():
            continue
        has_label = values != -1
        n += int((~has_label).sum())
        labels[name], images[f"x{name[1:]}"] = values[has_label], images[f"x{name[1:]}"][has_label]
    empty = [name for name, values in labels.items() if not len(values)]
    for name in empty:
        del labels[name], images[f"x{name[1:]}"]
    return images, labels, (Note(notes_of.NO_LABEL, n=n),) if n else ()


def _describe_rows(images: dict[str, np.ndarray]) -> tuple[Note, ...]:
    """Describe rows of values that are read as images in colour."""
    rows = next((values for values in images.values() if values.ndim == 2), None)
    form = None if rows is None else find_form(rows)
    if form is None or len(form) < 3:
        return ()
    side, channels = max(form), min(form)
    message = notes_of.ROWS if channels == 3 else notes_of.ROWS_CUT
    return (Note(message, n=side * side * channels, side=side, channels=channels),)


def _describe_strays(images: dict[str, np.ndarray]) -> tuple[Note, ...]:
    """Describe images without any number, and values far above nearly all others, by which all images are scaled."""
    notes = []
    for name, values in images.items():
        if values.dtype.kind != "f":
            continue
        is_finite = np.isfinite(values)
        empty = ~is_finite.reshape(len(values), -1).any(axis=1)
        if 0 < empty.sum() < len(values):
            where = f" (in {name}; remove them, with their labels)"
            notes.append(Note(notes_of.BLANK, where, n=int(empty.sum()), first=int(empty.argmax())))
        finite = values[is_finite]
        usual = float(np.quantile(finite, USUAL)) if finite.size else 0.0
        if usual > 0 and finite.max() > STRAY * usual:
            where = f" (in {name}; clip the values if they are strays)"
            high = float(f"{finite.max():g}")
            notes.append(Note(notes_of.DARK, where, high=high, share=100 * USUAL, usual=float(f"{usual:g}")))
    return tuple(notes)


def _check_ranges(images: dict[str, np.ndarray]) -> None:
    """Raise ValueError if the splits have different ranges of values, such as 0 to 1 and 0 to 255."""
    ranges = {}
    for name, values in images.items():
        finite = values[np.isfinite(values)]
        if finite.size and finite.any():
            ranges[name[2:]] = float(finite.min()), float(finite.max())
    tops = [max(abs(low), abs(high)) for low, high in ranges.values()]
    negative = {low < -LEAST_BELOW * high for low, high in ranges.values()}  # resampling overshoots a little
    of_one_kind = all(values.dtype.kind == "f" or values.dtype == np.uint8 for values in images.values())
    if of_one_kind and tops and (max(tops) > MOST_APART * min(tops) or len(negative) > 1):
        listed = ", ".join(f"{split} {low:g} to {high:g}" for split, (low, high) in ranges.items())
        raise ValueError(f"the values of the splits have different ranges, {listed}; scale all to one range")


READERS: dict[str, typing.Callable[[DataSet, DataSettings, Tick], RawDataSet]] = {
    "idx": read_idx_files, "arrays": read_arrays, "class_arrays": read_class_arrays, "csv": read_csv,
    "parquet": read_parquet, "images": read_folders,
}  # fmt: skip
