"""Feature extraction: activations of the base for all images and, optionally, their mirror images, in HDF5 shards."""

import concurrent.futures
import dataclasses
import io
import os
import time
import typing
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from fmnist_report.data.split import load_dataset_info
from fmnist_report.errors import ReportError
from fmnist_report.machine import KERAS, MNN, choose_runtime, known_speed
from fmnist_report.models.arrays import Weights, weights_digest
from fmnist_report.models.base import (
    POOLED,
    BaseInput,
    boundary_layers,
    build_extractor,
    find_preprocessing,
    set_base_weights,
)
from fmnist_report.models.mnn import MnnNetwork
from fmnist_report.models.summary import describe_layers
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import (
    checksummed_hdf5,
    has_valid_checksum,
    load_arrays,
    read_finished,
    replacing,
    write_finished,
    write_json,
)
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.workers import Workers
from fmnist_report.settings import FeatureSettings, Precision
from fmnist_report.training.fitting import dtype_policy
from fmnist_report.training.prediction import as_pixels, time_prediction
from fmnist_report.training.stores import CHUNK_ROWS, SPLITS, VIEWS

FLOAT16_MAX = 65_504.0
PLAIN = ("VGG16", "VGG19")  # their 3 × 3 convolutions are what MNN computes faster, by Winograd's algorithm
MOST_DIFFERENCE = 1e-4  # between runtimes, of the largest value of a layer


@dataclasses.dataclass(frozen=True)
class ExtractorKind:
    """The specification of an extractor, without its weights.

    given, unfreeze: as in build_extractor.
    policy: dtype policy.
    weights_sha256: digest of the weights.
    runtime: "keras", or "mnn", which computes in float32.
    """

    given: BaseInput
    unfreeze: int
    policy: str
    weights_sha256: str
    runtime: str = KERAS


class Extractor:
    """The frozen base with its weights, computed by Keras or MNN.

    Raises:
        ImportError, ValueError: MNN is not installed, cannot convert this base, or computes something else.
    """

    def __init__(self, kind: ExtractorKind, base: Weights) -> None:
        with dtype_policy(kind.policy):
            self.network = build_extractor(kind.given, kind.unfreeze)
        set_base_weights(self.network, base)
        self._mnn = None
        if kind.runtime == MNN:
            entered = self.network.get_layer("base_input").output
            self._enter = keras.Model(self.network.input, entered)
            self._mnn = MnnNetwork(keras.Model(entered, self.network.output))
            self._compare(as_pixels(np.random.default_rng(0).integers(0, 256, (8, *kind.given.shape))))

    def predict_on_batch(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return {layer: output} for (n, height, width, 1) pixels from 0 to 255."""
        if self._mnn:
            return self._mnn.predict_on_batch(self._enter.predict_on_batch(pixels))
        return self.network.predict_on_batch(pixels)

    def _compare(self, pixels: np.ndarray) -> None:
        by_keras, by_mnn = self.network.predict_on_batch(pixels), self.predict_on_batch(pixels)
        for layer, expected in by_keras.items():
            most = MOST_DIFFERENCE * np.abs(expected).max()
            if by_mnn[layer].shape != expected.shape or not np.abs(by_mnn[layer] - expected).max() <= most:
                raise ValueError(f"MNN computes another {layer} than Keras")


_extractors: dict[ExtractorKind, Extractor] = {}  # the last one built in this process


def load_extractor(kind: ExtractorKind, base: Weights) -> Extractor:
    """Build the frozen base with its weights, once per process."""
    if kind not in _extractors:
        _extractors.clear()
        _extractors[kind] = Extractor(kind, base)
    return _extractors[kind]


def extract_features(
    out: Path,
    progress: Progress,
    *,
    features: FeatureSettings,
    unfreeze: int,
    data: Path,
    weights: Path,
    workers: Workers,
) -> None:
    """Stage `features`: run the frozen base over all images once.

    Writes shard-00000.h5 …: image i of train, val and test in this order is row i % shard of
    file i // shard. Each file has the groups "original" and, if the data set allows mirroring, "mirror", with: the
    boundary that fine-tuning from the block unfreeze reads, for VGG16 block3_out (n, size/8, size/8, 256) or
    block4_out (n, size/16, size/16, 512), compressed losslessly; and the output of models.base.pool_blocks; float16.
    index.json has the number of images of each split, the rows per shard, backbone, size, runtime, precision, unfreeze,
    the names of the boundary, the shapes of the pooled features, the preprocessing, the base's cost, and the data set;
    measured.json has the seconds of the extraction and of one image, and the speed of the machine if it was measured.
    """
    images, dataset = load_arrays(data / "images.npz"), load_dataset_info(data)
    views = VIEWS[: 1 + dataset.mirror]
    every = np.concatenate([images[split] for split in SPLITS])
    base = load_base(weights)
    given = BaseInput(features.backbone, features.size, dataset.shape)
    kind = ExtractorKind(given, unfreeze, "float32", weights_digest(base))
    kind = _choose_kind(kind, _as_before(features, read_finished(out)), base, progress)
    finished = _finished_shards(out, kind, progress)
    _compute_missing(out, progress, every, views, features, kind, base, finished, workers)
    vanished = [name for name in finished["shards"] if not (out / name).is_file()]
    if vanished:
        raise ReportError(f"The shards {', '.join(vanished)} disappeared from {str(out)!r} during the run; run again.")
    counts = {split: len(images[split]) for split in SPLITS}
    extractor = load_extractor(kind, base)
    index = {"counts": counts, "shard": features.shard, "unfreeze": unfreeze, "views": views}
    index |= {"runtime": kind.runtime, "precision": kind.policy}
    index |= {"backbone": features.backbone, "size": features.size, "dataset": dataclasses.asdict(dataset)}
    index |= {"entered": dataclasses.asdict(find_preprocessing(features.backbone))}
    index |= {"boundary": boundary_layers(extractor.network, unfreeze)}
    index |= {"pooled": {layer: extractor.network.output[layer].shape[1:] for layer in POOLED}}
    rows = describe_layers(extractor.network)  # every classifier on the features includes the cost of the frozen base
    index |= {"base": {**{name: sum(row[name] for row in rows) for name in ("n_params", "macs")}, "layers": rows}}
    write_json(out / "index.json", index)
    ms_per_image = time_prediction(extractor, as_pixels(images["val"][:1_000]))
    measured = {"seconds": finished["seconds"], "predict_ms_per_image": ms_per_image, "speed": known_speed()}
    write_json(out / MEASURED, measured)


def _compute_missing(out, progress, every, views, features, kind, base, finished, workers) -> None:
    """Compute the unfinished shards, here or on workers, and save each as it arrives."""
    names = {f"shard-{first // features.shard:05d}.h5": first for first in range(0, len(every), features.shard)}
    missing = [name for name in names if name not in finished["shards"]]
    n_done = sum(min(features.shard, len(every) - names[name]) for name in finished["shards"])

    def report(n_more: int) -> None:
        nonlocal n_done
        n_done += n_more
        note = f"{n_done:,} of {len(every):,} images, {len(views)} views"
        progress.update(n_done, len(every), note, images=len(views) * n_done)

    with workers.open() as pool:
        by_batch = report if pool.is_local else None  # workers report whole shards
        shared, splits = pool.share(base), (every[names[name] :][: features.shard] for name in missing)
        tasks = ((rows, views, features.batch_size, kind, shared, by_batch) for rows in splits)
        started = time.monotonic()
        for number, content in pool.compute(compute_shard, tasks):
            name = missing[number]
            with replacing(out / name) as temporary:
                temporary.write_bytes(content)
                if not pool.is_local and not has_valid_checksum(temporary):
                    raise ReportError(f"The shard {name} was corrupted in transfer from the worker; run again.")
            finished["shards"][name] = content[:64].decode()
            finished["seconds"] += time.monotonic() - started
            started = time.monotonic()
            write_finished(out, finished)
            if not by_batch:
                report(min(features.shard, len(every) - names[name]))


def _choose_kind(kind: ExtractorKind, features: FeatureSettings, base: Weights, progress: Progress) -> ExtractorKind:
    """Choose runtime and precision for this machine; Keras if MNN is not installed or cannot compute this base."""
    own = KERAS if features.runtime == "auto" and features.backbone not in PLAIN else features.runtime
    runtime, policy = choose_runtime(own, features.precision)
    if runtime == MNN:
        try:
            chosen = dataclasses.replace(kind, runtime=MNN)
            load_extractor(chosen, base)
            progress.say("The base is computed by MNN in float32.")
            return chosen
        except Exception as error:  # not installed, no room to convert, or an error of its own kind
            progress.warn(f"MNN cannot compute the base, so Keras does: {error}")
            policy = choose_runtime(KERAS, features.precision)[1]
    return dataclasses.replace(kind, policy=policy)


def _as_before(features: FeatureSettings, finished: dict[str, typing.Any]) -> FeatureSettings:
    """Return the settings with automatic ones as an interrupted extraction chose them, so that its shards count."""
    if not finished.get("shards") or (features.runtime, features.precision) != ("auto", "auto"):
        return features
    precision: Precision = "bfloat16" if finished["policy"] == "mixed_bfloat16" else "float32"
    return dataclasses.replace(features, runtime=finished.get("runtime", KERAS), precision=precision)


def _finished_shards(out: Path, kind: ExtractorKind, progress: Progress) -> dict[str, typing.Any]:
    """Return the complete shards of an interrupted extraction, {"shards": {name: checksum}}."""
    found = read_finished(out)
    chosen = {"policy": kind.policy, "runtime": kind.runtime}
    if any(found.get(name) != value for name, value in chosen.items()):
        if found:
            former = f"{found.get('runtime', KERAS)} in {found.get('policy')}"
            progress.warn(
                f"The finished shards were computed by {former}, and this machine computes by {kind.runtime} in "
                f"{kind.policy}; extraction starts again. --set features.runtime=… and features.precision=… decide."
            )
        return {**chosen, "shards": {}, "seconds": 0.0}
    return found | {"shards": {n: c for n, c in found["shards"].items() if _is_whole(out / n, c)}}


def _is_whole(path: Path, checksum: str) -> bool:
    if not has_valid_checksum(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(checksum)).decode() == checksum  # of this shard, not of another one


def compute_shard(
    rows: np.ndarray,
    views: tuple[str, ...],
    batch_size: int,
    kind: ExtractorKind,
    base: Weights,
    report: typing.Callable[[int], None] | None = None,
) -> bytes:
    """Compute one shard, here or on a worker.

    Args:
        rows: (n, height, width) uint8.
        views: names from VIEWS.
        report: called with the number of images of each finished batch.

    Returns:
        The HDF5 file, which contains its checksum.
    """
    extractor, entered = load_extractor(kind, base), find_preprocessing(kind.given.backbone)
    attributes = {
        "backbone": kind.given.backbone,
        "preprocessing": f"bilinear resize, grey in three channels times {entered.scale} plus {entered.offset}",
        "size": kind.given.size,
        "runtime": kind.runtime,
        "precision": kind.policy,
        "weights_sha256": kind.weights_sha256,
    }
    found: dict[str, np.ndarray] = {}
    for first in range(0, len(rows), batch_size):
        batch = rows[first : first + batch_size]
        for view, images in zip(views, (batch, batch[:, :, ::-1]), strict=False):
            outputs = extractor.predict_on_batch(as_pixels(images))
            for layer, values in outputs.items():
                _put(found, f"{view}/{layer}", values, first, len(rows))
        if report:
            report(len(batch))
    buffer = io.BytesIO()
    with checksummed_hdf5(buffer) as file:
        for name, values in found.items():
            layer = name.partition("/")[2]
            if layer not in POOLED:  # the boundary
                dataset = write_compressed(file, name, values)
            else:  # small, and read completely by every classifier
                dataset = file.create_dataset(name, data=values, chunks=_chunk_shape(values))
            dataset.attrs.update(attributes | {"layer": layer})
    return buffer.getvalue()


def _put(found: dict[str, np.ndarray], name: str, values, first: int, n: int) -> None:
    values = np.asarray(ops.convert_to_numpy(values), "float32")
    if not np.isfinite(values).all() or np.abs(values).max() > FLOAT16_MAX:
        raise ValueError(f"{name} has values out of range for float16")
    if name not in found:
        found[name] = np.empty((n, *values.shape[1:]), "<f2")
    found[name][first : first + len(values)] = values


def _chunk_shape(values: np.ndarray) -> tuple[int, ...]:
    return (min(CHUNK_ROWS, len(values)), *values.shape[1:])


def write_compressed(file: h5py.File, name: str, values: np.ndarray) -> h5py.Dataset:
    """Write float16 values in chunks of CHUNK_ROWS rows, losslessly compressed, readable by any HDF5 library.

    HDF5's shuffle and deflate filters are used. Half of the boundary activations are zero, and the last three bits are
    zero if computed in bfloat16, so Huffman coding alone, without zlib's search for repetitions (for which HDF5 has no
    setting), gives smaller files and is twice as fast (docs/performance.md).
    """
    chunk = _chunk_shape(values)
    dataset = file.create_dataset(
        name, values.shape, values.dtype, chunks=chunk, shuffle=True, compression="gzip", compression_opts=1
    )

    def deflate(first: int) -> bytes:
        rows = np.zeros(chunk, values.dtype)  # the last chunk is padded
        rows[: len(values) - first] = values[first : first + chunk[0]]
        by_significance = rows.view("uint8").reshape(-1, values.dtype.itemsize).T
        packer = zlib.compressobj(level=1, memLevel=9, strategy=zlib.Z_HUFFMAN_ONLY)
        return packer.compress(by_significance.tobytes()) + packer.flush()

    starts = range(0, len(values), chunk[0])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for first, packed in zip(starts, pool.map(deflate, starts), strict=True):
            dataset.id.write_direct_chunk((first, *[0] * (values.ndim - 1)), packed)
    return dataset
