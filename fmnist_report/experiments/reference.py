"""A classifier in which nothing is chosen: ridge regression on random convolutional features.

Its accuracies on validation and on test differ only by the images of the two parts, because no setting was ever
compared on either.
"""

from pathlib import Path

import numpy as np

from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.pipeline.progress import Progress

N_FILTERS, KERNEL, GRID = 96, 5, 3
RIDGE = 1e-3  # relative to the mean variance of a feature
BATCH = 250
LARGEST_SIDE = 32  # larger images are read at every second, third … pixel


def fit_reference(out: Path, progress: Progress, *, data: Path) -> None:
    """Stage `reference`: fit the classifier on the training images; write its predicted classes to reference.npz.

    Random filters (Saxe et al., "On Random Weights and Unsupervised Feature Learning", 2011), rectified and averaged in
    the cells of a grid, are read by a ridge regression to one-hot labels, all with fixed settings.

    Writes val (n_val,) and test (n_test,), int64.
    """
    images, labels = load_arrays(data / "images.npz"), load_arrays(data / "labels.npz")["train"]
    filters = np.random.default_rng(0).normal(size=(KERNEL * KERNEL, N_FILTERS)).astype("float32")
    filters -= filters.mean(axis=0)
    targets = np.eye(int(labels.max()) + 1, dtype="float32")[labels]
    n_done, n_images = 0, sum(len(images[split]) for split in ("train", "val", "test"))
    size = N_FILTERS * GRID**2 + 1
    gram, moment = np.zeros((size, size)), np.zeros((size, targets.shape[1]))

    def batches(split: str):
        nonlocal n_done
        for start in range(0, len(images[split]), BATCH):
            features = extract(images[split][start : start + BATCH], filters)
            n_done += len(features)
            progress.update(n_done, n_images)
            yield start, features

    for start, features in batches("train"):
        gram += features.T @ features
        moment += features.T @ targets[start : start + BATCH]
    means, n = gram[-1] / gram[-1, -1], gram[-1, -1]
    variance = np.diag(gram)[:-1] / n - means[:-1] ** 2
    penalty = np.append(np.full(size - 1, RIDGE * n * variance.mean()), 0.0)  # none for the intercept
    weights = np.linalg.solve(gram + np.diag(penalty) + 1e-9 * np.eye(size), moment)
    predicted = {
        split: np.concatenate([(features @ weights).argmax(axis=1) for _, features in batches(split)])
        for split in ("val", "test")
    }
    save_arrays(out / "reference.npz", **predicted)


def extract(images: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the features of (n, height, width) uint8 images: (n, filters · GRID² + 1) float64, the last one 1."""
    step = -(-max(images.shape[1:]) // LARGEST_SIDE)
    pixels = images[:, ::step, ::step].astype("float32") / 255
    lacking = [max(0, KERNEL + GRID - 1 - side) for side in pixels.shape[1:]]  # of very small images
    pixels = np.pad(pixels, ((0, 0), (0, lacking[0]), (0, lacking[1])))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (KERNEL, KERNEL), axis=(1, 2))
    n, height, width = windows.shape[:3]
    maps = np.maximum(windows.reshape(-1, KERNEL * KERNEL) @ filters, 0).reshape(n, height, width, -1)
    rows, columns = (np.array_split(np.arange(side), GRID) for side in (height, width))
    cells = [maps[:, row[0] : row[-1] + 1, column[0] : column[-1] + 1].mean(axis=(1, 2)) for row in rows
             for column in columns]  # fmt: skip
    return np.concatenate([*cells, np.ones((n, 1))], axis=1).astype("float64")
