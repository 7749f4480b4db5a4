"""Metrics of every model on the test set, named as in results.json."""

import typing

import numpy as np

from fmnist_report.evaluation.calibration import calibration_error, reliability
from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.training.metrics import fit_temperature, measure_accuracy, scale_temperature, wilson_interval


def measure(candidate: Candidate, labels: dict[str, np.ndarray], near: np.ndarray) -> dict[str, typing.Any]:
    """Compute one model's metrics.

    Args:
        labels: labels of val and test.
        near: (n_test,) bool, true for near duplicates of training images.
    """
    from sklearn.metrics import confusion_matrix

    y, predicted = labels["test"], candidate.test.argmax(axis=1)
    temperature = fit_temperature(candidate.val, labels["val"])
    classes = score_classes(y, predicted, candidate.test.shape[1])
    summary = candidate.summary
    return {
        "test_accuracy": measure_accuracy(candidate.test, y),
        "test_accuracy_ci95": list(wilson_interval(int((predicted == y).sum()), len(y))),
        "test_accuracy_without_near": measure_accuracy(candidate.test[~near], y[~near]) if not near.all() else None,
        "val_accuracy": measure_accuracy(candidate.val, labels["val"]),
        "mirror_gain": candidate.mirror_gain(labels["val"]),
        "macro_f1": float(np.mean([scores["f1"] for scores in classes])),
        "ece": calibration_error(candidate.test, y),
        "reliability": reliability(candidate.test, y),
        "temperature": temperature,
        "ece_scaled": calibration_error(scale_temperature(candidate.test, temperature), y),
        **{name: summary[name] for name in ("n_params", "n_trainable", "macs")},
        **{name: summary[name] for name in ("train_seconds", "predict_ms_per_image")},
        **{name: summary[name] for name in ("n_views", "total_seconds", "macs_per_prediction", "ms_per_prediction")},
        "val_minus_test": val_minus_test(candidate, labels),
        "train_eval": summary.get("train_eval"),
        "precision": summary.get("precision", "float32"),
        "layers": summary["layers"],
        "history": candidate.history,
        "confusion": confusion_matrix(y, predicted, labels=range(candidate.test.shape[1])).tolist(),
        "per_class": classes,
    }


def val_minus_test(candidate: Candidate, labels: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the difference between validation and test accuracy, and its 95% interval."""
    val, test = (measure_accuracy(getattr(candidate, split), labels[split]) for split in ("val", "test"))
    difference, low, high = difference_of_accuracies(val, len(labels["val"]), test, len(labels["test"]))
    return {"difference": difference, "low": low, "high": high}


def score_classes(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> list[dict[str, float]]:
    """Return precision, recall, f1, support and n_errors (misclassified images of the class) of each class.

    Precision is 0 for a class that is never predicted.

    Args:
        labels, predicted: (n,).
    """
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, predicted, labels=range(n_classes), zero_division=0)
    return [
        {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n), "n_errors": round(n * (1 - r))}
        for p, r, f, n in zip(*columns, strict=True)
    ]
