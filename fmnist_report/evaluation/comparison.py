"""Comparison of classifiers on the same images: McNemar's test, with Holm's correction for several."""

import math

import numpy as np


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> dict[str, float]:
    """Compare two classifiers on the same pictures by McNemar's exact test.

    Args:
        correct_a, correct_b: (n,) bool, whether each got each picture right.

    Returns:
        only_a, only_b: pictures that only one got right; difference: accuracy of a minus b;
        ci95_low, ci95_high: its paired Wald interval;
        p_value: two-sided, exact binomial.
    """
    from scipy.stats import binomtest

    n = len(correct_a)
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((~correct_a & correct_b).sum())
    difference = (only_a - only_b) / n
    half = 1.959964 * math.sqrt(max(only_a + only_b - (only_a - only_b) ** 2 / n, 0)) / n
    p_value = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return {
        "only_a": only_a,
        "only_b": only_b,
        "difference": difference,
        "ci95_low": difference - half,
        "ci95_high": difference + half,
        "p_value": float(p_value),
    }


def adjust_holm(p_values: list[float]) -> list[float]:
    """Adjust p-values of several tests for their number (Holm, 1979); in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
