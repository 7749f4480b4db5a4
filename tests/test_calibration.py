"""Calibration errors and temperatures of made-up probabilities."""

import numpy as np
import pytest

from fmnist_report.evaluation import calibration
from fmnist_report.training import metrics


def test_calibration_error_of_an_overconfident_model():
    probabilities = np.tile([0.95, 0.05], (100, 1))
    labels = np.array([0] * 70 + [1] * 30)
    assert calibration.calibration_error(probabilities, labels) == pytest.approx(0.25)


def test_temperature_undoes_what_sharpened_the_probabilities():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(5), 20_000)
    labels = np.array([rng.choice(5, p=row) for row in honest])
    sharp = metrics.scale_temperature(honest, 0.5)
    assert metrics.fit_temperature(sharp, labels) == pytest.approx(2.0, abs=0.06)
    scaled = metrics.scale_temperature(sharp, 2.0)
    assert np.abs(scaled - honest).max() < 1e-4
    assert calibration.calibration_error(scaled, labels) < 0.3 * calibration.calibration_error(sharp, labels)


def test_temperature_keeps_the_predictions():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 50).astype("float32")
    assert (metrics.scale_temperature(probabilities, 3.0).argmax(1) == probabilities.argmax(1)).all()


def test_impossible_predictions_stay_numbers():
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    scaled = metrics.scale_temperature(sure, 2.0)
    assert scaled.dtype == np.float32 and scaled[0] == pytest.approx([1 / (1 + 1e-6), 1e-6 / (1 + 1e-6)], rel=1e-3)
    assert metrics.scale_temperature(sure.astype("float16"), 1.0).dtype == np.float32
    # half are wrong though sure, so that no temperature is too high; 20 is the most, and 0.05 the least
    assert 10 < metrics.fit_temperature(sure, np.array([0, 1])) <= 20.001
    right = np.array([[0.6, 0.4]] * 4)
    assert metrics.fit_temperature(right, np.zeros(4, int)) == pytest.approx(0.05, rel=0.01)


def test_bins_count_by_their_size():
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.7, 0.3]] * 30)
    labels = np.array([0] * 10 + [0] * 15 + [1] * 15)
    assert calibration.calibration_error(probabilities, labels) == pytest.approx((10 * 0.1 + 30 * 0.2) / 40)
    rows = calibration.reliability(probabilities, labels)
    assert [row["n"] for row in rows] == [30, 10]
    assert [row["accuracy"] for row in rows] == [0.5, 1.0]
    assert [row["confidence"] for row in rows] == pytest.approx([0.7, 0.9])


def test_there_are_fifteen_bins_and_the_edges_belong_somewhere():
    confidence = np.array([0.5, 0.51, 0.54, 0.999, 1.0])
    rows = calibration.reliability(np.stack([confidence, 1 - confidence], axis=1), np.zeros(5, int))
    assert [row["n"] for row in rows] == [2, 1, 2]  # 7/15 … 8/15, 8/15 … 9/15, 14/15 … 1
    two = calibration.reliability(np.stack([confidence, 1 - confidence], axis=1), np.zeros(5, int), 2)
    assert [row["n"] for row in two] == [5]


def test_scaled_cross_entropy_is_that_after_temperature_scaling():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    honest = rng.dirichlet(np.ones(10), 500) + 3 * np.eye(10)[labels]
    honest /= honest.sum(axis=1, keepdims=True)
    expected = metrics.score(metrics.scale_temperature(honest, metrics.fit_temperature(honest, labels)), labels)[0]
    assert metrics.score_scaled(honest, labels) == pytest.approx(expected)
    sharp = metrics.scale_temperature(honest, 0.4)  # overconfidence alone does not change it
    assert metrics.score_scaled(sharp, labels) == pytest.approx(expected, rel=1e-3)
    assert metrics.score(sharp, labels)[0] != pytest.approx(expected, rel=0.05)
    assert np.isnan(metrics.score_scaled(honest * np.nan, labels))
