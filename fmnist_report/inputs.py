"""How a greyscale picture should enter VGG16 and be read from it: ways compared on a subset, judged on validation."""

from __future__ import annotations

import time
import typing
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fmnist_report.classifiers import standardisation
from fmnist_report.data import load_arrays
from fmnist_report.files import read_finished, write_finished, write_json
from fmnist_report.hardware import choose_precision
from fmnist_report.models.vgg import IMAGENET_MEAN_BGR, Standardise, apply_blocks, pool_blocks, set_base_weights
from fmnist_report.progress import Progress
from fmnist_report.settings import FeatureSettings, InputSettings
from fmnist_report.statistics import wilson_interval
from fmnist_report.training import dtype_policy
from fmnist_report.weights import Weights, read_hdf5, verify_weights

GREY_MEAN = sum(IMAGENET_MEAN_BGR) / 3
# Each way multiplies the grey value and subtracts one number from each of the three channels. To
# subtract one mean is to sum the first convolution over its input channels.
CHANNELS = {
    "imagenet_mean": (1.0, IMAGENET_MEAN_BGR),
    "one_mean": (1.0, (GREY_MEAN,) * 3),
    "no_mean": (1.0, (0.0, 0.0, 0.0)),
    "divided": (1 / 255, (0.0, 0.0, 0.0)),
}
LEARNED = "learned"  # a 1 × 1 convolution that starts as imagenet_mean
SIZES = (32, 48, 56, 64)
RESIZING = ("nearest", "bilinear", "bicubic")
POOLING = ("average", "max", "both")
BATCH = 100
COLOURING_EPOCHS = 4
COLOURING_RATE = 2e-3
PENALTY = 0.01  # of the logistic regression, its C


def list_ways(size: int) -> list[dict[str, typing.Any]]:
    """List the ways, one factor at a time around the chosen one; rows of factor, value, chosen and way."""
    chosen = {"channels": "imagenet_mean", "size": size, "resizing": "bilinear", "pooling": "average"}
    values = {
        "channels": (*CHANNELS, LEARNED),
        "size": tuple(sorted({*SIZES, size})),
        "resizing": RESIZING,
        "pooling": POOLING,
    }
    return [
        {"factor": factor, "value": str(value), "chosen": value == chosen[factor], "way": {**chosen, factor: value}}
        for factor, tried in values.items()
        for value in tried
    ]


def compare_inputs(
    out: Path,
    progress: Progress,
    *,
    inputs: InputSettings,
    features_settings: FeatureSettings,
    seed: int,
    data: Path,
    weights: Path,
) -> None:
    """Stage `inputs`: classify the features of every way and write inputs.json.

    Rows have network ("vgg_input"), group, factor, value, chosen, val_accuracy, ci95 (Wilson) and seconds. Ways that
    were finished before an interruption are not repeated.
    """
    pictures, labels = load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz")
    n = {"train": inputs.n_train, "val": inputs.n_val}
    x = {part: pictures[part][: n[part]] for part in n}
    y = {part: labels[part][: n[part]] for part in n}
    base = verify_weights(read_hdf5(weights / "vgg16_notop.h5"))
    rows, finished = list_ways(features_settings.size), read_finished(out)
    for number, row in enumerate(rows):
        progress.update(number, len(rows), f"{row['factor']} = {row['value']}")
        name = str(sorted(row["way"].items()))
        if name not in finished:
            started = time.monotonic()
            accuracy = judge_way(row["way"], x, y, base, features_settings.precision, seed)
            finished[name] = {"val_accuracy": accuracy, "seconds": time.monotonic() - started}
            write_finished(out, finished)
        row |= finished[name]
        row["ci95"] = list(wilson_interval(round(row["val_accuracy"] * len(y["val"])), len(y["val"])))
        row |= {"network": "vgg_input", "group": "input"}
        del row["way"]
    n_pictures = {f"n_{part}": len(labels) for part, labels in y.items()}
    write_json(out / "inputs.json", {**n_pictures, "colouring_epochs": COLOURING_EPOCHS, "rows": rows})


def judge_way(way: dict, x: dict, y: dict, base: Weights, precision: str, seed: int) -> float:
    """Fit a logistic regression on one way's features; returns its validation accuracy."""
    with dtype_policy(choose_precision(precision)):
        network = build_reader(**way, shape=x["train"].shape[1:])
    set_base_weights(network, base)
    if way["channels"] == LEARNED:
        learn_colouring(network, x["train"], y["train"], seed)
    mean, scale, classifier = _fit_classifier(read_features(network, x["train"]), y["train"], seed)
    return float(classifier.score((read_features(network, x["val"]) - mean) * scale, y["val"]))


def _fit_classifier(features: np.ndarray, labels: np.ndarray, seed: int):
    from sklearn.linear_model import LogisticRegression

    mean, scale = standardisation(features)
    classifier = LogisticRegression(C=PENALTY, max_iter=1_000, random_state=seed)
    return mean, scale, classifier.fit((features - mean) * scale, labels)


def learn_colouring(network: keras.Model, pictures: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Train the reader's colouring, together with a linear classifier that starts as the fitted one.

    Args:
        network: a reader with the layer "colouring"; all else of it is frozen.
        pictures: (n, 28, 28) uint8.
        labels: (n,).
    """
    keras.utils.set_random_seed(seed)
    mean, scale, classifier = _fit_classifier(read_features(network, pictures), labels, seed)
    joined = layers.Concatenate(dtype="float32")([layers.Flatten(dtype="float32")(found) for found in network.outputs])
    standardise = Standardise(dtype="float32")
    logits = layers.Dense(len(classifier.classes_), dtype="float32")
    whole = keras.Model(network.input, logits(standardise(joined)))
    standardise.set_weights([mean, scale])
    logits.set_weights(_as_logits(classifier))
    whole.compile(
        keras.optimizers.AdamW(COLOURING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    targets = np.searchsorted(classifier.classes_, labels)
    whole.fit(pictures[..., None].astype("float32"), targets, batch_size=BATCH // 2, epochs=COLOURING_EPOCHS, verbose=0)


def _as_logits(classifier) -> list[np.ndarray]:
    """Return kernel and bias of a linear layer with a logit a class; of two classes scikit-learn keeps one."""
    kernel, bias = classifier.coef_.T, classifier.intercept_
    if len(classifier.classes_) > 2:
        return [kernel, bias]
    return [np.concatenate([-kernel, kernel], axis=1) / 2, np.concatenate([-bias, bias]) / 2]


def build_reader(
    channels: str, size: int, resizing: str, pooling: str = "average", shape: tuple[int, int] = (28, 28)
) -> keras.Model:
    """Build the frozen base behind one way of input.

    Args:
        channels: one of CHANNELS, or LEARNED.
        size: side of VGG16's input in pixels.
        resizing: one of RESIZING.
        pooling: one of POOLING, for block 3's grid and for blocks 4 and 5 alike.

    Returns:
        Model from (n, *shape, 1) pixels to what is read of blocks 3, 4 and 5, by name.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    grey = layers.Resizing(size, size, interpolation=resizing, name="resize", dtype="float32")(pixels)
    colouring = None
    if channels == LEARNED:
        colouring = layers.Conv2D(3, 1, name="colouring", dtype="float32")
        x = layers.Rescaling(255, name="unscale", dtype="float32")(
            colouring(layers.Rescaling(1 / 255, name="scale", dtype="float32")(grey))
        )
    else:
        factor, offsets = CHANNELS[channels]
        x = ops.concatenate([grey * factor - offset for offset in offsets], axis=-1)
    pools = apply_blocks(x, 1, 5, trainable=False)
    network = keras.Model(pixels, _pool(pools, pooling), name="reader")
    if colouring:
        colouring.set_weights([np.ones((1, 1, 1, 3)), -np.array(IMAGENET_MEAN_BGR) / 255])
    return network


def _pool(pools: dict, pooling: str) -> dict:
    found = pool_blocks(pools) if pooling != "max" else {}
    if pooling != "average":
        grid = layers.MaxPooling2D(2, padding="same", dtype="float32", name="block3_maxima")
        found["block3_maxima"] = grid(pools["block3_pool"])
        for block in ("block4", "block5"):
            highest = layers.GlobalMaxPooling2D(dtype="float32", name=f"{block}_maxima")
            found[f"{block}_maxima"] = highest(pools[f"{block}_pool"])
    return found


def read_features(network: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Return the features of (n, 28, 28) uint8 pictures, (n, n_features) float32."""
    rows = []
    for first in range(0, len(pictures), BATCH):
        batch = pictures[first : first + BATCH]
        outputs = network.predict_on_batch(batch[..., None].astype("float32"))
        joined = [
            np.asarray(ops.convert_to_numpy(values), "float32").reshape(len(batch), -1) for values in outputs.values()
        ]
        rows.append(np.concatenate(joined, axis=1))
    return np.concatenate(rows)
