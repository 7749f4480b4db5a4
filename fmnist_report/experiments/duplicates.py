"""How far validation and test repeat training pictures: exact and near duplicates."""

import hashlib
from pathlib import Path

import numpy as np

from fmnist_report.models.base import POOLED
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import OverlapSettings
from fmnist_report.training.stores import FeatureStore

CHUNK = 500
N_SHOWN = 6


def find_overlap(out: Path, progress: Progress, *, overlap: OverlapSettings, data: Path, features: Path) -> None:
    """Stage `overlap`: compare every validation and test picture with all training pictures.

    Labels are not read. Writes overlap.json with, for val and test, n, n_exact, n_near_pixels, n_near_features and
    n_near (either); and overlap.npz with val and test, (n,) bool, true for near duplicates; pairs, (2, k, 28, 28)
    uint8: the test pictures nearest to the pixel threshold, on either side, above their training neighbours; and
    neighbours and rms, (n,), the nearest training picture of every test picture and how far it is, in grey levels.
    """
    pictures = load_arrays(data / "pictures.npz")
    flat = {part: values.reshape(len(values), -1).astype("float32") for part, values in pictures.items()}
    with FeatureStore(features) as store:
        deep = {part: _unit_rows(store.pooled(part, "original")[:, store.widths[POOLED[0]] :]) for part in pictures}
    seen = {_digest(picture) for picture in pictures["train"]}
    found, near = {}, {}
    for number, part in enumerate(("val", "test")):
        progress.update(number, 2, f"{part} against training pictures")
        rms, neighbour = nearest(flat["train"], flat[part])
        rms = rms / np.sqrt(flat[part].shape[1])
        cosine = 1 - nearest(deep["train"], deep[part])[0] ** 2 / 2
        close, alike = rms <= overlap.rms, cosine >= overlap.cosine
        near[part] = close | alike
        found[part] = {
            "n": len(rms),
            "n_exact": sum(_digest(picture) in seen for picture in pictures[part]),
            "n_near_pixels": int(close.sum()),
            "n_near_features": int(alike.sum()),
            "n_near": int(near[part].sum()),
        }
    shown = np.sort(np.argsort(np.abs(rms - overlap.rms), kind="stable")[:N_SHOWN])
    shown = shown[np.argsort(rms[shown], kind="stable")]
    pairs = np.stack([pictures["test"][shown], pictures["train"][neighbour[shown]]])
    save_arrays(out / "overlap.npz", pairs=pairs, neighbours=neighbour.astype("int32"), rms=rms, **near)
    shown_rms = [float(value) for value in rms[shown]]
    thresholds = {"rms": overlap.rms, "cosine": overlap.cosine}
    write_json(out / "overlap.json", {**thresholds, **found, "shown_rms": shown_rms})


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


def _digest(picture: np.ndarray) -> bytes:
    return hashlib.sha256(picture.tobytes()).digest()


def _unit_rows(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
