"""Results of the trained networks, the chosen classifier, and the ensemble."""

import dataclasses
import statistics
from pathlib import Path

import numpy as np

from fmnist_report.errors import ReportError
from fmnist_report.evaluation.ensemble import fit_weights, pool
from fmnist_report.networks import BY_NAME, CHOSEN, CONTROL, ENSEMBLE, MAIN, NETWORKS, ON_FEATURES
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.training.metrics import fit_temperature, measure_accuracy, scale_temperature


@dataclasses.dataclass
class Candidate:
    """The results of a trained model.

    val, test: (n, classes) float32 probabilities.
    val_original: (n_val, classes), for the original images only; None if predictions are not averaged over views.
    """

    val: np.ndarray
    test: np.ndarray
    summary: dict
    history: dict
    val_original: np.ndarray | None = None

    def mirror_gain(self, labels: np.ndarray) -> float | None:
        """Return the gain in validation accuracy from averaging with the mirror image, a fraction."""
        if self.val_original is None:
            return None
        return measure_accuracy(self.val, labels) - measure_accuracy(self.val_original, labels)


def gather_candidates(
    folders: dict[str, Path], base: dict, labels: np.ndarray
) -> tuple[dict[str, Candidate], str, dict[str, float]]:
    """Read every model; choose the classifier on frozen features and the ensemble's weights on validation data.

    Args:
        folders: entries of the stages that train networks, by stage name.
        base: cost of the frozen base, as returned by read_base.
        labels: (n_val,), validation labels.

    Returns:
        Candidates by name, in the order of the table; the name of the classifier chosen as vgg_features; and the
        ensemble's weights.
    """
    on_features = load_classifiers(folders["classifiers"]) | {
        row.name: load_network(folders[row.stage]) for row in ON_FEATURES if row.stage != "classifiers"
    }
    on_features = {name: with_base(found, base) for name, found in on_features.items()}
    chosen = choose_classifier(on_features, labels)
    candidates = {
        row.name: on_features[chosen] if row.name == CHOSEN else load_network(folders[row.stage])
        for row in NETWORKS
        if row.stage
    }
    candidates[ENSEMBLE], weights = combine(candidates, labels)
    candidates |= on_features | {CONTROL.name: with_base(load_network(folders[CONTROL.stage]), base)}
    add_totals(candidates, weights, chosen, base["seconds"])
    return candidates, chosen, weights


def add_totals(
    candidates: dict[str, Candidate], weights: dict[str, float], chosen: str, extraction_seconds: float
) -> None:
    """Add the total costs to each summary: total_seconds, macs_per_prediction and ms_per_prediction.

    They include the stages that the model builds on, and every view over which it averages.

    Args:
        weights: weights of the ensemble's members.
        chosen: the classifier chosen as vgg_features.
    """
    seconds = {"features": extraction_seconds}
    for row in (*NETWORKS, *ON_FEATURES, CONTROL):
        if row.stage and row.name != CHOSEN:
            seconds[row.name] = candidates[row.name].summary["train_seconds"]
    splits = {
        name: {chosen if name == CHOSEN else name, *(_trained_by(stage) for stage in BY_NAME[name].needs)}
        for name in candidates
        if name != ENSEMBLE
    }
    used = [name for name, weight in weights.items() if weight]
    splits[ENSEMBLE] = set().union(*(splits[name] for name in used))
    for name, candidate in candidates.items():
        members = [candidates[member].summary for member in used] if name == ENSEMBLE else [candidate.summary]
        candidate.summary |= {
            "total_seconds": sum(seconds[split] for split in splits[name]),
            "macs_per_prediction": sum(one["n_views"] * one["macs"] for one in members),
            "ms_per_prediction": sum(one["n_views"] * one["predict_ms_per_image"] for one in members),
        }


def _trained_by(stage: str) -> str:
    """Return the name of the network that a stage trains; the extraction trains none."""
    return next((row.name for row in ON_FEATURES if row.stage == stage), stage)


def load_network(folder: Path) -> Candidate:
    """Read the results of a training stage; probabilities are (n, classes).

    The summary's train_seconds is the median epoch time multiplied by the number of epochs, so that pauses of the
    machine do not count. Raise ReportError if the training diverged.
    """
    arrays, measured = load_arrays(folder / "probabilities.npz"), read_json(folder / MEASURED)
    if not all(np.isfinite(arrays[split]).all() for split in ("val", "test")):
        stage = folder.parent.name.partition("-")[0]
        section = "finetune" if stage == "control" else stage
        raise ReportError(
            f"The training of {stage} diverged: its predictions are NaN. "
            f"Try a lower learning rate: --set {section}.learning_rate=…"
        )
    seconds = measured.pop("epoch_seconds")
    measured["train_seconds"] = len(seconds) * statistics.median(seconds)
    history = read_json(folder / "history.json") | {"seconds": seconds}
    n_views = 2 if "val_original" in arrays else 1
    summary = read_json(folder / "summary.json") | measured | {"n_views": n_views}
    summary["train_eval"] = read_json(folder / "train_eval.json")
    return Candidate(arrays["val"], arrays["test"], summary, history, arrays.get("val_original"))


def read_base(features: Path) -> dict:
    """Return the cost of the frozen base: n_params, macs, layers, predict_ms_per_image and seconds of extraction."""
    return read_json(features / "index.json")["base"] | read_json(features / MEASURED)


def load_classifiers(folder: Path) -> dict[str, Candidate]:
    """Read the scikit-learn classifiers as candidates named vgg_<classifier>."""
    arrays, summaries = load_arrays(folder / "probabilities.npz"), read_json(folder / "classifiers.json")
    measured = read_json(folder / MEASURED)
    return {
        f"vgg_{name}": Candidate(
            arrays[f"{name}/val"],
            arrays[f"{name}/test"],
            {**summary, **measured[name], "n_trainable": summary["n_params"], "layers": []},
            {},
        )
        for name, summary in summaries.items()
    }


def with_base(candidate: Candidate, base: dict) -> Candidate:
    """Add the frozen base's parameters, operations and time to a classifier on its features."""
    summary = dict(candidate.summary)
    for name in ("n_params", "macs", "predict_ms_per_image"):
        summary[name] += base[name]
    summary["layers"] = [*base["layers"], *summary["layers"]]
    return dataclasses.replace(candidate, summary=summary)


def choose_classifier(on_features: dict[str, Candidate], labels: np.ndarray) -> str:
    """Return the classifier on frozen features with the best validation accuracy, the first among ties."""
    return max(on_features, key=lambda name: measure_accuracy(on_features[name].val, labels))


def combine(candidates: dict[str, Candidate], labels: np.ndarray) -> tuple[Candidate, dict[str, float]]:
    """Average the main models' calibrated predictions; weights and temperatures are fitted on validation data.

    Args:
        candidates: all of MAIN.
        labels: (n_val,), validation labels.

    Returns:
        The ensemble, with the total cost of its members, and each member's weight.
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
    return Candidate(pool(val, weights), pool(test, weights), summary | {"n_views": 1}, {}), named
