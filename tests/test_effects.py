"""Effects over seeds: recomputed with scipy, and their simultaneous coverage in a simulation."""

import numpy as np
import pytest
from scipy import stats

from fmnist_report.evaluation.effects import judge_effects
from fmnist_report.experiments.noise import pool_deviations


def test_an_effect_is_the_difference_from_the_baselines_mean_with_the_pooled_interval():
    runs = {"": [0.90, 0.92, 0.91], "a": [0.93, 0.95], "b": [0.80]}
    found = judge_effects(runs, "")
    pooled = np.sqrt((2 * np.var(runs[""], ddof=1) + np.var(runs["a"], ddof=1)) / 3)
    half = stats.t.ppf(1 - 0.05 / 4, 3) * pooled * np.sqrt(1 / 2 + 1 / 3)
    assert found["a"].difference == pytest.approx(0.03) and found["a"].sd == pytest.approx(0.01 * 2**0.5)
    assert (found["a"].low, found["a"].high) == pytest.approx((0.03 - half, 0.03 + half))
    half = stats.t.ppf(1 - 0.05 / 4, 3) * pooled * np.sqrt(1 + 1 / 3)
    assert (found["b"].low, found["b"].high) == pytest.approx((-0.11 - half, -0.11 + half)) and found["b"].sd is None
    assert [one.exceeds_noise for one in found.values()] == [None, bool(found["a"].high - 0.03 < 0.03), True]
    assert [one.n_seeds for one in found.values()] == [3, 2, 1] and found[""].difference is None


def test_for_two_configurations_the_interval_is_that_of_students_t_test():
    first, second = [0.91, 0.93, 0.94], [0.90, 0.91, 0.915]
    own = judge_effects({0: second, 1: first}, 0)[1]
    known = stats.ttest_ind(first, second).confidence_interval(0.95)
    assert (own.low, own.high) == pytest.approx((known.low, known.high))


def test_a_second_measure_makes_the_intervals_wider_as_further_configurations_would():
    runs = {"": [0.90, 0.92, 0.91], "a": [0.93, 0.95]}
    one, two = (judge_effects(runs, "", n_measures=n)["a"] for n in (1, 2))
    ratio = stats.t.ppf(1 - 0.05 / 4, 3) / stats.t.ppf(1 - 0.05 / 2, 3)
    assert (two.high - two.difference) / (one.high - one.difference) == pytest.approx(ratio)


def test_nothing_is_judged_without_a_repeated_run():
    found = judge_effects({"": [0.9], "a": [0.95]}, "")
    assert (found["a"].difference, found["a"].low, found["a"].exceeds_noise) == (pytest.approx(0.05), None, None)
    assert pool_deviations([[1.0], [2.0]])[1] == 0


def test_no_interval_is_narrower_than_one_image():
    found = judge_effects({"": [0.9, 0.9], "a": [0.902, 0.902], "b": [0.92, 0.92]}, "", resolution=0.01)
    assert (found["a"].low, found["a"].high) == pytest.approx((-0.008, 0.012))
    assert (found["a"].exceeds_noise, found["b"].exceeds_noise) == (False, True)


def test_all_intervals_together_hold_in_95_percent_of_cases():
    """1,000 simulations: the simultaneous coverage is at least nominal, within three standard errors."""
    rng, true = np.random.default_rng(0), {"": 0.0, "a": 0.3, "b": -1.0, "c": 0.0}
    covered = 0
    for _ in range(1_000):
        runs = {name: list(mean + rng.normal(size=2)) for name, mean in true.items()}
        found = judge_effects(runs, "")
        covered += all(one.low <= true[name] <= one.high for name, one in found.items() if name)
    assert 0.95 - 3 * (0.95 * 0.05 / 1_000) ** 0.5 <= covered / 1_000 < 0.995
