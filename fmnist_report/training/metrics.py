"""Metrics of class probabilities: cross-entropy, accuracy with its interval, and temperature scaling."""

import math

import numpy as np
from scipy.special import softmax


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


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that maximises the likelihood of the labels (Guo et al., 2017, section 4.2).

    Args:
        probabilities: (n, classes), for validation images.
        labels: (n,).
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = scale_temperature(probabilities, math.exp(log_temperature))
        return -np.log(np.clip(scaled[rows, labels], 1e-12, 1)).mean()

    return math.exp(minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x)


def scale_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Sharpen (below 1) or soften (above 1) (n, classes) probabilities; predicted classes do not change."""
    return softmax(np.log(np.clip(probabilities.astype(float), 1e-12, 1)) / temperature, axis=1).astype("float32")


def score_scaled(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the cross-entropy of (n, classes) probabilities after temperature scaling fitted on the same labels.

    Unlike the cross-entropy itself, it does not depend on how confident label smoothing lets a network become.
    """
    if not np.isfinite(probabilities).all():
        return math.nan
    return score(scale_temperature(probabilities, fit_temperature(probabilities, labels)), labels)[0]
