"""The trained networks as their stages left them, the chosen classifier, and the ensemble."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from fmnist_report.data import load_arrays
from fmnist_report.ensemble import fit_weights, pool
from fmnist_report.files import read_json
from fmnist_report.statistics import fit_temperature, scale_temperature

MAIN = ("mlp", "cnn", "vgg_features", "vgg_finetuned")
COMPARED = (*MAIN, "ensemble")


@dataclasses.dataclass
class Candidate:
    """A trained model as its stage left it.

    val, test: (n, 10) float32 probabilities.
    val_original: (n_val, 10), of the pictures without their mirror images; None where there is no such average.
    """

    val: np.ndarray
    test: np.ndarray
    summary: dict
    history: dict
    val_original: np.ndarray | None = None

    def mirror_gain(self, labels: np.ndarray) -> float | None:
        """Return how much accuracy averaging with the mirror image adds on validation, a share."""
        if self.val_original is None:
            return None
        return accuracy(self.val, labels) - accuracy(self.val_original, labels)


def gather_candidates(
    folders: dict[str, Path], base: dict, labels: np.ndarray
) -> tuple[dict[str, Candidate], str, dict[str, float]]:
    """Read every model; choose the classifier on frozen features and the ensemble's weights on validation.

    Args:
        folders: of the stages mlp, cnn, classifiers, head and finetune.
        base: the cost of the frozen base, from the features' index.
        labels: (n_val,), of validation.

    Returns:
        Candidates by name, the name of the one that vgg_features is, and the ensemble's weights.
    """
    candidates = {
        "mlp": load_network(folders["mlp"]),
        "cnn": load_network(folders["cnn"]),
        **{name: with_base(found, base) for name, found in load_classifiers(folders["classifiers"]).items()},
        "vgg_head": with_base(load_network(folders["head"]), base),
        "vgg_finetuned": load_network(folders["finetune"]),
    }
    chosen = choose_classifier(candidates, labels)
    candidates["vgg_features"] = candidates[chosen]
    candidates["ensemble"], weights = combine(candidates, labels)
    return candidates, chosen, weights


def load_network(folder: Path) -> Candidate:
    """Read what a training stage left; probabilities are (n, 10)."""
    arrays = load_arrays(folder / "probabilities.npz")
    summary, history = read_json(folder / "summary.json"), read_json(folder / "history.json")
    return Candidate(arrays["val"], arrays["test"], summary, history, arrays.get("val_original"))


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
    return max(frozen, key=lambda name: accuracy(candidates[name].val, labels))


def combine(candidates: dict[str, Candidate], labels: np.ndarray) -> tuple[Candidate, dict[str, float]]:
    """Average the main models' calibrated answers; weights and temperatures come from validation.

    Args:
        candidates: all of MAIN.
        labels: (n_val,), of validation.

    Returns:
        The ensemble, which costs what its members cost, and each member's weight.
    """
    members = [candidates[name] for name in MAIN]
    temperatures = [fit_temperature(member.val, labels) for member in members]
    pairs = list(zip(members, temperatures, strict=True))
    val = [scale_temperature(member.val, temperature) for member, temperature in pairs]
    test = [scale_temperature(member.test, temperature) for member, temperature in pairs]
    weights = fit_weights(val, labels)
    used = [member.summary for member, weight in zip(members, weights, strict=True) if weight]
    costs = ("n_params", "n_trainable", "macs", "train_seconds", "predict_ms_per_image")
    summary = {name: sum(one[name] for one in used) for name in costs} | {"layers": []}
    named = {name: float(weight) for name, weight in zip(MAIN, weights, strict=True)}
    return Candidate(pool(val, weights), pool(test, weights), summary, {}), named


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers."""
    return float((probabilities.argmax(axis=1) == labels).mean())
