"""Small examples of all supported data-set formats, as found in practice."""

import gzip
import json
import struct

import h5py
import numpy as np
import pytest
from custom_data_sets import write_idx, write_images
from PIL import Image

from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.parquet import find_columns
from fmnist_report.data.custom.prepare import prepare_custom_data
from fmnist_report.data.custom.readers import READERS
from fmnist_report.data.split import load_dataset_info
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import DataSettings

N, N_TEST = 160, 40


def arrays(side=8, n_classes=4):
    """Return images whose bright row shows the class; labels are shuffled."""
    rng = np.random.default_rng(0)
    found = {}
    for split, n in (("train", N), ("test", N_TEST)):
        labels = rng.permutation(np.arange(n) % n_classes).astype("uint8")
        images = rng.integers(0, 60, (n, side, side)).astype("uint8")
        images[np.arange(n), labels] = 250
        found |= {f"x_{split}": images, f"y_{split}": labels}
    return found


def named(x):
    return x.astype(float).mean(axis=2).argmax(axis=1)


@pytest.fixture
def prepare(tmp_path, quiet):
    def run(folder, **settings):
        out, data_set = tmp_path / "out", find_data_set(folder)
        out.mkdir()
        prepare_custom_data(
            out, quiet, data=DataSettings(**settings), mirror=False, transposed=data_set.transposed, data_set=data_set
        )
        run.data_set, run.origin, run.dataset = data_set, read_json(out / "origin.json"), load_dataset_info(out)
        labels = {**load_arrays(out / "labels.npz"), **load_arrays(out / "test_labels.npz")}
        return load_arrays(out / "images.npz"), labels

    return run


def write_csv(folder, header=True, label="label"):
    for split in ("train", "test"):
        x, y = arrays()[f"x_{split}"].reshape(-1, 64), arrays()[f"y_{split}"]
        lines = [",".join([label, *(f"pixel{i}" for i in range(64))])] if header else []
        lines += [",".join(map(str, [label, *row])) for label, row in zip(y, x, strict=True)]
        (folder / f"sign_mnist_{split}.csv").write_text("\ufeff" * header + "\n".join(lines))


def write_kaggle_digits(folder):
    write_csv(folder)
    (folder / "sign_mnist_train.csv").rename(folder / "train.csv")
    (folder / "sign_mnist_test.csv").unlink()
    (folder / "test.csv").write_text(",".join(f"pixel{i}" for i in range(64)) + "\n" + ",".join(["0"] * 64) + "\n")
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")


def write_npz(folder, names, **kinds):
    own = arrays()
    np.savez_compressed(folder / "set.npz", **{names[name]: kinds.get(name[0], lambda a: a)(own[name]) for name in own})


def raise_version(path):
    """Require an unknown version of the zip format for every member."""
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02-\x03-", b"PK\x01\x02-\x03z"))


def write_medmnist(folder):
    own = arrays()
    np.savez(
        folder / "pneumoniamnist.npz", train_images=own["x_train"], train_labels=own["y_train"][:, None],
        val_images=own["x_test"][:20], val_labels=own["y_test"][:20, None],
        test_images=own["x_test"][20:], test_labels=own["y_test"][20:, None],
    )  # fmt: skip


def write_kmnist(folder):
    for split in ("train", "test"):
        for what, key in (("imgs", "x"), ("labels", "y")):
            np.savez(folder / f"kmnist-{split}-{what}.npz", arrays()[f"{key}_{split}"])


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
    for split in ("train", "test"):
        x, y = arrays()[f"x_{split}"], arrays()[f"y_{split}"]
        raw = struct.pack(">4I", 0x803, *x.shape) + x.tobytes()
        (folder / f"qmnist-{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(raw))
        table = np.zeros((len(y), 8), ">i4")
        table[:, 0] = y
        raw = struct.pack(">3I", 0xC02, *table.shape) + table.tobytes()
        (folder / f"qmnist-{split}-labels-idx2-int.gz").write_bytes(gzip.compress(raw))


def write_parquet(folder, label="label", names=("ankle", "bag", "coat", "dress")):
    import io

    import pyarrow as pa
    from pyarrow import parquet

    def encode(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    (folder / "data").mkdir()
    for split in ("train", "test"):
        features = {"image": {"_type": "Image"}, label: {"names": list(names), "_type": "ClassLabel"}}
        table = pa.table(
            {"image": [encode(x) for x in arrays()[f"x_{split}"]], label: arrays()[f"y_{split}"].astype("int64")}
        ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        half = len(table) // 2
        for number, piece in enumerate((table[:half], table[half:])):
            parquet.write_table(piece, folder / "data" / f"{split}-0000{number}-of-00002.parquet")


KERAS = {"x_train": "x_train", "y_train": "y_train", "x_test": "x_test", "y_test": "y_test"}
WORDS = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
NAMES = {"parquet": ["ankle", "bag", "coat", "dress"]}  # that the files tell
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
def test_images_and_labels_of_every_form_belong_together(tmp_path, prepare, form):
    folder = tmp_path / "set"
    folder.mkdir()
    FORMS[form](folder)
    images, labels = prepare(folder)
    given = form == "MedMNIST"
    assert {split: len(values) for split, values in labels.items()} == {
        "train": N if given else N - N // 6, "val": 20 if given else N // 6, "test": 20 if given else N_TEST,
    }  # fmt: skip
    for split, values in images.items():
        assert (named(values) == labels[split]).all() and values.dtype == np.uint8 and values.max() == 250
    assert prepare.origin == {"given": ["train", "val", "test"] if given else ["train", "test"],
                              "skipped": {}, "unreadable": 0, "names": NAMES.get(form, []), "notes": []}  # fmt: skip
    assert prepare.dataset.labels == (0, 1, 2, 3) and not prepare.data_set.notes


def test_a_table_without_labels_is_reported_and_not_used(tmp_path, prepare):
    (tmp_path / "set").mkdir()
    write_kaggle_digits(tmp_path / "set")
    images, labels = prepare(tmp_path / "set")
    assert len(labels["test"]) == N // 6 and (named(images["test"]) == labels["test"]).all()
    assert prepare.origin == {
        "given": ["train"], "skipped": {".csv": 2}, "unreadable": 0, "names": [],
        "notes": [{"message": "{file} has no column of labels, so it is not used", "values": {"file": "test.csv"}}],
    }  # fmt: skip
    assert prepare.data_set.notes == ("'test.csv' has no column of labels, so it is not used",)


def test_names_in_parquet_name_the_classes(tmp_path):
    write_parquet(tmp_path)
    from fmnist_report.data.custom.readers import read_parquet

    read = read_parquet(find_data_set(tmp_path), DataSettings(), lambda n, total: None)
    assert read.names == ("ankle", "bag", "coat", "dress")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (
            lambda folder: np.savez(folder / "a.npz", train_images=np.zeros((9, 8, 8))),
            "no supported data set found .1 .npz file.; the arrays",
        ),
        (lambda folder: (folder / "a.npz").write_bytes(b"no zip"), "a.npz cannot be read"),
        (
            lambda folder: (write_npz(folder, KERAS), raise_version(folder / "set.npz")),
            "set.npz cannot be read .zip file",
        ),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: np.ones((len(y), 3))), "more than one class per image"),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: y / 2), "labels are not whole numbers"),
        (lambda folder: write_npz(folder, KERAS, y=lambda y: y.astype(object)), "Python objects, which are never"),
        (lambda folder: (write_npz(folder, KERAS), write_kmnist(folder)), "the same split of several sets"),
        (lambda folder: write_npz(folder, KERAS, x=lambda x: x[:, :, :7, None, None]), "of the shape"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(tmp_path, prepare, write, sentence):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set")
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "set")


@pytest.mark.parametrize("splits", [("train", "test"), ("Training", "Testing"), ("seg_train", "seg_test")])
@pytest.mark.parametrize("levels", ["", "inner"])
def test_parts_are_known_by_their_words_one_or_two_levels_above_the_classes(tmp_path, splits, levels):
    places = [f"{split}/{levels}" if levels else split for split in splits]
    write_images(tmp_path / "wrapper", n=2, splits=places)
    found = find_data_set(tmp_path)
    kinds = {(piece.split, piece.what) for piece in found.pieces}
    assert kinds == {(split, what) for split in ("train", "test") for what in ("cat", "dog")} and len(found.pieces) == 8


@pytest.mark.parametrize("inner", ["", "old", "new"])
def test_a_class_may_be_called_train(tmp_path, inner):
    classes = [f"{name}/{inner}{name}" if inner else name for name in ("bus", "car", "train")]
    write_images(tmp_path, n=2, classes=classes)
    found = {(piece.split, piece.what) for piece in find_data_set(tmp_path).pieces}
    assert found == {("", "bus"), ("", "car"), ("", "train")}


def put(folder, *names):
    """Write an image to each of the given folders or file names."""
    for name in names:
        path = folder / name if name.endswith(".png") else folder / name / "0.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(path)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("train", "test"), "'test' and 'train' look like splits, but contain no class folders"),
        (("train", "test1"), "look like splits"),
        (("train", "valid", "test"), "look like splits"),
        (("trainA", "trainB", "testA", "testB"), "look like splits"),
        (("images_train", "images_test"), "look like splits"),
        (("images", "annotations/trimaps"), "'annotations' is not named after a class"),
        (("images/a", "images/b", "masks/a", "masks/b"), "is not named after a class"),
        (("scans/a", "scans/b", "drawn/a", "drawn/b"), "exists in more than one place"),
        (("yes", "no", "brain_tumor_dataset/yes", "brain_tumor_dataset/no"), "more than one place, also within"),
        (("HAM10000_images_part_1", "HAM10000_images_part_2"), "is not named after a class"),
        (("images_001/images", "images_002/images"), "is not named after a class"),
        (("fold1/a", "fold2/a"), "is not named after a class"),
        (("train/n01/images", "train/n02/images", "val/images"), "'images' is not named after a class"),
        (("seg_train/a", "seg_train/b", "seg_pred"), "next to 'seg_train' there are images in 'seg_pred'"),
        (("train/cat.0.png", "train/dog.0.png"), "one class only, 'train'.*'cat.0.png' into 'cat'"),
    ],
)
def test_folders_that_are_no_classes_are_refused(tmp_path, names, sentence):
    put(tmp_path, *names)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("with_mask", "without_mask"), {"with_mask", "without_mask"}),
        (("photos", "drawings"), {"photos", "drawings"}),
        (("COVID/images", "COVID/masks", "Normal/images", "Normal/masks"), {"COVID", "Normal"}),
        (("TrainSet/a", "TrainSet/b", "TestSet/a", "TestSet/b"), {"a", "b"}),
        (("preview.png", "dataset/a", "dataset/b"), {"a", "b"}),
        (("a/b/c/d/e/f/g/h/cat", "a/b/c/d/e/f/g/h/dog"), {"cat", "dog"}),
        (("trainval/a", "trainval/b", "test/a", "test/b"), {"a", "b"}),
    ],
)
def test_folders_that_are_classes_are_found(tmp_path, names, classes):
    put(tmp_path, *names)
    found = find_data_set(tmp_path)
    assert {piece.what for piece in found.pieces} == classes
    assert not any("masks" in str(piece.path) for piece in found.pieces)


def test_images_count_before_the_tables_that_describe_them(tmp_path):
    put(tmp_path, "cat", "dog")
    np.save(tmp_path / "labels.npy", np.zeros(9))
    header = ",".join(["label", *(f"f{i}" for i in range(25))])
    (tmp_path / "features.csv").write_text(header + "\n" + "0," * 25 + "0\n")
    found = find_data_set(tmp_path)
    assert found.form == "images" and found.skipped == {".csv": 1, ".npy": 1}


def test_images_that_a_table_is_taken_for_are_reported(tmp_path):
    put(tmp_path, "a.png", "b.png", "c.png")
    write_csv(tmp_path)
    found = find_data_set(tmp_path)
    assert found.form == "csv"
    assert found.notes[0].startswith(
        "the images in the folder are not used: it contains 3 .png files and no class folder; put the"
    )


def test_sets_in_folders_of_their_own_are_distinguished(tmp_path):
    for name in ("MNIST/raw", "FashionMNIST/raw"):
        write_idx(tmp_path / name, arrays())
    with pytest.raises(ReportError, match="several sets of IDX files .*FashionMNIST/raw.*MNIST/raw"):
        find_data_set(tmp_path)


def test_a_validation_part_is_used_as_validation(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, splits=("train", "valid", "test"))
    _, labels = prepare(tmp_path / "set")
    assert {split: len(values) for split, values in labels.items()} == {"train": 140, "val": 140, "test": 140}
    assert prepare.origin["given"] == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "test" / "cat").rename(folder / "cats"), "next to 'test', 'train' .* in 'cats'"),
        (lambda folder: write_images(folder, n=1, splits=("testing",)), "both the same split"),
        (lambda folder: write_images(folder / "train", n=1, classes=("val",), splits=("cat",)), "must be above"),
    ],
)
def test_parts_that_are_no_parts_are_refused(tmp_path, spoil, sentence):
    write_images(tmp_path, n=2, splits=("train", "test"))
    spoil(tmp_path)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_images_without_classes_in_the_test_part_are_refused(tmp_path):
    write_images(tmp_path, n=2, splits=("train",))
    write_images(tmp_path, n=2, classes=("test",))
    with pytest.raises(ReportError, match="the classes of the 2 images in 'test' are unknown"):
        find_data_set(tmp_path)


def test_droppings_are_ignored_and_the_rest_is_counted(tmp_path):
    write_images(tmp_path, n=3)
    for name in (".DS_Store", "Thumbs.db", "cat/._000.png", "cat/desktop.ini", "labels.csv", "a.txt", "dog/b.txt", "c"):
        (tmp_path / name).write_bytes(b"\0")
    for name in ("__MACOSX/cat", ".ipynb_checkpoints", "hamster"):
        (tmp_path / name).mkdir(parents=True)
    write_images(tmp_path / "dog", n=2, classes=("puppy",))
    found = find_data_set(tmp_path)
    assert len(found.pieces) == 8 and found.skipped == {".txt": 2, ".csv": 1, "": 1}
    assert found.notes == (
        "the folder 'hamster' contains no images", "2 images in folders within 'dog' belong to the same class",
    )  # fmt: skip


def test_names_have_one_unicode_form_and_numbers_their_order(tmp_path, prepare):
    import os
    import unicodedata

    for split, form in (("train", "NFC"), ("test", "NFD")):
        write_images(tmp_path / "set", n=70, splits=(split,), classes=[unicodedata.normalize(form, "їжак"), "10", "2"])
    prepare(tmp_path / "set")
    assert prepare.data_set.classes["en"] == ["2", "10", "їжак"]
    write_images(tmp_path / "bytes", n=1, classes=("a", "b"))
    os.rename(tmp_path / "bytes" / "a", os.fsencode(tmp_path / "bytes") + b"/\xea\xb3\xf2")
    assert find_data_set(tmp_path / "bytes").classes["en"] == ["\\xea\\xb3\\xf2", "b"]


def test_a_class_without_test_images_is_refused_by_its_name(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, splits=("train",), classes=("cat", "dog", "hamster"))
    write_images(tmp_path / "set", n=70, splits=("test",))
    with pytest.raises(ReportError, match="no test image of the class 'hamster'"):
        prepare(tmp_path / "set")


def test_a_folder_that_links_to_itself_ends(tmp_path):
    write_images(tmp_path, n=2)
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    assert len(find_data_set(tmp_path).pieces) == 4


def test_parquet_asks_for_pyarrow(tmp_path, prepare, monkeypatch):
    import sys

    (tmp_path / "set").mkdir()
    write_parquet(tmp_path / "set")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ReportError, match="pyarrow is needed; run: .* pip install pyarrow"):
        prepare(tmp_path / "set")


def write_rows(folder, rows, name="train.csv"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(rows), "utf-8")


def rows_of(label=lambda y: y, before="", header=None, after=""):
    x, y = arrays()["x_train"].reshape(-1, 64), arrays()["y_train"]
    body = [f"{before}{label(b)},{','.join(map(str, a))}{after}" for a, b in zip(x, y, strict=True)]
    return ([header] if header else []) + body


PIXELS = ",".join(f"pixel{i}" for i in range(64))


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(before="17,", header=f"Unnamed: 0,label,{PIXELS}"),
        rows_of(label=lambda y: f'"class, {y}"', header=f"label,{PIXELS}"),
        rows_of(header=f"Digit,{PIXELS}", after="\r"),
        [row.replace(",", ";") for row in rows_of(header=f"LABEL,{PIXELS}")],
        [f"{','.join(row.split(',')[1:])},{row.split(',')[0]}" for row in rows_of()],
    ],
    ids=["index", "quoted text", "returns", "semicolons", "label last"],
)
def test_tables_are_read_as_people_write_them(tmp_path, prepare, rows):
    write_rows(tmp_path / "set", rows)
    images, labels = prepare(tmp_path / "set")
    assert all((named(images[split]) == labels[split]).all() for split in images)


def test_a_column_of_usage_reports_the_split(tmp_path, prepare):
    x, y = arrays()["x_train"].reshape(-1, 64), arrays()["y_train"]
    usage = ["Training"] * 130 + ["PublicTest"] * 10 + ["PrivateTest"] * 20
    rows = [f"{label},{' '.join(map(str, a))},{split}" for a, label, split in zip(x, y, usage, strict=True)]
    write_rows(tmp_path / "set", ["emotion,pixels,Usage", *rows], "fer2013.csv")
    images, labels = prepare(tmp_path / "set")
    assert len(labels["test"]) == 30 and (named(images["test"]) == labels["test"]).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: [*rows[:5], rows[5] + ",7", *rows[6:]], "line 6 has 66 values, the first line 65"),
        (lambda rows: [*rows[:5], "#" + rows[5], *rows[6:]], "of the class '#1': 1"),
        (lambda rows: [*rows[:5], rows[5].replace(",", ",x", 1), *rows[6:]], "could not convert string"),
        (lambda rows: rows[:1], "its tables have no rows"),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path, prepare, change, sentence):
    write_rows(tmp_path / "set", change(rows_of(header=f"label,{PIXELS}")))
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "set")


@pytest.mark.parametrize("found", ["test", "val"])
def test_a_set_without_training_images_is_refused(tmp_path, prepare, found):
    (tmp_path / "set").mkdir()
    own = arrays()
    np.savez(tmp_path / "set" / "a.npz", **{f"{found}_images": own["x_test"], f"{found}_labels": own["y_test"]})
    with pytest.raises(ReportError, match=f"there is no training split, only {found}"):
        prepare(tmp_path / "set")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda own: own | {"x_test": own["x_test"] / 255}, "images of different types"),
        (lambda own: own | {"x_train": own["x_train"].astype(str)}, "of the type <U3 are not images"),
        (lambda own: own | {"y_train": np.where(own["y_train"] > 2, np.inf, own["y_train"])}, "not whole numbers"),
        (lambda own: own | {"x_train": own["x_train"][:0], "y_train": own["y_train"][:0]}, "no training images"),
        (lambda own: own | {"x_val": own["x_test"][:1], "y_val": own["y_test"][:1]}, "validation split has 1 images"),
        (lambda own: own | {name: own[name] * np.nan for name in ("x_train", "x_test")}, "none of .* is a number"),
    ],
)
def test_odd_arrays_are_refused(tmp_path, prepare, change, sentence):
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", **change(arrays()))
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "set")


@pytest.mark.parametrize(
    "change",
    [
        lambda own: own | {"x_val": own["x_test"][:0], "y_val": own["y_test"][:0]},  # an empty split is none
        lambda own: own | {"label_names": np.array(list("abcd")), "y_train_ids": np.arange(160)},
        lambda own: {name: values[None] if name[0] == "y" else values for name, values in own.items()},
        lambda own: own | {name: np.array(list("abcd"))[own[name]] for name in ("y_train", "y_test")},
        lambda own: {name.replace("_", ""): values for name, values in own.items()},
        lambda own: own | {"x_train": np.where(np.arange(N)[:, None, None] == 0, np.inf, own["x_train"] / 1.0),
                           "x_test": own["x_test"] / 1.0},
    ],
    ids=["empty split", "other arrays", "labels in a row", "labels as text", "names in one word", "one infinite"],
)  # fmt: skip
def test_odd_arrays_are_read(tmp_path, prepare, change):
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", **change(arrays()))
    images, labels = prepare(tmp_path / "set")
    wrong = sum((named(images[split]) != labels[split]).sum() for split in images)
    assert wrong <= 1 and prepare.origin["given"] == ["train", "test"]


def test_a_damaged_archive_is_one_sentence(tmp_path, prepare):
    (tmp_path / "set").mkdir()
    write_npz(tmp_path / "set", KERAS)
    path = tmp_path / "set" / "set.npz"
    raw = bytearray(path.read_bytes())
    raw[200:260] = bytes(60)
    path.write_bytes(raw)
    with pytest.raises(ReportError, match="set.npz"):
        prepare(tmp_path / "set")


def parquet_set(folder, columns, name="train-0.parquet", metadata=None):
    import io

    import pyarrow as pa
    from pyarrow import parquet

    def encode(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        return buffer.getvalue()

    folder.mkdir(exist_ok=True, parents=True)
    own = {"image": [encode(x) for x in arrays()["x_train"]], **columns(arrays()["y_train"])}
    table = pa.table(own)
    parquet.write_table(table.replace_schema_metadata(metadata) if metadata else table, folder / name)


def test_labels_of_a_parquet_table_are_never_guessed(tmp_path, prepare):
    parquet_set(tmp_path / "a", lambda y: {"width": y * 0 + 8, "breed": y})
    with pytest.raises(ReportError, match="the column of labels in train-0.parquet is ambiguous, width or breed"):
        find_data_set(tmp_path / "a")
    parquet_set(tmp_path / "b", lambda y: {"id": np.arange(len(y)), "Label": [f"c{value}" for value in y]})
    images, labels = prepare(tmp_path / "b")
    assert prepare.data_set.classes["en"] == ["c0", "c1", "c2", "c3"]
    assert all((named(images[split]) == labels[split]).all() for split in images)


def features(names):
    return {"huggingface": json.dumps({"info": {"features": {"label": {"names": names}}}})}


def test_class_names_bring_the_labels_of_all_files_to_one_order(tmp_path, prepare):
    parquet_set(tmp_path / "set", lambda y: {"label": y}, metadata=features(list("abcd")))
    parquet_set(tmp_path / "set", lambda y: {"label": 3 - y}, "test-0.parquet", features(list("dcba")))
    images, labels = prepare(tmp_path / "set")
    classes = np.array(prepare.data_set.classes["en"])
    assert all((np.array(list("abcd"))[named(images[split])] == classes[labels[split]]).all() for split in images)
    parquet_set(tmp_path / "set", lambda y: {"label": y}, "test-0.parquet", features(list("abce")))
    with pytest.raises(ReportError, match="has other class names than"):
        find_data_set(tmp_path / "set")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [(lambda y: {"label": [None, *y[1:].tolist()]}, "1 rows have no label"),
     (lambda y: {}, "no column of labels, such as 'label'; its columns are image")],
)  # fmt: skip
def test_parquet_without_labels_is_refused(tmp_path, columns, sentence):
    parquet_set(tmp_path, columns)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_configurations_of_a_parquet_set_are_distinguished(tmp_path):
    for name in ("full", "mini"):
        parquet_set(tmp_path / name, lambda y: {"label": y})
    with pytest.raises(ReportError, match="several sets of .parquet files .*full, mini"):
        find_data_set(tmp_path)


def test_what_is_no_file_is_passed_by(tmp_path):
    import os

    put(tmp_path, "cat", "dog")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert len(find_data_set(tmp_path).pieces) == 2


def named_by_pandas(row):
    """Return the names that pandas makes of a first row that it takes for a header: 0, 0.1, 0.2."""
    seen, names = {}, []
    for value in row.split(","):
        names.append(f"{value}.{seen[value]}" if seen.get(value) else value)
        seen[value] = seen.get(value, 0) + 1
    return ",".join(names)


def sorted_rows():
    return sorted(rows_of(), key=lambda row: int(row.split(",")[0]))


def last_pixel(value, rows):
    return [",".join([*row.split(",")[:-1], str(value(i))]) for i, row in enumerate(rows)]


def reordered(rows):
    """Return the columns in the order of their names as text, with the labels last."""
    order = sorted(range(1, 65), key=lambda i: f"pixel{i}") + [0]
    return [",".join(row.split(",")[i] for i in order) for row in rows]


@pytest.mark.parametrize(
    "rows",
    [
        [",".join(map(str, range(65))), *rows_of()],
        [",".join(map(str, range(1, 66))), *rows_of()],
        [",".join(f"V{i}" for i in range(1, 66)), *rows_of()],
        ["," + ",".join(map(str, range(65))), *(f"{i},{row}" for i, row in enumerate(rows_of()))],
        ['"",' + ",".join(f'"V{i}"' for i in range(1, 66)), *(f'"{i}",{row}' for i, row in enumerate(rows_of(), 1))],
        rows_of(label=lambda y: "abcd"[y]),
        last_pixel(lambda i: i % 7 if i % 40 == 0 else 0, rows_of()),
        ["label," + ",".join(f"p{x}_{y}" for y in range(8) for x in range(8)), *rows_of()],
        [named_by_pandas(sorted_rows()[0]), *sorted_rows()[1:]],
        last_pixel(lambda i: 0, sorted_rows()),
        reordered(["label," + ",".join(f"pixel{i}" for i in range(1, 65)), *rows_of()]),
        ["target," + ",".join(f"pixel_{i}_{j}" for i in range(8) for j in range(8)), *rows_of()],
        [",".join(f"{float(value):.18e}" for value in row.split(",")) for row in rows_of()],
        [row.replace(",", ";").replace("250", "250,0") for row in rows_of(header=f"label,{PIXELS}")],
        [f"y,label,{PIXELS}", *(f"{i % 7},{row}" for i, row in enumerate(rows_of()))],
    ],
    ids=["columns counted", "columns counted from 1", "names of R", "pandas with its index", "R with its row names",
         "text without a header", "an edge that is nearly always black", "x before y", "first row as names",
         "sorted by class", "columns sorted as text", "two numbers a pixel", "powers of ten", "decimal commas",
         "two columns of labels"],
)  # fmt: skip
def test_tables_are_read_as_programs_write_them(tmp_path, prepare, rows):
    write_rows(tmp_path / "set", rows)
    images, labels = prepare(tmp_path / "set")
    assert sum(map(len, labels.values())) == N
    assert all((named(images[split]) == labels[split]).all() and images[split].max() >= 250 for split in images)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_are_read_in_unicode(tmp_path, prepare, encoding):
    write_rows(tmp_path / "set", rows_of(label=lambda y: "їжакот"[y], header=f"label,{PIXELS}"))
    table = tmp_path / "set" / "train.csv"
    table.write_bytes(table.read_text("utf-8").encode(encoding))
    prepare(tmp_path / "set")
    assert sorted(prepare.origin["names"]) == sorted("їжак")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("\n".join(last_pixel(lambda i: i % 3, rows_of())), "no header, so it is unclear whether the first"),
        ("\n".join([",".join(f"V{i}" for i in range(1, 66)), *last_pixel(lambda i: i % 3, rows_of())]),
         "the column names do not show whether"),
        (f"y,class,{PIXELS}\n", "is ambiguous, 'y' or 'class'; name it 'label'"),
        ("\n".join(rows_of(header=f"species,{PIXELS}")), "no column of labels; name the column of the class 'label'"),
        ("\n".join(rows_of(header=f"label,{PIXELS}".replace("pixel5,", "pixel4,"))), "the same pixel"),
        ("\n".join(rows_of(header=f"label,{PIXELS}")[:9]) + '\n"3,1\n' + "1,2\n" * 400_000,
         "in the row that begins in line 10: a value has more than"),
        ("\n".join(rows_of(header=f"label,{PIXELS}")).replace("\n3,", "\nїжак,").encode("cp1251"), "is not in UTF-8"),
        ("\n".join(rows_of(header=f"label,{PIXELS},split", after=",train")).replace(",train", ",holdout", 3),
         "train.csv, line 2: 'holdout' in the column of splits is unknown"),
        ("\n".join(rows_of(header=f"label,{PIXELS},split", after=",")), "line 2: '' in the column"),
    ],
    ids=["first or last", "first or last of R", "two labels", "no label", "a pixel twice", "open quotation", "cp1251",
         "unknown split", "empty split"],
)  # fmt: skip
def test_tables_that_could_be_misread_are_refused(tmp_path, prepare, content, sentence):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "set")


def test_the_column_of_the_part_counts_more_than_the_name_of_the_file(tmp_path, prepare):
    rows = rows_of()
    told = [f"{row},{'test' if i >= 120 else 'train'}" for i, row in enumerate(rows)]
    write_rows(tmp_path / "set", [f"label,{PIXELS},Usage", *told], "train_test.csv")
    _, labels = prepare(tmp_path / "set")
    assert labels["test"].tolist() == [int(row.split(",")[0]) for row in rows[120:]]


def test_large_images_fit_into_one_column(tmp_path, prepare):
    x, y = arrays()["x_train"], arrays()["y_train"]
    large = x.repeat(25, axis=1).repeat(25, axis=2)
    rows = [f"{label},{' '.join(map(str, a.ravel()))}" for a, label in zip(large, y, strict=True)]
    write_rows(tmp_path / "set", ["emotion,pixels", *rows])
    prepare(tmp_path / "set")
    assert prepare.dataset.height == 200


@pytest.mark.parametrize(
    ("names", "given"),
    [(("X", "y", "X_test", "y_test"), ["train", "test"]), (("images", "labels", "val_images", "val_labels"),
                                                           ["train", "val"]),
     (("train_images", "train_image_labels", "test_images", "test_image_labels"), ["train", "test"])],
)  # fmt: skip
def test_what_bears_no_part_is_training(tmp_path, prepare, names, given):
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", **dict(zip(names, arrays().values(), strict=True)))
    images, labels = prepare(tmp_path / "set")
    assert prepare.origin["given"] == given
    assert all((named(images[split]) == labels[split]).all() for split in images)


def test_a_table_that_bears_no_part_is_training(tmp_path, prepare):
    write_rows(tmp_path / "set", rows_of(header=f"label,{PIXELS}"), "signs.csv")
    write_rows(tmp_path / "set", rows_of(header=f"label,{PIXELS}")[:41], "signs_test.csv")
    _, labels = prepare(tmp_path / "set")
    assert prepare.origin["given"] == ["train", "test"] and len(labels["test"]) == 40


def test_images_are_taken_before_the_same_as_rows(tmp_path, prepare):
    x, y = arrays()["x_train"], arrays()["y_train"]
    (tmp_path / "set").mkdir()
    bunch = {"data": 255 - x.reshape(-1, 64), "images": x, "target": y, "target_names": np.arange(4)}
    np.savez(tmp_path / "set" / "digits.npz", **bunch, DESCR="digits")
    images, labels = prepare(tmp_path / "set")
    assert all((named(images[split]) == labels[split]).all() for split in images)


@pytest.mark.parametrize("labels", [lambda y: np.array([b"cat", b"dog", b"emu", b"fox"])[y],
                                    lambda y: np.array(["cat ", " dog", "emu", "fox"])[y]])  # fmt: skip
def test_text_labels_are_plain_names(tmp_path, prepare, labels):
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", x_train=arrays()["x_train"], y_train=labels(arrays()["y_train"]))
    prepare(tmp_path / "set")
    assert prepare.origin["names"] == ["cat", "dog", "emu", "fox"]


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [(lambda x: x / 255, lambda x: x / 1.0, "train 0 to 0.980392, test 0 to 250"),
     (lambda x: x / 125 - 1, lambda x: x / 250, "train -1 to 1, test 0 to 1")],
)  # fmt: skip
def test_parts_of_different_ranges_are_refused(tmp_path, prepare, train, test, told):
    (tmp_path / "set").mkdir()
    own = arrays()
    own |= {"x_train": train(own["x_train"]), "x_test": test(own["x_test"])}
    np.savez(tmp_path / "set" / "a.npz", **own)
    with pytest.raises(ReportError, match=f"different ranges, {told}"):
        prepare(tmp_path / "set")


def test_a_dark_test_part_is_no_other_range(tmp_path, prepare):
    (tmp_path / "set").mkdir()
    own = arrays()
    np.savez(tmp_path / "set" / "a.npz", **own | {"x_test": own["x_test"] // 40})
    prepare(tmp_path / "set")


@pytest.mark.parametrize("form", ["idx", "npy", "parquet"])
def test_a_broken_download_is_named(tmp_path, prepare, form):
    folder = tmp_path / "set"
    if form == "idx":
        write_idx(folder, arrays())
        broken = folder / "t10k-images-idx3-ubyte.gz"
        broken.write_bytes(broken.read_bytes()[:-20])
        sentence = "t10k-images-idx3-ubyte.gz is truncated or damaged"
    elif form == "npy":
        folder.mkdir()
        np.save(folder / "y_train.npy", arrays()["y_train"])
        (folder / "x_train.npy").write_bytes(b"<html>404</html>")
        sentence = "x_train.npy: it is not a NumPy file"
    else:
        folder.mkdir()
        (folder / "train.parquet").write_bytes(b"")
        sentence = "train.parquet cannot be read"
    with pytest.raises(ReportError, match=sentence):
        prepare(folder)


def test_idx_files_without_a_test_part_are_divided(tmp_path, prepare):
    write_idx(tmp_path / "set", {name: arrays()[name] for name in ("x_train", "y_train")})
    _, labels = prepare(tmp_path / "set")
    assert prepare.origin["given"] == ["train"] and len(labels["test"]) == N // 6


def test_numbers_that_nobody_calls_labels_are_none(tmp_path, prepare):
    parquet_set(tmp_path / "set", lambda y: {"width": [8 + int(value) % 3 for value in y]})
    with pytest.raises(ReportError, match="no column of labels, such as 'label'; its columns are image, width"):
        prepare(tmp_path / "set")


def test_a_column_of_a_parquet_table_reports_the_split(tmp_path, prepare):
    parquet_set(tmp_path / "set", lambda y: {"label": y.tolist(), "split": ["train"] * (len(y) - 40) + ["test"] * 40})
    _, labels = prepare(tmp_path / "set")
    assert prepare.origin["given"] == ["train", "test"] and len(labels["test"]) >= 40


def test_images_that_are_not_read_are_reported_by_class(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, classes=["cat", "dog"])
    (tmp_path / "set" / "emu").mkdir()
    (tmp_path / "set" / "emu" / "1.HEIC").write_bytes(b"photo")
    with pytest.raises(ReportError, match="'emu' contains 1 .heic file, which is not supported; convert"):
        prepare(tmp_path / "set")


def test_the_names_of_the_folders_in_another_order_are_refused(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, classes=["cat", "dog"])
    (tmp_path / "set" / "classes.toml").write_text('en = ["dog", "cat"]')
    with pytest.raises(ReportError, match="classes.toml has 'dog' as class 1, which is 'cat' in the data set"):
        prepare(tmp_path / "set")


def test_a_class_without_a_readable_image_is_named(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, classes=["cat", "dog", "fox"])
    for path in (tmp_path / "set" / "fox").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ReportError, match="none of the 70 images of the class 'fox' can be read"):
        prepare(tmp_path / "set", skip_unreadable=True)


def test_one_image_of_another_size_is_named(tmp_path, prepare, monkeypatch):
    said = []
    monkeypatch.setattr(Progress, "say", lambda self, text: said.append(text))
    write_images(tmp_path / "set", n=80, classes=["cat", "dog"])
    odd = sorted((tmp_path / "set" / "cat").iterdir())[3]
    Image.open(odd).resize((33, 40)).save(odd)
    prepare(tmp_path / "set", side=16)
    sentence = f"1 another size, such as 'cat/{odd.name}' with 33 × 40"
    assert any(sentence in text for text in said)
    assert any("all images are cropped to squares of 16 × 16 pixels (--set data.side)" in text for text in said)


def test_classes_may_be_called_train(tmp_path, prepare):
    write_images(tmp_path / "set", n=70, classes=["bullet train", "steam train", "bus"])
    prepare(tmp_path / "set")
    assert prepare.origin["names"] == ["bullet train", "bus", "steam train"]


def test_a_packed_file_counts_before_a_plain_one(tmp_path, prepare):
    write_idx(tmp_path / "set", arrays())
    write_idx(tmp_path / "set", arrays(), packed=False)
    prepare(tmp_path / "set")
    assert {piece.path.suffix for piece in prepare.data_set.pieces} == {".gz"}


def test_a_first_row_that_pandas_took_for_names_is_read_as_it_was(tmp_path, prepare):
    first, *rest = sorted_rows()
    write_rows(tmp_path / "set", [named_by_pandas(first), *rest])
    images, _ = prepare(tmp_path / "set")
    found = sorted(image.tobytes() for split in images.values() for image in split)
    assert found == sorted(image.tobytes() for image in arrays()["x_train"])


@pytest.mark.parametrize(
    "change", [lambda x: np.where(x > 60, x, 0) / 250, lambda x: (x - 5.0) / 250], ids=["clean", "overshot"]
)
def test_a_little_below_zero_is_the_same_range(tmp_path, prepare, change):
    (tmp_path / "set").mkdir()
    own = arrays()
    np.savez(tmp_path / "set" / "a.npz", **own | {"x_train": own["x_train"] / 250, "x_test": change(own["x_test"])})
    prepare(tmp_path / "set")


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [(lambda y: {"label": [f"c{value}" for value in y], "sex": y // 2}, ("image", "label", [])),
     (lambda y: {"category": y, "width": y}, ("image", "category", [])),
     (lambda y: {"part": [["hand", "foot"][value % 2] for value in y]}, ("image", "part", [])),
     (lambda y: {"animal": [f"c{value}" for value in y], "split": ["train"] * len(y)}, ("image", "animal", ["split"]))],
)  # fmt: skip
def test_columns_of_parquet_are_reported_by_their_names(tmp_path, columns, chosen):
    from pyarrow import parquet

    names = {"info": {"features": {"sex": {"names": ["f", "m"], "_type": "ClassLabel"}}}}
    parquet_set(tmp_path, columns, metadata={"huggingface": json.dumps(names)})
    path = tmp_path / "train-0.parquet"
    assert find_columns(parquet.read_schema(path), path) == chosen


def test_a_single_file_that_is_not_read_is_only_reported(tmp_path):
    write_images(tmp_path, n=4, classes=["cat", "dog"])
    (tmp_path / "cat" / "000.dng").write_bytes(b"raw")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.txt").write_text("read me")
    assert "files in formats that are not read in 'cat': .dng (1)" in find_data_set(tmp_path).notes


def test_numbered_parts_are_no_classes(tmp_path):
    write_images(tmp_path, n=4, classes=["train_1", "train_2"])
    with pytest.raises(ReportError, match="'train_1' and 'train_2' look like splits"):
        find_data_set(tmp_path)


def test_a_table_of_pixels_without_labels_is_reported(tmp_path, prepare):
    write_rows(tmp_path / "set", rows_of(header=f"label,{PIXELS}"))
    write_rows(tmp_path / "set", ["pixels", " ".join(["0"] * 64)], "test.csv")
    prepare(tmp_path / "set")
    assert "'test.csv' has no column of labels, so it is not used" in prepare.data_set.notes


@pytest.fixture
def said(monkeypatch):
    """What the stage says."""
    found = []
    monkeypatch.setattr(Progress, "say", lambda self, text: found.append(text))
    return found


def test_masks_beside_their_images_are_left_out(tmp_path, prepare, said):
    write_images(tmp_path / "set", n=90, classes=["cat", "dog"])
    for path in sorted((tmp_path / "set" / "cat").iterdir()):
        Image.open(path).save(path.with_name(f"{path.stem}_mask.png"))
    Image.open(path).save(tmp_path / "set" / "dog" / "gas_mask.png")  # there is no gas.png, so it is an image
    prepare(tmp_path / "set")
    kept = [piece.path.name for piece in prepare.data_set.pieces]
    assert len(kept) == 181 and "gas_mask.png" in kept and "003_mask.png" not in kept
    assert any("90 masks in 'cat' are not used, such as '000_mask.png'" in text for text in said)


def test_files_with_several_frames_are_counted(tmp_path, prepare, said):
    write_images(tmp_path / "set", n=90, classes=["cat", "dog"])
    frames = [Image.fromarray(np.full((30, 20), 40 * shade, "uint8")) for shade in range(3)]
    frames[0].save(tmp_path / "set" / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    prepare(tmp_path / "set")
    told = "of 1 files with several frames or pages only the first is used, such as 'cat/moving.gif' with 3"
    assert any(told in text for text in said)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [(((20, 30),), ""), (((20, 30), (30, 40), (25, 30)), "the ends are cut off of 60 images with one side"),
     (((20, 100), (30, 90), (25, 30)), "such as 'cat/000.png', 20 × 100"), (((260, 500),), "cut off of 180")],
)  # fmt: skip
def test_what_is_cropped_is_told(tmp_path, prepare, said, sizes, told):
    write_images(tmp_path / "set", n=90, sizes=sizes, classes=["cat", "dog"])
    prepare(tmp_path / "set", side=16)
    assert any(told in text for text in said) if told else not any("cropped" in text for text in said)


@pytest.mark.parametrize(("top", "told"), [(1.0, ""), (9.0, "some values reach 9, but 99.9 % are at most 1")])
def test_stray_values_are_told(tmp_path, prepare, said, top, told):
    values = arrays()
    for name in ("x_train", "x_test"):
        values[name] = values[name] / values[name].max()
    values["x_train"][0, 0, 0] = top
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", **values)
    prepare(tmp_path / "set")
    assert any(told in text for text in said) if told else not any("strays" in text for text in said)


def test_an_image_without_numbers_is_told(tmp_path, prepare, said):
    values = arrays()
    values |= {name: values[name].astype("float32") for name in ("x_train", "x_test")}
    values["x_train"][4] = np.nan
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "a.npz", **values)
    prepare(tmp_path / "set")
    assert any("1 images have no value that is a number, such as number 4" in text for text in said)


def write_h5(folder, n_last=()):
    """Write one file for each split and for images and labels, as in PatchCamelyon."""
    for name, values in arrays().items():
        what, split = name.split("_")
        with h5py.File(folder / f"camelyonpatch_split_{split}_{what}.h5", "w") as file:
            colour = values[..., None].repeat(3, axis=-1) if what == "x" else values.reshape(-1, *n_last)
            file[what] = colour


@pytest.mark.parametrize("n_last", [(), (1, 1, 1)])
def test_hdf5_with_one_file_an_array_is_read(tmp_path, prepare, n_last):
    (tmp_path / "pcam").mkdir()
    write_h5(tmp_path / "pcam", n_last)
    images, labels = prepare(tmp_path / "pcam")
    for split in ("train", "test"):
        assert (named(images[split]) == labels[split]).all()
    assert len(images["test"]) == N_TEST and prepare.origin["given"] == ["train", "test"]


def test_hdf5_with_all_arrays_and_labels_as_text_is_read(tmp_path, prepare):
    own = arrays()
    with h5py.File(tmp_path / "train_catvnoncat.h5", "w") as file:
        file["train_set_x"] = own["x_train"]
        file["train_set_y"] = np.array([f"class {label}" for label in own["y_train"]], object)
        file["list_classes"] = np.array([b"a", b"b"])
        file["elsewhere"] = h5py.ExternalLink("another.h5", "x_test")
    images, labels = prepare(tmp_path)
    assert prepare.origin["names"] == [f"class {label}" for label in range(4)]
    assert (named(images["train"]) == labels["train"]).all()


def test_hdf5_whose_values_are_in_another_file_or_that_is_damaged_is_refused(tmp_path):
    own = arrays()
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["y_train"] = own["y_train"]
        file.create_dataset("x_train", own["x_train"].shape, "uint8", external=[("other.raw", 0, h5py.h5f.UNLIMITED)])
    data_set = find_data_set(tmp_path)
    with pytest.raises(ValueError, match="'x_train' are in another file"):
        READERS[data_set.form](data_set, DataSettings(), lambda done, total: None)
    (tmp_path / "set.h5").write_bytes((tmp_path / "set.h5").read_bytes()[:900])
    with pytest.raises(ReportError, match="set.h5 cannot be read"):
        find_data_set(tmp_path)


def test_one_npy_file_a_class_is_read(tmp_path, prepare):
    own = arrays()
    for label, name in enumerate(["ant", "bee", "cat", "full moon"]):
        np.save(tmp_path / f"full_numpy_bitmap_{name}.npy", own["x_train"][own["y_train"] == label].reshape(-1, 64))
    images, labels = prepare(tmp_path)
    assert prepare.origin["names"] == ["ant", "bee", "cat", "full moon"] and prepare.data_set.form == "class_arrays"
    for split in ("train", "test"):
        assert (named(images[split]) == labels[split]).all()
    read = READERS["class_arrays"](prepare.data_set, DataSettings(), lambda done, total: None)
    assert len(set(read.arrays["y_train"][:8].tolist())) > 1  # shuffled


@pytest.mark.parametrize("names", [("train_cat", "train_dog", "test_cat", "test_dog"), ("cat", "dog", "cat_test")])
def test_npy_files_whose_names_have_splits_are_refused(tmp_path, names):
    for name in names:
        np.save(tmp_path / f"{name}.npy", arrays()["x_train"])
    with pytest.raises(ReportError, match="seem to be the same class; put the files of each split into a folder"):
        find_data_set(tmp_path)


def test_a_class_may_be_named_train(tmp_path):
    for name in ("bus", "train"):
        np.save(tmp_path / f"full_numpy_bitmap_{name}.npy", arrays()["x_train"])
    assert [piece.what for piece in find_data_set(tmp_path).pieces] == ["bus", "train"]


def test_npy_files_that_are_no_classes_are_refused(tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(100))
    np.save(tmp_path / "features.npy", np.zeros((100, 64), "float32"))
    data_set = find_data_set(tmp_path)
    with pytest.raises(ValueError, match="values per image are features.npy 64, ids.npy none$"):
        READERS[data_set.form](data_set, DataSettings(), lambda done, total: None)


def write_pages(folder, per_class=1, sizes=((8, 8),)):
    """Write the training images as pages of TIFF files, per_class files a class; return their labels."""
    own = arrays()
    for label in range(4):
        place = folder / "abcd"[label]
        place.mkdir(parents=True)
        chosen = own["x_train"][own["y_train"] == label]
        for number, part in enumerate(np.array_split(chosen, per_class)):
            pages = [Image.fromarray(image).resize(sizes[i % len(sizes)]) for i, image in enumerate(part)]
            pages[0].save(place / f"{number}.tif", save_all=True, append_images=pages[1:])


def test_pages_of_the_only_file_of_a_class_are_images(tmp_path, prepare, said):
    write_pages(tmp_path / "set")
    images, labels = prepare(tmp_path / "set")
    assert sum(map(len, labels.values())) == N
    assert all((named(images[split]) == labels[split]).all() for split in images)
    assert any("each page is an image: 160 in 4 files (--set data.pages)" in text for text in said)
    write_pages(tmp_path / "first")
    with pytest.raises(ValueError, match="1 TIFF|4 files with several frames or pages only the first"):
        data_set = find_data_set(tmp_path / "first")
        read = READERS[data_set.form](data_set, DataSettings(pages="first"), lambda n, total: None)
        assert len(read.arrays["x_train"]) == 4
        raise ValueError(read.notes[0])


def test_pages_of_several_files_a_class_need_a_decision(tmp_path, prepare):
    write_pages(tmp_path / "set", per_class=10)
    with pytest.raises(
        ReportError, match="40 TIFF files have several pages .* 0.tif with 4. --set data.pages=all takes"
    ):
        prepare(tmp_path / "set")
    data_set = find_data_set(tmp_path / "set")
    for pages, n in (("all", N), ("first", 40)):
        read = READERS[data_set.form](data_set, DataSettings(pages=pages), lambda n, total: None)
        assert len(read.arrays["x_train"]) == n


def test_pages_of_other_sizes_are_previews(tmp_path):
    write_pages(tmp_path, sizes=((8, 8), (4, 4)))
    data_set = find_data_set(tmp_path)
    read = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    assert (
        len(read.arrays["x_train"]) == 4 and "of 4 files with several frames or pages only the first" in read.notes[0]
    )


def test_images_can_be_padded_in_place_of_cropped(tmp_path):
    write_images(tmp_path, n=4, sizes=((20, 100), (90, 30)))
    data_set = find_data_set(tmp_path)
    read = READERS[data_set.form](data_set, DataSettings(aspect_ratio="pad"), lambda n, total: None)
    assert (read.arrays["x_train"][read.arrays["y_train"] == 1] == 0).mean() > 0.6
    assert read.notes == ("all images are padded with black to squares of 28 × 28 pixels (--set data.side)",)
    cropped = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    assert (cropped.arrays["x_train"][cropped.arrays["y_train"] == 1] == 0).mean() == 0


def test_images_of_many_bands_are_refused_in_one_sentence(tmp_path, prepare, capfd):
    rng = np.random.default_rng(0)
    for name in ("field", "forest"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(12):
            write_bands(tmp_path / "set" / name / f"{i}.tif", rng.integers(0, 9, (8, 8, 13)).astype("uint8"))
    with pytest.raises(ReportError, match="24 images cannot be read, such as field/0.tif: .*13$"):
        prepare(tmp_path / "set")
    assert capfd.readouterr().err == ""


def write_bands(path, values):
    """Write an uncompressed TIFF file, of any number of bands."""
    height, width, bands = values.shape
    data = values.tobytes()
    fields = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
              (277, 3, 1, bands), (278, 4, 1, height), (279, 4, 1, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *field) for field in fields)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(fields)) + entries
                     + bytes(4))  # fmt: skip


@pytest.mark.parametrize(
    ("convert", "sentence"),
    [
        (
            lambda y: np.eye(4)[y] * 0.9 + 0.025,
            r"set.npz, y_train: .* are no one-hot rows of 0 and 1; if .*argmax\(axis=1\)",
        ),
        (lambda y: 2 * np.eye(4)[y] - 1, r"labels.argmax\(axis=1\) in their place"),
        (lambda y: np.eye(4)[y].T, r"are a transposed one-hot array; .* save labels.argmax\(axis=0\)"),
        (lambda y: np.random.default_rng(0).dirichlet(np.ones(4), len(y)), r"labels.argmax\(axis=1\)"),
        (lambda y: np.ones((len(y), 4)), "more than one class per image$"),
        (lambda y: np.tile([[1, 1, 0, 0]], (len(y), 1)), "more than one class per image$"),
    ],
)
def test_labels_with_several_values_are_named_with_a_way_out(tmp_path, convert, sentence):
    write_npz(tmp_path, KERAS, y=convert)
    data_set = find_data_set(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)


def test_images_on_the_last_axis_are_named_with_a_way_out(tmp_path):
    write_npz(tmp_path, KERAS, x=lambda x: np.moveaxis(x, 0, -1))
    data_set = find_data_set(tmp_path)
    with pytest.raises(
        ValueError, match=r"shape \(8, 8, 160\), with the 160 images on the last axis; save np.moveaxis"
    ):
        READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)


@pytest.mark.parametrize(
    "names",
    [
        ("horse-or-human", "validation-horse-or-human"),
        ("rps", "rps-test-set"),
        ("rps", "rps-test-set", "rps-validation"),
        ("Pets Dataset", "Pets test"),
    ],
)
def test_a_folder_named_like_those_of_splits_is_the_training_split(tmp_path, names):
    write_images(tmp_path, n=2, splits=names)
    found = find_data_set(tmp_path)
    splits = {piece.path.relative_to(tmp_path).parts[0]: piece.split for piece in found.pieces}
    assert splits.pop(names[0]) == "train" and "train" not in splits.values() and len(splits) == len(names) - 1
    assert f"{names[0]!r} names no split: used for training" in found.notes


def test_a_folder_named_otherwise_is_not(tmp_path):
    write_images(tmp_path, n=2, splits=("horses", "test-cows"))
    with pytest.raises(ReportError, match="ambiguous"):
        find_data_set(tmp_path)


def test_one_npy_file_an_image_is_refused_with_a_way_out(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(3):
            np.save(tmp_path / name / f"{i}.npy", arrays()["x_train"][i])
    with pytest.raises(ReportError, match="each .npy file seems to be one image, as cat/0.npy; convert them: in its"):
        find_data_set(tmp_path)


def test_images_labelled_minus_one_are_left_out_with_their_number(tmp_path):
    write_npz(tmp_path, KERAS, y=lambda y: np.where(y == 3, -1, y.astype(int)))
    data_set = find_data_set(tmp_path)
    read = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    assert set(read.arrays["y_train"].tolist()) == {0, 1, 2} and len(read.arrays["x_train"]) == N * 3 // 4
    assert (named(read.arrays["x_train"]) == read.arrays["y_train"]).all()
    assert f"{(N + N_TEST) // 4} images have the label −1, so they are not used" in read.notes


@pytest.mark.parametrize(("value", "told"), [(65_535, "some values reach 65535"), (-999.0, "some values fall to -999")])
def test_stray_values_of_image_files_are_told(tmp_path, value, told):
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(20):
            image = np.random.default_rng(i).integers(0, 2_000, (28, 28)).astype("float32")
            image[label] = 2_000
            image[0, 0] = value if i == 3 else image[0, 0]
            Image.fromarray(image).save(tmp_path / name / f"{i}.tif")
    data_set = find_data_set(tmp_path)
    read = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    assert any(note.startswith(told) for note in read.notes)


def test_the_value_of_missing_data_in_a_geotiff_is_black(tmp_path):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    for name in ("field", "forest"):
        (tmp_path / name).mkdir()
        for i in range(20):
            image = np.random.default_rng(i).integers(0, 255, (8, 8)).astype("float32")
            image[:2] = -9_999
            tags = ImageFileDirectory_v2()
            tags[42113] = "-9999"
            Image.fromarray(image).save(tmp_path / name / f"{i}.tif", tiffinfo=tags)
    data_set = find_data_set(tmp_path)
    images = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None).arrays["x_train"]
    assert (images[:, :2] == 0).all() and images[:, 2:].mean() > 100


def test_labels_of_minus_one_and_one_are_two_classes(tmp_path):
    write_npz(tmp_path, KERAS, y=lambda y: 2 * (y % 2).astype(int) - 1)
    data_set = find_data_set(tmp_path)
    read = READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    assert set(read.arrays["y_train"].tolist()) == {-1, 1} and len(read.arrays["x_train"]) == N and not read.notes
