"""Training loop with per-epoch checkpoints and resume."""

import contextlib
import dataclasses
import json
import random
import threading
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from fmnist_report.models.summary import describe_layers
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import (
    UNFINISHED,
    has_valid_checksum,
    replacing_hdf5,
    require_room,
    save_arrays,
    write_json,
)
from fmnist_report.pipeline.progress import Position, Progress
from fmnist_report.settings import TrainingSettings, limit_batch_size
from fmnist_report.training.metrics import score, score_scaled
from fmnist_report.training.optimizers import compile_network
from fmnist_report.training.prediction import time_prediction
from fmnist_report.training.training_data import TrainingData

History = dict[str, list[float]]


class Batches(typing.Protocol):
    """Training batches.

    batch_size: images per batch.
    """

    batch_size: int

    def __len__(self) -> int: ...

    def epoch(self, epoch: int) -> typing.Iterator[tuple]:
        """Yield inputs, targets and, optionally, weights of each batch of an epoch, counted from 0."""


class Predict(typing.Protocol):
    """A prediction function, as in TrainingSetup."""

    def __call__(self, network: keras.Model, split: str, n: int | None = None) -> np.ndarray: ...


@dataclass(frozen=True)
class TrainingSetup:
    """A network, its training batches and its prediction function; the same for its stage and for trials.

    predict: returns the class probabilities of every view of a split's first n images, or of all of them,
        (views, n, classes) float32.
    policy: dtype policy.
    finish: converts the trained network to the one that is saved.
    sample: inputs of the saved network, for timing.
    slower: learning-rate factors by layer name.
    """

    network: keras.Model
    batches: Batches
    predict: Predict
    policy: str
    sample: np.ndarray
    finish: typing.Callable[[keras.Model], keras.Model] = lambda network: network
    slower: dict[str, float] = dataclasses.field(default_factory=dict)


SetupBuilder = typing.Callable[[typing.Any, TrainingData, int], TrainingSetup]


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
    """Derive the seeds of all layers built in the block from one seed, regardless of other threads.

    Keras draws the seeds of initial weights and of dropout from Python's global generator, which the threads of a
    Dask client or worker use too.
    """
    keras.utils.set_random_seed(seed)
    own, shared, thread = random.Random(seed).randint, random.randint, threading.get_ident()
    random.randint = lambda a, b: (own if threading.get_ident() == thread else shared)(a, b)
    try:
        yield
    finally:
        random.randint = shared


class Checkpoint:
    """A file with everything that training needs to resume after an epoch.

    Args:
        path: the HDF5 checkpoint: all variables of network and optimiser, and the history.
        network: a compiled network.
    """

    def __init__(self, path: Path, network: keras.Model) -> None:
        self.path, self.precision = path, network.dtype_policy.name
        network.optimizer.build(network.trainable_variables)
        self.variables = [*network.variables, *network.optimizer.variables]

    def save(self, history: History) -> None:
        """Replace the checkpoint atomically."""
        with replacing_hdf5(self.path) as file:
            for number, variable in enumerate(self.variables):
                file[str(number)] = ops.convert_to_numpy(variable.value)
            file.attrs["history"] = json.dumps(history)
            file.attrs["precision"] = self.precision

    def restore(self) -> History:
        """Restore the checkpoint's variables and return its history; ignore a damaged or incompatible checkpoint."""
        if not has_valid_checksum(self.path):
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


def fit(
    network,
    batches: Batches,
    validation,
    settings,
    out: Path | None,
    progress: Position,
    slower: dict[str, float] | None = None,
) -> History:
    """Train for settings.epochs, resuming from the last finished epoch.

    Args:
        network: a Keras model that returns logits.
        validation: function of the network that returns measurements on validation data, by name.
        settings: TrainingSettings.
        out: the stage's folder, where the checkpoint is in unfinished/ until the entry is complete; None for a short
            run that need not resume.
        slower: as in compile_network.

    Returns:
        By epoch: loss (cross-entropy of unsmoothed labels, as for val_loss), accuracy, the measurements of validation,
        learning_rate, seconds.
    """
    compile_network(network, settings, settings.epochs * len(batches), slower)
    checkpoint = Checkpoint(out / UNFINISHED / "checkpoint.h5", network) if out else None
    history = checkpoint.restore() if checkpoint else {}
    if checkpoint and not history and checkpoint.path.exists():
        progress.warn("The checkpoint of the last epoch is damaged or has another precision; training starts again.")
    for epoch in range(len(history.get("loss", [])), settings.epochs):
        started = time.monotonic()
        values = _train_epoch(network, batches, epoch, settings.epochs, history, progress)
        values |= validation(network)
        values["learning_rate"] = float(ops.convert_to_numpy(network.optimizer.learning_rate))
        values["seconds"] = time.monotonic() - started
        history = {name: [*history.get(name, []), float(value)] for name, value in values.items()}
        if checkpoint:
            checkpoint.save(history)
    return history


def _train_epoch(network, batches, epoch: int, n_epochs: int, history: History, progress: Position) -> dict:
    """Train for one epoch; return the mean loss and accuracy, each batch evaluated before its own step."""
    totals = {"cross_entropy": 0.0, "accuracy": 0.0}
    note = f"epoch {epoch + 1}/{n_epochs}"
    if history.get("val_accuracy"):
        note += f", validation {history['val_accuracy'][-1]:.4f}"
    for number, batch in enumerate(batches.epoch(epoch), epoch * len(batches) + 1):
        values = network.train_on_batch(*batch, return_dict=True)  # of this batch only
        totals = {name: total + float(values[name]) for name, total in totals.items()}
        progress.update(number, n_epochs * len(batches), note, images=number * batches.batch_size)
    means = {name: total / len(batches) for name, total in totals.items()}
    return {"loss": means["cross_entropy"], "accuracy": means["accuracy"]}


def validate(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return val_loss, val_accuracy, and val_scaled_loss as score_scaled does, of (n, classes) probabilities."""
    loss, accuracy = score(probabilities, labels)
    return {"val_loss": loss, "val_accuracy": accuracy, "val_scaled_loss": score_scaled(probabilities, labels)}


def train_network(
    out: Path,
    progress: Progress,
    prepare: SetupBuilder,
    settings: TrainingSettings,
    training_data: TrainingData,
    seed: int,
) -> None:
    """Train a network and write its weights, history, probabilities, summary and times.

    probabilities.npz has val and test, the averages over views, and val_original if there are two views.
    train_eval.json has loss and accuracy on as many training images as there are validation images, evaluated in the
    same way: without augmentation and dropout, averaged over views.
    """
    settings = limit_batch_size(settings, len(training_data.labels["train"]))
    prepared = prepare(settings, training_data, seed)

    def validation(network: keras.Model) -> dict[str, float]:
        return validate(prepared.predict(network, "val").mean(axis=0), training_data.labels["val"])

    history = fit(prepared.network, prepared.batches, validation, settings, out, progress, prepared.slower)
    views = {split: prepared.predict(prepared.network, split) for split in ("val", "test")}
    n_train = len(training_data.labels["val"])  # as many as validation images
    clean = prepared.predict(prepared.network, "train", n_train).mean(axis=0)
    loss, accuracy = score(clean, training_data.labels["train"][:n_train])
    network = prepared.finish(prepared.network)
    seconds = history.pop("seconds")
    measured = {"train_seconds": sum(seconds), "epoch_seconds": seconds}
    measured |= {"predict_ms_per_image": time_prediction(network, prepared.sample)}
    save_network(out, network, history, views, prepared.policy)
    write_json(out / "train_eval.json", {"n": len(clean), "train_loss": loss, "train_accuracy": accuracy})
    write_json(out / MEASURED, measured)


def save_network(out: Path, network: keras.Model, history: History, views: dict[str, np.ndarray], policy: str) -> None:
    """Write a trained network's weights, history, probabilities and summary.

    Args:
        views: probabilities of the images and, if there is a second view, of their mirror images,
            {"val": (views, n_val, classes), "test": (views, n_test, classes)} float32.
    """
    require_room(out, 8 * network.count_params())
    network.save_weights(out / "network.weights.h5")
    write_json(out / "history.json", history)
    averages = {split: both.mean(axis=0) for split, both in views.items()}
    original = {"val_original": views["val"][0]} if len(views["val"]) > 1 else {}
    save_arrays(out / "probabilities.npz", **averages, **original)
    rows = describe_layers(network)
    summary = {name: sum(row[name] for row in rows) for name in ("n_params", "n_trainable", "macs")}
    write_json(out / "summary.json", {**summary, "layers": rows, "precision": policy})
