"""The trained networks as their stages left them, the chosen classifier, and the ensemble."""

import dataclasses
import statistics
from pathlib import Path

import numpy as np

from fmnist_report.errors import ReportError
from fmnist_report.evaluation.calibration import fit_temperature, scale_temperature
from fmnist_report.evaluation.ensemble import fit_weights, pool
from fmnist_report.evaluation.networks import BY_NAME, CHOSEN, CONTROL, ENSEMBLE, MAIN, NETWORKS, ON_FEATURES
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.training.metrics import measure_accuracy


@dataclasses.dataclass
class Candidate:
    """A trained model as its stage left it.

    val, test: (n, 10) float32 probabilities.
    val_original: (n_val, 10), of the images without their mirror images; None where there is no such average.
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
        return measure_accuracy(self.val, labels) - measure_accuracy(self.val_original, labels)


def gather_candidates(
    folders: dict[str, Path], base: dict, labels: np.ndarray
) -> tuple[dict[str, Candidate], str, dict[str, float]]:
    """Read every model; choose the classifier on frozen features and the ensemble's weights on validation.

    Args:
        folders: of the stages that train networks, by the stage's name.
        base: the cost of the frozen base, as read_base gives it.
        labels: (n_val,), of validation.

    Returns:
        Candidates by name, in the order of the table; the name of the one that vgg_features is; and the ensemble's
        weights.
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
    """Add to each summary what the model costs in all: total_seconds, macs_per_prediction and ms_per_prediction.

    The stages that it builds on count for it, and every view over which it averages.

    Args:
        weights: of the ensemble's members.
        chosen: the classifier that vgg_features is.
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
    """Name the network that a stage trains; the extraction trains none."""
    return next((row.name for row in ON_FEATURES if row.stage == stage), stage)


def load_network(folder: Path) -> Candidate:
    """Read what a training stage left; probabilities are (n, classes).

    The summary's train_seconds are the median epoch times their number, so that a pause of the machine does not count.
    Raises ReportError where the training diverged.
    """
    arrays, measured = load_arrays(folder / "probabilities.npz"), read_json(folder / MEASURED)
    if not all(np.isfinite(arrays[split]).all() for split in ("val", "test")):
        stage = folder.parent.name.partition("-")[0]
        section = "finetune" if stage == "control" else stage
        raise ReportError(
            f"The training of {stage} diverged: what the network answers are no numbers. "
            f"A lower rate may help: --set {section}.learning_rate=…"
        )
    seconds = measured.pop("epoch_seconds")
    measured["train_seconds"] = len(seconds) * statistics.median(seconds)
    history = read_json(folder / "history.json") | {"seconds": seconds}
    n_views = 2 if "val_original" in arrays else 1
    summary = read_json(folder / "summary.json") | measured | {"n_views": n_views}
    summary["train_eval"] = read_json(folder / "train_eval.json")
    return Candidate(arrays["val"], arrays["test"], summary, history, arrays.get("val_original"))


def read_base(features: Path) -> dict:
    """Return what the frozen base costs: n_params, macs, layers, predict_ms_per_image and seconds of the extraction."""
    return read_json(features / "index.json")["base"] | read_json(features / MEASURED)


def load_classifiers(folder: Path) -> dict[str, Candidate]:
    """Read scikit-learn's classifiers as candidates named vgg_<classifier>."""
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
    """Return the classifier on frozen features with the best validation accuracy, the first of equals."""
    return max(on_features, key=lambda name: measure_accuracy(on_features[name].val, labels))


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
    return Candidate(pool(val, weights), pool(test, weights), summary | {"n_views": 1}, {}), named
