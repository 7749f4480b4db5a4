"""Single answers, for the reader who wants to see what stands behind a number: images, labels and probabilities."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from fmnist_report.evaluation.networks import COMPARED
from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.pipeline.progress import Progress

MOST = 1_200  # images that are kept, so that a page can carry them
RIGHT = 10  # a class, of those that every model gets right
SIDE = 32  # of an image, in pixels, at most


def gather_examples(out: Path, progress: Progress, *, data: Path, duplicates: Path, evaluation: Path) -> None:
    """Stage `answers`: write examples.npz, what the explorer of the page shows.

    That is every test image that any compared model gets wrong, and some of those that all get right, the least sure
    first; of so many that they would not fit, those that most models get wrong.

    Its arrays, of n images, m models in the order of COMPARED and c classes:
        index (n,), in the order of the test set; label (n,);
        predicted (n, m), and probabilities (n, m, c) uint8, in 255ths;
        neighbour_labels (n,), of the nearest training images, and rms (n,), how far these are, in grey levels.
        images and neighbours, uint8: the bytes of a lossless WebP each, in which the images and the nearest training
        images stand beside each other; layout: height and width of one, no side over SIDE, and how many are in a row.
        n_wrong and n_missing: how many some model gets wrong, and how many of these are not kept.
    """
    predictions = load_arrays(evaluation / "predictions.npz")
    images, near = load_arrays(data / "images.npz"), load_arrays(duplicates / "duplicates.npz")
    labels = predictions["y_test"].astype("int64")
    probabilities = np.stack([predictions[name] for name in COMPARED], axis=1)
    predicted = probabilities.argmax(axis=2)
    chosen = choose(labels, predicted, probabilities)
    neighbours, shown = near["neighbours"][chosen], shrink(images["test"][chosen])
    columns = math.isqrt(max(0, len(chosen) - 1)) + 1
    n_wrong = int((predicted != labels[:, None]).any(axis=1).sum())
    n_kept = int((predicted[chosen] != labels[chosen, None]).any(axis=1).sum())
    save_arrays(
        out / "examples.npz",
        index=chosen.astype("int32"),
        label=labels[chosen].astype("uint16"),
        predicted=predicted[chosen].astype("uint16"),
        probabilities=np.round(255 * probabilities[chosen]).astype("uint8"),
        neighbour_labels=load_arrays(data / "labels.npz")["train"][neighbours].astype("uint16"),
        rms=near["rms"][chosen].astype("float32"),
        images=tile(shown, columns),
        neighbours=tile(shrink(images["train"][neighbours]), columns),
        layout=np.array([*shown.shape[1:], columns]),
        n_wrong=np.array(n_wrong),
        n_missing=np.array(n_wrong - n_kept),
    )


def choose(labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Choose images, in the order of the test set.

    Args:
        labels: (n,).
        predicted: (n, m).
        probabilities: (n, m, c).
    """
    n_errors = (predicted != labels[:, None]).sum(axis=1)
    sure = probabilities.max(axis=2).mean(axis=1)
    wrong = np.flatnonzero(n_errors)
    wrong = wrong[np.lexsort((sure[wrong], -n_errors[wrong]))]
    right = np.flatnonzero(n_errors == 0)
    right = right[np.argsort(sure[right], kind="stable")]
    classes = np.unique(labels)
    n_right = min(RIGHT, max(1, MOST // 4 // len(classes)))
    some = np.concatenate([right[labels[right] == label][:n_right] for label in classes])[:MOST]
    return np.sort(np.concatenate([wrong[: MOST - len(some)], some]))


def shrink(images: np.ndarray) -> np.ndarray:
    """Bring images to at most SIDE pixels a side; (n, h, w) uint8."""
    n, height, width = images.shape
    scale = SIDE / max(height, width)
    if scale >= 1 or not n:
        return images
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in images])


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Put images, (n, h, w) uint8, beside each other in rows of so many; the bytes of a lossless WebP, uint8."""
    n, height, width = images.shape
    rows = max(1, -(-n // columns))
    sheet = np.zeros((rows * columns, height, width), "uint8")
    sheet[:n] = images
    sheet = sheet.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "WEBP", lossless=True, quality=60, method=4)
    return np.frombuffer(file.getvalue(), "uint8")
