"""The only reader of the test labels: every model's metrics, and comparisons between models."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from pathlib import Path

import numpy as np

from fmnist_report.cache import read_json, write_json
from fmnist_report.data import N_CLASSES, load_arrays
from fmnist_report.hardware import describe_hardware
from fmnist_report.progress import Progress
from fmnist_report.statistics import (
    calibration_error,
    confusion_matrix,
    mcnemar,
    per_class_scores,
    wilson_interval,
)

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "h5py", "scipy", "matplotlib", "jinja2", "weasyprint")
MAIN = ("mlp", "cnn", "vgg_features", "vgg_finetuned")
N_MISTAKES = 24


@dataclasses.dataclass
class Candidate:
    """A trained model as its stage left it.

    val, test: (n, 10) float32 probabilities.
    """

    val: np.ndarray
    test: np.ndarray
    summary: dict
    history: dict


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
) -> None:
    """Stage `evaluation`: read the test labels once and write evaluation.json and predictions.npz."""
    labels = {**load_arrays(data / "labels.npz"), **load_arrays(data / "test_labels.npz")}
    pictures = load_arrays(data / "pictures.npz")
    index = read_json(features / "index.json")
    candidates = {
        "mlp": load_network(mlp),
        "cnn": load_network(cnn),
        **{name: with_base(found, index["base"]) for name, found in load_classifiers(classifiers).items()},
        "vgg_head": with_base(load_network(head), index["base"]),
        "vgg_finetuned": load_network(finetune),
    }
    chosen = choose_classifier(candidates, labels["val"])
    candidates["vgg_features"] = candidates[chosen]
    models = {name: measure(candidate, labels) for name, candidate in candidates.items()}
    document = {
        "data": {**{f"n_{part}": len(labels[part]) for part in ("train", "val", "test")}},
        "models": models,
        "chosen_classifier": chosen,
        "classifiers": read_json(classifiers / "classifiers.json"),
        "comparisons": compare(candidates, labels["test"]),
        "features": {name: index[name] for name in ("size", "precision", "seconds")},
        "mistakes": find_mistakes(candidates, labels["test"]),
        "class_counts": np.bincount(labels["train"], minlength=N_CLASSES).tolist(),
        "hardware": describe_hardware(),
        "versions": versions(),
    }
    write_json(out / "evaluation.json", document)
    arrays = {name: candidate.test.astype("float32") for name, candidate in candidates.items()}
    np.savez(out / "predictions.npz", y_test=labels["test"], **arrays)
    shown = [mistake["index"] for mistake in document["mistakes"]]
    np.savez(out / "pictures.npz", mistakes=pictures["test"][shown], samples=sample_rows(pictures, labels))


def load_network(folder: Path) -> Candidate:
    """Read what a training stage left; probabilities are (n, 10)."""
    arrays = load_arrays(folder / "probabilities.npz")
    summary, history = read_json(folder / "summary.json"), read_json(folder / "history.json")
    return Candidate(arrays["val"], arrays["test"], summary, history)


def load_classifiers(folder: Path) -> dict[str, Candidate]:
    """Read scikit-learn's classifiers as candidates named vgg_<classifier>."""
    arrays, summaries = load_arrays(folder / "probabilities.npz"), read_json(folder / "classifiers.json")
    empty = {"n_params": 0, "n_trainable": 0, "macs": 0, "layers": []}
    return {
        f"vgg_{name}": Candidate(arrays[f"{name}/val"], arrays[f"{name}/test"], {**empty, **summary}, {})
        for name, summary in summaries.items()
    }


def with_base(candidate: Candidate, base: dict) -> Candidate:
    """Add the frozen base's parameters, operations and time to a classifier on its features."""
    summary = dict(candidate.summary)
    for name in ("n_params", "macs", "predict_ms_per_image"):
        summary[name] += base[name]
    summary["layers"] = [*base["layers"], *summary["layers"]]
    return dataclasses.replace(candidate, summary=summary)


def choose_classifier(candidates: dict[str, Candidate], labels: np.ndarray) -> str:
    """Return the classifier on frozen features with the best validation accuracy."""
    frozen = [name for name in candidates if name.startswith("vgg_") and name != "vgg_finetuned"]
    return max(frozen, key=lambda name: _accuracy(candidates[name].val, labels))


def _accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def measure(candidate: Candidate, labels: dict[str, np.ndarray]) -> dict:
    """Compute one model's figures, named as in results.json."""
    y, predicted = labels["test"], candidate.test.argmax(axis=1)
    confusion = confusion_matrix(y, predicted, N_CLASSES)
    classes = per_class_scores(confusion)
    summary = candidate.summary
    return {
        "test_accuracy": _accuracy(candidate.test, y),
        "test_accuracy_ci95": list(wilson_interval(int((predicted == y).sum()), len(y))),
        "val_accuracy": _accuracy(candidate.val, labels["val"]),
        "macro_f1": float(np.mean([scores["f1"] for scores in classes])),
        "ece": calibration_error(candidate.test, y),
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
    """Compare every pair of the main models by McNemar's test, the later minus the earlier."""
    correct = {name: candidates[name].test.argmax(axis=1) == labels for name in MAIN}
    return [
        {"a": a, "b": b, **mcnemar(correct[a], correct[b])} for number, b in enumerate(MAIN) for a in MAIN[number + 1 :]
    ]


def find_mistakes(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """List the fine-tuned network's most confident mistakes with every main model's answer."""
    probabilities = candidates["vgg_finetuned"].test
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:N_MISTAKES]
    return [
        {
            "index": int(index),
            "label": int(labels[index]),
            "answers": {
                name: [int(candidates[name].test[index].argmax()), float(candidates[name].test[index].max())]
                for name in MAIN
            },
        }
        for index in worst
    ]


def sample_rows(pictures: dict[str, np.ndarray], labels: dict[str, np.ndarray], n: int = 12) -> np.ndarray:
    """Take the first n training pictures of each class, (classes, n, 28, 28) uint8."""
    return np.stack([pictures["train"][labels["train"] == label][:n] for label in range(N_CLASSES)])


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found
