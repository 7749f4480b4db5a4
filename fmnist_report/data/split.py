"""Description of the data set, and its split into training, validation and test."""

import dataclasses
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.pipeline.files import read_json, save_arrays, write_json
from fmnist_report.settings import DataSettings

SPLITS = ("train", "val", "test")
ORIGIN = "origin.json"  # in the data entry of a custom data set
FASHION_ORIGIN: dict[str, typing.Any] = {
    "given": ["train", "test"],
    "skipped": {},
    "unreadable": 0,
    "names": [],
    "notes": [],
}


@dataclass(frozen=True)
class DatasetInfo:
    """Properties of the data set that the networks depend on.

    height, width: size of an image, in pixels.
    labels: each class's label in the files; the networks count classes from 0.
    mirror: whether a mirrored image belongs to the same class; if so, networks are trained on both and their
        predictions for both are averaged.
    """

    height: int = 28
    width: int = 28
    labels: tuple[int, ...] = tuple(range(10))
    mirror: bool = True

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return self.height, self.width


def split_indices(labels: np.ndarray, settings: DataSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draw the stratified split: at most 5,000 and at most a sixth of the images are for validation.

    Args:
        labels: (n,) uint8; n is 60,000 for Fashion-MNIST.

    Returns:
        Indices of the n_train training and n_val validation images.
    """
    n_apart = max(len(np.unique(labels)), min(5_000, len(labels) // 6))
    train, val = divide(np.arange(len(labels)), labels, len(labels) - n_apart, settings.split_seed)
    return (
        stratify(train, labels, settings.n_train, settings.split_seed),
        stratify(val, labels, settings.n_val, settings.split_seed),
    )


def stratify(indices: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw a stratified sample of n indices; return all, in their order, if there are no more than n."""
    return indices if n >= len(indices) else divide(indices, labels, n, seed)[0]


def divide(indices: np.ndarray, labels: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide indices into two stratified parts, both in random order; the first has n.

    scikit-learn's stratified split requires each part to be large enough for every class. For smaller parts, indices
    are drawn class by class, so that the first part has at least one of each class, if n allows it.

    Args:
        labels: (m,), labels of all images.
    """
    from sklearn.model_selection import train_test_split

    own = labels[indices]
    counts = np.unique(own, return_counts=True)[1]
    n_rest = len(indices) - n
    if min(n, n_rest) >= len(counts) and counts.min() > 1:
        first, rest = train_test_split(indices, train_size=n, test_size=n_rest, stratify=own, random_state=seed)
        return first, rest
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(indices))
    ranks = np.empty(len(indices), int)  # rank of each index within its class, in the drawn order
    for label in np.unique(own):
        of_class = drawn[own[drawn] == label]
        ranks[of_class] = np.arange(len(of_class))
    share = (ranks + 0.5) / counts[np.searchsorted(np.unique(own), own)]
    order = np.lexsort((drawn.argsort(), share, ranks > 0))
    return indices[order[:n]], indices[order[n:]]


def write_splits(out: Path, arrays: dict[str, np.ndarray], data: DataSettings, dataset: DatasetInfo) -> None:
    """Split the training images and write images.npz, labels.npz and, separately, the test labels.

    An existing validation split is used. A split with more images than requested is reduced to a stratified sample.

    images.npz holds train, val and test, (n, height, width) uint8; labels.npz holds train and val, (n,) uint8;
    test_labels.npz holds test and is read by the evaluation only. dataset.json is read by load_dataset_info.

    Args:
        arrays: x_train, y_train, x_test and y_test; optionally x_val and y_val.
    """
    splits = dict.fromkeys(("train", "val"), "train") if "x_val" not in arrays else {"train": "train", "val": "val"}
    if "x_val" in arrays:
        every = {split: np.arange(len(arrays[f"y_{split}"])) for split in splits}
        wanted = {"train": data.n_train, "val": data.n_val}
        rows = {split: stratify(every[split], arrays[f"y_{split}"], wanted[split], data.split_seed) for split in splits}
    else:
        rows = dict(zip(splits, split_indices(arrays["y_train"], data), strict=True))
    splits["test"] = "test"
    rows["test"] = stratify(np.arange(len(arrays["y_test"])), arrays["y_test"], data.n_test, data.split_seed)
    images, labels = ({split: arrays[f"{what}_{splits[split]}"][rows[split]] for split in splits} for what in "xy")
    save_arrays(out / "images.npz", **images)
    save_arrays(out / "test_labels.npz", test=labels.pop("test"))
    save_arrays(out / "labels.npz", **labels)
    write_json(out / "dataset.json", dataclasses.asdict(dataset))


def load_dataset_info(data: Path) -> DatasetInfo:
    """Read the description of the images in a data entry."""
    return read_dataset_info(read_json(data / "dataset.json"))


def load_origin(data: Path) -> dict[str, typing.Any]:
    """Read the original splits and the unused files of a data set, as written by prepare_custom_data."""
    return read_json(data / ORIGIN) if (data / ORIGIN).is_file() else FASHION_ORIGIN


def read_dataset_info(values: dict) -> DatasetInfo:
    """Convert JSON values to a DatasetInfo."""
    return DatasetInfo(**{**values, "labels": tuple(values["labels"])})
