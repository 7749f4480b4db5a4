"""How a greyscale picture should enter VGG16: ways compared on a subset, judged on validation."""

from __future__ import annotations

import time
import typing
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fmnist_report.cache import read_finished, write_json
from fmnist_report.classifiers import standardisation
from fmnist_report.data import load_arrays
from fmnist_report.hardware import choose_precision
from fmnist_report.models.vgg import IMAGENET_MEAN_BGR, apply_blocks, pool_blocks, set_base_weights
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
SIZES = (32, 48, 56, 64)
RESIZING = ("nearest", "bilinear", "bicubic")
BATCH = 100


def list_ways(size: int) -> list[dict[str, typing.Any]]:
    """List the ways, one factor at a time around the chosen one; rows of factor, value, chosen and way."""
    chosen = {"channels": "imagenet_mean", "size": size, "resizing": "bilinear"}
    values = {"channels": tuple(CHANNELS), "size": tuple(sorted({*SIZES, size})), "resizing": RESIZING}
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
            write_json(out / "finished.json", finished)
        row |= finished[name]
        row["ci95"] = list(wilson_interval(round(row["val_accuracy"] * len(y["val"])), len(y["val"])))
        row |= {"network": "vgg_input", "group": "input"}
        del row["way"]
    (out / "finished.json").unlink()
    write_json(out / "inputs.json", {**{f"n_{part}": len(y[part]) for part in n}, "rows": rows})


def judge_way(way: dict, x: dict, y: dict, base: Weights, precision: str, seed: int) -> float:
    """Fit a logistic regression on one way's features; returns its validation accuracy."""
    from sklearn.linear_model import LogisticRegression

    with dtype_policy(choose_precision(precision)):
        network = build_reader(**way)
    set_base_weights(network, base)
    found = {part: read_features(network, pictures) for part, pictures in x.items()}
    mean, scale = standardisation(found["train"])
    classifier = LogisticRegression(C=0.01, max_iter=1_000, random_state=seed)
    classifier.fit((found["train"] - mean) * scale, y["train"])
    return float(classifier.score((found["val"] - mean) * scale, y["val"]))


def build_reader(channels: str, size: int, resizing: str) -> keras.Model:
    """Build the frozen base behind one way of input.

    Returns:
        Model from (n, 28, 28, 1) pixels to {"block3_grid", "block4_gap", "block5_gap"}.
    """
    factor, offsets = CHANNELS[channels]
    pixels = layers.Input((28, 28, 1), name="pixels")
    grey = layers.Resizing(size, size, interpolation=resizing, name="resize", dtype="float32")(pixels)
    x = ops.concatenate([grey * factor - offset for offset in offsets], axis=-1)
    return keras.Model(pixels, pool_blocks(apply_blocks(x, 1, 5, trainable=False)), name="reader")


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
