"""Training from the cache beside training from pixels or memory; the convolutional network's training."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from standard_cache import POLICY, QUIET, STANDARD, Entries, Figures
from stopwatch import ROUNDS, in_turn, product_rates, seconds

from fmnist_report.backbones import DEFAULT
from fmnist_report.data import Task, load_arrays
from fmnist_report.files import read_json
from fmnist_report.hardware import peak_memory_bytes

SHORT_EPOCHS = 5


def fine_tuning(entries: Entries, n: int = 2_560) -> Figures:
    """Training on n pictures from cached border activations, against from pixels through the frozen blocks."""
    import keras
    from keras import ops

    from fmnist_report.batches import smooth_labels
    from fmnist_report.finetune import start_top
    from fmnist_report.models.backbone import (
        border_layers,
        build_assembled,
        build_extractor,
        copy_layers,
        set_base_weights,
    )
    from fmnist_report.optimizers import compile_network
    from fmnist_report.training import dtype_policy

    base, pictures = entries.base(), entries.pictures()["train"][:n, ..., None].astype("float32")
    targets, size, width = (
        smooth_labels(entries.labels()["train"][:n], 0.1, 10),
        STANDARD.features.size,
        STANDARD.head.width,
    )
    batch = STANDARD.finetune.batch_size

    def border_of(unfreeze: int, policy: str) -> dict[str, np.ndarray]:
        """What the cache holds of the pictures for training the blocks from unfreeze on."""
        with dtype_policy(policy):
            extractor = build_extractor(size, unfreeze)
        set_base_weights(extractor, base)
        parts = [extractor.predict_on_batch(pictures[first : first + 100]) for first in range(0, n, 100)]
        cached = {
            layer: [np.asarray(part[layer], "float32") for part in parts]
            for layer in border_layers(extractor, unfreeze)
        }
        return {layer: np.concatenate(arrays).astype("<f2").astype("float32") for layer, arrays in cached.items()}

    def rows(inputs: np.ndarray | dict[str, np.ndarray], part: slice):
        return {k: v[part] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[part]

    def pair(policy: str, unfreeze: int, dropout: float):
        settings = dataclasses.replace(STANDARD.finetune, unfreeze=unfreeze, dropout=dropout)
        store = SimpleNamespace(backbone=DEFAULT, size=size, unfreeze=unfreeze, task=Task())
        top = start_top(store, settings, width, base, policy)
        with dtype_policy(policy):
            whole = build_assembled(size, width, dropout, unfreeze)
        set_base_weights(whole, base)
        copy_layers(top, whole)
        return settings, top, whole

    def epoch(network, inputs) -> None:
        for first in range(0, n, batch):
            part = slice(first, first + batch)
            network.train_on_batch(rows(inputs, part), targets[part])

    figures: Figures = {}
    for name, unfreeze in (("blocks 4 and 5", 4), ("block 5 alone", 5)):
        settings, top, whole = pair(POLICY, unfreeze, STANDARD.finetune.dropout)
        border = border_of(unfreeze, POLICY)
        for network, inputs in ((top, border), (whole, pictures)):
            compile_network(network, settings, 10 * n // batch)
            network.train_on_batch(rows(inputs, slice(batch)), targets[:batch])
        times = in_turn(border=lambda: epoch(top, border), pixels=lambda: epoch(whole, pictures))  # noqa: B023
        figures[name] = {side: n / spent for side, spent in times.items()}
    _, top, whole = pair("float32", 4, 0.0)
    import tensorflow as tf

    def gradients(network, inputs) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = ops.mean(keras.losses.categorical_crossentropy(targets[:64], network(inputs), from_logits=True))
        found = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        return [ops.convert_to_numpy(gradient) for gradient in found]

    frozen = keras.Model(whole.input, whole.get_layer("block3_pool").output)
    truth = gradients(whole, pictures[:64])
    exact = gradients(top, {"block3_out": ops.convert_to_numpy(frozen(pictures[:64]))})
    border = border_of(4, POLICY)
    figures["gradient_error"] = max(
        float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(exact, truth, strict=True)
    )
    cached, true = (
        np.concatenate([part.ravel() for part in parts]) for parts in (gradients(top, rows(border, slice(64))), truth)
    )
    figures["gradient_cosine"] = float(cached @ true / np.linalg.norm(cached) / np.linalg.norm(true))
    return figures


def minibatches(entries: Entries, n: int = 5_000) -> Figures:
    """Training on shuffled batches from HDF5, against the same arrays in memory; the reader's memory."""
    from fmnist_report.batches import smooth_labels
    from fmnist_report.finetune import start_top
    from fmnist_report.optimizers import compile_network
    from fmnist_report.stores import BorderBatches, FeatureStore, keep_in_memory

    labels = entries.labels()["train"]
    with FeatureStore(entries["features"]) as store:
        whole = BorderBatches(store, smooth_labels(labels, 0.1, 10), 128, 0, np.ones(len(labels), int))
        before = peak_memory_bytes()
        started = time.perf_counter()
        for _ in whole.epoch(0):
            pass
        reading = len(labels) / (time.perf_counter() - started)
        reader_bytes = peak_memory_bytes() - before
        memory = keep_in_memory(store, {"train": n}, True)
        top = start_top(store, STANDARD.finetune, STANDARD.head.width, entries.base(), POLICY)
        compile_network(top, STANDARD.finetune, 1_000)

        def train(source) -> None:
            batches = BorderBatches(source, smooth_labels(labels[:n], 0.1, 10), 128, 0, np.ones(n, int))
            for batch in batches.epoch(0):
                top.train_on_batch(*batch)

        train(memory)
        times = in_turn(file=lambda: train(store), memory=lambda: train(memory))
    return {side: n / spent for side, spent in times.items()} | {"reading": reading, "reader_bytes": reader_bytes}


def cnn(entries: Entries, n_steps: int = 40) -> Figures:
    """Training steps of the convolutional network, with and without deterministic operations."""
    import keras
    import tensorflow as tf

    from fmnist_report.batches import PictureBatches, smooth_labels
    from fmnist_report.models.architecture import describe_layers
    from fmnist_report.models.cnn import build_cnn
    from fmnist_report.optimizers import compile_network
    from fmnist_report.training import dtype_policy

    settings, pictures, labels = STANDARD.cnn, entries.pictures()["train"], entries.labels()["train"]
    batches = PictureBatches(
        pictures, smooth_labels(labels, 0.1, 10), settings.batch_size, settings.shift, settings.cutout, 0
    )
    taken = [batch for batch, _ in zip(batches.epoch(0), range(n_steps), strict=False)]

    def build():
        keras.utils.set_random_seed(0)
        with dtype_policy(POLICY):
            network = build_cnn(settings.stem, settings.widths, settings.dropout, settings.kernel, settings.pooling)
        compile_network(network, settings, 1_000)
        network.train_on_batch(*taken[0])
        return network

    def train(network) -> None:
        for batch in taken:
            network.train_on_batch(*batch)

    free = build()
    time_free = statistics.median(seconds(lambda: train(free)) for _ in range(ROUNDS))
    rates = product_rates()
    tf.config.experimental.enable_op_determinism()
    bound = build()
    time_bound = statistics.median(seconds(lambda: train(bound)) for _ in range(ROUNDS))
    n, macs = n_steps * settings.batch_size, sum(row["macs"] for row in describe_layers(free))
    summary, history = read_json(entries["cnn"] / "summary.json"), read_json(entries["cnn"] / "history.json")
    return {
        "pictures_a_second": n / time_free,
        "deterministic": n / time_bound,
        "fraction": 6 * macs * n / time_free / (rates["bfloat16"] * 1e9),
        "rates": rates,
        "train_seconds": summary["train_seconds"],
        "val_accuracy": history["val_accuracy"][-1],
    }


def short_cnn(entries: Entries) -> Figures:
    """A whole training of the convolutional network in fewer epochs than standard's, and its accuracy."""
    from fmnist_report.training import train_cnn

    settings = dataclasses.replace(STANDARD.cnn, epochs=SHORT_EPOCHS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        train_cnn(folder, QUIET, cnn=settings, seed=STANDARD.seed, data=entries["data"])
        found, summary = load_arrays(folder / "probabilities.npz"), read_json(folder / "summary.json")
    labels = {**entries.labels(), **load_arrays(entries["data"] / "test_labels.npz")}
    accuracy = {part: float((found[part].argmax(axis=1) == labels[part]).mean()) for part in ("val", "test")}
    return {"epochs": SHORT_EPOCHS, "train_seconds": summary["train_seconds"], "accuracy": accuracy}
