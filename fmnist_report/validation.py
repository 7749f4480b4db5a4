"""Every model on validation alone, for a run that leaves the test labels closed."""

from __future__ import annotations

from pathlib import Path

from fmnist_report.candidates import accuracy, gather_candidates
from fmnist_report.data import load_arrays
from fmnist_report.files import read_json, write_json
from fmnist_report.hardware import describe_hardware
from fmnist_report.progress import Progress
from fmnist_report.seeds import load_seeds, spread_of_seeds
from fmnist_report.statistics import wilson_interval


def validate_models(
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
    seeds: Path | None = None,
) -> None:
    """Stage `validation`: write validation.json with each model's accuracy, its 95% Wilson interval and its cost."""
    labels = load_arrays(data / "labels.npz")["val"]
    folders = {"mlp": mlp, "cnn": cnn, "classifiers": classifiers, "head": head, "finetune": finetune}
    candidates, chosen, weights = gather_candidates(folders, read_json(features / "index.json")["base"], labels)
    models = {}
    for name, candidate in candidates.items():
        share = accuracy(candidate.val, labels)
        models[name] = {
            "val_accuracy": share,
            "val_accuracy_ci95": list(wilson_interval(round(share * len(labels)), len(labels))),
            **{cost: candidate.summary[cost] for cost in ("n_params", "macs", "train_seconds")},
            "mirror_gain": candidate.mirror_gain(labels),
            "history": candidate.history,
        }
    spread = spread_of_seeds(candidates, load_seeds(seeds), {"val": labels})
    document = {"n_val": len(labels), "models": models, "chosen_classifier": chosen, "ensemble_weights": weights}
    document |= {"seeds": spread}
    searched = {"search": read_json(tuning / "tuning.json")}
    document |= {"study": read_json(study / "study.json") | searched, "inputs": read_json(inputs / "inputs.json")}
    document |= {"hardware": describe_hardware()}
    write_json(out / "validation.json", document)
