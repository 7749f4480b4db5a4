"""Custom data sets written for the tests."""

import gzip
import struct

import numpy as np


def write_idx(folder, arrays, names=("train", "t10k"), packed=True):
    """Write {x_train, y_train, x_test, y_test} as the four files of the MNIST family."""
    folder.mkdir(parents=True, exist_ok=True)
    for array, values in arrays.items():
        what, dimensions = ("images", 3) if array[0] == "x" else ("labels", 1)
        split = names[array.endswith("test")]
        raw = struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()
        path = folder / f"{split}-{what}-idx{dimensions}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(raw) if packed else raw)


def load_digits():
    """Return scikit-learn's 1,797 handwritten digits of 8 × 8 pixels as x_train, y_train, x_test and y_test, uint8."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = (digits.images * (255 / 16)).round().astype("uint8"), digits.target.astype("uint8")
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    return {"x_train": x[:1_437], "y_train": y[:1_437], "x_test": x[1_437:], "y_test": y[1_437:]}


def write_images(folder, n=12, sizes=((20, 30),), classes=("cat", "dog"), splits=("",)):
    """Write n images per class and split, whose shade shows the class, as PNG files."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for split in splits:
        for label, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(n):
                width, height = sizes[number % len(sizes)]
                shades = rng.integers(0, 80, (height, width)) + 100 * label
                Image.fromarray(shades.astype("uint8")).save(place / f"{number:03}.png")
