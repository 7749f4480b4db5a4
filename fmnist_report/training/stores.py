"""Access to extracted features by split and row: pooled features, and batches of boundary activations."""

from __future__ import annotations

import itertools
import math
import typing
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.data.split import read_dataset_info
from fmnist_report.models.base import BaseInput
from fmnist_report.pipeline.files import read_json
from fmnist_report.settings import POOLED

SPLITS = ("train", "val", "test")
VIEWS = ("original", "mirror")
MOMENT_ROWS = 1_000
CHUNK_ROWS = 125  # rows per HDF5 chunk, the unit of reading


class FeatureStore:
    """The shards of one extraction, read by split and row; open it with `with`.

    Args:
        folder: the features entry.
    """

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / "index.json")
        self.counts, self.shard = index["counts"], index["shard"]
        self.unfreeze = index["unfreeze"]
        self.boundary_layers, self.shapes = index["boundary"], index["pooled"]
        self.widths = {name: math.prod(shape) for name, shape in self.shapes.items()}
        self.views, self.dataset = tuple(index["views"]), read_dataset_info(index["dataset"])
        self.given = BaseInput(index["backbone"], index["size"], self.dataset.shape)
        self.n_features = sum(self.widths.values())
        self.folder = folder
        self._files: dict[int, h5py.File] = {}

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *error) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, number: int) -> h5py.File:
        if number not in self._files:
            self._files[number] = h5py.File(self.folder / f"shard-{number:05d}.h5", "r")
        return self._files[number]

    def first_row(self, split: str) -> int:
        """Return the index of a split's first row, counted over all splits."""
        return sum(self.counts[p] for p in SPLITS[: SPLITS.index(split)])

    def _read_pieces(self, layer: str, view: str, first: int, last: int) -> typing.Iterator[np.ndarray]:
        """Yield rows first … last-1 of one layer and view by shard; arguments as in read."""
        while first < last:
            number, offset = divmod(first, self.shard)
            n = min(last - first, self.shard - offset)
            yield self._file(number)[f"{view}/{layer}"][offset : offset + n]
            first += n

    def read(self, layer: str, view: str, first: int, last: int) -> np.ndarray:
        """Read rows first … last-1, counted over all splits, of one layer and view; float16."""
        return np.concatenate(list(self._read_pieces(layer, view, first, last)))

    def read_boundary(self, view: str, first: int, last: int) -> dict[str, np.ndarray]:
        """Read rows first … last-1, counted over all splits, of a view's boundary activations, by layer; float16."""
        return {layer: self.read(layer, view, first, last) for layer in self.boundary_layers}

    def pooled(self, split: str, view: str, n: int | None = None, start: int = 0) -> np.ndarray:
        """Return block3's grid, flattened, and block4 and block5 averaged over space, (n, n_features) float16.

        Args:
            n: number of images; by default, all from start on.
            start: the first of them, counted in its split.
        """
        n = self.counts[split] - start if n is None else n
        first, features = self.first_row(split) + start, np.empty((n, self.n_features), "float16")
        ends = itertools.accumulate(self.widths[layer] for layer in POOLED)
        for layer, end in zip(POOLED, ends, strict=True):
            row = 0
            for piece in self._read_pieces(layer, view, first, first + n):  # all at once would take twice the memory
                features[row : row + len(piece), end - self.widths[layer] : end] = piece.reshape(len(piece), -1)
                row += len(piece)
        return features


def standardisation(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and inverse standard deviation, (n_features,) float32 each, of (n, n_features) features."""
    total, squares = (np.zeros(train.shape[1]) for _ in range(2))
    for first in range(0, len(train), MOMENT_ROWS):  # without a copy of all in another precision
        rows = train[first : first + MOMENT_ROWS].astype("float64")
        total += rows.sum(axis=0)
        squares += np.einsum("ij,ij->j", rows, rows)
    mean = total / len(train)
    deviation = np.sqrt(np.maximum(squares / len(train) - mean**2, 0))
    return mean.astype("float32"), (1 / (deviation + 1e-3)).astype("float32")


class BoundaryBatches:
    """Shuffled batches of boundary activations, read without loading the whole file.

    Chunks of rows are shuffled; each group of chunks is read and shuffled within. A chunk's view
    follows the pattern original, mirror, mirror, original, so that both are used equally often even
    for images that are shown in every other epoch.

    Args:
        store: an open FeatureStore.
        targets: (n_train, classes) float32 class probabilities.
        batch_size: images per batch; the last, smaller batch is dropped.
        seed: the order depends only on it and the epoch.
        show_every: (n_train,) int, 1 for images shown in every epoch, 2 for every other one, with
            twice the weight, so that the expected gradient stays the same
            (Qin et al., "InfoBatch: Lossless Training Speed Up", 2024, section 2.3).
    """

    GROUP = 24

    def __init__(
        self, store: FeatureStore, targets: np.ndarray, batch_size: int, seed: int, show_every: np.ndarray
    ) -> None:
        self.store, self.targets, self.seed, self.show_every = store, targets, seed, show_every
        rng = np.random.default_rng(seed)
        self.starts = np.arange(0, len(targets), CHUNK_ROWS)
        self.mirrored_first = rng.integers(0, 2, len(self.starts))
        self.phase = rng.integers(0, 2, len(targets))
        self.n_shown = min(int(self._shown(epoch).sum()) for epoch in (0, 1))
        self.batch_size = min(batch_size, self.n_shown)

    def __len__(self) -> int:
        return self.n_shown // self.batch_size

    def _shown(self, epoch: int) -> np.ndarray:
        return (self.phase + epoch) % self.show_every == 0

    def epoch(self, epoch: int) -> typing.Iterator[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
        """Yield the epoch's batches: {layer: (b, …)} of the boundary, (b, classes) and weights (b,), all float32."""
        rng = np.random.default_rng((self.seed, epoch))
        order, n_left = rng.permutation(len(self.starts)), len(self)
        left = None
        for first in range(0, len(order), self.GROUP):
            x, rows = self._read_group(order[first : first + self.GROUP], epoch)
            mixed = rng.permutation(len(rows))
            x, rows = _take(x, mixed), rows[mixed]
            if left is not None:
                x, rows = _join([left[0], x]), np.concatenate([left[1], rows])
            n_whole = min(len(rows) // self.batch_size, n_left)
            for start in range(0, n_whole * self.batch_size, self.batch_size):
                batch = slice(start, start + self.batch_size)
                weights = self.show_every[rows[batch]].astype("float32")
                inputs = {layer: values.astype("float32") for layer, values in _take(x, batch).items()}
                yield inputs, self.targets[rows[batch]], weights / weights.mean()
            n_left -= n_whole
            rest = slice(n_whole * self.batch_size, None)
            left = _take(x, rest), rows[rest]

    def _read_group(self, chunks: np.ndarray, epoch: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the boundary activations of the chunks' images shown in this epoch, by layer, and their rows."""
        shown, pieces, numbers = self._shown(epoch), [], []
        for chunk in chunks:
            first = self.starts[chunk]
            last = min(first + CHUNK_ROWS, len(self.targets))
            views = self.store.views
            view = views[(self.mirrored_first[chunk] + epoch + epoch // 2) % len(views)]
            rows = np.flatnonzero(shown[first:last])
            pieces.append(_take(self.store.read_boundary(view, first, last), rows))
            numbers.append(first + rows)
        return _join(pieces), np.concatenate(numbers)


def _take(x: dict[str, np.ndarray], rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    return {layer: values[rows] for layer, values in x.items()}


def _join(pieces: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {layer: np.concatenate([piece[layer] for piece in pieces]) for layer in pieces[0]}
