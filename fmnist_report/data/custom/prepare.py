"""Preparation of custom data sets: read, split and check them, and write the same arrays as for Fashion-MNIST."""

import hashlib
import typing
from pathlib import Path

import numpy as np

from fmnist_report.data.custom.detection import DataSet, find_data_set
from fmnist_report.data.custom.notes import SPLITS_FROM
from fmnist_report.data.custom.readers import READERS, RawDataSet
from fmnist_report.data.custom.tree import describe_kinds, show_name
from fmnist_report.data.split import ORIGIN, SPLITS, DatasetInfo, divide, write_splits
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import DataSettings

MOST_CLASSES = 100
LEAST_TRAIN = 120
LEAST_OF_CLASS = 8  # in total, so that training, validation, test and the maps have some of each class
LEAST_VAL = 20
LEAST_DISTINCT = 20  # different training images
NAMED = 5  # classes listed in a message


def prepare_custom_data(
    out: Path, progress: Progress, *, data: DataSettings, mirror: bool, transposed: bool, data_set: DataSet
) -> None:
    """Stage `data` for a custom data set; for its files see write_splits.

    Labels are numbered from 0 in the order of those that occur. Without a test split, a sixth of each class is held
    out for the test, drawn with data.split_seed. origin.json has the original splits, given; the number of unused
    files, skipped, {file extension: files}; the number of images omitted because they cannot be read, unreadable; the
    class names in the files, names; and notes for the report, as in Note.as_json.

    Raises:
        ReportError: the images cannot be used, or have changed since the run was planned.
    """
    if find_data_set(data_set.folder).sha256 != data_set.sha256:
        raise ReportError(f"The data set in {str(data_set.folder)!r} has changed since this run began; run again.")
    try:
        read = READERS[data_set.form](data_set, data, lambda n, total: progress.update(n, total, "images"))
        arrays = dict(read.arrays)
        images = [name for name in arrays if name.startswith("x")]
        if transposed:
            arrays |= {name: arrays[name].swapaxes(1, 2) for name in images}
        arrays |= {name: fill_up(arrays[name]) for name in images}
        names = name_labels(read, data_set)
        check_splits(arrays)
        check_counts(arrays, names)
        check_variation(arrays, read.notes)
        told: list[str] = []
        if "x_test" not in arrays:
            arrays |= set_test_apart(arrays, data.split_seed)
            told.append("there is no test split, so a sixth of each class is held out for the test")
        labels = number_labels(arrays, names)
        check_size(arrays, len(labels), data_set)
    except (OSError, ValueError) as error:
        why = "".join(f" ({note})" for note in data_set.notes if note.message == SPLITS_FROM)
        raise ReportError(f"The data set in {str(data_set.folder)!r} cannot be used: {error}{why}") from None
    n_train, height, width = arrays["x_train"].shape
    progress.say(f"{data_set.name}: {n_train:,} images of {height} × {width} pixels in {len(labels)} classes.")
    notes = [*data_set.notes, *read.notes]
    for note in [*notes, *told, *describe_rest(data_set, read)]:
        progress.say(f"{data_set.name}: {note}.")
    write_splits(out, arrays, data, DatasetInfo(height, width, labels, mirror))
    given = [split for split in SPLITS if f"x_{split}" in read.arrays]
    known = all(0 <= label < len(read.names) for label in labels)
    named = [show_name(read.names[label]) for label in labels] if known else []
    origin = {"given": given, "skipped": data_set.skipped, "unreadable": read.unreadable, "names": named}
    write_json(out / ORIGIN, {**origin, "notes": [note.as_json() for note in notes]})


def describe_rest(data_set: DataSet, read: RawDataSet) -> list[str]:
    """Describe the omitted files."""
    found = [f"not used: {describe_kinds(data_set.skipped)}"] if data_set.skipped else []
    return found + ([f"skipped because they cannot be read: {read.unreadable:,}"] if read.unreadable else [])


def name_labels(read: RawDataSet, data_set: DataSet) -> dict[int, str]:
    """Return the text for each label in messages: the class name, if known, or the label."""
    named: typing.Sequence[str] = read.names or next(iter(data_set.classes.values()), [])
    labels = np.unique(np.concatenate([values for name, values in read.arrays.items() if name.startswith("y")]))
    if read.names:
        return {int(label): repr(named[label]) if 0 <= label < len(named) else str(label) for label in labels}
    same = len(named) == len(labels)
    return {int(label): repr(named[i]) if same else str(label) for i, label in enumerate(labels)}


def set_test_apart(arrays: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Hold out a sixth of each class of the training split for the test, and return the new splits."""
    labels = arrays["y_train"]
    n_test = max(len(np.unique(labels)), len(labels) // 6)
    test = np.sort(divide(np.arange(len(labels)), labels, n_test, seed)[0])
    is_test = np.isin(np.arange(len(labels)), test)
    return {f"{what}_{split}": arrays[f"{what}_train"][chosen]
            for what in "xy" for split, chosen in (("train", ~is_test), ("test", is_test))}  # fmt: skip


def fill_up(images: np.ndarray) -> np.ndarray:
    """Pad (n, height, width) images to squares, with black on both sides of the shorter axis."""
    _, height, width = images.shape
    missing = [max(height, width) - side for side in (height, width)]
    return np.pad(images, ((0, 0), *((n // 2, n - n // 2) for n in missing)))


def number_labels(arrays: dict[str, np.ndarray], names: dict[int, str]) -> tuple[int, ...]:
    """Number the labels from 0 in the order of those that occur, in place; return those that occur.

    Raises:
        ValueError: a split has a class that training does not have, or there are no test images of a class.
    """
    labels = np.unique(arrays["y_train"])
    for split in (name[2:] for name in arrays if name.startswith("y")):
        strange = np.setdiff1d(arrays[f"y_{split}"], labels)
        if len(strange):
            raise ValueError(
                f"there is no training image of {_list(strange, names)}, but there are {split} images; remove them, "
                "or add training images"
            )
    missing = np.setdiff1d(labels, arrays["y_test"])
    if len(missing):
        raise ValueError(
            f"there is no test image of {_list(missing, names)}, so its accuracy cannot be measured; add some, or "
            "remove the class"
        )
    for name in [name for name in arrays if name.startswith("y")]:
        arrays[name] = np.searchsorted(labels, arrays[name]).astype("uint8")
    return tuple(int(label) for label in labels)


def _list(labels: typing.Iterable[int], names: dict[int, str]) -> str:
    words = [names.get(int(label), str(label)) for label in labels]
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return f"the {'class' if len(words) == 1 else 'classes'} {', '.join(words[:NAMED])}{more}"


def check_splits(arrays: dict[str, np.ndarray]) -> None:
    """Check that there is a training split, and that a validation split is large enough; raise ValueError if not."""
    if "x_train" not in arrays:
        found = " and ".join(name[2:] for name in arrays if name.startswith("x"))
        raise ValueError(f"there is no training split, only {found}")
    if 0 < len(arrays.get("x_val", ())) < LEAST_VAL:
        raise ValueError(
            f"the validation split has {len(arrays['x_val'])} images; at least {LEAST_VAL} are needed, or none: a "
            "sixth of the training images is then used"
        )


def check_counts(arrays: dict[str, np.ndarray], names: dict[int, str]) -> None:
    """Check that there are enough images of every class, and not too many classes; raise ValueError if not."""
    labels, counts = np.unique(arrays["y_train"], return_counts=True)
    if not 2 <= len(labels) <= MOST_CLASSES:
        raise ValueError(f"it has {len(labels)} classes; 2 to {MOST_CLASSES} are supported")
    rare = counts < LEAST_OF_CLASS
    if rare.any():
        raise ValueError(
            f"there are too few images of {_list(labels[rare], names)}: {', '.join(map(str, counts[rare][:NAMED]))}; "
            f"each class needs at least {LEAST_OF_CLASS} for training. Add some, or remove the class"
        )


def check_variation(arrays: dict[str, np.ndarray], notes: typing.Sequence[str] = ()) -> None:
    """Check that the training images differ; raise ValueError if there are fewer than LEAST_DISTINCT different ones."""
    images = arrays["x_train"]
    distinct = {hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images}
    if len(distinct) < LEAST_DISTINCT:
        told = next((f": {note}" for note in notes if "the scale" in note or "is black" in note), "")
        which = "are all the same" if len(distinct) == 1 else f"are only {len(distinct)} different ones"
        raise ValueError(
            f"its {len(images):,} training images {which}, so nothing can be learned from them; at least "
            f"{LEAST_DISTINCT} must differ. Are the values of the images where they should be?{told}"
        )


def check_size(arrays: dict[str, np.ndarray], n_classes: int, data_set: DataSet) -> None:
    """Check the number and size of training images, and the number of class names; raise ValueError if invalid."""
    n_train, height, width = arrays["x_train"].shape
    if n_train < LEAST_TRAIN:
        raise ValueError(f"there are {n_train} training images; at least {LEAST_TRAIN} are needed")
    if min(height, width) < 8 or max(height, width) > 224:
        raise ValueError(f"its images have {height} × {width} pixels; sides from 8 to 224 are supported")
    named = len(next(iter(data_set.classes.values()), ()))
    if named not in (0, n_classes):
        raise ValueError(f"classes.toml names {named} classes, but there are {n_classes}")
