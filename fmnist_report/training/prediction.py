"""Batched prediction and latency measurement."""

import time
import typing

import keras
import numpy as np
from keras import ops
from scipy.special import softmax

from fmnist_report.errors import ReportError

PREDICT_BATCH = 250
FEATURE_BATCH = 2_000
TIMED_IMAGES = 1_000

Batches = typing.Iterable[typing.Any]  # images per forward pass


def predict(network: keras.Model, batches: Batches) -> np.ndarray:
    """Return the class probabilities, (n, classes) float32, for all batches."""
    logits = [ops.convert_to_numpy(network.predict_on_batch(batch)) for batch in batches]
    return softmax(np.concatenate(logits), axis=1)


def predict_views(network: keras.Model, views: typing.Iterable[Batches]) -> np.ndarray:
    """Return the class probabilities of each view, (views, n, classes) float32; their average is the prediction."""
    return np.stack([predict(network, batches) for batches in views])


def view_images(images: np.ndarray, mirror: bool = True) -> list[Batches]:
    """Return the batches of each view of (n, height, width) uint8 images: original and, optionally, mirrored."""
    views = (images, images[:, :, ::-1])[: 1 + mirror]
    n_batches = max(1, len(images) // PREDICT_BATCH)
    return [map(as_pixels, np.array_split(view, n_batches)) for view in views]


def view_features(views: typing.Sequence[np.ndarray]) -> list[Batches]:
    """Return the batches of each view of (n, n_features) features, in float32."""

    def cut(features: np.ndarray) -> Batches:
        return (features[i : i + FEATURE_BATCH].astype("float32") for i in range(0, len(features), FEATURE_BATCH))

    return [cut(features) for features in views]


def check_finite(values: np.ndarray, stage: str) -> np.ndarray:
    """Return the outputs of a network; raise ReportError if they are infinite or NaN, because its training diverged."""
    if not np.isfinite(values).all():
        raise ReportError(
            f"The training of {stage} diverged: its features are infinite. "
            f"Try a lower learning rate: --set {stage}.learning_rate=…"
        )
    return values


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Convert (n, height, width) uint8 images to (n, height, width, 1) float32 from 0 to 255."""
    return images[..., None].astype("float32")


def time_prediction(network: keras.Model, inputs: np.ndarray) -> float:
    """Return milliseconds per input for the first 1,000 of (n, …) inputs, in batches after a warm-up."""
    sample = inputs[:TIMED_IMAGES]
    network.predict_on_batch(sample[:PREDICT_BATCH])
    started = time.perf_counter()
    for first in range(0, len(sample), PREDICT_BATCH):
        network.predict_on_batch(sample[first : first + PREDICT_BATCH])
    return 1e3 * (time.perf_counter() - started) / len(sample)
