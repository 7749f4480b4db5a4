"""One training of any network on a subset, as the study and the search need it."""

from __future__ import annotations

import functools
import itertools
import math
import typing
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from fmnist_report.models.base import POOLED
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import HeadSettings, TrainingSettings
from fmnist_report.training.finetune import prepare_finetune
from fmnist_report.training.fitting import History, Prepare, Prepared, fit
from fmnist_report.training.head import prepare_head
from fmnist_report.training.material import Material, load_material, read_views
from fmnist_report.training.metrics import score
from fmnist_report.training.pixels import prepare_cnn, prepare_mlp
from fmnist_report.training.stores import FeatureStore, keep_in_memory

# An optimiser's usual rate relative to AdamW's; its decay goes by the inverse.
RATES = {"adamw": 1.0, "muon": 2.5, "sgd": 30.0, "lion": 0.2}
AfterEpoch = typing.Callable[[int, float], None]


class Subset(Material):
    """The first pictures of training and validation, and all that a network may read of them."""

    @functools.cached_property
    def start(self) -> keras.Model:
        """The head, trained on this subset with seed 0, whatever was trained before."""
        prepared = prepare_head(self.head, self, 0)
        _fit(prepared, self.head)
        return prepared.network

    def portable(self, with_border: bool) -> Subset:
        """Return a subset that can be sent to another machine, without files.

        Args:
            with_border: also what fine-tuning reads.
        """
        n = {part: len(labels) for part, labels in self.labels.items()}
        store = keep_in_memory(typing.cast(FeatureStore, self.store), n, with_border)
        return replace(self, store=store, base=self.base if with_border else {})

    def select_layers(self, layers: tuple[str, ...]) -> Subset:
        """Keep only the features of some of the base's layers, which stand in the order of POOLED."""
        if layers == POOLED:
            return self
        widths = typing.cast(FeatureStore, self.store).widths
        origin = np.repeat(POOLED, [widths[layer] for layer in POOLED])
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
    whole = load_material(data)
    n = {"train": min(n_train, len(whole.labels["train"])), "val": min(n_val, len(whole.labels["val"]))}
    pictures, labels = ({part: arrays[part][: n[part]] for part in n} for arrays in (whole.pictures, whole.labels))
    return Subset(whole.task, pictures, labels, read_views(store, n), store, load_base(weights), head)


def train_settings(
    network: str, settings: TrainingSettings, subset: Subset, seed: int, after_epoch: AfterEpoch | None = None
) -> float:
    """Train one network on the subset; returns its validation accuracy after the last epoch.

    Args:
        network: one of NETWORKS.
        after_epoch: called with the epoch, from 0, and the validation accuracy; may raise to stop. Without
            it only the last epoch is validated.
    """
    prepared = PREPARE[network](settings, subset, seed)
    epochs = itertools.count()

    def validation(model: keras.Model) -> tuple[float, float]:
        epoch = next(epochs)
        if not after_epoch and epoch + 1 < settings.epochs:
            return math.nan, math.nan
        loss, accuracy = score(prepared.predict(model, "val").mean(axis=0), subset.labels["val"])
        if after_epoch:
            after_epoch(epoch, accuracy)
        return loss, accuracy

    return _fit(prepared, settings, validation)["val_accuracy"][-1]


def _fit(
    prepared: Prepared,
    settings: TrainingSettings,
    validation: typing.Callable[[keras.Model], tuple[float, float]] = lambda model: (math.nan, math.nan),
) -> History:
    return fit(prepared.network, prepared.batches, validation, settings, None, Progress(quiet=True))


PREPARE: dict[str, Prepare] = {
    "mlp": prepare_mlp,
    "cnn": prepare_cnn,
    "head": prepare_head,
    "finetune": lambda settings, subset, seed: prepare_finetune(
        settings, subset, seed, typing.cast(Subset, subset).start
    ),
}
NETWORKS = tuple(PREPARE)
