"""Calibration: reliability diagram and expected calibration error."""

import numpy as np


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
