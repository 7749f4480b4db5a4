"""Intervals of seed-to-seed variation: known factors, and coverage in simulations."""

import numpy as np
import pytest
from scipy import stats

from fmnist_report.experiments.noise import measure_noise, pool_deviations, step_factor


def test_for_two_single_values_it_is_their_difference():
    exact = stats.t.ppf(0.975, 4) * np.sqrt(2)
    assert step_factor(4, 1) == pytest.approx(exact, rel=0.03)


def test_more_steps_need_a_wider_band_but_less_than_bonferroni_says():
    bonferroni = stats.t.ppf(1 - 0.025 / 12, 4) * np.sqrt(2)
    assert step_factor(4, 1) < step_factor(4, 4) < step_factor(4, 12) < bonferroni


def test_all_steps_lie_in_their_band_in_95_percent_of_cases():
    rng, df, n = np.random.default_rng(1), 6, 20_000
    values, sd = rng.normal(size=(n, 5)), np.sqrt(rng.chisquare(df, n) / df)
    held = (np.abs(np.diff(values, axis=1)).max(axis=1) <= sd * step_factor(df, 4)).mean()
    assert held == pytest.approx(0.95, abs=0.005)


def test_variation_is_what_neither_value_nor_seed_explains():
    rng = np.random.default_rng(0)
    by_value, by_seed = rng.normal(size=(6, 1)), 10 * rng.normal(size=(1, 4))
    noise = measure_noise((by_value + by_seed).tolist())
    assert noise.sd == pytest.approx(0, abs=1e-9) and noise.half_width == pytest.approx(1e-6)
    assert noise.mean == pytest.approx((by_value + by_seed)[0].mean())
    nan = float("nan")
    assert measure_noise([[0.1, 0.2], [0.3, 0.5], [nan, 0.1]]) == measure_noise([[0.1, 0.2], [0.3, 0.5]])


@pytest.mark.parametrize("measured", [[[0.1], [0.2]], [[0.1, float("nan")], [0.3, 0.5]], [[0.1, 0.2]]])
def test_with_nothing_to_compare_nothing_is_beyond_the_variation(measured):
    assert measure_noise(measured).half_width == float("inf")


def test_for_one_value_and_two_seeds_it_is_students_paired_t_test():
    base, other = [0.3, 0.5, 0.42], [0.36, 0.52, 0.5]
    paired = stats.ttest_rel(other, base).confidence_interval(0.95)
    assert measure_noise([base, other]).half_width == pytest.approx((paired.high - paired.low) / 2)


def test_all_differences_lie_in_the_band_in_95_percent_of_cases():
    """In 2,000 simulations of 10 values with 2 seeds; the seeds themselves vary much more."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(2_000):
        values = rng.normal(size=(11, 2)) + 20 * rng.normal(size=(1, 2))
        half = measure_noise(values.tolist()).half_width
        held += bool((np.abs(values.mean(axis=1) - values[0].mean()) <= half).all())
    assert 0.945 < held / 2_000 < 0.99


def test_deviations_are_pooled_by_their_degrees_of_freedom():
    assert pool_deviations([[1.0, 3.0], [2.0], [5.0, 5.0]]) == (pytest.approx(1.0), 2)
