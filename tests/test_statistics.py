"""Intervals and tests against published or hand-made values."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support

from fmnist_report import statistics


def test_wilson_interval_of_a_known_case():
    assert statistics.wilson_interval(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)


def test_wilson_interval_stays_inside():
    assert statistics.wilson_interval(100, 100)[1] == 1.0
    assert statistics.wilson_interval(0, 100)[0] == 0.0


def test_mcnemar_counts_discordant_pictures_only():
    a = np.array([True] * 90 + [False] * 10)
    b = np.array([True] * 80 + [False] * 10 + [True] * 2 + [False] * 8)
    row = statistics.mcnemar(a, b)
    assert (row["only_a"], row["only_b"]) == (10, 2)
    assert row["difference"] == pytest.approx(0.08)
    assert row["p_value"] == pytest.approx(0.03857, abs=1e-5)
    assert row["ci95_low"] < 0.08 < row["ci95_high"]


def test_mcnemar_of_equals_is_one():
    same = np.array([True, False])
    assert statistics.mcnemar(same, same)["p_value"] == 1.0


def test_calibration_error_of_an_overconfident_model():
    probabilities = np.tile([0.95, 0.05], (100, 1))
    labels = np.array([0] * 70 + [1] * 30)
    assert statistics.calibration_error(probabilities, labels) == pytest.approx(0.25)


def test_confusion_and_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels, answers = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    confusion = statistics.confusion_matrix(labels, answers, 4)
    assert np.array_equal(confusion, sklearn_confusion(labels, answers))
    rows = statistics.per_class_scores(confusion)
    expected = precision_recall_fscore_support(labels, answers)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [row[name] for row in rows] == pytest.approx(list(values))


def test_class_never_answered_scores_zero():
    rows = statistics.per_class_scores(np.array([[3, 0], [2, 0]]))
    assert rows[1] == {"precision": 0, "recall": 0, "f1": 0, "support": 2}


def test_holm_of_a_known_case():
    assert statistics.adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.adjust_holm([0.9, 0.8]) == [1.0, 1.0]


def test_temperature_undoes_what_sharpened_the_probabilities():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(5), 20_000)
    labels = np.array([rng.choice(5, p=row) for row in honest])
    sharp = statistics.scale_temperature(honest, 0.5)
    assert statistics.fit_temperature(sharp, labels) == pytest.approx(2.0, abs=0.06)
    scaled = statistics.scale_temperature(sharp, 2.0)
    assert np.abs(scaled - honest).max() < 1e-4
    assert statistics.calibration_error(scaled, labels) < 0.3 * statistics.calibration_error(sharp, labels)


def test_temperature_keeps_the_answers():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 50).astype("float32")
    assert (statistics.scale_temperature(probabilities, 3.0).argmax(1) == probabilities.argmax(1)).all()
