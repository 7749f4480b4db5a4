"""Data sets of the user's own, read into arrays: IDX files of the MNIST family, or a folder of pictures a class."""

from pathlib import Path

import numpy as np

from fmnist_report.data.detection import ARRAYS, MAX_BYTES, DataSet, find_data_set
from fmnist_report.data.idx import IMAGES_MAGIC, LABELS_MAGIC, check_pair, decompress, parse_idx
from fmnist_report.data.split import Task, stratify, write_parts
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import DataSettings

MOST_CLASSES = 100
LEAST_TRAIN = 120
LEAST_OF_CLASS = 8  # so that the split and the maps find some of each


def prepare_own_data(
    out: Path, progress: Progress, *, data: DataSettings, mirror: bool, transposed: bool, data_set: DataSet
) -> None:
    """Stage `data` for a data set of the user's own; see write_parts for what it writes.

    Labels are counted from 0 in the order of those that occur. Where a folder has no test pictures of its own, a sixth
    of each class is set apart for the test, drawn by data.split_seed.

    Raises:
        ReportError: the pictures cannot be used, or have changed since the run was planned.
    """
    if find_data_set(data_set.folder).sha256 != data_set.sha256:
        raise ReportError(f"The data set in {str(data_set.folder)!r} has changed since this run began; run again.")
    try:
        arrays = read_idx_files(data_set) if data_set.files else read_pictures(data_set, data)
        if transposed:
            arrays |= {name: arrays[name].swapaxes(1, 2) for name in ("x_train", "x_test")}
        arrays |= {name: fill_up(arrays[name]) for name in ("x_train", "x_test")}
        labels = number_labels(arrays)
        check_size(arrays, len(labels), data_set)
    except (OSError, ValueError) as error:
        raise ReportError(f"The data set in {str(data_set.folder)!r} cannot be used: {error}") from None
    n_train, height, width = arrays["x_train"].shape
    progress.say(f"{data_set.name}: {n_train:,} pictures of {height} × {width} pixels in {len(labels)} classes.")
    write_parts(out, arrays, data, Task(height, width, labels, mirror))


def read_idx_files(data_set: DataSet) -> dict[str, np.ndarray]:
    """Read the four files, plain or packed.

    Returns:
        x_train (n, height, width), y_train (n,), x_test and y_test, uint8.

    Raises:
        ValueError: a file is damaged, or pictures and labels do not belong together; names the file.
    """
    arrays = {}
    for array in ARRAYS:
        path = data_set.files[array]
        try:
            raw = decompress(path.read_bytes(), MAX_BYTES)
            arrays[array] = parse_idx(raw, IMAGES_MAGIC if array.startswith("x") else LABELS_MAGIC)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    for part in ("train", "test"):
        check_pair(arrays[f"x_{part}"], arrays[f"y_{part}"], 256)
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        shapes = [" × ".join(map(str, arrays[name].shape[1:])) for name in ("x_train", "x_test")]
        raise ValueError(f"the training pictures have {shapes[0]} pixels, the test pictures {shapes[1]}")
    return arrays


def read_pictures(data_set: DataSet, data: DataSettings) -> dict[str, np.ndarray]:
    """Read a folder of pictures a class, in shades of grey.

    Pictures of different sizes are cut to squares around their middle and brought to data.side pixels.

    Returns:
        As read_idx_files.

    Raises:
        ValueError: a picture cannot be read; names it.
    """
    from PIL import Image, ImageOps

    found = []
    for _, _, path in data_set.pictures:
        try:
            with Image.open(path) as picture:
                found.append(ImageOps.exif_transpose(picture).convert("L"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"{path.parent.name}/{path.name} is no picture that can be read ({error})") from None
    sizes = {picture.size for picture in found}
    side = (data.side, data.side)
    if len(sizes) > 1 or max(max(size) for size in sizes) > 4 * data.side:
        found = [ImageOps.fit(picture, side, Image.Resampling.LANCZOS) for picture in found]
    x = np.stack([np.asarray(picture, "uint8") for picture in found])
    names = sorted({label for _, label, _ in data_set.pictures})
    y = np.array([names.index(label) for _, label, _ in data_set.pictures], "uint8")
    parts = np.array([part for part, _, _ in data_set.pictures])
    if set(parts) == {""}:
        every = np.arange(len(y))
        least = np.bincount(y).min()
        if least < LEAST_OF_CLASS:
            raise ValueError(f"one class has only {least} pictures; each has to have at least {LEAST_OF_CLASS}")
        test = np.sort(stratify(every, y, max(len(names), len(y) // 6), data.split_seed))
        parts = np.where(np.isin(every, test), "test", "train")
    order = np.random.default_rng(data.split_seed).permutation(len(y))  # the folders' order is that of the classes
    x, y, parts = x[order], y[order], parts[order]
    return {f"{kind}_{part}": a[parts == part] for part in ("train", "test") for kind, a in (("x", x), ("y", y))}


def fill_up(pictures: np.ndarray) -> np.ndarray:
    """Fill (n, height, width) pictures up to squares, with black on both sides of the shorter axis."""
    _, height, width = pictures.shape
    missing = [max(height, width) - side for side in (height, width)]
    return np.pad(pictures, ((0, 0), *((n // 2, n - n // 2) for n in missing)))


def number_labels(arrays: dict[str, np.ndarray]) -> tuple[int, ...]:
    """Number the labels from 0 in the order of those that occur, in place; returns those that occur.

    Raises:
        ValueError: a test picture has a label that no training picture has.
    """
    labels = np.unique(arrays["y_train"])
    strange = np.setdiff1d(arrays["y_test"], labels)
    if len(strange):
        raise ValueError(f"there is a test label {strange[0]} that no training picture has")
    for name in ("y_train", "y_test"):
        arrays[name] = np.searchsorted(labels, arrays[name]).astype("uint8")
    return tuple(int(label) for label in labels)


def check_size(arrays: dict[str, np.ndarray], n_classes: int, data_set: DataSet) -> None:
    """Check that there is enough to learn from, and a name for every class; raises ValueError."""
    n_train, height, width = arrays["x_train"].shape
    least = np.bincount(arrays["y_train"]).min()
    if not 2 <= n_classes <= MOST_CLASSES:
        raise ValueError(f"it has {n_classes} classes; from 2 to {MOST_CLASSES} can be compared")
    if n_train < LEAST_TRAIN or least < LEAST_OF_CLASS or not len(arrays["x_test"]):
        raise ValueError(
            f"there are {n_train} training pictures, {least} of the rarest class, and {len(arrays['x_test'])} test "
            f"pictures; at least {LEAST_TRAIN}, {LEAST_OF_CLASS} and 1 are needed"
        )
    if min(height, width) < 8 or max(height, width) > 224:
        raise ValueError(f"its pictures have {height} × {width} pixels; sides from 8 to 224 can be used")
    named = len(next(iter(data_set.classes.values()), ()))
    if named not in (0, n_classes):
        raise ValueError(f"classes.toml names {named} classes, but there are {n_classes}")
