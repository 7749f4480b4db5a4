"""Exact and near duplicates are found, and nothing else."""

import numpy as np
import pytest

from fmnist_report.experiments import duplicates
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import DuplicateSettings


def test_nearest_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    train, others = rng.normal(size=(70, 5)).astype("float32"), rng.normal(size=(1_003, 5)).astype("float32")
    every = np.linalg.norm(others[:, None] - train[None], axis=2)
    distances, indices = duplicates.nearest(train, others)
    assert np.array_equal(indices, every.argmin(axis=1))
    assert distances == pytest.approx(every.min(axis=1), rel=1e-4)


def test_planted_duplicates_are_found(tmp_path, data_folder, feature_folder, quiet):
    images = load_arrays(data_folder / "images.npz")
    images["test"][3] = images["train"][7]
    images["test"][5] = np.clip(images["train"][9].astype(int) + 4, 0, 255)
    np.savez(data_folder / "images.npz", **images)
    out = tmp_path / "duplicates"
    out.mkdir()
    settings = DuplicateSettings(rms=6.0, cosine=1.5)
    duplicates.find_duplicates(out, quiet, duplicates=settings, data=data_folder, features=feature_folder)
    document, arrays = read_json(out / "duplicates.json"), load_arrays(out / "duplicates.npz")
    assert document["test"] == {"n": 20, "n_exact": 1, "n_near_pixels": 2, "n_near_features": 0, "n_near": 2}
    assert np.flatnonzero(arrays["test"]).tolist() == [3, 5] and not arrays["val"].any()
    assert arrays["pairs"].shape == (2, duplicates.N_SHOWN, 28, 28)
    assert np.array_equal(arrays["pairs"][0, 0], arrays["pairs"][1, 0])  # the exact one is nearest of all


def test_near_in_features_counts_too(tmp_path, data_folder, feature_folder, quiet):
    settings = DuplicateSettings(rms=0.5, cosine=-1.0)
    duplicates.find_duplicates(tmp_path, quiet, duplicates=settings, data=data_folder, features=feature_folder)
    found = read_json(tmp_path / "duplicates.json")["val"]
    assert (found["n_near_pixels"], found["n_near_features"], found["n_near"]) == (0, 20, 20)
