"""The forms in which public data sets are passed on, each written small, as their users bring them."""

import gzip
import json
import struct

import numpy as np
import pytest
from own_data_sets import write_idx, write_pictures
from PIL import Image

from fmnist_report.data.detection import find_data_set
from fmnist_report.data.own import prepare_own_data
from fmnist_report.data.split import load_task
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import DataSettings

N, N_TEST = 160, 40


def arrays(side=8, n_classes=4):
    """Return pictures whose bright row tells the class; labels shuffled."""
    rng = np.random.default_rng(0)
    found = {}
    for part, n in (("train", N), ("test", N_TEST)):
        labels = rng.permutation(np.arange(n) % n_classes).astype("uint8")
        pictures = rng.integers(0, 60, (n, side, side)).astype("uint8")
        pictures[np.arange(n), labels] = 250
        found |= {f"x_{part}": pictures, f"y_{part}": labels}
    return found


def named(x):
    return x.astype(float).mean(axis=2).argmax(axis=1)


@pytest.fixture
def prepare(tmp_path, quiet):
    def run(folder, **settings):
        out, data_set = tmp_path / "out", find_data_set(folder)
        out.mkdir()
        prepare_own_data(
            out, quiet, data=DataSettings(**settings), mirror=False, transposed=data_set.transposed, data_set=data_set
        )
        run.data_set, run.origin, run.task = data_set, read_json(out / "origin.json"), load_task(out)
        labels = {**load_arrays(out / "labels.npz"), **load_arrays(out / "test_labels.npz")}
        return load_arrays(out / "pictures.npz"), labels

    return run


def write_csv(folder, header=True, label="label"):
    for part in ("train", "test"):
        x, y = arrays()[f"x_{part}"].reshape(-1, 64), arrays()[f"y_{part}"]
        lines = [",".join([label, *(f"pixel{i}" for i in range(64))])] if header else []
        lines += [",".join(map(str, [label, *row])) for label, row in zip(y, x, strict=True)]
        (folder / f"sign_mnist_{part}.csv").write_text("\ufeff" * header + "\n".join(lines))


def write_kaggle_digits(folder):
    write_csv(folder)
    (folder / "sign_mnist_train.csv").rename(folder / "train.csv")
    (folder / "sign_mnist_test.csv").unlink()
    (folder / "test.csv").write_text(",".join(f"pixel{i}" for i in range(64)) + "\n" + ",".join(["0"] * 64) + "\n")
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")


def write_npz(folder, names, **kinds):
    own = arrays()
    np.savez_compressed(folder / "set.npz", **{names[name]: kinds.get(name[0], lambda a: a)(own[name]) for name in own})


def write_medmnist(folder):
    own = arrays()
    np.savez(
        folder / "pneumoniamnist.npz", train_images=own["x_train"], train_labels=own["y_train"][:, None],
        val_images=own["x_test"][:20], val_labels=own["y_test"][:20, None],
        test_images=own["x_test"][20:], test_labels=own["y_test"][20:, None],
    )  # fmt: skip


def write_kmnist(folder):
    for part in ("train", "test"):
        for what, key in (("imgs", "x"), ("labels", "y")):
            np.savez(folder / f"kmnist-{part}-{what}.npz", arrays()[f"{key}_{part}"])


def write_npy(folder):
    for name, values in arrays().items():
        np.save(folder / f"{name}.npy", values)


def write_kaggle_idx(folder):
    write_idx(folder / "flat", arrays(), packed=False)
    for path in list((folder / "flat").iterdir()):
        (folder / path.name).mkdir()
        path.rename(folder / path.name / path.name)
    (folder / "flat").rmdir()


def write_packed_twice(folder):
    write_idx(folder / "raw", arrays())
    for path in (folder / "raw").iterdir():
        path.write_bytes(gzip.compress(path.read_bytes()))


def write_qmnist(folder):
    for part in ("train", "test"):
        x, y = arrays()[f"x_{part}"], arrays()[f"y_{part}"]
        raw = struct.pack(">4I", 0x803, *x.shape) + x.tobytes()
        (folder / f"qmnist-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(raw))
        table = np.zeros((len(y), 8), ">i4")
        table[:, 0] = y
        raw = struct.pack(">3I", 0xC02, *table.shape) + table.tobytes()
        (folder / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(raw))


def write_parquet(folder, label="label", names=("ankle", "bag", "coat", "dress")):
    import io

    import pyarrow as pa
    from pyarrow import parquet

    def encode(picture):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    (folder / "data").mkdir()
    for part in ("train", "test"):
        features = {"image": {"_type": "Image"}, label: {"names": list(names), "_type": "ClassLabel"}}
        table = pa.table(
            {"image": [encode(x) for x in arrays()[f"x_{part}"]], label: arrays()[f"y_{part}"].astype("int64")}
        ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        half = len(table) // 2
        for number, piece in enumerate((table[:half], table[half:])):
            parquet.write_table(piece, folder / "data" / f"{part}-0000{number}-of-00002.parquet")


KERAS = {"x_train": "x_train", "y_train": "y_train", "x_test": "x_test", "y_test": "y_test"}
WORDS = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
FORMS = {
    "csv": write_csv,
    "csv without a header": lambda folder: write_csv(folder, header=False),
    "csv with a class": lambda folder: write_csv(folder, label="Class"),
    "npz of Keras": lambda folder: write_npz(folder, KERAS),
    "npz in words": lambda folder: write_npz(folder, WORDS),
    "npz of real numbers": lambda folder: write_npz(folder, KERAS, x=lambda x: x / 255),
    "npz of 16 bits": lambda folder: write_npz(folder, KERAS, x=lambda x: x.astype("uint16") * 257),
    "npz of colours": lambda folder: write_npz(folder, KERAS, x=lambda x: np.repeat(x[..., None], 3, axis=-1)),
    "npz, channels first": lambda folder: write_npz(folder, KERAS, x=lambda x: x[:, None]),
    "npz, one-hot": lambda folder: write_npz(folder, KERAS, y=lambda y: np.eye(4)[y]),
    "npy": write_npy,
    "KMNIST": write_kmnist,
    "MedMNIST": write_medmnist,
    "Kaggle's IDX folders": write_kaggle_idx,
    "IDX in raw, packed twice": write_packed_twice,
    "QMNIST": write_qmnist,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("form", FORMS)
def test_pictures_and_labels_of_every_form_belong_together(tmp_path, prepare, form):
    folder = tmp_path / "set"
    folder.mkdir()
    FORMS[form](folder)
    pictures, labels = prepare(folder)
    given = form == "MedMNIST"
    assert {part: len(values) for part, values in labels.items()} == {
        "train": N if given else N - N // 6, "val": 20 if given else N // 6, "test": 20 if given else N_TEST,
    }  # fmt: skip
    for part, values in pictures.items():
        assert (named(values) == labels[part]).all() and values.dtype == np.uint8 and values.max() == 250
    assert prepare.origin == {"given": ["train", "val", "test"] if given else ["train", "test"],
                              "skipped": {}, "unreadable": 0}  # fmt: skip
    assert prepare.task.labels == (0, 1, 2, 3) and not prepare.data_set.notes


def test_a_table_without_labels_is_told_and_not_used(tmp_path, prepare):
    (tmp_path / "set").mkdir()
    write_kaggle_digits(tmp_path / "set")
    pictures, labels = prepare(tmp_path / "set")
    assert len(labels["test"]) == N // 6 and (named(pictures["test"]) == labels["test"]).all()
    assert prepare.origin == {"given": ["train"], "skipped": {".csv": 2}, "unreadable": 0}
    assert prepare.data_set.notes == ("test.csv has no column of labels, so it is not used",)


def test_names_in_parquet_name_the_classes(tmp_path):
    write_parquet(tmp_path)
    from fmnist_report.data.readers import read_parquet

    read = read_parquet(find_data_set(tmp_path), DataSettings(), lambda n: None)
    assert read.names == ("ankle", "bag", "coat", "dress")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda folder: np.savez(folder / "a.npz", train_images=np.zeros((9, 8, 8))), "the train labels are not there"),
        (lambda folder: (folder / "a.npz").write_bytes(b"no zip"), "a.npz cannot be read"),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: np.ones((len(y), 3))), "more than one class a picture"),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: y / 2), "labels are not whole numbers"),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: y.astype(object)), "Object arrays cannot be loaded"),
        (lambda folder: (write_npz(folder, KERAS), write_kmnist(folder)), "the same part of several sets"),
        (lambda folder: write_npz(folder, KERAS, x=lambda x: x[:, :, :7, None, None]), "of the shape"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(tmp_path, prepare, write, sentence):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set")
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "set")


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "Testing"), ("seg_train", "seg_test")])
@pytest.mark.parametrize("levels", ["", "inner"])
def test_parts_are_known_by_their_words_one_or_two_levels_above_the_classes(tmp_path, parts, levels):
    places = [f"{part}/{levels}" if levels else part for part in parts]
    write_pictures(tmp_path / "wrapper", n=2, parts=places)
    found = find_data_set(tmp_path)
    assert [piece.part for piece in found.pieces] == ["test"] * 4 + ["train"] * 4 or {
        (piece.part, piece.what) for piece in found.pieces
    } == {(part, what) for part in ("train", "test") for what in ("cat", "dog")}
    assert len(found.pieces) == 8


def test_a_class_may_be_called_train(tmp_path):
    write_pictures(tmp_path, n=2, classes=("bus", "train"))
    assert {(piece.part, piece.what) for piece in find_data_set(tmp_path).pieces} == {("", "bus"), ("", "train")}


def test_a_validation_part_is_used_as_validation(tmp_path, prepare):
    write_pictures(tmp_path / "set", n=70, parts=("train", "valid", "test"))
    _, labels = prepare(tmp_path / "set")
    assert {part: len(values) for part, values in labels.items()} == {"train": 140, "val": 140, "test": 140}
    assert prepare.origin["given"] == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "test" / "cat").rename(folder / "cats"), "beside 'test', 'train' .* in 'cats'"),
        (lambda folder: write_pictures(folder, n=1, parts=("testing",)), "both the same part"),
        (lambda folder: write_pictures(folder / "train", n=1, classes=("val",), parts=("cat",)), "stand above"),
    ],
)
def test_parts_that_are_no_parts_are_refused(tmp_path, spoil, sentence):
    write_pictures(tmp_path, n=2, parts=("train", "test"))
    spoil(tmp_path)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_pictures_without_classes_in_the_test_part_are_refused(tmp_path):
    write_pictures(tmp_path, n=2, parts=("train",))
    write_pictures(tmp_path, n=2, classes=("test",))
    with pytest.raises(ReportError, match="nothing tells what the 2 pictures in 'test' show"):
        find_data_set(tmp_path)


def test_droppings_are_ignored_and_the_rest_is_counted(tmp_path):
    write_pictures(tmp_path, n=3)
    for name in (".DS_Store", "Thumbs.db", "cat/._000.png", "cat/desktop.ini", "labels.csv", "a.txt", "dog/b.txt", "c"):
        (tmp_path / name).write_bytes(b"\0")
    for name in ("__MACOSX/cat", ".ipynb_checkpoints", "hamster"):
        (tmp_path / name).mkdir(parents=True)
    write_pictures(tmp_path / "dog", n=2, classes=("puppy",))
    found = find_data_set(tmp_path)
    assert len(found.pieces) == 8 and found.skipped == {".txt": 2, ".csv": 1, "": 1}
    assert found.notes == (
        "the folder 'hamster' holds no pictures", "2 pictures in folders within 'dog' count as 'dog'",
    )  # fmt: skip


def test_names_have_one_unicode_form_and_numbers_their_order(tmp_path, prepare):
    import os
    import unicodedata

    for part, form in (("train", "NFC"), ("test", "NFD")):
        write_pictures(
            tmp_path / "set", n=70, parts=(part,), classes=[unicodedata.normalize(form, "їжак"), "10", "2"]
        )
    prepare(tmp_path / "set")
    assert prepare.data_set.classes["en"] == ["2", "10", "їжак"]
    write_pictures(tmp_path / "bytes", n=1, classes=("a", "b"))
    os.rename(tmp_path / "bytes" / "a", os.fsencode(tmp_path / "bytes") + b"/\xea\xb3\xf2")
    assert find_data_set(tmp_path / "bytes").classes["en"] == ["\\xea\\xb3\\xf2", "b"]


def test_a_class_without_test_pictures_is_refused_by_its_name(tmp_path, prepare):
    write_pictures(tmp_path / "set", n=70, parts=("train",), classes=("cat", "dog", "hamster"))
    write_pictures(tmp_path / "set", n=70, parts=("test",))
    with pytest.raises(ReportError, match="no test picture of the class 'hamster'"):
        prepare(tmp_path / "set")


def test_a_folder_that_links_to_itself_ends(tmp_path):
    write_pictures(tmp_path, n=2)
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    assert len(find_data_set(tmp_path).pieces) == 4


def test_parquet_asks_for_pyarrow(tmp_path, prepare, monkeypatch):
    import sys

    (tmp_path / "set").mkdir()
    write_parquet(tmp_path / "set")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ReportError, match="pyarrow is needed; run: pip install"):
        prepare(tmp_path / "set")
