"""Custom data sets are converted to the same arrays as Fashion-MNIST."""

import numpy as np
import pytest
from custom_data_sets import load_digits, write_idx, write_images

from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.prepare import prepare_custom_data
from fmnist_report.data.split import DatasetInfo, load_dataset_info
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import DataSettings


@pytest.fixture
def prepare(tmp_path, quiet):
    def run(folder, mirror=False, transposed=False, **settings):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        data_set = find_data_set(folder)
        run.change()
        settings = DataSettings(**settings)
        prepare_custom_data(out, quiet, data=settings, mirror=mirror, transposed=transposed, data_set=data_set)
        names = ("images", "labels", "test_labels")
        return load_dataset_info(out), *(load_arrays(out / f"{name}.npz") for name in names)

    run.change = lambda: None
    return run


def test_digits_are_split_by_class(tmp_path, prepare):
    write_idx(tmp_path / "digits", load_digits())
    dataset, images, labels, test = prepare(tmp_path / "digits")
    assert dataset == DatasetInfo(8, 8, tuple(range(10)), False)
    assert {split: values.shape for split, values in images.items()} == {
        "train": (1_198, 8, 8), "val": (239, 8, 8), "test": (360, 8, 8),
    }  # fmt: skip
    shares = [np.bincount(labels[split]) / len(labels[split]) for split in ("train", "val")]
    assert np.abs(shares[0] - shares[1]).max() < 0.01 and len(test["test"]) == 360


def test_labels_are_counted_from_zero_and_images_turned(tmp_path, prepare):
    arrays = load_digits()
    changed = {name: 2 * values + 1 if name[0] == "y" else values for name, values in arrays.items()}
    write_idx(tmp_path / "odd", changed)
    dataset, images, _, test = prepare(tmp_path / "odd", transposed=True)
    assert dataset.labels == tuple(range(1, 20, 2)) and (test["test"] == arrays["y_test"]).all()
    assert (images["test"] == arrays["x_test"].swapaxes(1, 2)).all()


def test_images_of_different_sizes_are_brought_to_one(tmp_path, prepare):
    write_images(tmp_path / "pets", n=90, sizes=((40, 30), (20, 50)))
    dataset, images, labels, test = prepare(tmp_path / "pets", side=24)
    assert dataset.shape == (24, 24) and len(images["test"]) == 30 and np.bincount(test["test"]).tolist() == [15, 15]
    for split, truth in (labels | test).items():
        assert ((images[split].mean(axis=(1, 2)) > 90) == truth).all()  # the shade tells the class


def test_images_of_one_size_keep_it_and_their_own_test_split(tmp_path, prepare):
    write_images(tmp_path / "pets", n=80, splits=("train", "test"), sizes=((20, 30),))
    dataset, images, labels, _ = prepare(tmp_path / "pets")
    assert dataset.shape == (30, 30) and len(images["test"]) == 160
    assert not images["test"][:, :, :5].any() and not images["test"][:, :, 25:].any()  # filled up to squares
    assert len(labels["train"]) + len(labels["val"]) == 160


def test_a_folder_that_changed_since_the_plan_is_noticed(tmp_path, prepare):
    write_images(tmp_path / "pets", n=70)
    prepare.change = lambda: (tmp_path / "pets" / "cat" / "000.png").write_bytes(b"other")
    with pytest.raises(ReportError, match="has changed since this run began"):
        prepare(tmp_path / "pets")


def few(n):
    return {name: values[:n] if name.endswith("train") else values for name, values in load_digits().items()}


def two_classes(n):
    found = {name: values[:n] if name.endswith("train") else values for name, values in load_digits().items()}
    return {name: values % 2 if name[0] == "y" else values for name, values in found.items()}


def spoil_label():
    arrays = load_digits()
    arrays["y_test"] = arrays["y_test"] + 200
    return arrays


def cut_images():
    arrays = load_digits()
    return arrays | {"x_test": arrays["x_test"][:, :7]}


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (few(100), "too few images of the class 8: 7; each"),
        (two_classes(100), "there are 100 training images"),
        (spoil_label(), "no training image of the classes 200, 201, 202, 203, 204 and 5 more"),
        (cut_images(), "different sizes in pixels: test 7 × 8, train 8 × 8"),
        (
            load_digits()
            | {"x_train": load_digits()["x_train"][:, :4, :4], "x_test": load_digits()["x_test"][:, :4, :4]},
            "4 × 4",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path, prepare, arrays, sentence):
    write_idx(tmp_path / "bad", arrays)
    with pytest.raises(ReportError, match=sentence):
        prepare(tmp_path / "bad")


def test_names_have_to_be_as_many_as_classes(tmp_path, prepare):
    write_idx(tmp_path / "digits", load_digits())
    (tmp_path / "digits" / "classes.toml").write_text('en = ["zero", "one"]')
    with pytest.raises(ReportError, match="names 2 classes, but there are 10"):
        prepare(tmp_path / "digits")


def test_what_is_no_image_is_named(tmp_path, prepare):
    write_images(tmp_path / "pets", n=75)
    (tmp_path / "pets" / "dog" / "999.png").write_bytes(b"no image")
    (tmp_path / "pets" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(ReportError, match=r"read: 2.\n  cat/gone.png: No such file.*\n  dog/999.png: not an image"):
        prepare(tmp_path / "pets")
    _, images, _, _ = prepare(tmp_path / "pets", skip_unreadable=True)
    assert sum(map(len, images.values())) == 150
    assert read_json(tmp_path / "out" / "origin.json")["unreadable"] == 2


@pytest.mark.parametrize("mirror", [True, False])
def test_whether_images_may_be_mirrored_is_left_with_the_data(tmp_path, prepare, mirror):
    write_idx(tmp_path / "digits", load_digits())
    assert prepare(tmp_path / "digits", mirror=mirror)[0].mirror is mirror


@pytest.mark.parametrize(("n_distinct", "said"), [(1, "are all the same"), (7, "are only 7 different ones"), (30, "")])
def test_images_that_do_not_differ_are_refused(tmp_path, prepare, n_distinct, said):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n_distinct, 10, 10)).astype("uint8")[np.arange(240) % n_distinct]
    labels = (np.arange(240) % 2).astype("uint8")
    folder = tmp_path / "alike"
    folder.mkdir()
    np.savez(folder / "alike.npz", x_train=images, y_train=labels, x_test=images[:40], y_test=labels[:40])
    if not said:
        prepare(folder)
        return
    with pytest.raises(ReportError, match=f"its 240 training images {said}, so nothing can be learned"):
        prepare(folder)


def test_a_cache_and_a_report_in_the_folder_are_no_data(tmp_path, prepare):
    folder = tmp_path / "digits"
    write_idx(folder, load_digits())
    before = find_data_set(folder)
    Cache(folder / "cache").work_folder("data", "0" * 64, fresh=True)
    write_images(folder / "cache" / "datasets" / "pictures")
    (folder / "report").mkdir()
    for name in ("results.json", "predictions.npz", "picture.png"):
        (folder / "report" / name).write_bytes(b"x")
    after = find_data_set(folder)
    assert (after.sha256, after.skipped, after.notes) == (before.sha256, before.skipped, before.notes)
    (folder / "report" / "predictions.npz").unlink()  # now it is any folder
    assert find_data_set(folder).skipped != before.skipped
