"""Calibration errors and temperatures of made-up probabilities."""

import numpy as np
import pytest

from fmnist_report.evaluation import calibration


def test_calibration_error_of_an_overconfident_model():
    probabilities = np.tile([0.95, 0.05], (100, 1))
    labels = np.array([0] * 70 + [1] * 30)
    assert calibration.calibration_error(probabilities, labels) == pytest.approx(0.25)


def test_temperature_undoes_what_sharpened_the_probabilities():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(5), 20_000)
    labels = np.array([rng.choice(5, p=row) for row in honest])
    sharp = calibration.scale_temperature(honest, 0.5)
    assert calibration.fit_temperature(sharp, labels) == pytest.approx(2.0, abs=0.06)
    scaled = calibration.scale_temperature(sharp, 2.0)
    assert np.abs(scaled - honest).max() < 1e-4
    assert calibration.calibration_error(scaled, labels) < 0.3 * calibration.calibration_error(sharp, labels)


def test_temperature_keeps_the_answers():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 50).astype("float32")
    assert (calibration.scale_temperature(probabilities, 3.0).argmax(1) == probabilities.argmax(1)).all()


def test_impossible_answers_stay_numbers():
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    scaled = calibration.scale_temperature(sure, 2.0)
    assert scaled.dtype == np.float32 and scaled[0] == pytest.approx([1 / (1 + 1e-6), 1e-6 / (1 + 1e-6)], rel=1e-3)
    assert calibration.scale_temperature(sure.astype("float16"), 1.0).dtype == np.float32
    assert 10 < calibration.fit_temperature(sure, np.array([0, 1])) <= 20.001  # half are wrong though sure; 20 is the most
    assert calibration.fit_temperature(np.array([[0.6, 0.4]] * 4), np.zeros(4, int)) == pytest.approx(0.05, rel=0.01)  # the least
