"""Splits are stratified for all sizes."""

import numpy as np
import pytest

from fmnist_report.data.split import DatasetInfo, divide, load_origin, split_indices, stratify, write_splits
from fmnist_report.pipeline.files import load_arrays
from fmnist_report.settings import DataSettings


@pytest.mark.parametrize(
    ("counts", "n"),
    [((300, 300), 120), ((500, 100), 598), ((500, 100), 3), ((40, 1, 1), 20), ((7, 5, 3), 14), ((9,), 4)],
)
def test_both_parts_hold_every_class_by_its_share(counts, n):
    labels = np.repeat(np.arange(len(counts)), counts)
    first, rest = divide(np.arange(len(labels)), labels, n, 0)
    assert len(first) == n and sorted([*first, *rest]) == list(range(len(labels)))
    found = np.bincount(labels[first], minlength=len(counts))
    expected = np.array(counts) * n / len(labels)
    assert (np.abs(found - expected) <= 1.1).all() and (found > 0).all()
    assert not np.array_equal(first, np.sort(first)) or n < 5  # drawn, not cut from the front


def test_the_same_seed_draws_the_same():
    labels = np.repeat(np.arange(5), [9, 1, 7, 30, 2])
    draws = [divide(np.arange(49), labels, 20, seed)[0].tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_validation_has_one_of_each_class_though_a_sixth_is_less():
    labels = np.repeat(np.arange(40), 5)
    train, val = split_indices(labels, DataSettings())
    assert np.bincount(labels[val]).tolist() == [1] * 40 and len(train) == 160


def test_all_are_kept_in_their_order_where_no_more_are_there():
    assert stratify(np.array([4, 2, 9]), np.zeros(10, int), 3, 0).tolist() == [4, 2, 9]


def test_a_sorted_test_part_is_drawn_not_cut(tmp_path):
    labels = np.repeat(np.arange(4), 200).astype("uint8")
    arrays = {"x_train": np.zeros((800, 8, 8), "uint8"), "y_train": labels,
              "x_test": np.arange(800)[:, None, None] % 256 * np.ones((1, 8, 8)), "y_test": labels}  # fmt: skip
    write_splits(tmp_path, arrays, DataSettings(n_test=100), DatasetInfo(8, 8, (0, 1, 2, 3)))
    test = load_arrays(tmp_path / "test_labels.npz")["test"]
    assert np.bincount(test).tolist() == [25] * 4
    assert len(load_arrays(tmp_path / "labels.npz")["train"]) == 800 - 800 // 6
    assert load_origin(tmp_path)["given"] == ["train", "test"]


def test_a_validation_part_of_its_own_leaves_training_whole(tmp_path):
    def split(n):
        return np.zeros((n, 8, 8), "uint8"), (np.arange(n) % 2).astype("uint8")

    arrays = {f"{what}_{name}": values for name, n in (("train", 300), ("val", 60), ("test", 50))
              for what, values in zip("xy", split(n), strict=True)}  # fmt: skip
    write_splits(tmp_path, arrays, DataSettings(n_train=200), DatasetInfo(8, 8, (0, 1)))
    labels = load_arrays(tmp_path / "labels.npz")
    counts = {name: np.bincount(values).tolist() for name, values in labels.items()}
    assert counts == {"train": [100, 100], "val": [30, 30]}


def test_no_more_than_5000_are_set_apart():
    train, val = split_indices(np.repeat(np.arange(10), 6_000), DataSettings(n_train=60_000, n_val=60_000))
    assert (len(train), len(val)) == (55_000, 5_000)
