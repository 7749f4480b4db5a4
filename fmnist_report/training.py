"""Training under one protocol, and a bundle an epoch to resume from."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import threading
import time
import typing
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from fmnist_report.batches import PictureBatches, smooth_labels
from fmnist_report.data import load_arrays, load_task
from fmnist_report.files import UNFINISHED, is_sealed, replacing_hdf5, require_room, write_json
from fmnist_report.hardware import choose_precision
from fmnist_report.models.architecture import describe_layers
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.optimizers import compile_network
from fmnist_report.progress import Progress
from fmnist_report.settings import CNNSettings, MLPSettings, TrainingSettings

PREDICT_BATCH = 250
TIMED_PICTURES = 1_000
LEAST_STEPS = 10

History = dict[str, list[float]]


@contextlib.contextmanager
def dtype_policy(name: str) -> typing.Iterator[None]:
    """Build layers under a Keras dtype policy and restore the former one."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


@contextlib.contextmanager
def seeded(seed: int) -> typing.Iterator[None]:
    """Let every layer that this thread builds inside take its seed from one, whatever other threads draw meanwhile.

    Keras draws the seeds of initial weights and of dropout from Python's shared generator, of which the threads of a
    Dask client or worker draw too.
    """
    keras.utils.set_random_seed(seed)
    own, shared, thread = random.Random(seed).randint, random.randint, threading.get_ident()
    random.randint = lambda low, high: (own if threading.get_ident() == thread else shared)(low, high)
    try:
        yield
    finally:
        random.randint = shared


class EpochBundle:
    """One file with everything that training needs to go on after an epoch.

    Args:
        path: the HDF5 bundle: all variables of network and optimiser, and the history.
        network: a compiled network.
    """

    def __init__(self, path: Path, network: keras.Model) -> None:
        self.path, self.precision = path, network.dtype_policy.name
        network.optimizer.build(network.trainable_variables)
        self.variables = [*network.variables, *network.optimizer.variables]

    def save(self, history: History) -> None:
        """Replace the bundle atomically."""
        with replacing_hdf5(self.path) as file:
            for number, variable in enumerate(self.variables):
                file[str(number)] = ops.convert_to_numpy(variable.value)
            file.attrs["history"] = json.dumps(history)
            file.attrs["precision"] = self.precision

    def restore(self) -> History:
        """Put the bundle's variables back and return its history; a damaged or unfit bundle counts as none."""
        if not is_sealed(self.path):
            return {}
        try:
            with h5py.File(self.path, "r") as file:
                values = [file[str(number)][()] for number in range(len(self.variables))]
                history = json.loads(file.attrs["history"])
                precision = file.attrs["precision"]
        except (OSError, KeyError, ValueError, RuntimeError):
            return {}
        pairs = list(zip(self.variables, values, strict=True))
        if precision != self.precision or any(value.shape != tuple(variable.shape) for variable, value in pairs):
            return {}
        for variable, value in pairs:
            variable.assign(value)
        return history


def fit(network, batches, validation, settings, out: Path | None, progress: Progress) -> History:
    """Train for settings.epochs, resuming from the last finished epoch.

    Args:
        network: a Keras model that returns logits.
        batches: has batch_size, a length in batches, and epoch(number), which yields inputs, targets
            and perhaps weights.
        validation: function of the network that returns (loss, accuracy) on validation.
        settings: TrainingSettings.
        out: the stage's folder, where the bundle lies in unfinished/ until the entry is whole; None for a training
            so short that it need not resume.

    Returns:
        By epoch: loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.
    """
    compile_network(network, settings, settings.epochs * len(batches))
    bundle = EpochBundle(out / UNFINISHED / "bundle.h5", network) if out else None
    history = bundle.restore() if bundle else {}
    if bundle and not history and bundle.path.exists():
        progress.warn("The bundle of the last epoch is damaged; the training begins anew.")
    for epoch in range(len(history.get("loss", [])), settings.epochs):
        started = time.monotonic()
        values = _train_epoch(network, batches, epoch, settings.epochs, history, progress)
        values["val_loss"], values["val_accuracy"] = validation(network)
        values["learning_rate"] = float(ops.convert_to_numpy(network.optimizer.learning_rate))
        values["seconds"] = time.monotonic() - started
        history = {name: [*history.get(name, []), float(value)] for name, value in values.items()}
        if bundle:
            bundle.save(history)
    return history


def take_enough_steps(settings: TrainingSettings, n_train: int) -> TrainingSettings:
    """Return the settings with batches so small that even few pictures make LEAST_STEPS steps an epoch."""
    return dataclasses.replace(settings, batch_size=min(settings.batch_size, max(1, n_train // LEAST_STEPS)))


def _train_epoch(network, batches, epoch: int, n_epochs: int, history: History, progress: Progress) -> dict:
    """Take one pass; returns its mean loss and accuracy, each batch as it was before its own step."""
    totals = {"loss": 0.0, "accuracy": 0.0}
    note = f"epoch {epoch + 1}/{n_epochs}"
    if history:
        note += f", validation {history['val_accuracy'][-1]:.4f}"
    for number, batch in enumerate(batches.epoch(epoch), epoch * len(batches) + 1):
        values = network.train_on_batch(*batch, return_dict=True)  # of this batch alone
        totals = {name: total + float(values[name]) for name, total in totals.items()}
        progress.update(number, n_epochs * len(batches), note, pictures=number * batches.batch_size)
    return {name: total / len(batches) for name, total in totals.items()}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn (n, classes) logits into float32 probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype("float32")


def predict_probabilities(network: keras.Model, pictures: np.ndarray, mirror: bool = True) -> np.ndarray:
    """Average the class probabilities of each picture's views; (n, height, width) uint8 to (n, classes) float32."""
    return predict_both_views(network, pictures, mirror).mean(axis=0)


def predict_both_views(network: keras.Model, pictures: np.ndarray, mirror: bool = True) -> np.ndarray:
    """Return the class probabilities of each picture and, if that is wanted, of its mirror image.

    Args:
        network: from (n, height, width, 1) pixels to (n, classes) logits.
        pictures: (n, height, width) uint8.
        mirror: whether the mirror image is a second view.

    Returns:
        (views, n, classes) float32.
    """
    views = []
    for view in (pictures, pictures[:, :, ::-1])[: 1 + mirror]:
        pieces = np.array_split(view, max(1, len(view) // PREDICT_BATCH))
        logits = [network.predict_on_batch(piece[..., None].astype("float32")) for piece in pieces]
        views.append(softmax(np.concatenate(logits)))
    return np.stack(views)


def average_views(network: keras.Model, views: list[np.ndarray]) -> np.ndarray:
    """Average the class probabilities over views; (n, …) inputs to (n, classes) float32."""
    return predict_views(network, views).mean(axis=0)


def predict_views(network: keras.Model, views: list[np.ndarray], batch_size: int = 2_000) -> np.ndarray:
    """Return the class probabilities of each view; (n, …) inputs to (views, n, classes) float32."""
    found = []
    for view in views:
        pieces = [network.predict_on_batch(view[i : i + batch_size]) for i in range(0, len(view), batch_size)]
        found.append(softmax(np.concatenate([ops.convert_to_numpy(piece) for piece in pieces])))
    return np.stack(found)


def score(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return cross-entropy and accuracy of (n, classes) probabilities on (n,) labels."""
    likelihood = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1)
    return float(-np.log(likelihood).mean()), float((probabilities.argmax(axis=1) == labels).mean())


def time_prediction(network: keras.Model, pictures: np.ndarray) -> float:
    """Return milliseconds a picture, one view, in batches of 250, after a warm-up."""
    sample = pictures[:TIMED_PICTURES, ..., None].astype("float32")
    network.predict_on_batch(sample[:PREDICT_BATCH])
    started = time.perf_counter()
    for first in range(0, len(sample), PREDICT_BATCH):
        network.predict_on_batch(sample[first : first + PREDICT_BATCH])
    return 1e3 * (time.perf_counter() - started) / len(sample)


def save_network(out: Path, network, history: History, views: dict, ms_per_image: float, policy: str) -> None:
    """Write what every network leaves: weights, history, probabilities and a summary.

    Args:
        views: probabilities of the pictures and, where that is a second view, of their mirror images,
            {"val": (views, n_val, classes), "test": (views, n_test, classes)} float32; their averages are stored, and
            of validation the original's too.
    """
    require_room(out, 8 * network.count_params())
    network.save_weights(out / "network.weights.h5")
    write_json(out / "history.json", history)
    averages = {part: both.mean(axis=0) for part, both in views.items()}
    original = {"val_original": views["val"][0]} if len(views["val"]) > 1 else {}
    np.savez(out / "probabilities.npz", **averages, **original)
    rows = describe_layers(network)
    summary = {name: sum(row[name] for row in rows) for name in ("n_params", "n_trainable", "macs")}
    summary |= {"layers": rows, "train_seconds": sum(history["seconds"]), "predict_ms_per_image": ms_per_image}
    write_json(out / "summary.json", summary | {"precision": policy})


def train_mlp(out: Path, progress: Progress, *, mlp: MLPSettings, seed: int, data: Path) -> None:
    """Stage `mlp`: train the multilayer perceptron of the previous assignment."""
    policy = choose_precision(mlp.precision)
    task = load_task(data)
    with seeded(seed), dtype_policy(policy):
        network = build_mlp(mlp.widths, mlp.dropout, task.shape, task.n_classes)
    _train_on_pictures(out, progress, network, mlp, seed, data, policy)


def train_cnn(out: Path, progress: Progress, *, cnn: CNNSettings, seed: int, data: Path) -> None:
    """Stage `cnn`: train the convolutional network."""
    policy = choose_precision(cnn.precision)
    task = load_task(data)
    with seeded(seed), dtype_policy(policy):
        network = build_cnn(
            cnn.stem, cnn.widths, cnn.dropout, cnn.kernel, cnn.pooling, shape=task.shape, n_classes=task.n_classes
        )
    _train_on_pictures(out, progress, network, cnn, seed, data, policy)


def _train_on_pictures(out, progress, network, settings, seed: int, data: Path, policy: str) -> None:
    pictures, labels, task = load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz"), load_task(data)
    settings = take_enough_steps(settings, len(labels["train"]))
    targets = smooth_labels(labels["train"], settings.label_smoothing, task.n_classes)
    batches = PictureBatches(
        pictures["train"], targets, settings.batch_size, settings.shift, settings.cutout, seed, task.mirror
    )

    def validation(network):
        return score(predict_probabilities(network, pictures["val"], task.mirror), labels["val"])

    history = fit(network, batches, validation, settings, out, progress)
    views = {part: predict_both_views(network, pictures[part], task.mirror) for part in ("val", "test")}
    save_network(out, network, history, views, time_prediction(network, pictures["val"]), policy)
