"""Fine-tuning the base's upper blocks with the head, from cached border activations."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from fmnist_report.batches import smooth_labels
from fmnist_report.data import load_arrays
from fmnist_report.hardware import choose_precision
from fmnist_report.models.backbone import build_assembled, build_top, copy_layers, set_base_weights
from fmnist_report.progress import Progress
from fmnist_report.settings import FineTuneSettings, HeadSettings
from fmnist_report.stores import BorderBatches, FeatureStore
from fmnist_report.training import (
    average_views,
    dtype_policy,
    fit,
    save_network,
    score,
    seeded,
    softmax,
    take_enough_steps,
    time_prediction,
)
from fmnist_report.weights import Weights, load_base

READ_ROWS = 250


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
    """Stage `finetune`: train everything trainable; the artefact is the assembled network from pixels.

    The blocks before finetune.unfreeze are frozen, so their cached output stands for them: the gradients are those of
    the whole network. The head is warm-started from the stage `head`.
    """
    policy = choose_precision(finetune.precision)
    labels, base = load_arrays(data / "labels.npz"), load_base(weights)
    with FeatureStore(features) as store:
        with seeded(seed):
            top = start_top(store, finetune, head_settings.width, base, policy)
        finetune = take_enough_steps(finetune, len(labels["train"]))
        top.get_layer("head").load_weights(head / "network.weights.h5")
        batches = border_batches(store, top.get_layer("head"), labels["train"], finetune, seed)

        def validation(network):
            return score(predict_from_border(network, store, "val").mean(axis=0), labels["val"])

        history = fit(top, batches, validation, finetune, out, progress)
        probabilities = {part: predict_from_border(top, store, part) for part in ("val", "test")}
        with dtype_policy(policy):
            shapes = (store.task.shape, store.task.n_classes, store.backbone)
            assembled = build_assembled(store.size, head_settings.width, finetune.dropout, finetune.unfreeze, *shapes)
    set_base_weights(assembled, base)
    copy_layers(top, assembled)
    ms_per_image = time_prediction(assembled, load_arrays(data / "pictures.npz")["val"])
    save_network(out, assembled, history, probabilities, ms_per_image, policy)


def start_top(
    store: FeatureStore, finetune: FineTuneSettings, head_width: int, base: Weights, policy: str
) -> keras.Model:
    """Build the blocks after the cached border with the base's weights, and a new head above them.

    Args:
        store: whose size and border the network takes.
        base: its weights.
        policy: dtype policy.
    """
    with dtype_policy(policy):
        blocks = (finetune.unfreeze, store.unfreeze)
        top = build_top(store.size, head_width, finetune.dropout, *blocks, store.task.n_classes, store.backbone)
    set_base_weights(top, base)
    return top


def border_batches(
    store: FeatureStore, head: keras.Model, labels: np.ndarray, finetune: FineTuneSettings, seed: int
) -> BorderBatches:
    """Return batches of the first len(labels) training pictures; how often each is shown, the trained head tells."""
    shown = find_easy(head, store, labels) * (finetune.easy_every - 1) + 1
    targets = smooth_labels(labels, finetune.label_smoothing, store.task.n_classes)
    return BorderBatches(store, targets, finetune.batch_size, seed, shown)


def find_easy(head: keras.Model, store: FeatureStore, labels: np.ndarray) -> np.ndarray:
    """Tell which training pictures the head already names with less than the mean loss; (n,) bool for n labels."""
    probabilities = average_views(head, [store.pooled("train", view, len(labels)) for view in store.views])
    loss = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))
    return loss < loss.mean()


def predict_from_border(network: keras.Model, store: FeatureStore, part: str, n: int | None = None) -> np.ndarray:
    """Return the probabilities of all views from cached border activations; (views, n, classes) float32.

    Args:
        n: the first so many pictures of the part; all by default.
    """
    first, n = store.first_row(part), n or store.counts[part]
    found = np.zeros((len(store.views), n, store.task.n_classes), "float32")
    for number, view in enumerate(store.views):
        for start in range(0, n, READ_ROWS):
            last = min(start + READ_ROWS, n)
            border = store.read_border(view, first + start, first + last)
            inputs = {layer: values.astype("float32") for layer, values in border.items()}
            found[number, start:last] = softmax(network.predict_on_batch(inputs))
    return found
