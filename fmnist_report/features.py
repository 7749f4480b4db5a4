"""VGG16's activations of every picture and its mirror image, in HDF5 shards."""

from __future__ import annotations

import time
import typing
from pathlib import Path

import h5py
import numpy as np
from keras import ops

from fmnist_report.cache import read_json, replacing, sha256_file, write_json
from fmnist_report.data import load_arrays
from fmnist_report.hardware import choose_precision
from fmnist_report.models.architecture import describe_layers
from fmnist_report.models.vgg import BORDER, POOLED, build_extractor, set_base_weights
from fmnist_report.progress import Progress
from fmnist_report.settings import FeatureSettings
from fmnist_report.sources import VGG16_SHA256
from fmnist_report.training import dtype_policy, time_prediction
from fmnist_report.weights import read_hdf5, verify_weights

PARTS = ("train", "val", "test")
VIEWS = ("original", "mirror")
CHUNK_ROWS = 125
FLOAT16_MAX = 65_504.0


def extract_features(out: Path, progress: Progress, *, features: FeatureSettings, data: Path, weights: Path) -> None:
    """Stage `features`: run the frozen base over all pictures once.

    Writes shard-00000.h5 …: picture i of train, val and test in this order is row i % shard of
    file i // shard. Each file holds, for the groups "original" and "mirror":
    block3_pool (n, size/8, size/8, 256), block3_gap (n, 256), block4_gap and block5_gap (n, 512), float16.
    index.json tells the number of pictures of each part, the rows a shard, size and precision.
    """
    policy = choose_precision(features.precision)
    pictures = load_arrays(data / "pictures.npz")
    every = np.concatenate([pictures[part] for part in PARTS])
    with dtype_policy(policy):
        extractor = build_extractor(features.size)
    set_base_weights(extractor, verify_weights(read_hdf5(weights / "vgg16_notop.h5")))
    finished = _finished_shards(out, policy)
    n_shards = -(-len(every) // features.shard)
    for number in range(n_shards):
        name = f"shard-{number:05d}.h5"
        if name not in finished["shards"]:
            started = time.monotonic()
            rows = every[number * features.shard : (number + 1) * features.shard]
            base = number * features.shard
            _write_shard(out / name, rows, base, len(every), extractor, features, policy, progress)
            finished["shards"][name] = sha256_file(out / name)
            finished["seconds"] += time.monotonic() - started
            write_json(out / "finished.json", finished)
    (out / "finished.json").unlink()
    counts = {part: len(pictures[part]) for part in PARTS}
    index = {"counts": counts, "shard": features.shard, "size": features.size, "precision": policy}
    index |= {"seconds": finished["seconds"], "base": _describe_base(extractor, pictures["val"])}
    write_json(out / "index.json", index)


def _describe_base(extractor, pictures: np.ndarray) -> dict[str, typing.Any]:
    """Return what the frozen base adds to the cost of every classifier on its features."""
    rows = describe_layers(extractor)
    totals = {name: sum(row[name] for row in rows) for name in ("n_params", "macs")}
    return {**totals, "layers": rows, "predict_ms_per_image": time_prediction(extractor, pictures)}


def _finished_shards(out: Path, policy: str) -> dict[str, typing.Any]:
    """Return the shards of an interrupted extraction that are whole, {"shards": {name: SHA-256}}."""
    try:
        found = read_json(out / "finished.json")
        if found["policy"] == policy:
            shards = {n: d for n, d in found["shards"].items() if (out / n).is_file() and sha256_file(out / n) == d}
            return found | {"shards": shards}
    except (OSError, ValueError, KeyError):
        pass
    return {"policy": policy, "shards": {}, "seconds": 0.0}


def _write_shard(path, rows, base: int, n_all: int, extractor, features: FeatureSettings, policy, progress) -> None:
    attributes = {
        "preprocessing": "grey to BGR, ImageNet mean subtracted, bilinear resize",
        "size": features.size,
        "precision": policy,
        "weights_sha256": VGG16_SHA256,
    }
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="latest") as file:
        for first in range(0, len(rows), features.batch_size):
            batch = rows[first : first + features.batch_size]
            for view, pictures in zip(VIEWS, (batch, batch[:, :, ::-1]), strict=True):
                outputs = extractor.predict_on_batch(pictures[..., None].astype("float32"))
                for layer, values in outputs.items():
                    _append(file, f"{view}/{layer}", values, first, len(rows), attributes | {"layer": layer})
            done = base + first + len(batch)
            progress.update(done, n_all, f"{done:,} of {n_all:,} pictures, two views", pictures=2 * done)


def _append(file: h5py.File, name: str, values, first: int, n: int, attributes: dict) -> None:
    values = np.asarray(ops.convert_to_numpy(values), "float32")
    if not np.isfinite(values).all() or np.abs(values).max() > FLOAT16_MAX:
        raise ValueError(f"{name} holds values that float16 cannot hold")
    if name not in file:
        chunks = (min(CHUNK_ROWS, n), *values.shape[1:])
        dataset = file.create_dataset(name, (n, *values.shape[1:]), "float16", chunks=chunks, fletcher32=True)
        dataset.attrs.update(attributes)
    file[name][first : first + len(values)] = values


class FeatureStore:
    """Reads the shards of one extraction by part and row; open it with `with`.

    Args:
        folder: the features entry.
    """

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / "index.json")
        self.counts, self.shard, self.size = index["counts"], index["shard"], index["size"]
        self.seconds, self.precision = index["seconds"], index["precision"]
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

    def first_row(self, part: str) -> int:
        """Return the row, over all parts, at which a part begins."""
        return sum(self.counts[p] for p in PARTS[: PARTS.index(part)])

    def read(self, layer: str, view: str, first: int, last: int) -> np.ndarray:
        """Read rows first … last-1, counted over all parts, of one layer and view; float16."""
        pieces = []
        while first < last:
            number, offset = divmod(first, self.shard)
            n = min(last - first, self.shard - offset)
            pieces.append(self._file(number)[f"{view}/{layer}"][offset : offset + n])
            first += n
        return np.concatenate(pieces)

    def pooled(self, part: str, view: str) -> np.ndarray:
        """Return block3, block4 and block5 averaged over space, (n, 1280) float32."""
        first = self.first_row(part)
        last = first + self.counts[part]
        return np.concatenate([self.read(layer, view, first, last) for layer in POOLED], axis=1).astype("float32")


class BorderBatches:
    """Shuffled batches of border activations that never hold the whole file.

    Chunks of rows are shuffled; each group of chunks is read and shuffled within. Every chunk
    is read mirrored in every other epoch.

    Args:
        store: an open FeatureStore.
        targets: (n_train, 10) float32 class probabilities.
        batch_size: pictures in a batch; the last, smaller batch is left out.
        seed: the order depends on it and on the epoch alone.
    """

    GROUP = 16

    def __init__(self, store: FeatureStore, targets: np.ndarray, batch_size: int, seed: int) -> None:
        self.store, self.targets, self.seed = store, targets, seed
        self.batch_size = min(batch_size, len(targets))
        self.starts = np.arange(0, len(targets), CHUNK_ROWS)
        self.mirrored_first = np.random.default_rng(seed).integers(0, 2, len(self.starts))

    def __len__(self) -> int:
        return len(self.targets) // self.batch_size

    def epoch(self, epoch: int) -> typing.Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the epoch's batches: (b, size/8, size/8, 256) float32 and (b, 10) float32."""
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.starts))
        left_x = left_y = None
        for first in range(0, len(order), self.GROUP):
            x, y = self._read_group(order[first : first + self.GROUP], epoch)
            mixed = rng.permutation(len(x))
            x, y = x[mixed], y[mixed]
            if left_x is not None:
                x, y = np.concatenate([left_x, x]), np.concatenate([left_y, y])
            whole = len(x) // self.batch_size * self.batch_size
            for start in range(0, whole, self.batch_size):
                rows = slice(start, start + self.batch_size)
                yield x[rows].astype("float32"), y[rows]
            left_x, left_y = x[whole:], y[whole:]

    def _read_group(self, chunks: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        pieces = []
        for chunk in chunks:
            first = self.starts[chunk]
            last = min(first + CHUNK_ROWS, len(self.targets))
            view = VIEWS[(self.mirrored_first[chunk] + epoch) % 2]
            pieces.append(self.store.read(BORDER, view, first, last))
        targets = [self.targets[self.starts[chunk] : self.starts[chunk] + CHUNK_ROWS] for chunk in chunks]
        return np.concatenate(pieces), np.concatenate(targets)
