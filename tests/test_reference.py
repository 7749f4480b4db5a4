"""The reference classifier: what it learns, what it writes, and images of any size."""

import numpy as np
import pytest

from fmnist_report.evaluation.test_set import compare_parts
from fmnist_report.experiments.reference import GRID, KERNEL, N_FILTERS, extract, fit_reference
from fmnist_report.pipeline.files import load_arrays


def write_data(folder, side=28, n=(400, 150, 100)):
    """Write images whose class is the row of a bright bar."""
    rng, images, labels = np.random.default_rng(0), {}, {}
    for split, count in zip(("train", "val", "test"), n, strict=True):
        labels[split] = rng.integers(0, 3, count)
        images[split] = rng.integers(0, 120, (count, side, side)).astype("uint8")
        rows = labels[split] * side // 3
        for offset in range(max(1, side // 10)):
            images[split][np.arange(count), rows + offset] = 255
    np.savez(folder / "images.npz", **images)
    np.savez(folder / "labels.npz", train=labels["train"], val=labels["val"])
    return labels


@pytest.mark.parametrize("side", [28, 4, 70])
def test_it_learns_and_predicts_both_parts(tmp_path, quiet, side):
    labels = write_data(tmp_path, side)
    (tmp_path / "out").mkdir()
    fit_reference(tmp_path / "out", quiet, data=tmp_path)
    found = load_arrays(tmp_path / "out" / "reference.npz")
    assert {split: len(found[split]) for split in found} == {"val": 150, "test": 100}
    assert np.mean(found["val"] == labels["val"]) > 0.9 and np.mean(found["test"] == labels["test"]) > 0.9
    again = tmp_path / "again"
    again.mkdir()
    fit_reference(again, quiet, data=tmp_path)
    assert (again / "reference.npz").read_bytes() == (tmp_path / "out" / "reference.npz").read_bytes()


def test_features_are_rectified_responses_averaged_in_a_grid():
    rng = np.random.default_rng(0)
    images, filters = rng.integers(0, 256, (2, 10, 9)).astype("uint8"), rng.normal(size=(25, N_FILTERS)).astype("f4")
    found = extract(images, filters)
    assert found.shape == (2, N_FILTERS * GRID**2 + 1) and (found[:, -1] == 1).all()
    patch = images[1, 2 : 2 + KERNEL, 0:KERNEL].reshape(-1) / 255  # cells of a 6 × 5 map are 2 × 2, 2 × 2 and 2 × 1
    maps = np.maximum(np.array([[(images[1, r : r + 5, c : c + 5].reshape(-1) / 255) @ filters[:, 0]
                                 for c in range(5)] for r in range(6)]), 0)  # fmt: skip
    assert maps[2, 0] == pytest.approx(max(0, patch @ filters[:, 0]))
    cells = found[1, :-1].reshape(GRID, GRID, N_FILTERS)[..., 0]
    assert cells[1, 0] == pytest.approx(maps[2:4, 0:2].mean(), rel=1e-4)
    assert cells[2, 2] == pytest.approx(maps[4:6, 4:5].mean(), rel=1e-4)


def test_constant_images_are_survived(tmp_path, quiet):
    write_data(tmp_path)
    images = {split: np.zeros_like(values) for split, values in load_arrays(tmp_path / "images.npz").items()}
    np.savez(tmp_path / "images.npz", **images)
    fit_reference(tmp_path, quiet, data=tmp_path)
    assert len(load_arrays(tmp_path / "reference.npz")["test"]) == 100


def test_its_accuracies_are_compared():
    labels = {"val": np.arange(100) % 2, "test": np.arange(400) % 2}
    predicted = {"val": np.zeros(100, int), "test": np.where(np.arange(400) < 100, labels["test"], 0)}
    row = compare_parts(predicted, labels)
    assert (row["val_accuracy"], row["test_accuracy"], row["difference"]) == (0.5, 0.625, -0.125)
    assert row["low"] < -0.125 < row["high"]
