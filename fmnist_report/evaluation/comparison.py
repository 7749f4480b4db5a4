"""Comparison of classifiers on the same images: McNemar's exact test, Holm's correction, consistent intervals."""

import math

import numpy as np

from fmnist_report.training.metrics import wilson_interval

ALPHA = 0.05


def compare_pairs(correct: dict[str, np.ndarray], pairs: list[tuple[str, str]]) -> list[dict]:
    """Compare pairs of classifiers, the first minus the second, and correct for the number of pairs.

    Args:
        correct: {name: (n,) bool}, whether each image is classified correctly.

    Returns:
        Rows of a, b, the results of mcnemar, p_holm, and holm_low and holm_high: the interval at the level at which
        Holm's procedure tests the pair, so that it excludes zero exactly when p_holm is below 0.05.
    """
    rows: list[dict] = [{"a": a, "b": b, **mcnemar(correct[a], correct[b])} for a, b in pairs]
    p_values = [row["p_value"] for row in rows]
    for row, p_holm, alpha in zip(rows, adjust_holm(p_values), holm_levels(p_values), strict=True):
        low, high = interval_of_difference(*_table(correct[row["a"]], correct[row["b"]]), 1 - alpha)
        row |= {"p_holm": p_holm, "holm_low": low, "holm_high": high}
    return rows


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> dict[str, float]:
    """Compare two classifiers on the same images with McNemar's exact test.

    Args:
        correct_a, correct_b: (n,) bool, whether each image is classified correctly.

    Returns:
        only_a, only_b: images that only one got right; difference: accuracy of a minus b;
        ci95_low, ci95_high: from interval_of_difference;
        p_value: two-sided, exact binomial.
    """
    from scipy.stats import binomtest

    n = len(correct_a)
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((~correct_a & correct_b).sum())
    low, high = interval_of_difference(*_table(correct_a, correct_b), 1 - ALPHA)
    return {
        "only_a": only_a,
        "only_b": only_b,
        "difference": (only_a - only_b) / n,
        "ci95_low": low,
        "ci95_high": high,
        "p_value": float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0,
    }


def _table(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, int, int]:
    """Count images that both, only a, only b, and neither get right."""
    parts = (correct_a & correct_b, correct_a & ~correct_b, ~correct_a & correct_b, ~correct_a & ~correct_b)
    return tuple(int(part.sum()) for part in parts)  # type: ignore[return-value]


def interval_of_difference(both: int, only_a: int, only_b: int, neither: int, level: float) -> tuple[float, float]:
    """Return an interval of a paired difference of accuracies, a minus b, consistent with McNemar's exact test.

    It is Newcombe's paired interval ("Improved confidence intervals for the difference between binomial proportions
    based on paired data", 1998, method 10). Only where a bound contradicts the test, it is replaced by that of the test
    itself (conditional on the number of discordant images, the number that a gets right is binomial; Clopper and
    Pearson, 1934), so that zero is excluded exactly when p is below 1 - level.
    """
    from scipy.stats import binomtest

    n, n_discordant = both + only_a + only_b + neither, only_a + only_b
    low, high = _newcombe_paired(both, only_a, only_b, neither, level)
    if n_discordant == 0:
        return low, high
    share = binomtest(only_a, n_discordant).proportion_ci(level, method="exact")
    own_low, own_high = (2 * float(bound) - 1 for bound in (share.low, share.high))
    own_low, own_high = own_low * n_discordant / n, own_high * n_discordant / n
    if (low > 0) != (own_low > 0):
        low = own_low
    if (high < 0) != (own_high < 0):
        high = own_high
    return low, high


def _newcombe_paired(both: int, only_a: int, only_b: int, neither: int, level: float) -> tuple[float, float]:
    n = both + only_a + only_b + neither
    a, b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson_interval(both + only_a, n, level)
    low_b, high_b = wilson_interval(both + only_b, n, level)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    phi = (both * neither - only_a * only_b) / math.sqrt(margins) if margins else 0.0

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))

    return a - b - distance(a - low_a, high_b - b), a - b + distance(high_a - a, b - low_b)


def adjust_holm(p_values: list[float]) -> list[float]:
    """Adjust p-values of several tests for their number (Holm, 1979); in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(_order(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def holm_levels(p_values: list[float]) -> list[float]:
    """Return the level at which Holm's procedure tests each hypothesis; the first one not rejected sets the rest."""
    levels, n = [0.0] * len(p_values), len(p_values)
    n_rejected = 0
    for rank, index in enumerate(_order(p_values)):
        if rank == n_rejected and p_values[index] * (n - rank) < ALPHA:
            n_rejected += 1
            levels[index] = ALPHA / (n - rank)
        else:
            levels[index] = ALPHA / (n - n_rejected)
    return levels


def _order(p_values: list[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda index: p_values[index])


def difference_of_accuracies(accuracy_a: float, n_a: int, accuracy_b: float, n_b: int) -> tuple[float, float, float]:
    """Return the difference of one classifier's accuracies on two sets of images, and its 95% interval.

    The interval is Newcombe's, from the two Wilson intervals ("Interval Estimation for the Difference between
    Independent Proportions", 1998, method 10).
    """
    difference = accuracy_a - accuracy_b
    low_a, high_a = wilson_interval(round(accuracy_a * n_a), n_a)
    low_b, high_b = wilson_interval(round(accuracy_b * n_b), n_b)
    low = difference - math.hypot(accuracy_a - low_a, high_b - accuracy_b)
    return difference, low, difference + math.hypot(high_a - accuracy_a, accuracy_b - low_b)
