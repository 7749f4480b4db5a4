"""What networks are trained on and asked about: pictures, labels, and what the frozen base made of them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.split import Task, load_task
from fmnist_report.models.arrays import Weights
from fmnist_report.pipeline.files import load_arrays
from fmnist_report.settings import HeadSettings
from fmnist_report.training.stores import FeatureStore, MemoryStore


@dataclass(frozen=True)
class Material:
    """Whatever a network may read of some or all pictures; a network takes what it needs.

    Args:
        pictures: {part: (n, height, width)} uint8; parts are train, val and, for stages, test.
        labels: {"train": (n_train,), "val": (n_val,)}.
        views: for every part, the original's and perhaps the mirror image's features, (n, n_features) float32 each.
        store: the open features, or rows of them in memory.
        base: its weights.
        head: settings of the dense head, from which fine-tuning starts.
    """

    task: Task
    pictures: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    views: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    store: FeatureStore | MemoryStore | None = None
    base: Weights = dataclasses.field(default_factory=dict)
    head: HeadSettings = HeadSettings()


def load_material(data: Path) -> Material:
    """Read all pictures and the labels of training and validation."""
    return Material(load_task(data), load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz"))


def read_views(store: FeatureStore, n: dict[str, int] | None = None) -> dict[str, list[np.ndarray]]:
    """Read the pooled features of every view of the first n[part] pictures of parts; of all by default."""
    n = n or store.counts
    return {part: [store.pooled(part, view, count) for view in store.views] for part, count in n.items()}
