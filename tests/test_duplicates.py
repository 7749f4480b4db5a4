"""Repeated pictures are found, exact and near, and nothing else is."""

import numpy as np
import pytest

from fmnist_report.experiments import duplicates as overlap
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import OverlapSettings


def test_nearest_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    train, others = rng.normal(size=(70, 5)).astype("float32"), rng.normal(size=(1_003, 5)).astype("float32")
    every = np.linalg.norm(others[:, None] - train[None], axis=2)
    distances, indices = overlap.nearest(train, others)
    assert np.array_equal(indices, every.argmin(axis=1))
    assert distances == pytest.approx(every.min(axis=1), rel=1e-4)


def test_planted_duplicates_are_found(tmp_path, data_folder, feature_folder, quiet):
    pictures = load_arrays(data_folder / "pictures.npz")
    pictures["test"][3] = pictures["train"][7]
    pictures["test"][5] = np.clip(pictures["train"][9].astype(int) + 4, 0, 255)
    np.savez(data_folder / "pictures.npz", **pictures)
    out = tmp_path / "overlap"
    out.mkdir()
    settings = OverlapSettings(rms=6.0, cosine=1.5)
    overlap.find_overlap(out, quiet, overlap=settings, data=data_folder, features=feature_folder)
    document, arrays = read_json(out / "overlap.json"), load_arrays(out / "overlap.npz")
    assert document["test"] == {"n": 20, "n_exact": 1, "n_near_pixels": 2, "n_near_features": 0, "n_near": 2}
    assert np.flatnonzero(arrays["test"]).tolist() == [3, 5] and not arrays["val"].any()
    assert arrays["pairs"].shape == (2, overlap.N_SHOWN, 28, 28)
    assert np.array_equal(arrays["pairs"][0, 0], arrays["pairs"][1, 0])  # the exact one is nearest of all


def test_near_in_features_counts_too(tmp_path, data_folder, feature_folder, quiet):
    settings = OverlapSettings(rms=0.5, cosine=-1.0)
    overlap.find_overlap(tmp_path, quiet, overlap=settings, data=data_folder, features=feature_folder)
    found = read_json(tmp_path / "overlap.json")["val"]
    assert (found["n_near_pixels"], found["n_near_features"], found["n_near"]) == (0, 20, 20)
