"""Calibration: reliability diagram, expected calibration error, and temperature scaling."""

import math

import numpy as np
from scipy.special import softmax


def reliability(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> list[dict[str, float]]:
    """Compare confidence with accuracy in bins of equal width (Guo et al., 2017, section 2).

    Args:
        probabilities: (n, classes).
        labels: (n,).

    Returns:
        For each non-empty bin, lowest first: mean confidence, accuracy and n.
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
