"""Individual predictions for the explorer of the report: images, labels and probabilities."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from fmnist_report.networks import COMPARED
from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.pipeline.progress import Progress

MOST = 1_200  # maximum number of images, to limit the size of the page
RIGHT = 10  # per class, of those that every model gets right
SIDE = 32  # maximum side of an image in pixels


def gather_examples(out: Path, progress: Progress, *, data: Path, duplicates: Path, evaluation: Path) -> None:
    """Stage `examples`: write examples.npz for the explorer of the page.

    It has every test image that any compared model gets wrong, and some of those that all get right, the least
    confident first; if there are too many, those that most models get wrong.

    Its arrays, for n images, m models in the order of COMPARED and c classes:
        index (n,), in the order of the test set; label (n,);
        predicted (n, m), and probabilities (n, m, c) uint8, in 255ths;
        neighbour_labels (n,), of the nearest training images, and rms (n,), their distances in grey levels.
        images and neighbours, uint8: the bytes of a lossless WebP each, with the images and the nearest training
        images in a grid; layout: height and width of one image, no side over SIDE, and the number of columns.
        n_wrong and n_missing: number of images that some model gets wrong, and how many of these are not kept.
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
    """Choose the images to show, in the order of the test set.

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
    """Downscale images to at most SIDE pixels per side; (n, h, w) uint8."""
    n, height, width = images.shape
    scale = SIDE / max(height, width)
    if scale >= 1 or not n:
        return images
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in images])


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images, (n, h, w) uint8, in a grid; return the bytes of a lossless WebP, uint8."""
    n, height, width = images.shape
    rows = max(1, -(-n // columns))
    sheet = np.zeros((rows * columns, height, width), "uint8")
    sheet[:n] = images
    sheet = sheet.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "WEBP", lossless=True, quality=60, method=4)
    return np.frombuffer(file.getvalue(), "uint8")
