"""Short training runs of any network on a subset, for the study."""

from __future__ import annotations

import functools
import itertools
import math
import typing
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from fmnist_report.models.weights import load_base
from fmnist_report.networks import TrialSpec
from fmnist_report.pipeline.stage import import_function
from fmnist_report.settings import POOLED, FineTuneSettings, HeadSettings, TrainingSettings
from fmnist_report.training.batches import StepBatches
from fmnist_report.training.finetune import prepare_finetune
from fmnist_report.training.fitting import Batches, TrainingSetup, fit
from fmnist_report.training.head import prepare_head
from fmnist_report.training.metrics import measure_accuracy, score_scaled
from fmnist_report.training.stores import FeatureStore
from fmnist_report.training.training_data import TrainingData, load_training_data, read_views

STATISTICS_BATCHES = 10
BLOCK3_MEAN = "block3_gap"  # block 3 averaged over the whole image, computed from its grid


@dataclass(frozen=True)
class Subset(TrainingData):
    """The first images of training and validation, with all inputs of the networks for them.

    head_steps: optimiser steps of the head from which fine-tuning starts.
    """

    head_steps: int = 1

    def open(self) -> Subset:
        """Return the subset itself, as SubsetSource.open does."""
        return self

    @functools.cached_property
    def start(self) -> keras.Model:
        """The head, trained on this subset with seed 0, independent of earlier training."""
        prepared = prepare_head(self.head, self, 0)
        _fit(prepared, self.head, self.head_steps)
        return prepared.network

    def select_layers(self, layers: tuple[str, ...]) -> Subset:
        """Return the subset with the features of some layers only, in the order of POOLED, or BLOCK3_MEAN."""
        if layers == POOLED:
            return self
        shapes = typing.cast(FeatureStore, self.store).shapes
        bounds = np.cumsum([0, *(math.prod(shapes[layer]) for layer in POOLED)])
        columns = {layer: slice(bounds[i], bounds[i + 1]) for i, layer in enumerate(POOLED)}

        def read(view: np.ndarray, layer: str) -> np.ndarray:
            if layer != BLOCK3_MEAN:
                return view[:, columns[layer]]
            return view[:, columns["block3_grid"]].reshape(len(view), *shapes["block3_grid"]).mean(axis=(1, 2))

        chosen = {
            split: [np.concatenate([read(view, layer) for layer in layers], axis=1) for view in found]
            for split, found in self.views.items()
        }
        return replace(self, views=chosen)


@dataclass(frozen=True)
class SubsetSource:
    """The source of a subset, so that another process can read it.

    features, weights: None for networks that read only pixels.
    head, head_steps: the head from which fine-tuning starts, as in Subset.
    """

    data: Path
    n_train: int
    n_val: int
    features: Path | None = None
    weights: Path | None = None
    head: HeadSettings = HeadSettings()
    head_steps: int = 1

    def open(self) -> Subset:
        """Read the subset, once per process."""
        return _open_once(self)


@functools.lru_cache(maxsize=2)
def _open_once(source: SubsetSource) -> Subset:
    whole = load_training_data(source.data)
    wanted = {"train": source.n_train, "val": source.n_val}
    n = {split: min(count, len(whole.labels[split])) for split, count in wanted.items()}
    images, labels = ({split: arrays[split][: n[split]] for split in n} for arrays in (whole.images, whole.labels))
    subset = Subset(whole.dataset, images, labels, head=source.head, head_steps=source.head_steps)
    if source.features is None or source.weights is None:
        return subset
    store = FeatureStore(source.features)  # open until the process ends
    return replace(subset, views=read_views(store, n), store=store, base=load_base(source.weights))


@dataclass(frozen=True)
class TrialScore:
    """Validation results of a trial.

    val_accuracy: with predictions averaged over views.
    val_loss: cross-entropy of these predictions after temperature scaling, as in score_scaled.
    val_accuracy_one_view, val_loss_one_view: the same from the original images only.
    """

    val_accuracy: float
    val_loss: float
    val_accuracy_one_view: float
    val_loss_one_view: float


def prepare_finetune_trial(settings: FineTuneSettings, subset: Subset, seed: int) -> TrainingSetup:
    """Prepare fine-tuning that starts from the head of the subset."""
    return prepare_finetune(settings, subset, seed, subset.start)


def prepare_trial(spec: TrialSpec, settings: TrainingSettings, subset: Subset, seed: int) -> TrainingSetup:
    """Prepare a network's training on the subset as its record says."""
    builder = {"build": spec.build} if spec.build else {}
    return import_function(spec.prepare)(settings, subset, seed, **builder)


def train_settings(spec: TrialSpec, settings: TrainingSettings, n_steps: int, subset: Subset, seed: int) -> TrialScore:
    """Train one network on the subset and return its score after the last step.

    Batch-normalisation statistics are recomputed before the validation: after so few steps, the running averages still
    depend on their initial values.

    Args:
        spec: the network.
        n_steps: number of steps, regardless of batch size.
    """
    prepared, labels = prepare_trial(spec, settings, subset, seed), subset.labels["val"]
    _fit(prepared, settings, n_steps)
    refresh_statistics(prepared.network, prepared.batches)
    views = prepared.predict(prepared.network, "val")
    both, one = views.mean(axis=0), views[0]
    return TrialScore(
        measure_accuracy(both, labels), score_scaled(both, labels), measure_accuracy(one, labels),
        score_scaled(one, labels),
    )  # fmt: skip


class NoProgress:
    """A progress display that shows nothing, so that no key depends on the code of the display."""

    def update(self, done: float, total: float, note: str = "", images: int | None = None) -> None:
        pass

    def warn(self, message: str) -> None:
        pass


def _fit(prepared: TrainingSetup, settings: TrainingSettings, n_steps: int) -> None:
    batches = StepBatches(prepared.batches, max(1, n_steps // settings.epochs))
    fit(prepared.network, batches, lambda model: {}, settings, None, NoProgress(), prepared.slower)


def refresh_statistics(network: keras.Model, batches: Batches, n_batches: int = STATISTICS_BATCHES) -> None:
    """Replace the running means and variances of trained batch normalisation by averages over several batches.

    Known as precise batch normalisation (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3).

    Args:
        batches: training batches, augmented as in training.
    """
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization) and layer.trainable]
    if not norms:
        return
    former = [layer.momentum for layer in norms]
    for number, (images, *_) in enumerate(itertools.islice(batches.epoch(0), n_batches)):
        for layer in norms:
            layer.momentum = number / (number + 1)
        network(images, training=True)
    for layer, momentum in zip(norms, former, strict=True):
        layer.momentum = momentum
