"""Paired tests against published or hand-made values."""

import numpy as np
import pytest

from fmnist_report.evaluation import comparison


def test_mcnemar_counts_discordant_pictures_only():
    a = np.array([True] * 90 + [False] * 10)
    b = np.array([True] * 80 + [False] * 10 + [True] * 2 + [False] * 8)
    row = comparison.mcnemar(a, b)
    assert (row["only_a"], row["only_b"]) == (10, 2)
    assert row["difference"] == pytest.approx(0.08)
    assert row["p_value"] == pytest.approx(0.03857, abs=1e-5)
    assert row["ci95_low"] < 0.08 < row["ci95_high"]


def test_mcnemar_of_equals_is_one():
    same = np.array([True, False])
    assert comparison.mcnemar(same, same)["p_value"] == 1.0


def test_holm_of_a_known_case():
    assert comparison.adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparison.adjust_holm([0.9, 0.8]) == [1.0, 1.0]
