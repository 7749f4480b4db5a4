"""What performance.py measures, each in a process of its own: python benchmarks/measurements.py NAME CACHE.

Both sides of a ratio are measured in one process, in turn, and repeated; a figure is the median.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fmnist_report.cache import Cache, Entry  # noqa: E402
from fmnist_report.data import Task, load_arrays  # noqa: E402
from fmnist_report.data_sets import find_data_set  # noqa: E402
from fmnist_report.document import read_document  # noqa: E402
from fmnist_report.files import read_json  # noqa: E402
from fmnist_report.hardware import choose_precision, peak_memory_bytes  # noqa: E402
from fmnist_report.plan import Plan  # noqa: E402
from fmnist_report.progress import Progress  # noqa: E402
from fmnist_report.settings import preset  # noqa: E402
from run_all import build_line  # noqa: E402

QUIET = Progress(quiet=True)
POLICY = choose_precision("auto")  # before TensorFlow starts, whose instruction set it may limit
STANDARD = preset("standard")
ROUNDS = 3
Figures = dict[str, typing.Any]


class Entries:
    """The cached entries of a run of standard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        cache = Cache(root)
        self.plan = Plan(build_line(STANDARD, read_document([], None), find_data_set(None), root), cache)

    def entry(self, stage: str) -> Entry:
        """Return a stage's entry; ends where there is none."""
        found = self.plan.steps[stage].entry
        if found is None:
            sys.exit(f"The cache has no {stage} of standard; run `make report` first.")
        return found

    def __getitem__(self, stage: str) -> Path:
        return self.entry(stage).path

    def pictures(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "pictures.npz")

    def labels(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "labels.npz")

    def base(self):
        from fmnist_report.weights import read_hdf5, verify_weights

        return verify_weights(read_hdf5(self["weights"] / "vgg16_notop.h5"))


def seconds(function: typing.Callable[[], typing.Any]) -> float:
    """Time one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def in_turn(rounds: int = ROUNDS, **sides: typing.Callable[[], typing.Any]) -> dict[str, float]:
    """Time each side once a round, one after the other; the medians in seconds."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, function in sides.items():
            times[name].append(seconds(function))
    return {name: statistics.median(found) for name, found in times.items()}


def product_rates(base_side: int = 2_048) -> dict[str, float]:
    """Return GFLOP/s of matrix products in float32 and bfloat16, the best of several, as a limit."""
    import tensorflow as tf

    def rate(dtype: str) -> float:
        x = tf.cast(tf.random.stateless_normal((base_side, base_side), (0, 1)), dtype)
        product = tf.function(lambda x: tf.linalg.matmul(x, x)[0, 0])
        product(x)
        return 2e-9 * base_side**3 / min(seconds(lambda: product(x).numpy()) for _ in range(20))

    return {dtype: rate(dtype) for dtype in ("float32", "bfloat16")}


def build_base(entries: Entries, policy: str, size: int = STANDARD.features.size):
    """Build the extractor under a dtype policy, with VGG16's weights."""
    from fmnist_report.models.backbone import build_extractor, set_base_weights
    from fmnist_report.training import dtype_policy

    with dtype_policy(policy):
        extractor = build_extractor(size)
    set_base_weights(extractor, entries.base())
    return extractor


def macs_of_base(extractor) -> int:
    from fmnist_report.models.architecture import describe_layers

    return sum(row["macs"] for row in describe_layers(extractor))


def extraction(entries: Entries, n: int = 2_500) -> Figures:
    """Extraction of n pictures in two views to verified HDF5, against Keras's predict and h5py."""
    import h5py
    import keras
    import tensorflow as tf

    from fmnist_report.features import ExtractorKind, compute_shard, load_extractor
    from fmnist_report.files import replacing, sha256_file
    from fmnist_report.stores import VIEWS

    pictures, base = entries.pictures()["train"][:n], entries.base()
    kind = ExtractorKind(STANDARD.features.size, 4, (28, 28), POLICY, "measured")
    extractor = load_extractor(kind, base)
    naive = keras.applications.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    for layer, weights in base.items():
        naive.get_layer(layer).set_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        path, settings = Path(folder) / "shard.h5", STANDARD.features

        def ours() -> None:
            content, _ = compute_shard(pictures, VIEWS, settings.batch_size, kind, base)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            sha256_file(path)

        def as_a_user_would() -> None:
            features = []
            for view in (pictures, pictures[:, :, ::-1]):
                coloured = np.repeat(view[..., None], 3, axis=-1).astype("float32")
                resized = tf.image.resize(coloured, (48, 48)).numpy()
                features.append(naive.predict(keras.applications.vgg16.preprocess_input(resized), verbose=0))
            with h5py.File(Path(folder) / "naive.h5", "w") as file:
                file.create_dataset("features", data=np.concatenate(features))

        extractor.predict_on_batch(pictures[: settings.batch_size, ..., None].astype("float32"))
        naive.predict(np.zeros((32, 48, 48, 3), "float32"), verbose=0)
        times = in_turn(ours=ours, naive=as_a_user_would)
    rates = product_rates()
    limit = rates["bfloat16"] * 1e9 / (2 * macs_of_base(extractor))
    return {
        "ours": 2 * n / times["ours"],
        "naive": 2 * n / times["naive"],
        "limit": limit,
        "rates": rates,
    }


def _from_prepared(extractor):
    """Return the extractor without its own resizing, as the other engines are."""
    import keras

    return keras.Model(extractor.get_layer("vgg_input").output, extractor.output)


def engines(entries: Entries, batch: int = 50) -> Figures:
    """Pictures a second of the frozen base alone in three engines, and how far their features agree."""
    import onnx
    from engines import POOLED, build_onnx, pictures_a_second, quantise_onnx, run_onnx, run_openvino
    from sklearn.linear_model import LogisticRegression

    from fmnist_report.models.backbone import GreyToVGG

    size, threads = STANDARD.features.size, len(os.sched_getaffinity(0))
    every, labels = entries.pictures(), entries.labels()
    resize = GreyToVGG(size)

    def prepare(pictures: np.ndarray) -> np.ndarray:
        pieces = [pictures[i : i + 500, ..., None].astype("float32") for i in range(0, len(pictures), 500)]
        return np.concatenate([np.asarray(resize(piece)).transpose(0, 3, 1, 2) for piece in pieces])

    pixels = prepare(every["train"][:2_000])
    channels_last = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    with tempfile.TemporaryDirectory() as folder:
        path, quantised = f"{folder}/base.onnx", f"{folder}/base-int8.onnx"
        onnx.save(build_onnx(entries.base(), size), path)
        quantise_onnx(path, quantised, pixels)
        keras_bf16, keras_f32 = (
            _from_prepared(build_base(entries, policy)) for policy in ("mixed_bfloat16", "float32")
        )
        reference, int8 = run_onnx(path, threads), run_onnx(quantised, threads)
        runs = {
            "TensorFlow, bfloat16": (keras_bf16.predict_on_batch, channels_last, STANDARD.features.batch_size),
            "TensorFlow, float32": (keras_f32.predict_on_batch, channels_last, STANDARD.features.batch_size),
            "ONNX Runtime, float32": (reference, pixels, batch),
            "ONNX Runtime, int8": (int8, pixels, batch),
            "OpenVINO, float32": (run_openvino(path, "f32", batch, threads), pixels, batch),
            "OpenVINO, bfloat16": (run_openvino(path, "bf16", batch, threads), pixels, batch),
            "OpenVINO, int8": (run_openvino(quantised, "bf16", batch, threads), pixels, batch),
        }
        found: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, (run, inputs, size_of_batch) in runs.items():
                found[name].append(pictures_a_second(run, inputs, size_of_batch, seconds=4))

        def pooled(run, inputs: np.ndarray, channels_last: bool) -> np.ndarray:
            rows = []
            for first in range(0, len(inputs), batch):
                outputs = {name: np.array(values) for name, values in run(inputs[first : first + batch]).items()}
                grid = np.asarray(outputs["block3_grid"])
                grid = grid if channels_last else grid.transpose(0, 2, 3, 1)
                flat = [grid, *(np.asarray(outputs[name]) for name in POOLED[1:])]
                rows.append(np.concatenate([part.reshape(len(part), -1) for part in flat], axis=1))
            return np.concatenate(rows)

        parts = {"train": every["train"][:6_000], "val": every["val"]}
        values: dict[str, dict[str, np.ndarray]] = {"reference": {}, "ours": {}, "int8": {}}
        openvino_int8 = runs["OpenVINO, int8"][0]
        for part, pictures in parts.items():
            ready = prepare(pictures)
            values["reference"][part] = pooled(reference, ready, False)
            values["int8"][part] = pooled(openvino_int8, ready, False)
            values["ours"][part] = pooled(keras_bf16.predict_on_batch, ready.transpose(0, 2, 3, 1), True)

    def judge(features: dict[str, np.ndarray]) -> float:
        mean, scale = features["train"].mean(axis=0), 1 / (features["train"].std(axis=0) + 1e-3)
        fitted = LogisticRegression(C=0.003, max_iter=200).fit(
            (features["train"] - mean) * scale, labels["train"][: len(features["train"])]
        )
        return float(fitted.score((features["val"] - mean) * scale, labels["val"]))

    def error(name: str) -> float:
        truth = values["reference"]["val"]
        return float(np.abs(values[name]["val"] - truth).mean() / np.abs(truth).mean())

    return {
        "pictures_a_second": {name: statistics.median(rates) for name, rates in found.items()},
        "error": {name: error(name) for name in ("ours", "int8")},
        "val_accuracy": {name: judge(features) for name, features in values.items()},
        "n": {part: len(pictures) for part, pictures in parts.items()},
    }


def fine_tuning(entries: Entries, n: int = 2_560) -> Figures:
    """Training on n pictures from cached border activations, against from pixels through the frozen blocks."""
    import keras
    from keras import ops

    from fmnist_report.batches import smooth_labels
    from fmnist_report.finetune import start_top
    from fmnist_report.models.backbone import (
        border_layers,
        build_assembled,
        build_extractor,
        copy_layers,
        set_base_weights,
    )
    from fmnist_report.optimizers import compile_network
    from fmnist_report.training import dtype_policy

    base, pictures = entries.base(), entries.pictures()["train"][:n, ..., None].astype("float32")
    targets, size, width = (
        smooth_labels(entries.labels()["train"][:n], 0.1, 10),
        STANDARD.features.size,
        STANDARD.head.width,
    )
    batch = STANDARD.finetune.batch_size

    def border_of(unfreeze: int, policy: str) -> dict[str, np.ndarray]:
        """What the cache holds of the pictures for training the blocks from unfreeze on."""
        with dtype_policy(policy):
            extractor = build_extractor(size, unfreeze)
        set_base_weights(extractor, base)
        parts = [extractor.predict_on_batch(pictures[first : first + 100]) for first in range(0, n, 100)]
        cached = {layer: [np.asarray(part[layer], "float32") for part in parts] for layer in border_layers(unfreeze)}
        return {layer: np.concatenate(arrays).astype("<f2").astype("float32") for layer, arrays in cached.items()}

    def rows(inputs: np.ndarray | dict[str, np.ndarray], part: slice):
        return {k: v[part] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[part]

    def pair(policy: str, unfreeze: int, dropout: float):
        settings = dataclasses.replace(STANDARD.finetune, unfreeze=unfreeze, dropout=dropout)
        store = SimpleNamespace(size=size, unfreeze=unfreeze, task=Task())
        top = start_top(store, settings, width, base, policy)
        with dtype_policy(policy):
            whole = build_assembled(size, width, dropout, unfreeze)
        set_base_weights(whole, base)
        copy_layers(top, whole)
        return settings, top, whole

    def epoch(network, inputs) -> None:
        for first in range(0, n, batch):
            part = slice(first, first + batch)
            network.train_on_batch(rows(inputs, part), targets[part])

    figures: Figures = {}
    for name, unfreeze in (("blocks 4 and 5", 4), ("block 5 alone", 5)):
        settings, top, whole = pair(POLICY, unfreeze, STANDARD.finetune.dropout)
        border = border_of(unfreeze, POLICY)
        for network, inputs in ((top, border), (whole, pictures)):
            compile_network(network, settings, 10 * n // batch)
            network.train_on_batch(rows(inputs, slice(batch)), targets[:batch])
        times = in_turn(border=lambda: epoch(top, border), pixels=lambda: epoch(whole, pictures))  # noqa: B023
        figures[name] = {side: n / spent for side, spent in times.items()}
    _, top, whole = pair("float32", 4, 0.0)
    import tensorflow as tf

    def gradients(network, inputs) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = ops.mean(keras.losses.categorical_crossentropy(targets[:64], network(inputs), from_logits=True))
        found = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        return [ops.convert_to_numpy(gradient) for gradient in found]

    frozen = keras.Model(whole.input, whole.get_layer("block3_out").output)
    truth = gradients(whole, pictures[:64])
    exact = gradients(top, {"block3_out": ops.convert_to_numpy(frozen(pictures[:64]))})
    border = border_of(4, POLICY)
    figures["gradient_error"] = max(
        float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(exact, truth, strict=True)
    )
    cached, true = (
        np.concatenate([part.ravel() for part in parts]) for parts in (gradients(top, rows(border, slice(64))), truth)
    )
    figures["gradient_cosine"] = float(cached @ true / np.linalg.norm(cached) / np.linalg.norm(true))
    return figures


def minibatches(entries: Entries, n: int = 5_000) -> Figures:
    """Training on shuffled batches from HDF5, against the same arrays in memory; the reader's memory."""
    from fmnist_report.batches import smooth_labels
    from fmnist_report.finetune import start_top
    from fmnist_report.optimizers import compile_network
    from fmnist_report.stores import BorderBatches, FeatureStore, keep_in_memory

    labels = entries.labels()["train"]
    with FeatureStore(entries["features"]) as store:
        whole = BorderBatches(store, smooth_labels(labels, 0.1, 10), 128, 0, np.ones(len(labels), int))
        before = peak_memory_bytes()
        started = time.perf_counter()
        for _ in whole.epoch(0):
            pass
        reading = len(labels) / (time.perf_counter() - started)
        reader_bytes = peak_memory_bytes() - before
        memory = keep_in_memory(store, {"train": n}, True)
        top = start_top(store, STANDARD.finetune, STANDARD.head.width, entries.base(), POLICY)
        compile_network(top, STANDARD.finetune, 1_000)

        def train(source) -> None:
            batches = BorderBatches(source, smooth_labels(labels[:n], 0.1, 10), 128, 0, np.ones(n, int))
            for batch in batches.epoch(0):
                top.train_on_batch(*batch)

        train(memory)
        times = in_turn(file=lambda: train(store), memory=lambda: train(memory))
    return {side: n / spent for side, spent in times.items()} | {"reading": reading, "reader_bytes": reader_bytes}


def disk(entries: Entries) -> Figures:
    """Bytes of the features on disk against plain float16; filters beside each other on one shard's border."""
    import h5py
    import hdf5plugin

    from fmnist_report.features import write_compressed
    from fmnist_report.settings import feature_bytes

    folder = entries["features"]
    stored = sum(path.stat().st_size for path in folder.glob("shard-*.h5"))
    with h5py.File(sorted(folder.glob("shard-*.h5"))[0]) as file:
        arrays = {f"{view}/block3_out": file[view]["block3_out"][()] for view in file}
    plain = sum(array.nbytes for array in arrays.values())
    filters = {
        "none": {},
        "lzf with shuffle": {"compression": "lzf", "shuffle": True},
        "gzip 1 with shuffle": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
        "bitshuffle with lz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
        "bitshuffle with zstd 1": dict(hdf5plugin.Bitshuffle(cname="zstd", clevel=1)),
        "zstd 1 with shuffle": {"shuffle": True, **hdf5plugin.Zstd(clevel=1)},
        "shuffle and Huffman’s code alone, by gzip’s filter (ours)": None,
    }
    rows = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, options in filters.items():
            path = Path(temporary) / "shard.h5"

            def write() -> None:
                with h5py.File(path, "w") as file:  # noqa: B023
                    for key, array in arrays.items():
                        if options is None:  # noqa: B023
                            write_compressed(file, key, array)
                            continue
                        chunks = (125, *array.shape[1:])
                        file.create_dataset(key, data=array, chunks=chunks, **options)  # noqa: B023

            def read() -> None:
                with h5py.File(path) as file:  # noqa: B023
                    for key in arrays:
                        for first in range(0, len(file[key]), 125):
                            file[key][first : first + 125]

            times = in_turn(write=write, read=read)
            rows[name] = {
                "ratio": path.stat().st_size / plain,
                "write": plain / times["write"] / 1e6,
                "read": plain / times["read"] / 1e6,
            }
    return {"stored": stored, "plain": feature_bytes(STANDARD), "filters": rows}


def cnn(entries: Entries, n_steps: int = 40) -> Figures:
    """Training steps of the convolutional network, with and without deterministic operations."""
    import keras
    import tensorflow as tf

    from fmnist_report.batches import PictureBatches, smooth_labels
    from fmnist_report.models.architecture import describe_layers
    from fmnist_report.models.cnn import build_cnn
    from fmnist_report.optimizers import compile_network
    from fmnist_report.training import dtype_policy

    settings, pictures, labels = STANDARD.cnn, entries.pictures()["train"], entries.labels()["train"]
    batches = PictureBatches(
        pictures, smooth_labels(labels, 0.1, 10), settings.batch_size, settings.shift, settings.cutout, 0
    )
    taken = [batch for batch, _ in zip(batches.epoch(0), range(n_steps), strict=False)]

    def build():
        keras.utils.set_random_seed(0)
        with dtype_policy(POLICY):
            network = build_cnn(settings.stem, settings.widths, settings.dropout, settings.kernel, settings.pooling)
        compile_network(network, settings, 1_000)
        network.train_on_batch(*taken[0])
        return network

    def train(network) -> None:
        for batch in taken:
            network.train_on_batch(*batch)

    free = build()
    time_free = statistics.median(seconds(lambda: train(free)) for _ in range(ROUNDS))
    rates = product_rates()
    tf.config.experimental.enable_op_determinism()
    bound = build()
    time_bound = statistics.median(seconds(lambda: train(bound)) for _ in range(ROUNDS))
    n, macs = n_steps * settings.batch_size, sum(row["macs"] for row in describe_layers(free))
    summary, history = read_json(entries["cnn"] / "summary.json"), read_json(entries["cnn"] / "history.json")
    return {
        "pictures_a_second": n / time_free,
        "deterministic": n / time_bound,
        "fraction": 6 * macs * n / time_free / (rates["bfloat16"] * 1e9),
        "rates": rates,
        "train_seconds": summary["train_seconds"],
        "val_accuracy": history["val_accuracy"][-1],
    }


def commands(entries: Entries) -> Figures:
    """Whole commands on a linked copy of the full cache: cached, rendered anew, the head alone."""
    with tempfile.TemporaryDirectory(dir=entries.root.parent) as folder:
        root = Path(folder) / "cache"
        shutil.copytree(entries.root, root, copy_function=os.link)  # an entry is replaced as a whole, never written in

        cached = [sys.executable, str(ROOT / "run_all.py"), "--cache-dir", str(root), "--out", f"{folder}/out"]

        def run(*arguments: str) -> None:
            subprocess.run([*cached, *arguments], check=True, capture_output=True)

        run()
        imports = subprocess.run(
            [sys.executable, "-X", "importtime", *cached[1:]], check=True, capture_output=True, text=True
        ).stderr
        times = in_turn(
            start_up=lambda: run("--version"),
            cached=run,
            pages=lambda: run("--force", "html"),
            figures_and_pages=lambda: run("--force", "figures"),
        )
        head = seconds(lambda: run("--only", "head", "--force", "head"))
    heavy = [
        name for name in ("tensorflow", "keras", "matplotlib") if re.search(rf"\| +{name}$", imports, re.MULTILINE)
    ]
    return {**times, "head": head, "heavy": heavy}


def standard(entries: Entries) -> Figures:
    """Seconds and peak memory of the cached run of standard, by stage, from its manifests."""
    stages: Figures = {}
    for stage in entries.plan.steps:
        stages |= entries.entry(stage).manifest["provenance"]
    return {
        "seconds": {name: row["seconds"] for name, row in stages.items()},
        "peak_bytes": {name: row["peak_memory_bytes"] for name, row in stages.items()},
        "rows": _shard_times(entries),
    }


def _shard_times(entries: Entries) -> list[tuple[int, float]]:
    """Return (pictures, seconds) of the run's extraction after each shard, by the dates of its files."""
    paths = sorted(entries["features"].glob("shard-*.h5"))
    index = read_json(entries["features"] / "index.json")
    moments = [path.stat().st_mtime for path in paths]
    first = index["seconds"] / len(paths)
    return [((i + 1) * index["shard"], first + moment - moments[0]) for i, moment in enumerate(moments)]


def growth(entries: Entries) -> Figures:
    """Seconds of classifiers and of an epoch of fine-tuning by number of pictures; peak memory after each."""
    from fmnist_report.batches import smooth_labels
    from fmnist_report.classifiers import _candidates, standardisation
    from fmnist_report.finetune import start_top
    from fmnist_report.optimizers import compile_network
    from fmnist_report.stores import BorderBatches, FeatureStore

    labels = entries.labels()
    counts = [10_000, 20_000, 40_000, len(labels["train"])]
    found: Figures = {"fine-tuning": [], "classifiers": []}
    with FeatureStore(entries["features"]) as store:
        top = start_top(store, STANDARD.finetune, STANDARD.head.width, entries.base(), POLICY)
        compile_network(top, STANDARD.finetune, 10_000)
        top.train_on_batch(
            {"block3_out": np.zeros((128, 6, 6, 256), "float32")}, smooth_labels(labels["train"][:128], 0.1, 10)
        )
        for n in [count // 4 for count in counts]:
            batches = BorderBatches(store, smooth_labels(labels["train"][:n], 0.1, 10), 128, 0, np.ones(n, int))
            spent = seconds(lambda: [top.train_on_batch(*batch) for batch in batches.epoch(0)])  # noqa: B023
            found["fine-tuning"].append((n, spent, peak_memory_bytes()))
        train = store.pooled("train", "original")
    mean, scale = standardisation(train)
    train = (train - mean) * scale
    for n in counts:

        def fit(n: int = n) -> None:
            for options in _candidates(STANDARD.classifiers, 0).values():
                next(iter(options.values())).fit(train[:n], labels["train"][:n])

        found["classifiers"].append((n, seconds(fit), peak_memory_bytes()))
    return found


MEASUREMENTS = (extraction, engines, fine_tuning, minibatches, disk, cnn, standard, commands, growth)


if __name__ == "__main__":
    by_name = {function.__name__: function for function in MEASUREMENTS}
    json.dump(by_name[sys.argv[1]](Entries(Path(sys.argv[2]))), sys.stdout)
