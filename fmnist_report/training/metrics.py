"""Metrics of class probabilities: cross-entropy, accuracy, and confidence intervals of accuracy."""

import numpy as np


def score(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return cross-entropy and accuracy of (n, classes) probabilities on (n,) labels."""
    likelihood = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1)
    return float(-np.log(likelihood).mean()), float((probabilities.argmax(axis=1) == labels).mean())


def measure_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of (n, classes) probabilities on (n,) labels."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def wilson_interval(n_correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson, 1927), of 95% by default."""
    from scipy.stats import binomtest

    interval = binomtest(n_correct, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
