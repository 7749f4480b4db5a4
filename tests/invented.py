"""Synthetic results documents: complete, consistent, and randomised by a seed."""

import dataclasses

import numpy as np

from fmnist_report.evaluation.calibration import calibration_error
from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.evaluation.comparison import compare_pairs, difference_of_parts
from fmnist_report.evaluation.metrics import score_classes
from fmnist_report.networks import COMPARED, ON_FEATURES, PAIRS
from fmnist_report.presets import preset
from fmnist_report.training.metrics import wilson_interval

NAMES = list(dict.fromkeys([*COMPARED, *(row.name for row in ON_FEATURES), "vgg_control"]))


def invent_results(accuracy, n_test=400, n_classes=10, seed=0, n_val=200, **parts):
    """Invent a results document.

    Args:
        accuracy: {model: desired accuracy}; 0.9 for models that are not listed.
        parts: replacements of whole parts of the document.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_test) % n_classes)
    luck = rng.random(n_test)  # shared, so that networks are right on mostly the same images
    models, correct = {}, {}
    for name in NAMES:
        wanted = accuracy.get(name, 0.9)
        own = np.where(rng.random(n_test) < 0.85, luck, rng.random(n_test))
        wrong = np.zeros(n_test, bool)
        wrong[np.argsort(own)[round(wanted * n_test) :]] = True
        predicted = np.where(wrong, (labels + rng.integers(1, max(2, n_classes), n_test)) % n_classes, labels)
        correct[name] = predicted == labels
        models[name] = invent_model(labels, predicted, n_classes, n_val, rng)
    document = {
        "data": {"n_test": n_test, "n_val": n_val, "n_train": 1_000},
        "models": models,
        "comparisons": compare_pairs(correct, PAIRS),
        "chosen_classifier": max((row.name for row in ON_FEATURES), key=lambda name: models[name]["val_accuracy"]),
        "study": {"baselines": {}, "factors": [], "rows": [], "ablations": {}, "n_steps": {}},
        "inputs": {"rows": [], "n_val": 100},
        "run": {"preset": "standard", "settings": dataclasses.asdict(preset("standard"))},
        "full_runs": [],
        "tried": {"preset": "best", "rows": []},
    }
    return document | parts


def invent_model(labels, predicted, n_classes, n_val, rng):
    n_test, share = len(labels), float((predicted == labels).mean())
    confusion = np.zeros((n_classes, n_classes), int)
    np.add.at(confusion, (labels, predicted), 1)
    n_right = int(np.clip(round(share * n_val) + rng.integers(-4, 9), 0, n_val))
    n_clean = int(np.clip(n_right + rng.integers(-5, 40), 0, n_val))
    probabilities = np.full((n_test, n_classes), 0.1 / n_classes)
    probabilities[np.arange(n_test), predicted] += 1 - probabilities.sum(axis=1)
    difference, low, high = difference_of_parts(n_right / n_val, n_val, share, n_test)
    epochs = int(rng.integers(1, 6))
    return {
        "test_accuracy": share,
        "test_accuracy_ci95": list(wilson_interval(int((predicted == labels).sum()), n_test)),
        "val_accuracy": n_right / n_val,
        "val_minus_test": {"difference": difference, "low": low, "high": high},
        "train_eval": {"n": n_val, "train_accuracy": n_clean / n_val, "train_loss": 0.2},
        "ece": calibration_error(probabilities, labels),
        "ece_scaled": 0.01,
        "n_params": int(rng.integers(1, 10**7)),
        "macs_per_prediction": int(rng.integers(1, 10**8)),
        "total_seconds": float(rng.uniform(1, 1_000)),
        "confusion": confusion.tolist(),
        "per_class": score_classes(labels, predicted, n_classes),
        "history": {
            "val_loss": [float(value) for value in rng.choice([0.2, 0.201, 0.207, 0.21, 0.3], epochs)],
            "val_accuracy": [float(value) for value in rng.choice([0.9, 0.90004, 0.91], epochs)],
        },
    }


def invent_study(rng, networks=("cnn", "head", "finetune")):
    """Invent a study of the given networks."""
    factors = {
        "cnn": ("kernel", "shift", "optimizer"),
        "head": ("layers", "width"),
        "finetune": ("unfreeze", "dropout"),
    }
    bases, rows, values = {}, [], []
    for network in networks:
        half = float(rng.choice([0.004, 0.01]))
        bases[network] = {"half_width": half, "accuracies": [0.9, 0.91, 0.92], "mean": 0.91, "sd": 0.01}
        own = []
        for factor in factors[network]:
            effect = float(rng.choice([-0.03, -0.01, -0.002, 0.0, 0.002, 0.01, 0.03]))
            other = float(rng.choice([-0.03, -0.002, 0.0, 0.02]))
            gain = max(effect, other, 0.0)
            largest, value = max([(effect, "5"), (other, "6")], key=lambda pair: abs(pair[0]))
            for number, each in (("4", 0.0), ("5", effect), ("6", other)):
                values.append({"network": network, "factor": factor, "value": number, "effect": each,
                               "chosen": number == "4", "exceeds_noise": abs(each) > half})  # fmt: skip
            best = "4" if gain == 0 else "5" if gain == effect else "6"
            own.append({"network": network, "group": "structure", "factor": factor, "value": value, "effect": largest,
                        "exceeds_noise": abs(largest) > half, "best": best, "gain": gain})  # fmt: skip
        rows += sorted(own, key=lambda row: -abs(row["effect"]))
    n_steps = {name: 100 for name in factors}
    return {"baselines": bases, "factors": rows, "rows": values, "ablations": {}, "n_steps": n_steps}


def invent_ablation(gains, half=0.01, first=0.8):
    """Invent the steps of an ablation."""
    rows, accuracy = [{"network": "cnn", "component": "start", "val_accuracy": first}], first
    for gain, component in zip(gains, ("batch_norm", "residual", "widths", "shift", "mirror"), strict=False):
        accuracy += gain
        rows.append({"network": "cnn", "component": component, "val_accuracy": accuracy, "gain": gain,
                     "low": gain - half, "high": gain + half, "exceeds_noise": abs(gain) > half})  # fmt: skip
    return rows


def invent_candidate(probabilities, n_views=1, **summary):
    """Invent a candidate whose validation and test probabilities are the same."""
    common = {"n_params": 10, "n_trainable": 5, "macs": 100, "train_seconds": 2.0, "predict_ms_per_image": 0.5}
    given = {**common, "layers": [], "n_views": n_views, **summary}
    return Candidate(np.asarray(probabilities, "float32"), np.asarray(probabilities, "float32"), given, {})
