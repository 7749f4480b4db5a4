"""Benchmarks of training from the cache against pixels or memory, and of the convolutional network's training."""

from __future__ import annotations

import statistics
import time
from types import SimpleNamespace

import numpy as np
from standard_cache import GIVEN, ROUNDS, STANDARD, TRAINING, Entries, Figures, in_turn, product_rates, seconds

from fmnist_report.machine import peak_memory_bytes
from fmnist_report.models.base import boundary_layers, build_extractor, set_base_weights
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.summary import describe_layers
from fmnist_report.pipeline.files import read_json
from fmnist_report.training.batches import ImageBatches, one_hot
from fmnist_report.training.fitting import dtype_policy
from fmnist_report.training.optimizers import compile_network
from fmnist_report.training.prediction import as_pixels
from fmnist_report.training.stores import BoundaryBatches, FeatureStore


def fine_tuning(entries: Entries, n: int = 2_560) -> Figures:
    """Compare training on n images from cached boundary activations with training from pixels."""
    import keras
    import tensorflow as tf
    from keras import ops

    base, images = entries.base(), as_pixels(entries.images()["train"][:n])
    targets, batch = one_hot(entries.labels()["train"][:n], 10), STANDARD.finetune.batch_size

    def boundary_of(unfreeze: int, policy: str) -> dict[str, np.ndarray]:
        """Compute the boundary activations that the cache has for training the blocks from unfreeze on."""
        with dtype_policy(policy):
            extractor = build_extractor(GIVEN, unfreeze)
        set_base_weights(extractor, base)
        parts = [extractor.predict_on_batch(images[first : first + 100]) for first in range(0, n, 100)]
        cached = {
            layer: [np.asarray(part[layer], "float32") for part in parts]
            for layer in boundary_layers(extractor, unfreeze)
        }
        return {layer: np.concatenate(arrays).astype("<f2").astype("float32") for layer, arrays in cached.items()}

    def rows(inputs: np.ndarray | dict[str, np.ndarray], part: slice):
        return {k: v[part] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[part]

    def epoch(network, inputs) -> None:
        for first in range(0, n, batch):
            part = slice(first, first + batch)
            network.train_on_batch(rows(inputs, part), targets[part])

    figures: Figures = {}
    for name, unfreeze in (("blocks 4 and 5", 4), ("block 5 alone", 5)):
        top, whole = entries.fine_tuned(unfreeze=unfreeze)
        boundary = boundary_of(unfreeze, TRAINING)
        for network, inputs in ((top, boundary), (whole, images)):
            compile_network(network, STANDARD.finetune, 10 * n // batch)
            network.train_on_batch(rows(inputs, slice(batch)), targets[:batch])
        times = in_turn(boundary=lambda: epoch(top, boundary), pixels=lambda: epoch(whole, images))  # noqa: B023
        figures[name] = {side: n / spent for side, spent in times.items()}
    top, whole = entries.fine_tuned("float32", 4, 0.0)

    def gradients(network, inputs) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = ops.mean(keras.losses.categorical_crossentropy(targets[:64], network(inputs), from_logits=True))
        found = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        return [ops.convert_to_numpy(gradient) for gradient in found]

    frozen = keras.Model(whole.input, whole.get_layer("block3_pool").output)
    truth = gradients(whole, images[:64])
    exact = gradients(top, {"block3_out": ops.convert_to_numpy(frozen(images[:64]))})
    boundary = boundary_of(4, TRAINING)
    figures["gradient_error"] = max(
        float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(exact, truth, strict=True)
    )
    cached, true = (
        np.concatenate([part.ravel() for part in parts]) for parts in (gradients(top, rows(boundary, slice(64))), truth)
    )
    figures["gradient_cosine"] = float(cached @ true / np.linalg.norm(cached) / np.linalg.norm(true))
    return figures


def minibatches(entries: Entries, n: int = 5_000) -> Figures:
    """Compare training on shuffled batches from HDF5 with the same arrays in memory; measure the reader's memory."""
    labels = entries.labels()["train"]
    with FeatureStore(entries["features"]) as store:
        whole = BoundaryBatches(store, one_hot(labels, 10), 128, 0, np.ones(len(labels), int))
        before = peak_memory_bytes()
        started = time.perf_counter()
        for _ in whole.epoch(0):
            pass
        reading = len(labels) / (time.perf_counter() - started)
        reader_bytes = peak_memory_bytes() - before
        rows = {view: store.read_boundary(view, 0, n) for view in store.views}
        memory = SimpleNamespace(
            views=store.views, counts={"train": n}, first_row=lambda split: 0,
            read_boundary=lambda view, first, last: {name: values[first:last] for name, values in rows[view].items()},
        )  # fmt: skip
        top, _ = entries.fine_tuned()
        compile_network(top, STANDARD.finetune, 1_000)

        def train(source) -> None:
            batches = BoundaryBatches(source, one_hot(labels[:n], 10), 128, 0, np.ones(n, int))
            for batch in batches.epoch(0):
                top.train_on_batch(*batch)

        train(memory)
        times = in_turn(file=lambda: train(store), memory=lambda: train(memory))
    return {side: n / spent for side, spent in times.items()} | {"reading": reading, "reader_bytes": reader_bytes}


def cnn(entries: Entries, n_steps: int = 40) -> Figures:
    """Time training steps of the convolutional network, with and without deterministic operations."""
    import keras
    import tensorflow as tf

    settings, images, labels = STANDARD.cnn, entries.images()["train"], entries.labels()["train"]
    batches = ImageBatches(images, one_hot(labels, 10), settings.batch_size, settings.shift, settings.cutout, 0)
    taken = [batch for batch, _ in zip(batches.epoch(0), range(n_steps), strict=False)]

    def build():
        keras.utils.set_random_seed(0)
        with dtype_policy(TRAINING):
            network = build_cnn(settings)
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
    return {
        "pictures_a_second": n / time_free,
        "deterministic": n / time_bound,
        "fraction": 6 * macs * n / time_free / (rates["bfloat16"] * 1e9),
        "rates": rates,
        "train_seconds": read_json(entries["cnn"] / "measured.json")["train_seconds"],
        "val_accuracy": read_json(entries["cnn"] / "history.json")["val_accuracy"][-1],
    }
