"""One training of any network on a subset, as the study and the search need it."""

from __future__ import annotations

import functools
import itertools
import math
import typing
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from fmnist_report.batches import PictureBatches, smooth_labels
from fmnist_report.classifiers import FeatureBatches, standardisation
from fmnist_report.data import load_arrays
from fmnist_report.finetune import border_batches, predict_from_border, start_top
from fmnist_report.hardware import choose_precision
from fmnist_report.models.backbone import POOLED, build_assembled, build_head, set_base_weights
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.progress import Progress
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, MLPSettings, TrainingSettings
from fmnist_report.stores import FeatureStore, keep_in_memory
from fmnist_report.training import average_views, dtype_policy, fit, predict_probabilities, score, seeded
from fmnist_report.weights import Weights, load_base

NETWORKS = ("mlp", "cnn", "head", "finetune")
# An optimiser's usual rate relative to AdamW's; its decay goes by the inverse.
RATES = {"adamw": 1.0, "muon": 2.5, "sgd": 30.0, "lion": 0.2}
AfterEpoch = typing.Callable[[int, float], None]


@dataclass(frozen=True)
class Subset:
    """The first pictures of training and validation, and all that a network may read of them.

    Args:
        pictures: {"train": (n_train, height, width), "val": (n_val, height, width)} uint8.
        labels: {"train": (n_train,), "val": (n_val,)}.
        views: for both parts, the original's and perhaps the mirror image's features, (n, n_features) float32 each.
        store: the open features, for fine-tuning.
        base: its weights, for fine-tuning.
        head: settings of the head from which fine-tuning starts; it is trained on the same subset.
    """

    pictures: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    views: dict[str, list[np.ndarray]]
    store: FeatureStore
    base: Weights
    head: HeadSettings

    @functools.cached_property
    def start(self) -> keras.Model:
        """The head, trained on this subset with seed 0, whatever was trained before."""
        with seeded(0):
            model, batches, _ = _prepare_head(self.head, self, 0)
        _fit(model, batches, self.head)
        return model

    def portable(self, with_border: bool) -> Subset:
        """Return a subset that can be sent to another machine, without files.

        Args:
            with_border: also what fine-tuning reads.
        """
        n = {part: len(labels) for part, labels in self.labels.items()}
        return replace(self, store=keep_in_memory(self.store, n, with_border), base=self.base if with_border else {})

    def select_layers(self, layers: tuple[str, ...]) -> Subset:
        """Keep only the features of some of the base's layers, which stand in the order of POOLED."""
        if layers == POOLED:
            return self
        origin = np.repeat(POOLED, [self.store.widths[layer] for layer in POOLED])
        columns = np.flatnonzero(np.isin(origin, layers))
        return replace(self, views={part: [view[:, columns] for view in found] for part, found in self.views.items()})


def shorten(settings: typing.Any, epochs: int, batch_size: int | None = None) -> typing.Any:
    """Fit a network's settings to a short training on a subset: AdamW in place of Muon, and smaller batches.

    Muon's step costs the same whatever the batch, so on a subset, where batches are small, it would cost most of the
    time. The rate follows by RATES.
    """
    changes: dict[str, typing.Any] = {"epochs": epochs}
    if batch_size:
        changes["batch_size"] = min(settings.batch_size, batch_size)
    if settings.optimizer == "muon":
        changes |= {"optimizer": "adamw", "learning_rate": settings.learning_rate / RATES["muon"]}
    return replace(settings, **changes)


def load_subset(data: Path, store: FeatureStore, weights: Path, head: HeadSettings, n_train: int, n_val: int) -> Subset:
    """Read the first n_train and n_val pictures, or as many as there are."""
    pictures, labels = load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz")
    n = {"train": min(n_train, len(labels["train"])), "val": min(n_val, len(labels["val"]))}
    return Subset(
        {part: pictures[part][: n[part]] for part in n},
        {part: labels[part][: n[part]] for part in n},
        {part: [store.pooled(part, view, n[part]) for view in store.views] for part in n},
        store,
        load_base(weights),
        head,
    )


def train_settings(
    network: str, settings: TrainingSettings, subset: Subset, seed: int, after_epoch: AfterEpoch | None = None
) -> float:
    """Train one network on the subset; returns its validation accuracy after the last epoch.

    Args:
        network: one of NETWORKS.
        after_epoch: called with the epoch, from 0, and the validation accuracy; may raise to stop. Without
            it only the last epoch is validated.
    """
    with seeded(seed):
        model, batches, predict = PREPARE[network](settings, subset, seed)
    epochs = itertools.count()

    def validation(model):
        epoch = next(epochs)
        if not after_epoch and epoch + 1 < settings.epochs:
            return math.nan, math.nan
        loss, accuracy = score(predict(model), subset.labels["val"])
        if after_epoch:
            after_epoch(epoch, accuracy)
        return loss, accuracy

    return _fit(model, batches, settings, validation)["val_accuracy"][-1]


def _fit(model, batches, settings: TrainingSettings, validation=lambda model: (math.nan, math.nan)):
    return fit(model, batches, validation, settings, None, Progress(quiet=True))


def _prepare_pictures(settings: MLPSettings | CNNSettings, subset: Subset, seed: int):
    task, s = subset.store.task, settings
    with dtype_policy(choose_precision(s.precision)):
        if isinstance(s, MLPSettings):
            model = build_mlp(s.widths, s.dropout, task.shape, task.n_classes)
        else:
            model = build_cnn(s.stem, s.widths, s.dropout, s.kernel, s.pooling, task.shape, task.n_classes)
    targets = smooth_labels(subset.labels["train"], s.label_smoothing, task.n_classes)
    batches = PictureBatches(subset.pictures["train"], targets, s.batch_size, s.shift, s.cutout, seed, task.mirror)
    return model, batches, lambda model: predict_probabilities(model, subset.pictures["val"], task.mirror)


def _prepare_head(settings: HeadSettings, subset: Subset, seed: int):
    train = subset.views["train"]
    n_classes = subset.store.task.n_classes
    model = build_head(train[0].shape[1], settings.width, settings.dropout, n_classes)
    model.get_layer("standardise").set_weights(list(standardisation(train[0])))
    targets = smooth_labels(subset.labels["train"], settings.label_smoothing, n_classes)
    batches = FeatureBatches(train, targets, settings.batch_size, seed)
    return model, batches, lambda model: average_views(model, subset.views["val"])


def _prepare_finetune(settings: FineTuneSettings, subset: Subset, seed: int):
    if settings.unfreeze < subset.store.unfreeze:
        return _prepare_from_pixels(settings, subset, seed)
    policy = choose_precision(settings.precision)
    model = start_top(subset.store, settings, subset.head.width, subset.base, policy)
    model.get_layer("head").set_weights(subset.start.get_weights())
    batches = border_batches(subset.store, subset.start, subset.labels["train"], settings, seed)
    n_val = len(subset.labels["val"])
    return model, batches, lambda model: predict_from_border(model, subset.store, "val", n_val).mean(axis=0)


def _prepare_from_pixels(settings: FineTuneSettings, subset: Subset, seed: int):
    """Prepare fine-tuning of blocks whose cached output is of no use, because they are trained too."""
    task, size = subset.store.task, subset.store.size
    with dtype_policy(choose_precision(settings.precision)):
        shapes = (task.shape, task.n_classes, subset.store.backbone)
        model = build_assembled(size, subset.head.width, settings.dropout, settings.unfreeze, *shapes)
    set_base_weights(model, subset.base)
    model.get_layer("head").set_weights(subset.start.get_weights())
    targets = smooth_labels(subset.labels["train"], settings.label_smoothing, task.n_classes)
    batches = PictureBatches(subset.pictures["train"], targets, settings.batch_size, 0, 0, seed, task.mirror)
    return model, batches, lambda model: predict_probabilities(model, subset.pictures["val"], task.mirror)


PREPARE: dict[str, typing.Callable] = {
    "mlp": _prepare_pictures,
    "cnn": _prepare_pictures,
    "head": _prepare_head,
    "finetune": _prepare_finetune,
}
