"""Intervals, paired tests and calibration."""

from __future__ import annotations

import math

import numpy as np


def wilson_interval(n_correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a proportion (Wilson, 1927)."""
    share, width = n_correct / n, z * z / n
    centre = (share + width / 2) / (1 + width)
    half = z / (1 + width) * math.sqrt(share * (1 - share) / n + width / (4 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


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


def reliability(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> list[dict[str, float]]:
    """Compare confidence with accuracy in bins of equal width (Guo et al., 2017, section 2).

    Args:
        probabilities: (n, classes).
        labels: (n,).

    Returns:
        For each bin that is not empty, lowest first: confidence and accuracy (means, shares) and n.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.clip((confidence * n_bins).astype(int), 0, n_bins - 1)
    return [
        {"confidence": float(confidence[bins == b].mean()), "accuracy": float(correct[bins == b].mean()),
         "n": int((bins == b).sum())}
        for b in np.unique(bins)
    ]  # fmt: skip


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> float:
    """Return the expected calibration error (Guo et al., 2017, equation 3).

    Args:
        probabilities: (n, classes).
        labels: (n,).
    """
    rows = reliability(probabilities, labels, n_bins)
    return sum(abs(row["accuracy"] - row["confidence"]) * row["n"] for row in rows) / len(labels)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count pictures by true class (row) and answer (column), (n_classes, n_classes)."""
    return np.bincount(labels.astype(int) * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def per_class_scores(confusion: np.ndarray) -> list[dict[str, float]]:
    """Return precision, recall, f1 and support of each class; 0 where nothing was answered."""
    true = np.diag(confusion).astype(float)
    answered, support = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(true, answered, out=np.zeros_like(true), where=answered > 0)
    recall = np.divide(true, support, out=np.zeros_like(true), where=support > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(true), where=both > 0)
    columns = zip(precision, recall, f1, support, strict=True)
    return [{"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)} for p, r, f, n in columns]


def adjust_holm(p_values: list[float]) -> list[float]:
    """Adjust p-values of several tests for their number (Holm, 1979); in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that makes the labels likeliest (Guo et al., 2017, section 4.2).

    Args:
        probabilities: (n, classes), of validation pictures.
        labels: (n,).
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = scale_temperature(probabilities, math.exp(log_temperature))
        return -np.log(np.clip(scaled[rows, labels], 1e-12, 1)).mean()

    return math.exp(minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x)


def scale_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Sharpen (below 1) or soften (above 1) (n, classes) probabilities; the answers stay the same."""
    logits = np.log(np.clip(probabilities.astype(float), 1e-12, 1)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (scaled / scaled.sum(axis=1, keepdims=True)).astype("float32")
