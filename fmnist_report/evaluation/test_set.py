"""The only reader of the test labels: every model's metrics, and comparisons between models."""

import dataclasses
import importlib.metadata
import math
import platform
import typing
from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_origin, load_task
from fmnist_report.evaluation.candidates import Candidate, gather_candidates, read_base
from fmnist_report.evaluation.comparison import compare_pairs
from fmnist_report.evaluation.metrics import measure
from fmnist_report.evaluation.networks import CHOSEN, MAIN, PAIRS
from fmnist_report.evaluation.seeds import load_seeds, spread_of_seeds
from fmnist_report.machine import describe_hardware, find_backend
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, read_json, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress

PACKAGES = ("keras", "numpy", "scikit-learn", "h5py", "scipy", "matplotlib", "jinja2", "weasyprint")
N_MISTAKES = 24


def evaluate(
    out: Path,
    progress: Progress,
    *,
    data_sha256: str,
    data: Path,
    features: Path,
    study: Path,
    tuning: Path,
    inputs: Path,
    overlap: Path,
    portable: Path,
    seeds: Path | None = None,
    **networks: Path,
) -> None:
    """Stage `evaluation`: read the test labels once and write evaluation.json and predictions.npz.

    Args:
        networks: of the stages that train networks, by the stage's name.
    """
    labels = {**load_arrays(data / "labels.npz"), **load_arrays(data / "test_labels.npz")}
    pictures, task = load_arrays(data / "pictures.npz"), load_task(data)
    index = read_json(features / "index.json")
    candidates, chosen, weights = gather_candidates(networks, read_base(features), labels["val"])
    near = load_arrays(overlap / "overlap.npz")
    models = {name: measure(candidate, labels, near["test"]) for name, candidate in candidates.items()}
    document = {
        "data": {
            **{f"n_{part}": len(labels[part]) for part in ("train", "val", "test")},
            **dataclasses.asdict(task),
            **load_origin(data),
            "sha256": data_sha256,
        },
        "models": models,
        "chosen_classifier": chosen,
        "ensemble_weights": weights,
        "seeds": spread_of_seeds(candidates, load_seeds(seeds), {part: labels[part] for part in ("val", "test")}),
        "study": {**read_json(study / "study.json"), "search": read_json(tuning / "tuning.json")},
        "classifiers": read_json(networks["classifiers"] / "classifiers.json"),
        "inputs": read_json(inputs / "inputs.json"),
        "overlap": read_json(overlap / "overlap.json"),
        "comparisons": compare(candidates, labels["test"]),
        "features": {
            **{name: index[name] for name in ("backbone", "size", "precision")},
            "seconds": read_json(features / MEASURED)["seconds"],
            "n_features": sum(math.prod(shape) for shape in index["pooled"].values()),
            **{name: index["entered"][name] for name in ("scale", "offset")},
            "n_cells": index["pooled"]["block3_grid"][0],
        },
        "mistakes": find_mistakes(candidates, labels["test"]),
        "missed": find_missed(candidates, labels["test"]),
        "portable": measure_rounding(portable, candidates["cnn"].test, labels["test"]),
        "class_counts": np.bincount(labels["train"], minlength=task.n_classes).tolist(),
        "hardware": describe_hardware(),
        "versions": versions(),
    }
    write_json(out / "evaluation.json", document)
    arrays = {name: candidate.test.astype("float32") for name, candidate in candidates.items()}
    save_arrays(out / "predictions.npz", y_test=labels["test"], **arrays)
    shown = {name: [row["index"] for row in rows] for name, rows in
             (("mistakes", document["mistakes"]), ("missed", document["missed"]["shown"]))}  # fmt: skip
    save_arrays(
        out / "pictures.npz",
        **{name: pictures["test"][rows] for name, rows in shown.items()},
        samples=sample_rows(pictures, labels),
        pairs=near["pairs"],
    )


def measure_rounding(portable: Path, probabilities: np.ndarray, labels: np.ndarray) -> dict[str, typing.Any]:
    """Measure what rounding the weights of the network in the page costs.

    Args:
        portable: an entry of experiments.portable.
        probabilities: of the test pictures by the network itself, (n, classes).
        labels: (n,).

    Returns:
        fits; and if so accuracy and accuracy_rounded, shares of n_test pictures, and n_changed, differing answers.
    """
    if not read_json(portable / "portable.json")["fits"]:
        return {"fits": False}
    answers, rounded = probabilities.argmax(axis=1), load_arrays(portable / "portable.npz")["test"].argmax(axis=1)
    accuracies = {"accuracy": float((answers == labels).mean()), "accuracy_rounded": float((rounded == labels).mean())}
    return {"fits": True, "n_test": len(labels), **accuracies, "n_changed": int((rounded != answers).sum())}


def compare(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """Compare every pair of PAIRS; one that is another under a second name is tested once.

    So it is where the classifier that was chosen on frozen features is the dense head itself.
    """
    chosen = {name: CHOSEN if candidates[name] is candidates[CHOSEN] else name for name in candidates}
    tested = list(dict.fromkeys((chosen[a], chosen[b]) for a, b in PAIRS))
    names = {name for pair in tested for name in pair}
    correct = {name: candidates[name].test.argmax(axis=1) == labels for name in names}
    rows = {(row["a"], row["b"]): row for row in compare_pairs(correct, tested)}
    return [{**rows[chosen[a], chosen[b]], "a": a, "b": b} for a, b in PAIRS]


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
