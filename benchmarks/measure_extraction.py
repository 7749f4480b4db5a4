"""Benchmarks of extraction against naive code, other inference runtimes and the machine's limit; size on disk."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

import numpy as np
from standard_cache import GIVEN, POLICY, ROUNDS, RUNTIME, STANDARD, Entries, Figures, in_turn, product_rates


def build_base(entries: Entries, policy: str):
    """Build the extractor under a dtype policy, with VGG16's weights."""
    from fmnist_report.models.base import build_extractor, set_base_weights
    from fmnist_report.training.fitting import dtype_policy

    with dtype_policy(policy):
        extractor = build_extractor(GIVEN)
    set_base_weights(extractor, entries.base())
    return extractor


def macs_of_base(extractor) -> int:
    from fmnist_report.models.summary import describe_layers

    return sum(row["macs"] for row in describe_layers(extractor))


def extraction(entries: Entries, n: int = 2_500) -> Figures:
    """Measure extraction of n images in two views to verified HDF5, against Keras's predict and h5py."""
    import h5py
    import keras
    import tensorflow as tf

    from fmnist_report.pipeline.files import replacing, sha256_file
    from fmnist_report.training.features import ExtractorKind, compute_shard, load_extractor
    from fmnist_report.training.stores import VIEWS

    images, base, side = entries.images()["train"][:n], entries.base(), STANDARD.features.size
    kind = ExtractorKind(GIVEN, 4, POLICY, "measured", RUNTIME)
    extractor = load_extractor(kind, base)
    naive = keras.applications.VGG16(include_top=False, weights=None, input_shape=(side, side, 3))
    for layer, weights in base.items():
        naive.get_layer(layer).set_weights(weights)
    with tempfile.TemporaryDirectory() as folder:
        path, settings = Path(folder) / "shard.h5", STANDARD.features

        def ours() -> None:
            content = compute_shard(images, VIEWS, settings.batch_size, kind, base)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            sha256_file(path)

        def as_a_user_would() -> None:
            features = []
            for view in (images, images[:, :, ::-1]):
                coloured = np.repeat(view[..., None], 3, axis=-1).astype("float32")
                resized = tf.image.resize(coloured, (side, side)).numpy()
                features.append(naive.predict(keras.applications.vgg16.preprocess_input(resized), verbose=0))
            with h5py.File(Path(folder) / "naive.h5", "w") as file:
                file.create_dataset("features", data=np.concatenate(features))

        extractor.predict_on_batch(images[: settings.batch_size, ..., None].astype("float32"))
        naive.predict(np.zeros((32, side, side, 3), "float32"), verbose=0)
        times = in_turn(ours=ours, naive=as_a_user_would)
    rates = product_rates()
    limit = rates[POLICY.removeprefix("mixed_")] * 1e9 / (2 * macs_of_base(extractor.network))
    return {
        "ours": 2 * n / times["ours"],
        "naive": 2 * n / times["naive"],
        "limit": limit,
        "rates": rates,
        "side": side,
    }


def _from_prepared(extractor):
    """Return the extractor without its own resizing, like the models of the other runtimes."""
    import keras

    return keras.Model(extractor.get_layer("base_input").output, extractor.output)


def engines(entries: Entries, batch: int = 50) -> Figures:
    """Measure images per second of only the frozen base in three runtimes, and the agreement of their features."""
    import onnx
    from engines import POOLED, build_onnx, pictures_a_second, quantise_onnx, run_onnx, run_openvino
    from sklearn.linear_model import LogisticRegression

    from fmnist_report.models.base import find_preprocessing
    from fmnist_report.models.layers import GreyToColour
    from fmnist_report.models.mnn import MnnNetwork

    size, threads = STANDARD.features.size, len(os.sched_getaffinity(0))
    every, labels = entries.images(), entries.labels()
    entered = find_preprocessing(STANDARD.features.backbone)
    resize = GreyToColour(size, entered.scale, entered.offset)

    def prepare(images: np.ndarray) -> np.ndarray:
        pieces = [images[i : i + 500, ..., None].astype("float32") for i in range(0, len(images), 500)]
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
            "MNN, float32": (MnnNetwork(keras_f32).predict_on_batch, channels_last, STANDARD.features.batch_size),
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
        for part, images in parts.items():
            ready = prepare(images)
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
        "n": {part: len(images) for part, images in parts.items()},
        "side": size,
    }


def disk(entries: Entries) -> Figures:
    """Measure the size of the features on disk against plain float16; compare filters on one shard's boundary."""
    import h5py
    import hdf5plugin

    from fmnist_report.settings import feature_bytes
    from fmnist_report.training.features import write_compressed

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
