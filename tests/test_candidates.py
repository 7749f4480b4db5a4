"""What a candidate tells of itself."""

import numpy as np
import pytest

from fmnist_report.evaluation.candidates import Candidate

LABELS = np.array([0, 1, 2, 3])


def test_mirror_gain_is_the_difference_of_accuracies():
    right = np.eye(10, dtype="float32")[LABELS]
    half = np.eye(10, dtype="float32")[[0, 1, 9, 9]]
    assert Candidate(right, right, {}, {}, half).mirror_gain(LABELS) == pytest.approx(0.5)
    assert Candidate(half, right, {}, {}, right).mirror_gain(LABELS) == pytest.approx(-0.5)
    assert Candidate(right, right, {}, {}).mirror_gain(LABELS) is None
