"""Invalid files are reported with a clear message each, and never enter the cache."""

import gzip
import struct

import numpy as np
import pytest

from fmnist_report.data import fashion_mnist as data
from fmnist_report.data.split import split_indices
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import load_arrays
from fmnist_report.settings import DataSettings

IMAGES = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)
LABELS = struct.pack(">II", 0x801, 3) + bytes([0, 5, 9])


def write_folder(folder, **contents):
    folder.mkdir(exist_ok=True)
    for array, name in data.FILES.items():
        raw = contents.get(array, IMAGES if array.startswith("x") else LABELS)
        (folder / f"{name}.gz").write_bytes(gzip.compress(raw))


def test_label_above_nine_in_a_file_is_named(tmp_path):
    write_folder(tmp_path, y_train=struct.pack(">II", 0x801, 1) + bytes([12]))
    with pytest.raises(ValueError, match="label 12"):
        data.read_verified(tmp_path / "train-labels-idx1-ubyte.gz", data.FILES["y_train"])


def test_other_data_of_the_same_form_is_refused(tmp_path):
    write_folder(tmp_path)
    with pytest.raises(ValueError, match="SHA-256"):
        data.read_folder(tmp_path)


def test_fetched_rubbish_does_not_enter_the_cache(tmp_path):
    source = data.Source("a mirror", tmp_path / "datasets", lambda folder: write_folder(folder, x_train=b"<html>"))
    with pytest.raises(ValueError, match="HTML page"):
        data._fetch_verified(source.place, source.fetch)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_every_source_is_listed_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "debian")
    with pytest.raises(ReportError) as error:
        data.find_data(tmp_path / "mine", tmp_path / "cache", fetch=False)
    for name in ("--data-dir", "the cache", "Keras's data folder", "Debian's package", "is missing"):
        assert name in str(error.value)


def test_first_source_that_verifies_wins(tmp_path, monkeypatch):
    two = LABELS[:4] + struct.pack(">I", 2) + b"\0\1"
    good = tmp_path / "cache" / "datasets"
    good.parent.mkdir()
    write_folder(good, y_train=two, y_test=two)
    monkeypatch.setattr(data, "FASHION_MNIST_SHA256", {name: digest_of(good, name) for name in data.FILES.values()})
    write_folder(tmp_path / "bad", y_train=LABELS, y_test=two)
    arrays, source = data.find_data(tmp_path / "bad", tmp_path / "cache", fetch=False)
    assert source == "the cache" and arrays["y_train"].tolist() == [0, 1]


def digest_of(folder, name):
    import hashlib

    return hashlib.sha256(gzip.decompress((folder / f"{name}.gz").read_bytes())).hexdigest()


def test_split_is_stratified_and_disjoint():
    labels = np.repeat(np.arange(10), 6000).astype("uint8")
    train, val = split_indices(labels, DataSettings(n_train=1000, n_val=200))
    assert not set(train) & set(val)
    assert np.bincount(labels[train]).tolist() == [100] * 10
    assert np.bincount(labels[val]).tolist() == [20] * 10


def test_split_does_not_change_between_calls():
    labels = np.repeat(np.arange(10), 6000).astype("uint8")
    first, second = (split_indices(labels, DataSettings())[1] for _ in range(2))
    assert np.array_equal(first, second)


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(tmp_path / "evil.npz")
