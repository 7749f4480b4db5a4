"""What the networks have to do, and the split into training, validation and test, as the stage `data` leaves it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.pipeline.files import read_json, save_arrays, write_json
from fmnist_report.settings import DataSettings


@dataclass(frozen=True)
class Task:
    """What the networks have to do.

    height, width: of a picture, in pixels.
    labels: each class's label in the files; the networks count classes from 0.
    mirror: whether a mirrored picture belongs to the same class; then networks learn from both and their answers to
        both are averaged.
    """

    height: int = 28
    width: int = 28
    labels: tuple[int, ...] = tuple(range(10))
    mirror: bool = True

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a picture, in pixels."""
        return self.height, self.width


def split_indices(labels: np.ndarray, settings: DataSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draw the stratified split once: at most 5,000 and at most a sixth of the pictures are set apart for validation.

    Args:
        labels: (n,) uint8; n is 60,000 for Fashion-MNIST.

    Returns:
        Indices of the n_train training and n_val validation pictures.
    """
    from sklearn.model_selection import train_test_split

    every = np.arange(len(labels))
    n_apart = min(5_000, len(labels) // 6)
    train, val = train_test_split(every, test_size=n_apart, stratify=labels, random_state=settings.split_seed)
    return (
        stratify(train, labels, settings.n_train, settings.split_seed),
        stratify(val, labels, settings.n_val, settings.split_seed),
    )


def stratify(indices: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw n of the indices, each class by its share; all of them, in their order, where there are no more than n."""
    from sklearn.model_selection import train_test_split

    if n >= len(indices):
        return indices
    return train_test_split(indices, train_size=n, stratify=labels[indices], random_state=seed)[0]


def write_parts(out: Path, arrays: dict[str, np.ndarray], data: DataSettings, task: Task) -> None:
    """Split the training pictures and write pictures.npz, labels.npz, and the test labels apart from both.

    pictures.npz holds train, val and test, (n, height, width) uint8; labels.npz holds train and val, (n,) uint8;
    test_labels.npz holds test and is read by the evaluation alone. task.json tells what load_task reads.

    Args:
        arrays: x_train, y_train, x_test and y_test.
    """
    x, y = arrays["x_train"], arrays["y_train"]
    train, val = split_indices(y, data)
    save_arrays(out / "pictures.npz", train=x[train], val=x[val], test=arrays["x_test"][: data.n_test])
    save_arrays(out / "labels.npz", train=y[train], val=y[val])
    save_arrays(out / "test_labels.npz", test=arrays["y_test"][: data.n_test])
    write_json(out / "task.json", dataclasses.asdict(task))


def load_task(data: Path) -> Task:
    """Read what a data entry says of its pictures."""
    return read_task(read_json(data / "task.json"))


def read_task(values: dict) -> Task:
    """Turn JSON's values back into a Task."""
    return Task(**{**values, "labels": tuple(values["labels"])})
