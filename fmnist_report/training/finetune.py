"""Fine-tuning of the base's upper blocks with the head, from cached boundary activations or from pixels."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from fmnist_report.machine import choose_precision
from fmnist_report.models.base import copy_layers, set_base_weights
from fmnist_report.models.transfer import build_assembled, build_head, build_top, decay_rates
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import FineTuneSettings, HeadSettings, starts_at_pixels
from fmnist_report.training.batches import one_hot
from fmnist_report.training.fitting import TrainingSetup, dtype_policy, seeded, train_network
from fmnist_report.training.pixels import prepare_from_pixels
from fmnist_report.training.prediction import Batches, as_pixels, predict_views, view_features
from fmnist_report.training.stores import BoundaryBatches, FeatureStore
from fmnist_report.training.training_data import TrainingData, load_training_data

READ_ROWS = 250


def prepare_finetune(
    settings: FineTuneSettings, training_data: TrainingData, seed: int, trained: keras.Model
) -> TrainingSetup:
    """Prepare fine-tuning: the trainable blocks and a head initialised from the trained one.

    The blocks before settings.unfreeze are frozen, so their cached output replaces them; the gradients are the same as
    for the whole network. If blocks before the cached boundary are trained, or images are augmented, training starts
    from pixels.

    Args:
        training_data: with store, base and head.
        trained: the head to start from.
    """
    policy, store = choose_precision(settings.precision), training_data.store
    assert store is not None, "fine-tuning reads cached features"
    head = dataclasses.replace(training_data.head, dropout=settings.dropout)
    shape = {"unfreeze": settings.unfreeze, "n_classes": training_data.dataset.n_classes}
    whole = starts_at_pixels(settings) or settings.unfreeze < store.unfreeze
    with seeded(seed), dtype_policy(policy):
        if whole:
            network = build_assembled(store.given, head, **shape)
        else:
            network = build_top(store.given, head, first=store.unfreeze, **shape)
    set_base_weights(network, training_data.base)
    network.get_layer("head").set_weights(trained.get_weights())
    slower = decay_rates(store.given, settings.block_decay)
    if whole:
        prepared = prepare_from_pixels(network, settings, training_data, seed, policy, settings.shift, settings.cutout)
        return dataclasses.replace(prepared, slower=slower)

    def predict(network: keras.Model, split: str, n: int | None = None) -> np.ndarray:
        return predict_views(network, view_boundary(store, split, n or len(training_data.images[split])))

    def finish(top: keras.Model) -> keras.Model:
        with dtype_policy(policy):
            assembled = build_assembled(store.given, head, **shape)
        set_base_weights(assembled, training_data.base)
        copy_layers(top, assembled)
        return assembled

    labels = training_data.labels["train"]
    shown = np.ones(len(labels), int)
    if settings.easy_sample_interval > 1:
        shown += find_easy(network.get_layer("head"), store, labels) * (settings.easy_sample_interval - 1)
    targets = one_hot(labels, training_data.dataset.n_classes)
    batches = BoundaryBatches(store, targets, settings.batch_size, seed, shown)
    return TrainingSetup(
        network, batches, predict, policy, as_pixels(training_data.images["val"][:1_000]), finish, slower
    )


def fine_tune(
    out: Path,
    progress: Progress,
    *,
    finetune: FineTuneSettings,
    head_settings: HeadSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
    head: Path,
) -> None:
    """Stage `finetune`: train the upper blocks and the head, and write the assembled network from pixels."""
    with FeatureStore(features) as store:
        training_data = dataclasses.replace(
            load_training_data(data), store=store, base=load_base(weights), head=head_settings
        )
        trained = build_head(head_settings, store.n_features, store.dataset.n_classes)
        trained.load_weights(head / "network.weights.h5")

        def prepare(settings: FineTuneSettings, training_data: TrainingData, seed: int) -> TrainingSetup:
            return prepare_finetune(settings, training_data, seed, trained)

        train_network(out, progress, prepare, finetune, training_data, seed)


def find_easy(head: keras.Model, store: FeatureStore, labels: np.ndarray) -> np.ndarray:
    """Return which training images have less than the mean loss under the head; (n,) bool for n labels."""
    views = view_features([store.pooled("train", view, len(labels)) for view in store.views])
    probabilities = predict_views(head, views).mean(axis=0)
    loss = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))
    return loss < loss.mean()


def view_boundary(store: FeatureStore, split: str, n: int) -> list[Batches]:
    """Return the batches of each view of the first n images of a split, as cached boundary activations, float32."""
    first = store.first_row(split)

    def read(view: str) -> Batches:
        for start in range(first, first + n, READ_ROWS):
            boundary = store.read_boundary(view, start, min(start + READ_ROWS, first + n))
            yield {layer: values.astype("float32") for layer, values in boundary.items()}

    return [read(view) for view in store.views]
