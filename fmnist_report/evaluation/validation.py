"""Evaluation on validation data only, for a run that does not read the test labels."""

from pathlib import Path

from fmnist_report.evaluation.candidates import gather_candidates, read_base
from fmnist_report.evaluation.seeds import load_seeds, spread_of_seeds
from fmnist_report.machine import describe_hardware
from fmnist_report.pipeline.files import load_arrays, read_json, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.training.metrics import measure_accuracy, wilson_interval


def validate_models(
    out: Path,
    progress: Progress,
    *,
    data: Path,
    features: Path,
    study: Path,
    inputs: Path,
    seeds: Path | None = None,
    **networks: Path,
) -> None:
    """Stage `validation`: write validation.json with each model's accuracy, its 95% Wilson interval and its cost.

    Args:
        networks: entries of the stages that train networks, by stage name.
    """
    labels = load_arrays(data / "labels.npz")["val"]
    candidates, chosen, weights = gather_candidates(networks, read_base(features), labels)
    models: dict[str, dict] = {}
    for name, candidate in candidates.items():
        share = measure_accuracy(candidate.val, labels)
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
    document |= {"study": read_json(study / "study.json"), "inputs": read_json(inputs / "inputs.json")}
    document |= {"hardware": describe_hardware()}
    write_json(out / "validation.json", document)
