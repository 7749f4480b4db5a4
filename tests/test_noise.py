"""Intervals of seed-to-seed variation: published factors, and coverage."""

import numpy as np
import pytest
from scipy import stats

from fmnist_report.experiments import noise


@pytest.mark.parametrize("n", [3, 5, 10])
def test_for_one_value_it_is_the_prediction_interval(n):
    exact = stats.t.ppf(0.975, n - 1) * np.sqrt(1 + 1 / n)
    assert noise.band_factor(n, 1) == pytest.approx(exact, rel=0.03)


def test_for_two_single_values_it_is_their_difference():
    exact = stats.t.ppf(0.975, 4) * np.sqrt(2)
    assert noise.step_factor(5, 1) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(("factor", "n"), [(noise.band_factor, 12), (noise.step_factor, 12)])
def test_more_values_need_a_wider_band_but_less_than_bonferroni_says(factor, n):
    bonferroni = stats.t.ppf(1 - 0.025 / n, 4) * (np.sqrt(1.2) if factor is noise.band_factor else np.sqrt(2))
    assert factor(5, 1) < factor(5, 4) < factor(5, n) < bonferroni


def test_all_values_lie_in_the_band_in_95_of_100_studies():
    rng, held, n_steps = np.random.default_rng(7), [], []
    band, step = noise.band_factor(5, 8), noise.step_factor(5, 7)
    for _ in range(3_000):
        sample, others = rng.normal(size=5), rng.normal(size=8)
        mean, sd = np.mean(sample), np.std(sample, ddof=1)
        held.append((abs(others - mean) < sd * band).all())
        n_steps.append((abs(np.diff(others)) < sd * step).all())
    assert np.mean(held) == pytest.approx(0.95, abs=0.015) and np.mean(n_steps) == pytest.approx(0.95, abs=0.015)


def test_the_noise_of_a_point():
    found = noise.measure_noise([0.90, 0.91, 0.95], 4, 1_000)
    assert found.mean == pytest.approx(0.92) and found.sd == pytest.approx(np.std([0.90, 0.91, 0.95], ddof=1))
    assert found.half_width == pytest.approx(found.sd * noise.band_factor(3, 4))
    assert noise.measure_noise([0.9, 0.9, 0.9], 4, 50).half_width == pytest.approx(0.02)
    assert noise.measure_noise([0.90, 0.91], 0, 10**6).half_width == pytest.approx(
        np.std([0.90, 0.91], ddof=1) * noise.band_factor(2, 1)
    )
