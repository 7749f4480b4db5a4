"""Evaluation on the test set: metrics of every model and comparisons; the only reader of the test labels."""

import dataclasses
import importlib.metadata
import math
import platform
import typing
from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_dataset_info, load_origin
from fmnist_report.evaluation.candidates import Candidate, gather_candidates, read_base
from fmnist_report.evaluation.comparison import compare_pairs, difference_of_accuracies
from fmnist_report.evaluation.mechanisms import judge_blocks, judge_permutation, locate_heat, relate_likeness
from fmnist_report.evaluation.metrics import measure
from fmnist_report.evaluation.seeds import load_seeds, spread_of_seeds
from fmnist_report.machine import describe_hardware, find_backend
from fmnist_report.networks import CHOSEN, MAIN, PAIRS
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, read_json, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.training.metrics import measure_accuracy

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
    inputs: Path,
    duplicates: Path,
    browser_model: Path,
    reference: Path,
    permutation: Path,
    blocks: Path,
    explain: Path,
    seeds: Path | None = None,
    **networks: Path,
) -> None:
    """Stage `evaluation`: read the test labels once and write evaluation.json and predictions.npz.

    Args:
        networks: entries of the stages that train networks, by stage name.
    """
    labels = {**load_arrays(data / "labels.npz"), **load_arrays(data / "test_labels.npz")}
    images, dataset = load_arrays(data / "images.npz"), load_dataset_info(data)
    index = read_json(features / "index.json")
    candidates, chosen, weights = gather_candidates(networks, read_base(features), labels["val"])
    near = load_arrays(duplicates / "duplicates.npz")
    models = {name: measure(candidate, labels, near["test"]) for name, candidate in candidates.items()}
    document = {
        "data": {
            **{f"n_{split}": len(labels[split]) for split in ("train", "val", "test")},
            **dataclasses.asdict(dataset),
            **load_origin(data),
            "sha256": data_sha256,
        },
        "models": models,
        "chosen_classifier": chosen,
        "ensemble_weights": weights,
        "seeds": spread_of_seeds(candidates, load_seeds(seeds), {split: labels[split] for split in ("val", "test")}),
        "study": read_json(study / "study.json"),
        "classifiers": read_json(networks["classifiers"] / "classifiers.json"),
        "inputs": read_json(inputs / "inputs.json"),
        "duplicates": read_json(duplicates / "duplicates.json"),
        "comparisons": compare(candidates, labels["test"]),
        "features": {
            **{name: index[name] for name in ("backbone", "size", "runtime", "precision")},
            **{name: read_json(features / MEASURED)[name] for name in ("seconds", "speed")},
            "n_features": sum(math.prod(shape) for shape in index["pooled"].values()),
            **{name: index["entered"][name] for name in ("scale", "offset")},
            "n_cells": index["pooled"]["block3_grid"][0],
        },
        "mistakes": find_mistakes(candidates, labels["test"]),
        "missed_by_all": find_missed_by_all(candidates, labels["test"]),
        "browser_model": measure_rounding(browser_model, candidates["cnn"].test, labels["test"]),
        "reference": compare_parts(load_arrays(reference / "reference.npz"), labels),
        "mechanisms": {
            "permutation": judge_permutation(read_json(permutation / "permutation.json")),
            "blocks": judge_blocks(load_arrays(blocks / "blocks.npz")),
            "heat": locate_heat(load_arrays(explain / "explain.npz")),
            "likeness": relate_likeness(
                images["train"], labels["train"], {name: models[name]["confusion"] for name in MAIN}
            ),
        },
        "class_counts": np.bincount(labels["train"], minlength=dataset.n_classes).tolist(),
        "hardware": describe_hardware(),
        "versions": versions(),
    }
    write_json(out / "evaluation.json", document)
    arrays = {name: candidate.test.astype("float32") for name, candidate in candidates.items()}
    save_arrays(out / "predictions.npz", y_test=labels["test"], near_duplicates=near["test"], **arrays)
    shown = {"mistakes": document["mistakes"], "missed_by_all": document["missed_by_all"]["shown"]}
    pictured = {name: images["test"][[row["index"] for row in rows]] for name, rows in shown.items()}
    save_arrays(out / "images.npz", **pictured, samples=sample_rows(images, labels), pairs=near["pairs"])


def compare_parts(predicted: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, float]:
    """Compare the accuracies of the reference classifier on validation and on test.

    Args:
        predicted: its predicted classes for val and test.

    Returns:
        val_accuracy, test_accuracy, and difference, low and high of the first minus the second, with its 95% interval.
    """
    val, test = (float((predicted[split] == labels[split]).mean()) for split in ("val", "test"))
    difference, low, high = difference_of_accuracies(val, len(labels["val"]), test, len(labels["test"]))
    return {"val_accuracy": val, "test_accuracy": test, "difference": difference, "low": low, "high": high}


def measure_rounding(browser_model: Path, probabilities: np.ndarray, labels: np.ndarray) -> dict[str, typing.Any]:
    """Measure the effect of rounding the weights of the browser model.

    Args:
        browser_model: an entry of experiments.browser_model.
        probabilities: predictions of the original network for the test images, (n, classes).
        labels: (n,).

    Returns:
        fits; and if true accuracy and accuracy_rounded on n_test images, and n_changed, the changed predictions.
    """
    if not read_json(browser_model / "browser_model.json")["fits"]:
        return {"fits": False}
    rounded = load_arrays(browser_model / "browser_model.npz")["test"]
    accuracy, accuracy_rounded = (measure_accuracy(found, labels) for found in (probabilities, rounded))
    n_changed = int((rounded.argmax(axis=1) != probabilities.argmax(axis=1)).sum())
    found = {"accuracy": accuracy, "accuracy_rounded": accuracy_rounded, "n_changed": n_changed}
    return {"fits": True, "n_test": len(labels), **found}


def compare(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """Compare every pair of PAIRS; a pair that occurs under two names is tested once.

    This happens if the classifier chosen on frozen features is the dense head itself.
    """
    chosen = {name: CHOSEN if candidates[name] is candidates[CHOSEN] else name for name in candidates}
    tested = list(dict.fromkeys((chosen[a], chosen[b]) for a, b in PAIRS))
    names = {name for pair in tested for name in pair}
    correct = {name: candidates[name].test.argmax(axis=1) == labels for name in names}
    rows = {(row["a"], row["b"]): row for row in compare_pairs(correct, tested)}
    return [{**rows[chosen[a], chosen[b]], "a": a, "b": b} for a, b in PAIRS]


def find_mistakes(candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """List the fine-tuned network's most confident mistakes with every main model's prediction."""
    probabilities = candidates["vgg_finetuned"].test
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return _describe_images(_surest(wrong, probabilities), candidates, labels)


def find_missed_by_all(candidates: dict[str, Candidate], labels: np.ndarray) -> dict:
    """Count the images that every main model gets wrong, and those for which all give one other prediction.

    Returns:
        n, n_agreed, and shown: the agreed ones with the highest mean confidence.
    """
    predicted = np.stack([candidates[name].test.argmax(axis=1) for name in MAIN])
    missed = (predicted != labels).all(axis=0)
    agreed = missed & (predicted == predicted[0]).all(axis=0)
    mean = np.mean([candidates[name].test for name in MAIN], axis=0)
    shown = _describe_images(_surest(np.flatnonzero(agreed), mean), candidates, labels)
    return {"n": int(missed.sum()), "n_agreed": int(agreed.sum()), "shown": shown}


def _surest(rows: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return rows[np.argsort(-probabilities[rows].max(axis=1), kind="stable")][:N_MISTAKES]


def _describe_images(rows: np.ndarray, candidates: dict[str, Candidate], labels: np.ndarray) -> list[dict]:
    """Give each image's index, label, and every main model's prediction with its probability."""
    return [
        {
            "index": int(index),
            "label": int(labels[index]),
            "predictions": {
                name: [int(candidates[name].test[index].argmax()), float(candidates[name].test[index].max())]
                for name in MAIN
            },
        }
        for index in rows
    ]


def sample_rows(images: dict[str, np.ndarray], labels: dict[str, np.ndarray], n: int = 12) -> np.ndarray:
    """Return the first n training images of each class, or fewer if a class has fewer, (classes, n, h, w) uint8."""
    counts = np.bincount(labels["train"])
    n = min(n, counts.min())
    return np.stack([images["train"][labels["train"] == label][:n] for label in range(len(counts))])


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results."""
    found = {package: importlib.metadata.version(package) for package in (find_backend(), *PACKAGES)}
    return {"python": platform.python_version(), **found}
