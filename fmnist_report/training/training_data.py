"""Training data: images, labels and extracted features."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.split import DatasetInfo, load_dataset_info
from fmnist_report.models.arrays import Weights
from fmnist_report.pipeline.files import load_arrays
from fmnist_report.settings import HeadSettings
from fmnist_report.training.stores import FeatureStore


@dataclass(frozen=True)
class TrainingData:
    """All possible inputs of the networks; each network uses a part of them.

    Args:
        images: {split: (n, height, width)} uint8; splits are train, val and, for stages, test.
        labels: {"train": (n_train,), "val": (n_val,)}.
        views: for every split, features of the original and, optionally, mirrored images, (n, n_features) float16 each.
        store: the open features, or rows of them in memory.
        base: weights of the base.
        head: settings of the dense head, from which fine-tuning starts.
    """

    dataset: DatasetInfo
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    views: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    store: FeatureStore | None = None
    base: Weights = dataclasses.field(default_factory=dict)
    head: HeadSettings = HeadSettings()


def load_training_data(data: Path) -> TrainingData:
    """Read all images and the labels of training and validation."""
    return TrainingData(load_dataset_info(data), load_arrays(data / "images.npz"), load_arrays(data / "labels.npz"))


def read_views(store: FeatureStore, n: dict[str, int] | None = None) -> dict[str, list[np.ndarray]]:
    """Read the pooled features of every view of the first n[split] images of splits; all images by default."""
    n = n or store.counts
    return {split: [store.pooled(split, view, count) for view in store.views] for split, count in n.items()}
