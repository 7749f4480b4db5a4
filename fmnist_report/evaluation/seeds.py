"""Repeated training runs with other seeds, and the spread of their accuracies."""

import typing
from pathlib import Path

import numpy as np

from fmnist_report.networks import network_of_stage
from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.pipeline.progress import Progress
from fmnist_report.training.metrics import measure_accuracy


def gather_seeds(out: Path, progress: Progress, **networks: Path) -> None:
    """Stage `seeds`: collect the probabilities of the repeated training runs in seeds.npz.

    Args:
        networks: training entries named <stage>_<number>, the number from 1.

    Writes "<model>/val" (k, n_val, 10) and "<model>/test" (k, 10000, 10) float32, for k repeated runs each.
    """
    found: dict[str, list[np.ndarray]] = {}
    for name, folder in networks.items():
        model = network_of_stage(name.rpartition("_")[0])
        for split, values in load_arrays(folder / "probabilities.npz").items():
            if split in ("val", "test"):
                found.setdefault(f"{model}/{split}", []).append(values)
    save_arrays(out / "seeds.npz", **{name: np.stack(values) for name, values in found.items()})


def load_seeds(folder: Path | None) -> dict[str, np.ndarray]:
    """Return the arrays of seeds.npz; empty if every network was trained once."""
    return {} if folder is None else load_arrays(folder / "seeds.npz")


def spread_of_seeds(
    first: dict[str, typing.Any], others: dict[str, np.ndarray], labels: dict[str, np.ndarray]
) -> dict[str, dict[str, dict[str, typing.Any]]]:
    """Return each repeated model's accuracies over the seeds.

    Args:
        first: the candidates of the first seed.
        others: arrays from load_seeds.
        labels: labels of the splits to evaluate: val, or val and test.

    Returns:
        {model: {split: {accuracies (first seed first), mean, sd (of the sample, n - 1)}}}.
    """
    spread: dict[str, dict[str, dict[str, typing.Any]]] = {}
    for name, values in others.items():
        model, split = name.split("/")
        if split not in labels:
            continue
        every = [getattr(first[model], split), *values]
        accuracies = [measure_accuracy(probabilities, labels[split]) for probabilities in every]
        row = {"accuracies": accuracies, "mean": float(np.mean(accuracies)), "sd": float(np.std(accuracies, ddof=1))}
        spread.setdefault(model, {})[split] = row
    return spread
