"""The only reader of the test labels: every model's metrics, and comparisons between models."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
import platform
from pathlib import Path

import numpy as np

from fmnist_report.candidates import COMPARED, MAIN, Candidate, accuracy, gather_candidates
from fmnist_report.data import load_arrays, load_task
from fmnist_report.files import read_json, write_json
from fmnist_report.hardware import describe_hardware, find_backend
from fmnist_report.progress import Progress
from fmnist_report.seeds import load_seeds, spread_of_seeds
from fmnist_report.statistics import (
    adjust_holm,
    calibration_error,
    confusion_matrix,
    fit_temperature,
    mcnemar,
    per_class_scores,
    reliability,
    scale_temperature,
    wilson_interval,
)

PACKAGES = ("keras", "numpy", "scikit-learn", "h5py", "scipy", "matplotlib", "jinja2", "weasyprint")
N_MISTAKES = 24


def evaluate(
    out: Path,
    progress: Progress,
    *,
    data: Path,
    mlp: Path,
    cnn: Path,
    features: Path,
    classifiers: Path,
    head: Path,
    finetune: Path,
    study: Path,
    tuning: Path,
    inputs: Path,
    overlap: Path,
    data_sha256: str,
    seeds: Path | None = None,
) -> None:
    """Stage `evaluation`: read the test labels once and write evaluation.json and predictions.npz."""
    labels = {**load_arrays(data / "labels.npz"), **load_arrays(data / "test_labels.npz")}
    pictures, task = load_arrays(data / "pictures.npz"), load_task(data)
    index = read_json(features / "index.json")
    folders = {"mlp": mlp, "cnn": cnn, "classifiers": classifiers, "head": head, "finetune": finetune}
    candidates, chosen, weights = gather_candidates(folders, index["base"], labels["val"])
    near = load_arrays(overlap / "overlap.npz")
    models = {name: measure(candidate, labels, near["test"]) for name, candidate in candidates.items()}
    document = {
        "data": {
            **{f"n_{part}": len(labels[part]) for part in ("train", "val", "test")},
            **dataclasses.asdict(task),
            "sha256": data_sha256,
        },
        "models": models,
        "chosen_classifier": chosen,
        "ensemble_weights": weights,
        "seeds": spread_of_seeds(candidates, load_seeds(seeds), {part: labels[part] for part in ("val", "test")}),
        "study": {**read_json(study / "study.json"), "search": read_json(tuning / "tuning.json")},
        "classifiers": read_json(classifiers / "classifiers.json"),
        "inputs": read_json(inputs / "inputs.json"),
        "overlap": read_json(overlap / "overlap.json"),
        "comparisons": compare(candidates, labels["test"]),
        "features": {
            **{name: index[name] for name in ("backbone", "size", "precision", "seconds")},
            "n_features": sum(math.prod(shape) for shape in index["pooled"].values()),
            **{name: index["entered"][name] for name in ("scale", "offset")},
            "n_cells": index["pooled"]["block3_grid"][0],
        },
        "mistakes": find_mistakes(candidates, labels["test"]),
        "missed": find_missed(candidates, labels["test"]),
        "class_counts": np.bincount(labels["train"], minlength=task.n_classes).tolist(),
        "hardware": describe_hardware(),
        "versions": versions(),
    }
    write_json(out / "evaluation.json", document)
    arrays = {name: candidate.test.astype("float32") for name, candidate in candidates.items()}
    np.savez(out / "predictions.npz", y_test=labels["test"], **arrays)
    shown = {name: [row["index"] for row in rows] for name, rows in
             (("mistakes", document["mistakes"]), ("missed", document["missed"]["shown"]))}  # fmt: skip
    np.savez(
        out / "pictures.npz",
        **{name: pictures["test"][rows] for name, rows in shown.items()},
        samples=sample_rows(pictures, labels),
        pairs=near["pairs"],
    )


def measure(candidate: Candidate, labels: dict[str, np.ndarray], near: np.ndarray) -> dict:
    """Compute one model's figures, named as in results.json.

    Args:
        labels: of val and test.
        near: (n_test,) bool, true for near duplicates of training pictures.
    """
    y, predicted = labels["test"], candidate.test.argmax(axis=1)
    temperature = fit_temperature(candidate.val, labels["val"])
    confusion = confusion_matrix(y, predicted, candidate.test.shape[1])
    classes = per_class_scores(confusion)
    summary = candidate.summary
    return {
        "test_accuracy": accuracy(candidate.test, y),
        "test_accuracy_ci95": list(wilson_interval(int((predicted == y).sum()), len(y))),
        "test_accuracy_without_near": accuracy(candidate.test[~near], y[~near]) if not near.all() else None,
        "val_accuracy": accuracy(candidate.val, labels["val"]),
        "mirror_gain": candidate.mirror_gain(labels["val"]),
        "macro_f1": float(np.mean([scores["f1"] for scores in classes])),
        "ece": calibration_error(candidate.test, y),
        "reliability": reliability(candidate.test, y),
        "temperature": temperature,
        "ece_scaled": calibration_error(scale_temperature(candidate.test, temperature), y),
        "n_params": summary["n_params"],
        "n_trainable": summary["n_trainable"],
        "macs": summary["macs"],
        "train_seconds": summary["train_seconds"],
        "predict_ms_per_image": summary["predict_ms_per_image"],
        "precision": summary.get("precision", "float32"),
        "layers": summary["layers"],
        "history": candidate.history,
        "confusion": confusion.tolist(),
        "per_class": classes,
    }


def compare(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """Compare every pair by McNemar's test, the later minus the earlier, with Holm's adjusted p-values."""
    correct = {name: candidates[name].test.argmax(axis=1) == labels for name in COMPARED}
    rows = [
        {"a": a, "b": b, **mcnemar(correct[a], correct[b])}
        for number, b in enumerate(COMPARED)
        for a in COMPARED[number + 1 :]
    ]
    adjusted = adjust_holm([row["p_value"] for row in rows])
    return [{**row, "p_holm": value} for row, value in zip(rows, adjusted, strict=True)]


def find_mistakes(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """List the fine-tuned network's most confident mistakes with every main model's answer."""
    probabilities = candidates["vgg_finetuned"].test
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return _describe_pictures(_surest(wrong, probabilities), candidates, labels)


def find_missed(candidates: dict[str, Candidate], labels: np.ndarray) -> dict:
    """Count the pictures that every main model gets wrong, and those for which all give one other answer.

    Returns:
        n, n_agreed, and shown: of the agreed ones, those with the highest mean confidence.
    """
    answers = np.stack([candidates[name].test.argmax(axis=1) for name in MAIN])
    missed = (answers != labels).all(axis=0)
    agreed = missed & (answers == answers[0]).all(axis=0)
    mean = np.mean([candidates[name].test for name in MAIN], axis=0)
    shown = _describe_pictures(_surest(np.flatnonzero(agreed), mean), candidates, labels)
    return {"n": int(missed.sum()), "n_agreed": int(agreed.sum()), "shown": shown}


def _surest(rows: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return rows[np.argsort(-probabilities[rows].max(axis=1), kind="stable")][:N_MISTAKES]


def _describe_pictures(rows: np.ndarray, candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """Give each picture's index, label, and every main model's answer with its probability."""
    return [
        {
            "index": int(index),
            "label": int(labels[index]),
            "answers": {
                name: [int(candidates[name].test[index].argmax()), float(candidates[name].test[index].max())]
                for name in MAIN
            },
        }
        for index in rows
    ]


def sample_rows(pictures: dict[str, np.ndarray], labels: dict[str, np.ndarray], n: int = 12) -> np.ndarray:
    """Take the first n training pictures of each class, or as many as each has, (classes, n, h, w) uint8."""
    counts = np.bincount(labels["train"])
    n = min(n, counts.min())
    return np.stack([pictures["train"][labels["train"] == label][:n] for label in range(len(counts))])


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in (find_backend(), *PACKAGES):
        found[package] = importlib.metadata.version(package)
    return found
