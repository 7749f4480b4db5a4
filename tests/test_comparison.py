"""Paired tests against published or hand-made values."""

import bisect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fmnist_report.evaluation import comparison
from fmnist_report.training.metrics import wilson_interval


def test_mcnemar_counts_discordant_images_only():
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


@pytest.mark.parametrize("level", [0.95, 0.995])
@pytest.mark.parametrize("both", [0, 40])
def test_interval_leaves_out_zero_exactly_where_the_test_is_significant(level, both):
    for n_discordant in range(0, 60, 3):
        neither = 100 - both - n_discordant
        intervals = [comparison.interval_of_difference(both, only_a, n_discordant - only_a, neither, level)
                     for only_a in range(n_discordant + 1)]  # fmt: skip
        for only_a, (low, high) in enumerate(intervals):
            only_b = n_discordant - only_a
            p = stats.binomtest(only_a, n_discordant).pvalue if n_discordant else 1.0
            assert low <= (only_a - only_b) / 100 <= high
            assert (low > 0 or high < 0) == (p < 1 - level)
            assert intervals[only_b] == pytest.approx((-high, -low))


def test_newcombes_paired_interval_without_and_with_full_correlation():
    independent = comparison.difference_of_accuracies(0.5, 100, 0.5, 100)
    assert comparison._newcombe_paired(25, 25, 25, 25, 0.95) == pytest.approx(independent[1:])
    skew = comparison.difference_of_accuracies(0.8, 100, 0.4, 100)  # 32, 48, 8, 12: the product of the margins
    assert comparison._newcombe_paired(32, 48, 8, 12, 0.95) == pytest.approx(skew[1:])
    low, high = wilson_interval(60, 100)
    same = comparison._newcombe_paired(60, 0, 0, 40, 0.95)
    assert same == pytest.approx((-abs(high + low - 1.2), abs(high + low - 1.2)))
    narrow, wide = (comparison._newcombe_paired(60, 5, 9, 26, level) for level in (0.9, 0.99))
    assert wide[0] < narrow[0] < -0.04 < narrow[1] < wide[1]
    assert comparison._newcombe_paired(100, 0, 0, 0, 0.95)[0] <= 0  # all margins are empty


def find_misses(n, only_a, only_b, both, level):
    """Return the probabilities that an interval is above, and below, the true difference, for true counts of n images.

    Computed exactly, but for the images that both or neither get right, whose share is kept: each bound rises with the
    number that only a gets right, so its limit is found by bisection for every number that only b gets right.
    """
    true, share = (only_a - only_b) / n, both / (n - only_a - only_b)

    def bounds(a, b):
        return comparison.interval_of_difference(
            round(share * (n - a - b)), a, b, n - a - b - round(share * (n - a - b)), level
        )

    above = below = 0.0
    sd, step = only_b**0.5, max(1, round(only_b**0.5 / 2.5))
    for b in range(max(0, round(only_b - 5 * sd)), round(only_b + 5 * sd), step):
        weight = step * stats.binom.pmf(b, n, only_b / n)
        of_a = stats.binom(n - b, only_a / (n - only_b))
        a_max = round(3 * only_a + 50)
        first_above = bisect.bisect_left(range(a_max), True, key=lambda a: bounds(a, b)[0] > true)  # noqa: B023
        first_not_below = bisect.bisect_left(range(a_max), True, key=lambda a: bounds(a, b)[1] >= true)  # noqa: B023
        above += weight * of_a.sf(first_above - 1)
        below += weight * of_a.cdf(first_not_below - 1)
    return above, below


# Images of 10,000 that only the first, only the second, and both networks get right, at rates that were measured:
# ensemble and CNN against the perceptron, fine-tuned VGG16 against frozen features and against the CNN.
MEASURED = [(486, 92, 9_091), (498, 119, 9_064), (170, 107, 9_355), (129, 166, 9_396)]


@pytest.mark.parametrize("counts", MEASURED)
@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 11])
def test_each_side_of_an_interval_misses_as_rarely_as_it_says(counts, level):
    only_a, only_b, both = counts
    nominal = (1 - level) / 2
    above, below = find_misses(10_000, only_a, only_b, both, level)
    assert 0.6 * nominal < above <= 1.3 * nominal and 0.6 * nominal < below <= 1.3 * nominal


def test_mcnemar_has_the_unadjusted_interval():
    row = comparison.mcnemar(np.array([True] * 10 + [False] * 90), np.array([False] * 88 + [True] * 2 + [False] * 10))
    assert (row["only_a"], row["only_b"], row["difference"]) == (10, 2, 0.08)
    assert (row["ci95_low"], row["ci95_high"]) == comparison.interval_of_difference(0, 10, 2, 88, 0.95)


def test_levels_of_holm_go_with_its_p_values():
    assert comparison.holm_levels([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.05 / 3, 0.025, 0.025, 0.0125])
    assert comparison.holm_levels([0.9, 0.8]) == [0.025, 0.025]
    assert comparison.holm_levels([0.001]) == [0.05] and comparison.holm_levels([0.05]) == [0.05]
    # the second keeps its hypothesis, so the third, though 0.04 · 1 < 0.05, is kept at the second's level
    assert comparison.holm_levels([0.001, 0.04, 0.03]) == pytest.approx([0.05 / 3, 0.025, 0.025])


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_printed_intervals_agree_with_printed_verdicts(seed, n_models):
    rng = np.random.default_rng(seed)
    right = {str(number): rng.random(300) < rng.choice([0.8, 0.85, 0.9, 0.95]) for number in range(n_models)}
    pairs = [(a, b) for a in right for b in right if a < b]
    rows = comparison.compare_pairs(right, pairs)
    assert [(row["a"], row["b"]) for row in rows] == pairs
    assert [row["p_holm"] for row in rows] == comparison.adjust_holm([row["p_value"] for row in rows])
    for row in rows:
        assert row["difference"] == pytest.approx(right[row["a"]].mean() - right[row["b"]].mean())
        assert (row["holm_low"] > 0 or row["holm_high"] < 0) == (row["p_holm"] < 0.05)
        assert row["holm_low"] <= row["ci95_low"] <= row["difference"] <= row["ci95_high"] <= row["holm_high"]


def test_newcombes_interval_of_a_published_case():
    # Newcombe, 1998, table II: 56/70 against 48/80
    found = comparison.difference_of_accuracies(56 / 70, 70, 48 / 80, 80)
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    turned = comparison.difference_of_accuracies(48 / 80, 80, 56 / 70, 70)
    assert turned == pytest.approx((-0.2, -0.3339, -0.0524), abs=1e-4)
