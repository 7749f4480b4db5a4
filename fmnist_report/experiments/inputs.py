"""Comparison of preprocessing variants for greyscale images, on a subset, by validation accuracy."""

import time
import typing
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fmnist_report.backbones import DEFAULT, least_side
from fmnist_report.machine import choose_precision, settle_precision
from fmnist_report.models.base import Base, build_base, find_preprocessing, set_base_weights
from fmnist_report.models.layers import Standardise
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.files import load_arrays, read_finished, write_finished, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import FeatureSettings, InputSettings
from fmnist_report.training.fitting import dtype_policy
from fmnist_report.training.metrics import wilson_interval
from fmnist_report.training.stores import standardisation

LEARNED = "learned"  # a 1 × 1 convolution, initialised with the base's preprocessing
SIZES = (32, 48, 56, 64)
RESIZING = ("nearest", "bilinear", "bicubic")
POOLING = ("average", "max", "both")
BATCH = 100
CONVERSION_EPOCHS = 4
CONVERSION_LEARNING_RATE = 2e-3
LOGISTIC_C = 0.01  # of the logistic regression, inverse regularisation strength


def list_channels(backbone: str) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Return the conversions of a grey value to three channels: scale and offset by channel.

    Adding the same number to all channels is equivalent to summing the first convolution over its input channels.
    """
    own, name = find_preprocessing(backbone), expected_way(backbone)
    ways = {
        name: (own.scale, own.offset),
        "one_mean": ((sum(own.scale) / 3,) * 3, (sum(own.offset) / 3,) * 3),
        "no_mean": ((1.0,) * 3, (0.0,) * 3),
        "divided": ((1 / 255,) * 3, (0.0,) * 3),
    }
    return {other: way for other, way in ways.items() if other == name or way != ways[name]}


def expected_way(backbone: str) -> str:
    """Return the name of the base's own preprocessing: for VGG16, subtraction of ImageNet's mean from each channel."""
    return "imagenet_mean" if backbone == DEFAULT else "expected"


def list_variants(size: int, backbone: str = DEFAULT) -> list[dict[str, typing.Any]]:
    """List the variants, one factor at a time around the chosen one; rows of factor, value, chosen and way."""
    chosen = {"channels": expected_way(backbone), "size": size, "resizing": "bilinear", "pooling": "average"}
    values = {
        "channels": (*list_channels(backbone), LEARNED),
        "size": tuple(sorted({*list_sizes(size, least_side(backbone)), size})),
        "resizing": RESIZING,
        "pooling": POOLING,
    }
    return [
        {"factor": factor, "value": str(value), "chosen": value == chosen[factor], "way": {**chosen, factor: value}}
        for factor, tried in values.items()
        for value in tried
    ]


def list_sizes(size: int, least: int) -> list[int]:
    """List the sides to compare with the chosen one: SIZES, or larger ones if the base needs them."""
    return [side for side in SIZES if side >= least] or [side for side in (size + 16, size + 32) if side <= 224]


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
    """Stage `inputs`: classify the features of every variant and write inputs.json.

    Rows have network ("vgg_input"), group, factor, value, chosen, val_accuracy, ci95 (Wilson) and seconds. Variants
    that were finished before an interruption are not repeated.
    """
    images, labels = load_arrays(data / "images.npz"), load_arrays(data / "labels.npz")
    n = {"train": inputs.n_train, "val": inputs.n_val}
    x = {split: images[split][: n[split]] for split in n}
    y = {split: labels[split][: n[split]] for split in n}
    settled = settle_precision(features_settings, "inference")
    rows, finished = list_variants(settled.size, settled.backbone), read_finished(out)
    ways = {str(sorted(row["way"].items())): row["way"] for row in rows}
    missing = [name for name in ways if name not in finished]
    with open_processes() as pool:
        calls = [(ways[name], x, y, weights, settled, seed) for name in missing]
        for number, result in pool.compute(evaluate_variant, calls):
            finished[missing[number]] = result
            write_finished(out, finished)
            progress.update(len(finished), len(ways), f"{len(finished)}/{len(ways)} variants")
    for row in rows:
        row |= finished[str(sorted(row["way"].items()))]
        row["ci95"] = list(wilson_interval(round(row["val_accuracy"] * len(y["val"])), len(y["val"])))
        row |= {"network": "vgg_input", "group": "input"}
        del row["way"]
    n_images = {f"n_{split}": len(labels) for split, labels in y.items()}
    write_json(out / "inputs.json", {**n_images, "conversion_epochs": CONVERSION_EPOCHS, "rows": rows})


def evaluate_variant(
    way: dict, x: dict, y: dict, weights: Path, features: FeatureSettings, seed: int
) -> dict[str, float]:
    """Fit a logistic regression on one variant's features; return its val_accuracy and seconds."""
    started = time.monotonic()
    with dtype_policy(choose_precision(features.precision, "inference")):
        network = build_reader(**way, shape=x["train"].shape[1:], backbone=features.backbone)
    set_base_weights(network, load_base(weights))
    if way["channels"] == LEARNED:
        train_conversion(network, x["train"], y["train"], seed)
    mean, scale, classifier = _fit_classifier(read_features(network, x["train"]), y["train"], seed)
    accuracy = float(classifier.score((read_features(network, x["val"]) - mean) * scale, y["val"]))
    return {"val_accuracy": accuracy, "seconds": time.monotonic() - started}


def _fit_classifier(features: np.ndarray, labels: np.ndarray, seed: int):
    from sklearn.linear_model import LogisticRegression

    mean, scale = standardisation(features)
    classifier = LogisticRegression(C=LOGISTIC_C, max_iter=1_000, random_state=seed)
    return mean, scale, classifier.fit((features - mean) * scale, labels)


def train_conversion(network: keras.Model, images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Train the 1 × 1 conversion of a reader, together with a linear classifier initialised from the fitted one.

    Args:
        network: a reader with the layer "conversion"; all other layers are frozen.
        images: (n, height, width) uint8.
        labels: (n,).
    """
    keras.utils.set_random_seed(seed)
    mean, scale, classifier = _fit_classifier(read_features(network, images), labels, seed)
    joined = layers.Concatenate(dtype="float32")([layers.Flatten(dtype="float32")(found) for found in network.outputs])
    standardise = Standardise(dtype="float32")
    logits = layers.Dense(len(classifier.classes_), dtype="float32")
    whole = keras.Model(network.input, logits(standardise(joined)))
    standardise.set_weights([mean, scale])
    logits.set_weights(_as_logits(classifier))
    whole.compile(
        keras.optimizers.AdamW(CONVERSION_LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    targets = np.searchsorted(classifier.classes_, labels)
    whole.fit(images[..., None].astype("float32"), targets, batch_size=BATCH // 2, epochs=CONVERSION_EPOCHS, verbose=0)


def _as_logits(classifier) -> list[np.ndarray]:
    """Return kernel and bias of a linear layer with one logit per class; scikit-learn has one for two classes."""
    kernel, bias = classifier.coef_.T, classifier.intercept_
    if len(classifier.classes_) > 2:
        return [kernel, bias]
    return [np.concatenate([-kernel, kernel], axis=1) / 2, np.concatenate([-bias, bias]) / 2]


def build_reader(
    channels: str,
    size: int,
    resizing: str,
    pooling: str = "average",
    shape: tuple[int, int] = (28, 28),
    backbone: str = DEFAULT,
) -> keras.Model:
    """Build the frozen base with one variant of preprocessing.

    Args:
        channels: a name from list_channels, or LEARNED.
        size: side of the base's input in pixels.
        resizing: one of RESIZING.
        pooling: one of POOLING, for block 3's grid and for blocks 4 and 5 alike.

    Returns:
        Model from (n, *shape, 1) pixels to the pooled features of blocks 3, 4 and 5, by name.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    grey = layers.Resizing(size, size, interpolation=resizing, name="resize", dtype="float32")(pixels)
    conversion = None
    if channels == LEARNED:
        conversion = layers.Conv2D(3, 1, name="conversion", dtype="float32")
        x = layers.Rescaling(255, name="unscale", dtype="float32")(
            conversion(layers.Rescaling(1 / 255, name="scale", dtype="float32")(grey))
        )
    else:
        x = ops.concatenate(
            [grey * scale + offset for scale, offset in zip(*list_channels(backbone)[channels], strict=True)], axis=-1
        )
    base = build_base(backbone, pixels, x)
    for layer in base.network.layers:
        layer.trainable = layer is conversion
    network = keras.Model(pixels, _pool(base, pooling), name="reader")
    if conversion:
        own = find_preprocessing(backbone)
        conversion.set_weights([np.reshape(own.scale, (1, 1, 1, 3)), np.divide(own.offset, 255)])
    return network


def _pool(base: Base, pooling: str) -> dict:
    found = dict(base.pooled) if pooling != "max" else {}
    if pooling != "average":
        grid = layers.MaxPooling2D(2, padding="same", dtype="float32", name="block3_maxima")
        found["block3_maxima"] = grid(base.outputs[3])
        for block in (4, 5):
            highest = layers.GlobalMaxPooling2D(dtype="float32", name=f"block{block}_maxima")
            found[f"block{block}_maxima"] = highest(base.outputs[block])
    return found


def read_features(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the features of (n, height, width) uint8 images, (n, n_features) float32."""
    rows = []
    for first in range(0, len(images), BATCH):
        batch = images[first : first + BATCH]
        outputs = network.predict_on_batch(batch[..., None].astype("float32"))
        joined = [
            np.asarray(ops.convert_to_numpy(values), "float32").reshape(len(batch), -1) for values in outputs.values()
        ]
        rows.append(np.concatenate(joined, axis=1))
    return np.concatenate(rows)
