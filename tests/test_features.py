"""Shards contain the base's outputs, are readable everywhere, and finished ones are not recomputed."""

import contextlib
import shutil
import tracemalloc
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from conftest import random_base
from numpy.testing import assert_allclose, assert_array_equal

from fmnist_report.errors import ReportError
from fmnist_report.models.base import BaseInput, build_extractor, set_base_weights
from fmnist_report.models.mnn import MnnNetwork
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.pipeline.workers import LOCAL, WorkerPool, Workers, start_workers
from fmnist_report.settings import POOLED, FeatureSettings
from fmnist_report.training import features
from fmnist_report.training.stores import VIEWS, FeatureStore

pytestmark = pytest.mark.backend


def test_stored_activations_are_those_of_the_network(feature_folder, data_folder):
    extractor = build_extractor(BaseInput("VGG16", 32))
    set_base_weights(extractor, random_base())
    images = load_arrays(data_folder / "images.npz")["val"]
    mirrored = extractor.predict_on_batch(images[:, :, ::-1, None].astype("float32"))
    with FeatureStore(feature_folder) as store:
        first = store.first_row("val")
        boundary = store.read("block3_out", "mirror", first, first + 20)
        pooled = store.pooled("val", "mirror")
    assert_allclose(boundary, mirrored["block3_out"], rtol=2e-3, atol=1e-2)
    cells = mirrored["block3_out"].reshape(20, 2, 2, 2, 2, 256).mean(axis=(2, 4)).reshape(20, -1)
    assert_allclose(pooled[:, :1024], cells, rtol=2e-3, atol=1e-2)
    assert_allclose(pooled[:, 1024:1536], mirrored["block4_gap"], rtol=2e-3, atol=1e-2)
    assert pooled.shape == (20, 2048)


def test_pooled_features_are_read_into_one_array_of_any_rows(feature_folder):
    """Gathered from pieces, they would take two or three times the memory of `standard`'s 0.6 GB per view."""
    with FeatureStore(feature_folder) as store:
        whole = store.pooled("train", "mirror")
        assert_array_equal(store.pooled("train", "mirror", start=30), whole[30:])
        assert_array_equal(store.pooled("train", "mirror", 15, 10), whole[10:25])
        assert store.pooled("train", "mirror", 0).shape == (0, 2048)
        tracemalloc.start()
        try:
            store.pooled("train", "mirror")
            assert tracemalloc.get_traced_memory()[1] < 1.6 * whole.nbytes
        finally:
            tracemalloc.stop()


def test_shards_are_plain_hdf5_with_attributes(feature_folder):
    shards = sorted(feature_folder.glob("shard-*.h5"))
    assert len(shards) == 7  # 80 images in shards of 13
    with h5py.File(shards[0]) as file:
        dataset = file["original/block3_out"]
        assert dataset.shape == (13, 4, 4, 256) and dataset.dtype == "float16"
        assert dataset.attrs["layer"] == "block3_out" and dataset.attrs["size"] == 32
        assert len(dataset.attrs["weights_sha256"]) == 64 and "-103.939" in dataset.attrs["preprocessing"]
        assert set(file["mirror"]) == {"block3_out", "block3_grid", "block4_gap", "block5_gap"}


def test_finished_shards_are_not_computed_again(tmp_path, data_folder, quiet, monkeypatch):
    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    written, replacing = [], features.replacing

    def write_shard(path):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        return replacing(path)

    monkeypatch.setattr(features, "replacing", write_shard)
    settings = FeatureSettings(size=32, batch_size=20, shard=20, precision="float32")
    call = {"features": settings, "unfreeze": 4, "data": data_folder, "weights": tmp_path, "workers": LOCAL}
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt):
        features.extract_features(out, quiet, **call)
    (out / written[1]).write_bytes(b"damaged")
    shutil.copy(out / written[0], out / written[2])
    written.clear()
    features.extract_features(out, quiet, **call)
    assert written == ["shard-00001.h5", "shard-00002.h5", "shard-00003.h5"]


def test_extraction_stopped_after_its_last_shard_repeats_none(tmp_path, data_folder, quiet, monkeypatch):
    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    settings = FeatureSettings(size=32, batch_size=20, shard=20, precision="float32")
    call = {"features": settings, "unfreeze": 4, "data": data_folder, "weights": tmp_path, "workers": LOCAL}
    describe, replacing = features.describe_layers, features.replacing
    monkeypatch.setattr(features, "describe_layers", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt):
        features.extract_features(out, quiet, **call)
    written = []
    monkeypatch.setattr(features, "describe_layers", describe)
    monkeypatch.setattr(features, "replacing", lambda path: (written.append(path.name), replacing(path))[1])
    features.extract_features(out, quiet, **call)
    assert written == [] and (out / "index.json").is_file()


def test_a_shard_that_changed_on_the_way_is_noticed(tmp_path, data_folder, quiet, monkeypatch):
    class Network(WorkerPool):
        is_local = False

        def compute(self, function, tasks):
            for number, content in super().compute(function, tasks):
                yield number, content[:-1] + bytes([content[-1] ^ 1])

    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    workers = SimpleNamespace(open=lambda: contextlib.nullcontext(Network()))
    settings = FeatureSettings(size=32, batch_size=20, shard=20, precision="float32")
    call = {"features": settings, "unfreeze": 4, "data": data_folder, "weights": tmp_path, "workers": workers}
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ReportError, match="shard-00000.h5 was corrupted in transfer from the worker"):
        features.extract_features(out, quiet, **call)
    assert not any(out.iterdir())


def test_shards_depend_on_threads_within_rounding_alone(
    tmp_path, feature_folder, data_folder, quiet, monkeypatch, two_workers
):
    """Results are bit-for-bit equal for equal numbers of threads; others may sum in a different order."""
    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    settings = FeatureSettings(size=32, batch_size=5, shard=13, precision="float32")
    call = {"features": settings, "unfreeze": 4, "data": data_folder, "weights": tmp_path}
    one_worker = Workers(n=1)
    with start_workers(one_worker):
        for name, workers in (("one", one_worker), ("two", two_workers)):
            out = tmp_path / name
            out.mkdir()
            features.extract_features(out, quiet, **call, workers=workers)
    shards = sorted(feature_folder.glob("shard-*.h5"))
    assert len(shards) == 7
    for path in shards:
        with (
            h5py.File(path) as here,
            h5py.File(tmp_path / "one" / path.name) as one,
            h5py.File(tmp_path / "two" / path.name) as two,
        ):
            for name in (f"{view}/{layer}" for view in VIEWS for layer in here[view]):
                assert one[name][()].tobytes() == two[name][()].tobytes(), (path.name, name)
                assert_allclose(one[name][()], here[name][()], rtol=2e-3, atol=1e-2, err_msg=f"{path.name} {name}")


@pytest.fixture
def extraction(tmp_path, data_folder, quiet, monkeypatch):
    """Extract features of 32 × 32 pixels with a runtime; return the folder and its index."""
    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    monkeypatch.setattr(features, "_extractors", {})

    def extract(runtime, name="out", backbone="VGG16"):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        settings = FeatureSettings(
            size=32, batch_size=10, shard=20, precision="float32", runtime=runtime, backbone=backbone
        )
        call = {"features": settings, "unfreeze": 4, "data": data_folder, "weights": tmp_path, "workers": LOCAL}
        features.extract_features(out, quiet, **call)
        return out, read_json(out / "index.json")

    return extract


def read_all(folder):
    with FeatureStore(folder) as store:
        n = sum(store.counts.values())
        boundary = store.read_boundary("mirror", 0, n)
        pooled = {layer: store.read(layer, "mirror", 0, n) for layer in POOLED}
    return {name: values.astype("float32") for name, values in (boundary | pooled).items()}


def test_mnn_computes_the_features_of_keras(extraction):
    pytest.importorskip("MNN")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("MNN is reached through TensorFlow Lite")
    by_keras, by_mnn = extraction("keras", "keras"), extraction("mnn", "mnn")
    assert by_keras[1] == by_mnn[1] | {"runtime": "keras"} and by_mnn[1]["runtime"] == "mnn"
    expected, found = read_all(by_keras[0]), read_all(by_mnn[0])
    assert set(expected) == set(found) == {"block3_out", *POOLED}
    for layer, values in expected.items():  # within the rounding of float16, in which they are stored
        assert np.abs(found[layer] - values).max() <= 6e-4 * np.abs(values).max(), layer


@pytest.mark.parametrize(
    ("backend", "reason"),
    [("tensorflow", r"MNN cannot convert the network: .*GELU"), ("jax", "Keras runs on jax")],
)
def test_a_network_that_mnn_cannot_convert_is_an_error_with_the_reason(monkeypatch, backend, reason):
    pytest.importorskip("MNN")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("MNN is reached through TensorFlow Lite")
    pixels = keras.layers.Input((8, 8, 3))
    network = keras.Model(pixels, {"y": keras.layers.Activation("gelu")(pixels)})
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(ValueError, match=f"(?s){reason}"):
        MnnNetwork(network)


@pytest.mark.parametrize("error", [ImportError("no MNN"), ValueError("MNN cannot convert the network: GELU")])
def test_keras_replaces_a_runtime_that_cannot_compute_the_base(extraction, monkeypatch, capsys, error):
    def fail(network):
        raise error

    monkeypatch.setattr(features, "MnnNetwork", fail)
    assert extraction("mnn")[1]["runtime"] == "keras"
    assert f"Keras does: {error}" in " ".join(capsys.readouterr().err.split())


def test_a_runtime_that_computes_something_else_is_not_used(extraction, monkeypatch, capsys):
    class Wrong:
        def __init__(self, network):
            self.network = network

        def predict_on_batch(self, x):
            outputs = self.network.predict_on_batch(x)
            return outputs | {"block4_gap": 1.001 * outputs["block4_gap"]}

    monkeypatch.setattr(features, "MnnNetwork", Wrong)
    assert extraction("mnn")[1]["runtime"] == "keras"
    assert "MNN computes another block4_gap than Keras" in " ".join(capsys.readouterr().err.split())


def test_a_runtime_that_computes_no_numbers_is_not_used(extraction, monkeypatch, capsys):
    class Empty:
        def __init__(self, network):
            self.network = network

        def predict_on_batch(self, x):
            return {name: np.full_like(values, np.nan) for name, values in self.network.predict_on_batch(x).items()}

    monkeypatch.setattr(features, "MnnNetwork", Empty)
    assert extraction("mnn")[1]["runtime"] == "keras"
    assert "than Keras" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ({"shards": {"a": "b"}, "policy": "mixed_bfloat16", "runtime": "keras"}, ("keras", "bfloat16")),
        ({"shards": {"a": "b"}, "policy": "float32", "runtime": "mnn"}, ("mnn", "float32")),
        ({"shards": {}, "policy": "float32", "runtime": "mnn"}, ("auto", "auto")), ({}, ("auto", "auto")),
    ],
)  # fmt: skip
def test_an_interrupted_extraction_keeps_what_it_chose(finished, expected):
    found = features._as_before(FeatureSettings(), finished)
    assert (found.runtime, found.precision) == expected
    given = FeatureSettings(precision="float32")
    assert features._as_before(given, finished) == given


def test_the_runtime_is_measured_for_bases_of_plain_convolutions_alone(monkeypatch, quiet):
    measured = []
    monkeypatch.setattr(features, "choose_runtime", lambda *asked: measured.append(asked) or ("keras", "float32"))
    for backbone in ("VGG16", "VGG19", "ResNet50"):
        kind = features.ExtractorKind(BaseInput(backbone, 32), 4, "float32", "")
        features._choose_kind(kind, FeatureSettings(backbone=backbone), {}, quiet)
    assert measured == [("auto", "auto"), ("auto", "auto"), ("keras", "auto")]


def test_shards_of_another_runtime_are_told_and_computed_again(extraction, monkeypatch, capsys):
    replacing = features.replacing

    def stop(path):
        if path.name == "shard-00002.h5":
            raise KeyboardInterrupt
        return replacing(path)

    monkeypatch.setattr(features, "replacing", stop)
    with pytest.raises(KeyboardInterrupt):
        extraction("keras")
    written = []
    monkeypatch.setattr(features, "replacing", lambda path: (written.append(path.name), replacing(path))[1])
    monkeypatch.setattr(features, "MnnNetwork", lambda network: network)  # as exact as Keras itself
    extraction("mnn")
    assert "computed by keras in float32, and this machine computes by mnn" in " ".join(capsys.readouterr().err.split())
    assert written == [f"shard-0000{number}.h5" for number in range(4)]


@pytest.mark.parametrize("n", [1, 125, 333])
def test_compressed_values_come_back_from_hdf5_s_own_filters(tmp_path, n):
    values = np.random.default_rng(0).normal(size=(n, 3, 3, 16)).clip(0).astype("<f2")
    values.view("uint16")[...] &= 0xFFF8  # as bfloat16 leaves them
    with h5py.File(tmp_path / "file.h5", "w") as file:
        features.write_compressed(file, "a/b", values)
    with h5py.File(tmp_path / "file.h5") as file:
        dataset = file["a/b"]
        assert (dataset[()] == values).all() and (dataset[n // 2 : n // 2 + 1] == values[n // 2 : n // 2 + 1]).all()
        assert dataset.compression == "gzip" and dataset.shuffle
        if n == 125:
            assert dataset.id.get_storage_size() < 0.6 * values.nbytes


@pytest.mark.parametrize("value", [1e6, np.nan])
def test_what_float16_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="float16"):
        features._put({}, "a", np.array([[value]]), 0, 1)
