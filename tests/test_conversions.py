"""Files that are not read: each sentence has a command, which makes the data set readable as printed."""

import gzip
import io
import pickle
import re
import subprocess
import sys
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from fmnist_report.data.custom.conversions import advise, describe_archive
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.readers import READERS
from fmnist_report.errors import ReportError
from fmnist_report.settings import DataSettings


def arrays(n, side=8):
    """Return images whose bright row shows the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    images = rng.integers(0, 60, (n, side, side)).astype("uint8")
    images[np.arange(n), labels] = 250
    return images, labels.astype("uint8")


def in_colour(images):
    return np.repeat(images[..., None], 3, axis=-1)


SPLITS = {"train": arrays(48), "test": arrays(24)}


def write_mat(folder):
    import scipy.io

    for split, (x, y) in SPLITS.items():
        values = {"X": np.moveaxis(in_colour(x), 0, -1), "label": y[:, None] + 1}
        scipy.io.savemat(folder / f"{split}_32x32.mat", values)


def write_first_axis_mat(folder):
    import scipy.io

    scipy.io.savemat(folder / "train.mat", {"images": SPLITS["train"][0], "y": SPLITS["train"][1]})


def write_mat_73(folder):
    for split, (x, y) in SPLITS.items():
        path = folder / f"{split}.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            file["X"], file["y"] = np.moveaxis(in_colour(x), 0, -1).T, y[:, None].T
        with open(path, "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file")


def write_tuples(folder):
    packed = gzip.compress(pickle.dumps((SPLITS["train"], SPLITS["test"], SPLITS["test"])))
    (folder / "mnist.pkl.gz").write_bytes(packed)


def write_cifar(folder, labels="labels", names=("data_batch_1", "data_batch_2", "test_batch")):
    side = 32
    for name in names:
        x, y = arrays(24, side)
        values = {"data": np.moveaxis(in_colour(x), -1, 1).reshape(24, -1), labels: y.tolist()}
        (folder / name).write_bytes(pickle.dumps(values, 2))


def write_cifar_binary(folder):
    for name in ("data_batch_1", "test_batch"):
        x, y = arrays(24, 32)
        rows = np.concatenate([y[:, None], np.moveaxis(in_colour(x), -1, 1).reshape(24, -1)], axis=1)
        rows.astype("uint8").tofile(folder / f"{name}.bin")


def encode(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_records(folder):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(folder / "set-train.tfrecord-00000-of-00001")) as writer:
        for image, label in zip(*SPLITS["train"], strict=True):
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encode(image)])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def write_arrow(folder):
    import pyarrow as pa

    for split, (x, y) in SPLITS.items():
        (folder / split).mkdir()
        table = pa.table({"image": [{"bytes": encode(image), "path": None} for image in x], "label": y.astype("int64")})
        with pa.ipc.new_stream(str(folder / split / "data-00000-of-00001.arrow"), table.schema) as writer:
            writer.write_table(table)


def write_unnamed(folder):
    for number, (image, label) in enumerate(zip(*SPLITS["train"], strict=True)):
        (folder / "abcd"[label]).mkdir(exist_ok=True)
        (folder / "abcd"[label] / f"{number:03}").write_bytes(encode(image))


def write_npz(folder):
    np.savez(folder / "set.npz", **{f"{w}_{s}": pair[i] for s, pair in SPLITS.items() for i, w in enumerate("xy")})


def write_zip(folder):
    write_npz(folder)
    with zipfile.ZipFile(folder / "my set.zip", "w") as file:
        file.write(folder / "set.npz", "set.npz")
    (folder / "set.npz").unlink()


def write_tar(folder):
    write_npz(folder)
    with tarfile.open(folder / "set.tar.gz", "w:gz") as file:
        file.add(folder / "set.npz", "set.npz")
    (folder / "set.npz").unlink()


def write_gz(folder):
    write_npz(folder)
    (folder / "set.npz.gz").write_bytes(gzip.compress((folder / "set.npz").read_bytes()))
    (folder / "set.npz").unlink()


CASES = {
    "mat": write_mat,
    "mat, first axis": write_first_axis_mat,
    "mat 7.3": write_mat_73,
    "pickle of tuples": write_tuples,
    "CIFAR-10": write_cifar,
    "CIFAR-100": lambda folder: write_cifar(folder, "fine_labels", ("train", "test")),
    "CIFAR-10, binary": write_cifar_binary,
    "TFRecord": write_records,
    "Arrow": write_arrow,
    "no extension": write_unnamed,
    "zip": write_zip,
    "tar": write_tar,
    "gz": write_gz,
}


@pytest.mark.parametrize("name", CASES)
def test_the_printed_command_makes_a_data_set_readable(tmp_path, name):
    folder = tmp_path / "set"
    folder.mkdir()
    CASES[name](folder)
    with pytest.raises(ReportError, match="no supported data set found") as caught:
        find_data_set(folder)
    found = re.search(r'python (-m .*?(?= \.$|;|$)(?: \.)?|-c ".*?")(?=[;,]|$)', str(caught.value))
    assert found, str(caught.value)
    arguments = re.findall(r'"(.*?)"|(\S+)', found[1])
    command = [quoted or word for quoted, word in arguments]
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    data_set = find_data_set(folder / "converted" if name == "TFRecord" else folder)
    read = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    x, y = read.arrays["x_train"], read.arrays["y_train"]
    rows = x.astype(float).mean(axis=2).argmax(axis=1)
    assert len(x) == 48 - 24 * (name in ("CIFAR-100", "CIFAR-10, binary"))
    first = 1 if name == "mat" else 0
    assert (rows + first == y).all() and x.shape[1] == (32 if "CIFAR" in name else 8)


def test_dicom_is_named_with_its_package(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(ReportError, match="a.dcm is DICOM; install pydicom .*pydicom.dcmread"):
        find_data_set(tmp_path)


def test_names_that_a_shell_would_execute_are_not_in_commands(tmp_path):
    for name in ("a$(touch x).zip", "b`touch x`.pkl", "c'); import os; ('.pkl.gz"):
        path = tmp_path / name
        path.write_bytes(b"")
        command = advise([path])[0].partition("python ")[2] or describe_archive(path)
        assert "touch" not in command and "import os" not in command and "FILE" in command


def test_arrays_of_a_damaged_or_hostile_mat_are_not_in_commands(tmp_path):
    import scipy.io

    scipy.io.savemat(tmp_path / "a.mat", {"x'+y": SPLITS["train"][0], "y": SPLITS["train"][1]})
    assert "d['X']" in advise([tmp_path / "a.mat"])[0]
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(300))
    assert "d['X']" in advise([tmp_path / "a.mat"])[0]
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(300))
    assert "d['X']" in advise([tmp_path / "a.mat"])[0]
