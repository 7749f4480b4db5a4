"""Accuracies, their intervals, and scores by class against hand-computed values."""

import numpy as np
import pytest

from fmnist_report.evaluation.metrics import score_classes
from fmnist_report.training.metrics import measure_accuracy, score, wilson_interval


def test_wilson_interval_of_a_known_case():
    assert wilson_interval(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)


def test_wilson_interval_stays_inside():
    assert wilson_interval(100, 100)[1] == 1.0
    assert wilson_interval(0, 100)[0] == 0.0


def test_scores_of_two_classes():
    rows = score_classes(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert rows[0] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "f1": pytest.approx(0.8), "support": 3,
                       "n_errors": 1}  # fmt: skip
    assert rows[1] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1,
                       "n_errors": 0}  # fmt: skip


def test_class_never_answered_scores_zero():
    rows = score_classes(np.array([0, 0, 0, 1, 1]), np.zeros(5, int), 3)
    assert rows[1] == {"precision": 0, "recall": 0, "f1": 0, "support": 2, "n_errors": 2}
    assert rows[2] == {"precision": 0, "recall": 0, "f1": 0, "support": 0, "n_errors": 0}


def test_score_is_cross_entropy_and_accuracy():
    loss, accuracy = score(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2) and accuracy == 0.5


def test_an_impossible_label_costs_much_but_not_all():
    loss, accuracy = score(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 1]))
    assert loss == pytest.approx(-np.log(1e-7) / 3) and accuracy == pytest.approx(2 / 3)
    assert measure_accuracy(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 1])) == pytest.approx(2 / 3)
