"""Training under one protocol: batches, one-cycle schedule, and a bundle an epoch to resume from."""

from __future__ import annotations

import contextlib
import json
import time
import typing
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from fmnist_report.cache import replacing, write_json
from fmnist_report.data import load_arrays
from fmnist_report.hardware import choose_precision
from fmnist_report.models.architecture import describe_layers
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.progress import Progress
from fmnist_report.settings import CNNSettings, MLPSettings

PREDICT_BATCH = 250
TIMED_PICTURES = 1_000
N_CLASSES = 10

History = dict[str, list[float]]


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to a peak, then fall linearly to zero (Smith and Topin, 2018, simplified).

    Args:
        peak: the highest rate.
        n_steps: all optimiser steps of the training.
        warm: the share of steps that rise.
    """

    def __init__(self, peak: float, n_steps: int, warm: float = 0.2) -> None:
        self.peak, self.n_steps, self.warm = peak, n_steps, warm

    def __call__(self, step):
        position = ops.cast(step, "float32") / self.n_steps
        return self.peak * ops.maximum(ops.minimum(position / self.warm, (1 - position) / (1 - self.warm)), 0.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "n_steps": self.n_steps, "warm": self.warm}


class PictureBatches:
    """Shuffled batches of pictures, shifted at random and mirrored in every other epoch.

    Which epoch mirrors a picture is drawn once, so that two epochs see both of its views
    (Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3.6).

    Args:
        pictures: (n, 28, 28) uint8.
        targets: (n, 10) float32 class probabilities.
        batch_size: pictures in a batch; the last, smaller batch is left out.
        shift: most pixels that a picture moves along each axis, filled with zeros.
        cutout: side in pixels of the square that is blackened in each picture; 0 for none.
        seed: order, shifts and mirroring depend on it and on the epoch alone.
    """

    def __init__(self, pictures, targets, batch_size: int, shift: int, cutout: int, seed: int) -> None:
        self.pictures, self.targets = pictures, targets
        self.batch_size, self.seed = min(batch_size, len(pictures)), seed
        self.shift, self.cutout = shift, cutout
        self.mirrored_first = np.random.default_rng(seed).integers(0, 2, len(pictures))

    def __len__(self) -> int:
        return len(self.pictures) // self.batch_size

    def epoch(self, epoch: int) -> typing.Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the epoch's batches: (b, 28, 28, 1) float32 from 0 to 255, and (b, 10) float32."""
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.pictures))
        for first in range(0, len(self) * self.batch_size, self.batch_size):
            chosen = order[first : first + self.batch_size]
            pictures = shift_pictures(self.pictures[chosen], self.shift, rng)
            mirror = (self.mirrored_first[chosen] + epoch) % 2 == 1
            pictures = np.where(mirror[:, None, None], pictures[:, :, ::-1], pictures)
            pictures = cut_out(pictures, self.cutout, rng)
            yield pictures[..., None].astype("float32"), self.targets[chosen]


def shift_pictures(pictures: np.ndarray, shift: int, rng: np.random.Generator) -> np.ndarray:
    """Move each picture by up to shift pixels along each axis; (n, h, w) in and out."""
    if shift == 0:
        return pictures
    n, height, width = pictures.shape
    padded = np.pad(pictures, ((0, 0), (shift, shift), (shift, shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = rng.integers(0, 2 * shift + 1, (2, n))
    return windows[np.arange(n), down, right]


def cut_out(pictures: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Blacken a square of each picture, which may stick out at the edges (DeVries and Taylor, 2017).

    Args:
        pictures: (n, h, w).
        side: of the square, in pixels; 0 for none.
    """
    n, height, width = pictures.shape
    centres = rng.integers(0, (height, width), (n, 2))
    down = 2 * (np.arange(height) - centres[:, :1])
    right = 2 * (np.arange(width) - centres[:, 1:])
    down, right = (-side <= down) & (down < side), (-side <= right) & (right < side)
    return np.where(down[:, :, None] & right[:, None, :], 0, pictures)


def smooth_labels(labels: np.ndarray, smoothing: float, n_classes: int = N_CLASSES) -> np.ndarray:
    """Turn (n,) labels into (n, n_classes) float32 targets (Szegedy et al., 2016, section 7)."""
    return (np.eye(n_classes, dtype="float32")[labels] * (1 - smoothing) + smoothing / n_classes).astype("float32")


@contextlib.contextmanager
def dtype_policy(name: str) -> typing.Iterator[None]:
    """Build layers under a Keras dtype policy and restore the former one."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


SCHEDULES: dict[str, typing.Callable] = {
    "one_cycle": OneCycle,
    "cosine": keras.optimizers.schedules.CosineDecay,
    "constant": lambda rate, n_steps: rate,
}
OPTIMIZERS: dict[str, typing.Callable] = {
    "adamw": lambda rate, decay: keras.optimizers.AdamW(rate, weight_decay=decay, beta_2=0.99),
    "sgd": lambda rate, decay: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay),
    "lion": lambda rate, decay: keras.optimizers.Lion(rate, weight_decay=decay),
}


def compile_network(network: keras.Model, settings: typing.Any, n_steps: int) -> None:
    """Compile with the settings' optimiser and schedule and cross-entropy; norms and biases do not decay.

    Args:
        settings: has optimizer, schedule, learning_rate and weight_decay.
        n_steps: optimiser steps of the whole training.
    """
    rate = SCHEDULES[settings.schedule](settings.learning_rate, n_steps)
    optimizer = OPTIMIZERS[settings.optimizer](rate, settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )


class EpochBundle:
    """One file with everything that training needs to go on after an epoch.

    Args:
        path: the HDF5 bundle: all variables of network and optimiser, and the history.
        network: a compiled network.
    """

    def __init__(self, path: Path, network: keras.Model) -> None:
        self.path = path
        network.optimizer.build(network.trainable_variables)
        self.variables = [*network.variables, *network.optimizer.variables]

    def save(self, history: History) -> None:
        """Replace the bundle atomically."""
        with replacing(self.path) as temporary, h5py.File(temporary, "w") as file:
            for number, variable in enumerate(self.variables):
                file[str(number)] = ops.convert_to_numpy(variable.value)
            file.attrs["history"] = json.dumps(history)

    def restore(self) -> History:
        """Put the bundle's variables back and return its history; an unfit bundle counts as none."""
        try:
            with h5py.File(self.path, "r") as file:
                values = [file[str(number)][()] for number in range(len(self.variables))]
                history = json.loads(file.attrs["history"])
        except (OSError, KeyError, ValueError, RuntimeError):
            return {}
        pairs = list(zip(self.variables, values, strict=True))
        if any(value.shape != tuple(variable.shape) for variable, value in pairs):
            return {}
        for variable, value in pairs:
            variable.assign(value)
        return history


def fit(network, batches, validation, settings, out: Path, progress: Progress) -> History:
    """Train for settings.epochs, resuming from the last finished epoch.

    Args:
        network: a Keras model that returns logits.
        batches: has batch_size, a length in batches, and epoch(number), which yields inputs, targets
            and perhaps weights.
        validation: function of the network that returns (loss, accuracy) on validation.
        settings: TrainingSettings.
        out: the stage's folder; the bundle lies there until training ends.

    Returns:
        By epoch: loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.
    """
    compile_network(network, settings, settings.epochs * len(batches))
    bundle = EpochBundle(out / "bundle.h5", network)
    history = bundle.restore()
    for epoch in range(len(history.get("loss", [])), settings.epochs):
        started = time.monotonic()
        values = _train_epoch(network, batches, epoch, settings.epochs, history, progress)
        values["val_loss"], values["val_accuracy"] = validation(network)
        values["learning_rate"] = float(ops.convert_to_numpy(network.optimizer.learning_rate))
        values["seconds"] = time.monotonic() - started
        history = {name: [*history.get(name, []), float(value)] for name, value in values.items()}
        bundle.save(history)
    (out / "bundle.h5").unlink(missing_ok=True)
    return history


def _train_epoch(network, batches, epoch: int, n_epochs: int, history: History, progress: Progress) -> dict:
    """Take one pass; returns its mean loss and accuracy."""
    network.reset_metrics()
    note = f"epoch {epoch + 1}/{n_epochs}"
    if history:
        note += f", validation {history['val_accuracy'][-1]:.4f}"
    for number, batch in enumerate(batches.epoch(epoch), epoch * len(batches) + 1):
        values = network.train_on_batch(*batch, return_dict=True)
        progress.update(number, n_epochs * len(batches), note, pictures=number * batches.batch_size)
    return {"loss": values["loss"], "accuracy": values["accuracy"]}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn (n, classes) logits into float32 probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype("float32")


def predict_probabilities(network: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Average the class probabilities of each picture and its mirror image; (n, 28, 28) uint8 to (n, 10) float32."""
    return predict_both_views(network, pictures).mean(axis=0)


def predict_both_views(network: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Return the class probabilities of each picture and of its mirror image.

    Args:
        network: from (n, 28, 28, 1) pixels to (n, 10) logits.
        pictures: (n, 28, 28) uint8.

    Returns:
        (2, n, 10) float32.
    """
    views = []
    for view in (pictures, pictures[:, :, ::-1]):
        pieces = np.array_split(view, max(1, len(view) // PREDICT_BATCH))
        logits = [network.predict_on_batch(piece[..., None].astype("float32")) for piece in pieces]
        views.append(softmax(np.concatenate(logits)))
    return np.stack(views)


def average_views(network: keras.Model, views: list[np.ndarray]) -> np.ndarray:
    """Average the class probabilities over views; (n, …) inputs to (n, 10) float32."""
    return predict_views(network, views).mean(axis=0)


def predict_views(network: keras.Model, views: list[np.ndarray], batch_size: int = 2_000) -> np.ndarray:
    """Return the class probabilities of each view; (n, …) inputs to (views, n, 10) float32."""
    found = []
    for view in views:
        pieces = [network.predict_on_batch(view[i : i + batch_size]) for i in range(0, len(view), batch_size)]
        found.append(softmax(np.concatenate([ops.convert_to_numpy(piece) for piece in pieces])))
    return np.stack(found)


def score(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return cross-entropy and accuracy of (n, 10) probabilities on (n,) labels."""
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
        views: probabilities of the pictures and of their mirror images, {"val": (2, n_val, 10),
            "test": (2, 10000, 10)} float32; their averages are stored, and of validation the original's too.
    """
    network.save_weights(out / "network.weights.h5")
    write_json(out / "history.json", history)
    averages = {part: both.mean(axis=0) for part, both in views.items()}
    np.savez(out / "probabilities.npz", **averages, val_original=views["val"][0])
    rows = describe_layers(network)
    summary = {name: sum(row[name] for row in rows) for name in ("n_params", "n_trainable", "macs")}
    summary |= {"layers": rows, "train_seconds": sum(history["seconds"]), "predict_ms_per_image": ms_per_image}
    write_json(out / "summary.json", summary | {"precision": policy})


def train_mlp(out: Path, progress: Progress, *, mlp: MLPSettings, seed: int, data: Path) -> None:
    """Stage `mlp`: train the multilayer perceptron of the previous assignment."""
    policy = choose_precision(mlp.precision)
    keras.utils.set_random_seed(seed)
    with dtype_policy(policy):
        network = build_mlp(mlp.widths, mlp.dropout)
    _train_on_pictures(out, progress, network, mlp, seed, data, policy)


def train_cnn(out: Path, progress: Progress, *, cnn: CNNSettings, seed: int, data: Path) -> None:
    """Stage `cnn`: train the convolutional network."""
    policy = choose_precision(cnn.precision)
    keras.utils.set_random_seed(seed)
    with dtype_policy(policy):
        network = build_cnn(cnn.stem, cnn.widths, cnn.dropout, cnn.kernel, cnn.pooling)
    _train_on_pictures(out, progress, network, cnn, seed, data, policy)


def _train_on_pictures(out, progress, network, settings, seed: int, data: Path, policy: str) -> None:
    pictures, labels = load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz")
    targets = smooth_labels(labels["train"], settings.label_smoothing)
    batches = PictureBatches(pictures["train"], targets, settings.batch_size, settings.shift, settings.cutout, seed)

    def validation(network):
        return score(predict_probabilities(network, pictures["val"]), labels["val"])

    history = fit(network, batches, validation, settings, out, progress)
    views = {part: predict_both_views(network, pictures[part]) for part in ("val", "test")}
    save_network(out, network, history, views, time_prediction(network, pictures["val"]), policy)
