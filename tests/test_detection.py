"""A folder given with --data-dir is recognised by its content only."""

import numpy as np
import pytest
from custom_data_sets import load_digits, write_idx, write_images

from fmnist_report.data.custom import detection as data_sets
from fmnist_report.data.custom.detection import FASHION_MNIST, find_data_set
from fmnist_report.errors import ReportError


def tiny(n=20):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (n, 8, 8)).astype("uint8"), (np.arange(n) % 2).astype("uint8")
    return {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]}


def test_no_folder_means_fashion_mnist():
    found = find_data_set(None)
    assert found.name == FASHION_MNIST and found.mirror and not found.is_custom


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ((), "the folder is empty. Supported: one folder of images per class"),
        (("archive.zip",), r"\(1 .zip file\); archive.zip is compressed; unpack it: python -m zipfile -e"),
        (("a.docx", "b.docx", "c"), r"no supported data set found \(2 .docx files, 1 file without an extension\)"),
        (("cat.0.jpg", "dog.0.jpg"), "2 .jpg files and no class folder.*'cat.0.jpg' into 'cat', for example"),
        (("scans/1.tif", "scans/2.tif"), "images of one class only"),
    ],
)
def test_what_is_not_understood_is_never_taken_for_fashion_mnist(tmp_path, files, sentence):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_all_files_have_to_be_fashion_mnists(tmp_path, monkeypatch):
    write_idx(tmp_path, tiny())
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name in names[:3]:
        monkeypatch.setitem(data_sets.FASHION_MNIST_SHA256, name, data_sets.digest_file(tmp_path / f"{name}.gz"))
    found = find_data_set(tmp_path)
    assert found.is_custom and "only some of its files are Fashion-MNIST's" in found.notes[0]
    (tmp_path / f"{names[3]}.gz").unlink()  # reported as missing later, when the sources are tried
    assert find_data_set(tmp_path).name == FASHION_MNIST


def test_the_digest_is_that_of_the_unpacked_content(tmp_path):
    write_idx(tmp_path / "a", tiny())
    write_idx(tmp_path / "b", tiny(), packed=False)
    write_idx(tmp_path / "c", tiny(22))
    a, b, c = (find_data_set(tmp_path / name) for name in "abc")
    assert a.is_custom and a.sha256 == b.sha256 != c.sha256
    assert (a.name, a.mirror, a.classes) == ("a", False, {})


def test_names_of_emnist_are_understood(tmp_path):
    write_idx(tmp_path, tiny(), names=("emnist-letters-train", "emnist-letters-test"))
    assert len(find_data_set(tmp_path).pieces) == 4


def test_images_are_found_with_and_without_a_test_split(tmp_path):
    write_images(tmp_path / "one", n=3)
    write_images(tmp_path / "two", n=3, splits=("train", "test"))
    one, two = find_data_set(tmp_path / "one"), find_data_set(tmp_path / "two")
    assert [(row.split, row.what) for row in one.pieces] == [("", "cat")] * 3 + [("", "dog")] * 3
    assert {row.split for row in two.pieces} == {"train", "test"} and len(two.pieces) == 12
    assert one.classes == {"uk": ["cat", "dog"], "en": ["cat", "dog"]}
    (tmp_path / "one" / "cat" / "000.png").rename(tmp_path / "one" / "dog" / "cat.png")
    assert find_data_set(tmp_path / "one").sha256 != one.sha256


def test_classes_are_named_in_both_languages(tmp_path):
    write_idx(tmp_path, tiny())
    (tmp_path / "classes.toml").write_text('name = "Pair"\nmirror = true\nuk = ["ні", "так"]\nen = ["no", "yes"]\n')
    found = find_data_set(tmp_path)
    assert (found.name, found.mirror) == ("Pair", True) and found.classes == {"uk": ["ні", "так"], "en": ["no", "yes"]}
    (tmp_path / "classes.toml").write_text('en = ["no", "yes"]\n')
    assert find_data_set(tmp_path).classes["uk"] == ["no", "yes"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'colour = "red"',
            "unknown key 'colour' in classes.toml; choose from: name, label, mirror, transposed, uk, en",
        ),
        ('mirror = "yes"', "mirror expects a bool, not 'yes'"),
        ('uk = ["а"]\nen = ["a", "b"]', "more classes in one language"),
        ("name =", "cannot be used"),
    ],
)
def test_a_bad_classes_file_is_named_by_its_fault(tmp_path, text, sentence):
    write_idx(tmp_path, tiny())
    (tmp_path / "classes.toml").write_text(text)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_what_cannot_be_distinguished_or_is_not_whole_is_refused(tmp_path):
    write_idx(tmp_path / "two", tiny())
    write_idx(tmp_path / "two", tiny(), names=("emnist-digits-train", "emnist-digits-test"))
    write_idx(tmp_path / "part", tiny())
    (tmp_path / "part" / "t10k-labels-idx1-ubyte.gz").unlink()
    write_idx(tmp_path / "cut", tiny())
    path = tmp_path / "cut" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    write_images(tmp_path / "test alone", n=2, splits=("test", "val"))
    write_images(tmp_path / "one class", n=2, classes=("cat",))
    for name, sentence in (
        ("two", "several"), ("part", "with the test labels is missing"), ("cut", "end-of-stream"),
        ("test alone", "no folder 'train' next to it"), ("one class", "one class only"),
    ):  # fmt: skip
        with pytest.raises(ReportError, match=sentence):
            find_data_set(tmp_path / name)


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data_sets, "MAX_BYTES", 100)
    write_idx(tmp_path, load_digits())
    with pytest.raises(ReportError, match="more than 100 bytes"):
        find_data_set(tmp_path)


def test_fashion_mnist_is_read_where_it_lies(tmp_path, monkeypatch):
    folder = tmp_path / "FashionMNIST" / "raw"
    write_idx(folder, tiny())
    for path in folder.iterdir():
        monkeypatch.setitem(data_sets.FASHION_MNIST_SHA256, path.name.removesuffix(".gz"), data_sets.digest_file(path))
    found = find_data_set(tmp_path)
    assert found.name == FASHION_MNIST and found.folder == folder
