"""Bad files get one clear sentence each, and nothing bad enters the cache."""

import gzip
import struct

import numpy as np
import pytest

from fmnist_report import data
from fmnist_report.errors import ReportError
from fmnist_report.settings import DataSettings

PICTURES = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)
LABELS = struct.pack(">II", 0x801, 3) + bytes([0, 5, 9])


def test_sound_pictures_and_labels_are_parsed():
    assert data.parse_idx(PICTURES, 0x803).shape == (2, 28, 28)
    assert data.parse_idx(LABELS, 0x801).tolist() == [0, 5, 9]


@pytest.mark.parametrize(
    ("raw", "magic", "sentence"),
    [
        (struct.pack(">I", 0x804) + PICTURES[4:], 0x803, "magic number is 0x00000804 instead of 0x00000803"),
        (LABELS, 0x803, "it holds labels, not pictures"),
        (PICTURES, 0x801, "it holds pictures, not labels"),
        (PICTURES[:-1], 0x803, "too few"),
        (PICTURES + b"x", 0x803, "too many"),
        (struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31) + bytes(10), 0x803, "promises 9,903,520,314,283,042"),
        (PICTURES[:10], 0x803, "header is truncated"),
        (b"\0\0", 0x803, "only 2 bytes"),
        (b"\n<!DOCTYPE html><html>404</html>", 0x803, "HTML page"),
    ],
)
def test_bad_idx_file_is_named_by_its_fault(raw, magic, sentence):
    with pytest.raises(ValueError, match=sentence):
        data.parse_idx(raw, magic)


def test_truncated_gzip_is_noticed():
    with pytest.raises(ValueError, match="truncated"):
        data.decompress(gzip.compress(PICTURES)[:-9])


def test_damaged_gzip_is_noticed():
    packed = bytearray(gzip.compress(PICTURES))
    packed[-6] ^= 0xFF
    with pytest.raises(ValueError, match="damaged"):
        data.decompress(bytes(packed))


def test_gzip_bomb_is_not_unpacked():
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        data.decompress(gzip.compress(bytes(10**6)), limit=1000)


def test_counts_that_differ_are_noticed():
    with pytest.raises(ValueError, match="2 pictures but 3 labels"):
        data.check_pair(np.zeros((2, 28, 28), "uint8"), np.zeros(3, "uint8"))


def test_label_above_nine_is_noticed():
    with pytest.raises(ValueError, match="label 10"):
        data.check_pair(np.zeros((1, 28, 28), "uint8"), np.array([10], "uint8"))


def write_folder(folder, **contents):
    folder.mkdir(exist_ok=True)
    for array, expected in data.FILES.items():
        raw = contents.get(array, PICTURES if array.startswith("x") else LABELS)
        (folder / f"{expected.name}.gz").write_bytes(gzip.compress(raw))


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
        data._fetch_verified(source)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_every_source_is_listed_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "debian")
    with pytest.raises(ReportError) as error:
        data.find_data(tmp_path / "mine", tmp_path / "cache", fetch=False)
    for name in ("--data-dir", "the cache", "Keras's data folder", "Debian's package", "is not there"):
        assert name in str(error.value)


def test_first_source_that_verifies_wins(tmp_path, monkeypatch):
    two = LABELS[:4] + struct.pack(">I", 2) + b"\0\1"
    good = tmp_path / "cache" / "datasets"
    good.parent.mkdir()
    write_folder(good, y_train=two, y_test=two)
    digests = {a: data.IdxFile(f.name, 0, digest_of(good, f)) for a, f in data.FILES.items()}
    monkeypatch.setattr(data, "FILES", digests)
    write_folder(tmp_path / "bad", y_train=LABELS, y_test=two)
    arrays, source = data.find_data(tmp_path / "bad", tmp_path / "cache", fetch=False)
    assert source == "the cache" and arrays["y_train"].tolist() == [0, 1]


def digest_of(folder, file):
    import hashlib

    return hashlib.sha256(gzip.decompress((folder / f"{file.name}.gz").read_bytes())).hexdigest()


def test_split_is_stratified_and_disjoint():
    labels = np.repeat(np.arange(10), 6000).astype("uint8")
    train, val = data.split_indices(labels, DataSettings(n_train=1000, n_val=200))
    assert not set(train) & set(val)
    assert np.bincount(labels[train]).tolist() == [100] * 10
    assert np.bincount(labels[val]).tolist() == [20] * 10


def test_split_does_not_change_between_calls():
    labels = np.repeat(np.arange(10), 6000).astype("uint8")
    first, second = (data.split_indices(labels, DataSettings())[1] for _ in range(2))
    assert np.array_equal(first, second)


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        data.load_arrays(tmp_path / "evil.npz")
