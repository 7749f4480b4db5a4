"""Fine-tuning the base's upper blocks with the head, from cached border activations: built, fed and asked."""

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
from fmnist_report.training.fitting import Prepared, dtype_policy, seeded, train_network
from fmnist_report.training.material import Material, load_material
from fmnist_report.training.pixels import prepare_from_pixels
from fmnist_report.training.prediction import Batches, as_pixels, predict_views, view_features
from fmnist_report.training.stores import BorderBatches, FeatureStore, MemoryStore

READ_ROWS = 250


def prepare_finetune(settings: FineTuneSettings, material: Material, seed: int, trained: keras.Model) -> Prepared:
    """Prepare fine-tuning: the trainable blocks and a head that starts as the trained one.

    The blocks before settings.unfreeze are frozen, so their cached output stands for them: the gradients are those of
    the whole network. Where blocks are trained whose output is cached, or pictures are augmented, that is of no use,
    and it begins at the pixels.

    Args:
        material: with store, base and head.
        trained: the head to start from.
    """
    policy, store = choose_precision(settings.precision), material.store
    assert store is not None, "fine-tuning reads cached features"
    head = dataclasses.replace(material.head, dropout=settings.dropout)
    shape = {"unfreeze": settings.unfreeze, "n_classes": material.task.n_classes}
    whole = starts_at_pixels(settings) or settings.unfreeze < store.unfreeze
    with seeded(seed), dtype_policy(policy):
        if whole:
            network = build_assembled(store.given, head, **shape)
        else:
            network = build_top(store.given, head, first=store.unfreeze, **shape)
    set_base_weights(network, material.base)
    network.get_layer("head").set_weights(trained.get_weights())
    slower = decay_rates(store.given, settings.block_decay)
    if whole:
        prepared = prepare_from_pixels(network, settings, material, seed, policy, settings.shift, settings.cutout)
        return dataclasses.replace(prepared, slower=slower)

    def ask(network: keras.Model, part: str, n: int | None = None) -> np.ndarray:
        return predict_views(network, view_border(store, part, n or len(material.pictures[part])))

    def finish(top: keras.Model) -> keras.Model:
        with dtype_policy(policy):
            assembled = build_assembled(store.given, head, **shape)
        set_base_weights(assembled, material.base)
        copy_layers(top, assembled)
        return assembled

    labels = material.labels["train"]
    shown = np.ones(len(labels), int)
    if settings.easy_every > 1:
        shown += find_easy(network.get_layer("head"), store, labels) * (settings.easy_every - 1)
    targets = one_hot(labels, material.task.n_classes)
    batches = BorderBatches(store, targets, settings.batch_size, seed, shown)
    return Prepared(network, batches, ask, policy, as_pixels(material.pictures["val"][:1_000]), finish, slower)


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
    """Stage `finetune`: train everything trainable; the artefact is the assembled network from pixels."""
    with FeatureStore(features) as store:
        material = dataclasses.replace(load_material(data), store=store, base=load_base(weights), head=head_settings)
        trained = build_head(head_settings, store.n_features, store.task.n_classes)
        trained.load_weights(head / "network.weights.h5")

        def prepare(settings: FineTuneSettings, material: Material, seed: int) -> Prepared:
            return prepare_finetune(settings, material, seed, trained)

        train_network(out, progress, prepare, finetune, material, seed)


def find_easy(head: keras.Model, store: FeatureStore | MemoryStore, labels: np.ndarray) -> np.ndarray:
    """Tell which training pictures the head already names with less than the mean loss; (n,) bool for n labels."""
    views = view_features([store.pooled("train", view, len(labels)) for view in store.views])
    probabilities = predict_views(head, views).mean(axis=0)
    loss = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))
    return loss < loss.mean()


def view_border(store: FeatureStore | MemoryStore, part: str, n: int) -> list[Batches]:
    """Return the batches of each view of the first n pictures of a part, as cached border activations, float32."""
    first = store.first_row(part)

    def read(view: str) -> Batches:
        for start in range(first, first + n, READ_ROWS):
            border = store.read_border(view, start, min(start + READ_ROWS, first + n))
            yield {layer: values.astype("float32") for layer, values in border.items()}

    return [read(view) for view in store.views]
