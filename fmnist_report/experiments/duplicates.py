"""Exact and near duplicates of training images in the validation and test splits."""

import hashlib
from pathlib import Path

import numpy as np

from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import POOLED, DuplicateSettings
from fmnist_report.training.stores import FeatureStore

CHUNK = 500
N_SHOWN = 6


def find_duplicates(
    out: Path, progress: Progress, *, duplicates: DuplicateSettings, data: Path, features: Path
) -> None:
    """Stage `duplicates`: compare every validation and test image with all training images.

    Labels are not read. Writes duplicates.json with, for val and test, n, n_exact, n_near_pixels, n_near_features and
    n_near (either); and duplicates.npz with val and test, (n,) bool, true for near duplicates; pairs,
    (2, k, height, width) uint8: the test images closest to the pixel threshold, on either side, above their training
    neighbours; and neighbours and rms, (n,), the nearest training image of every test image and its distance, in grey
    levels.
    """
    images = load_arrays(data / "images.npz")
    flat = {split: values.reshape(len(values), -1).astype("float32") for split, values in images.items()}
    with FeatureStore(features) as store:
        first = store.widths[POOLED[0]]  # of blocks 4 and 5
        deep = {split: _unit_rows(store.pooled(split, "original")[:, first:].astype("float32")) for split in images}
    seen = {_digest(image) for image in images["train"]}
    found, near = {}, {}
    for number, split in enumerate(("val", "test")):
        progress.update(number, 2, f"{split} against training images")
        rms, neighbour = nearest(flat["train"], flat[split])
        rms = rms / np.sqrt(flat[split].shape[1])
        cosine = 1 - nearest(deep["train"], deep[split])[0] ** 2 / 2
        close, alike = rms <= duplicates.rms, cosine >= duplicates.cosine
        near[split] = close | alike
        found[split] = {
            "n": len(rms),
            "n_exact": sum(_digest(image) in seen for image in images[split]),
            "n_near_pixels": int(close.sum()),
            "n_near_features": int(alike.sum()),
            "n_near": int(near[split].sum()),
        }
    shown = np.sort(np.argsort(np.abs(rms - duplicates.rms), kind="stable")[:N_SHOWN])
    shown = shown[np.argsort(rms[shown], kind="stable")]
    pairs = np.stack([images["test"][shown], images["train"][neighbour[shown]]])
    save_arrays(out / "duplicates.npz", pairs=pairs, neighbours=neighbour.astype("int32"), rms=rms, **near)
    shown_rms = [float(value) for value in rms[shown]]
    thresholds = {"rms": duplicates.rms, "cosine": duplicates.cosine}
    write_json(out / "duplicates.json", {**thresholds, **found, "shown_rms": shown_rms})


def nearest(train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each row's nearest training row.

    Args:
        train: (n, d) float32; others: (m, d) float32.

    Returns:
        Euclidean distances (m,) and indices into train (m,).
    """
    lengths = (train**2).sum(axis=1)
    distances, indices = [], []
    for first in range(0, len(others), CHUNK):
        rows = others[first : first + CHUNK]
        squared = lengths - 2 * rows @ train.T
        best = squared.argmin(axis=1)
        indices.append(best)
        distances.append(np.linalg.norm(rows - train[best], axis=1))
    return np.concatenate(distances), np.concatenate(indices)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _unit_rows(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
