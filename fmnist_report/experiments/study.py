"""The hyperparameter study: one factor at a time around the chosen point, judged on validation."""

import dataclasses
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.experiments.trials import NETWORKS, RATES, Subset, load_subset, shorten, train_settings
from fmnist_report.models.base import POOLED
from fmnist_report.pipeline.files import read_finished, write_finished, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import Chosen, StudySettings, TrainingSettings
from fmnist_report.training.metrics import wilson_interval
from fmnist_report.training.stores import FeatureStore

NONE = 6  # the first block that fine-tuning trains, where it trains none


@dataclass(frozen=True)
class Variation:
    """One training of the study.

    Args:
        network: one of NETWORKS.
        group: structure, optimisation or regularisation.
        factor: the setting that is varied.
        value: what it is set to, as the report writes it.
        settings: the network's settings with that value.
        chosen: whether the value is that from which the study starts.
        layers: what the head reads; all for the other networks.
    """

    network: str
    group: str
    factor: str
    value: str
    settings: TrainingSettings
    chosen: bool
    layers: tuple[str, ...] = POOLED


def list_variations(network: str, chosen: TrainingSettings) -> list[Variation]:
    """List the study of one network around the settings from which it starts, which are among the variations."""
    read = [_vary_layers(layers, chosen) for layers in LAYERS] if network == "head" else []
    return read + [
        _vary(network, group, factor, value, chosen)
        for group, factors in list_factors(network, chosen).items()
        for factor, values in factors.items()
        for value in dict.fromkeys([*values, getattr(chosen, factor)])
    ]


def list_factors(network: str, chosen: typing.Any) -> dict[str, dict[str, tuple]]:
    """List what is tried of a network around its chosen settings: {group: {factor: values}}."""
    rate, size = chosen.learning_rate, chosen.batch_size
    if network == "finetune":  # an epoch of it costs most, so only what belongs to it is tried
        return {
            "structure": {"unfreeze": (NONE, 5, 4, 3, 1)},
            "optimisation": {"learning_rate": (rate / 4, rate, rate * 4)},
            "regularisation": {"dropout": (chosen.dropout, 0.5)},
        }
    return {
        "structure": STRUCTURE[network](chosen),
        "optimisation": {
            "optimizer": tuple(RATES),
            "learning_rate": (rate / 4, rate, rate * 4),
            "schedule": ("one_cycle", "cosine", "constant"),
            "batch_size": (size // 2, size, size * 2),
        },
        "regularisation": {
            "dropout": (0.0, chosen.dropout, 0.5),
            "weight_decay": (0.0, chosen.weight_decay, chosen.weight_decay * 10),
            "label_smoothing": (0.0, chosen.label_smoothing),
            **({"shift": (0, chosen.shift), "cutout": (0, 8)} if network != "head" else {}),
        },
    }


def _vary(network: str, group: str, factor: str, value: typing.Any, chosen: TrainingSettings) -> Variation:
    changes = {factor: value}
    if factor == "optimizer":
        scale = RATES[value] / RATES[chosen.optimizer]
        changes |= {"learning_rate": chosen.learning_rate * scale, "weight_decay": chosen.weight_decay / scale}
    text = "-".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if value != str(value) else value
    if factor == "unfreeze" and value == NONE:
        text = "none"
    settings = dataclasses.replace(chosen, **changes)
    return Variation(network, group, factor, text, settings, value == getattr(chosen, factor))


def _vary_layers(layers: tuple[str, ...], chosen: TrainingSettings) -> Variation:
    text = " + ".join(layer.partition("_")[0].removeprefix("block") for layer in layers)
    return Variation("head", "structure", "layers", text, chosen, layers == POOLED, layers)


LAYERS = (*((layer,) for layer in POOLED), POOLED[:2], POOLED[1:], POOLED)
STRUCTURE: dict[str, typing.Callable[[typing.Any], dict[str, tuple]]] = {
    "mlp": lambda chosen: {"widths": ((512,), (512, 512), (1024, 1024), (1024, 1024, 1024))},
    "cnn": lambda chosen: {
        "widths": (tuple(w // 4 for w in chosen.widths), tuple(w // 2 for w in chosen.widths), chosen.widths),
        "kernel": (3, 5),
        "pooling": ("max", "average"),
    },
    "head": lambda chosen: {"width": (chosen.width // 4, chosen.width, chosen.width * 4)},
}


def run_study(
    out: Path,
    progress: Progress,
    *,
    study: StudySettings,
    networks: Chosen,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
) -> None:
    """Stage `study`: train every variation on a subset and write study.json.

    Args:
        networks: the chosen settings.

    Each row has network, group, factor, value, chosen, val_accuracy, ci95 (Wilson) and seconds. Trainings
    that were finished before an interruption are not repeated; equal settings are trained once.
    """
    n_epochs = {name: getattr(study, f"{name}_epochs") for name in NETWORKS}
    chosen = networks | {"finetune": dataclasses.replace(networks["finetune"], easy_every=1)}  # as from pixels
    studied = {name: shorten(chosen[name], n_epochs[name], study.batch_size) for name in NETWORKS if n_epochs[name]}
    variations = [variation for name, begin in studied.items() for variation in list_variations(name, begin)]
    finished = read_finished(out)
    start = shorten(networks["head"], max(1, study.head_epochs), study.batch_size)
    with FeatureStore(features) as store:
        subset = load_subset(data, store, weights, start, study.n_train, study.n_val)
        _train_missing(variations, finished, subset, seed, out, progress)
    n = {f"n_{part}": len(labels) for part, labels in subset.labels.items()}
    rows = [_row(variation, finished[describe(variation)], n["n_val"]) for variation in variations]
    n |= {"batch_size": study.batch_size}
    write_json(out / "study.json", {**n, "n_epochs": n_epochs, "rows": rows, "factors": rank_factors(rows)})


def _train_missing(variations: list[Variation], finished: dict, subset: Subset, seed: int, out: Path, progress) -> None:
    for number, variation in enumerate(variations):
        name = describe(variation)
        progress.update(number, len(variations), f"{variation.network}: {variation.factor} = {variation.value}")
        if name not in finished:
            started = time.monotonic()
            selected = subset.select_layers(variation.layers)
            accuracy = train_settings(variation.network, variation.settings, selected, seed)
            finished[name] = {"val_accuracy": accuracy, "seconds": time.monotonic() - started}
            write_finished(out, finished)


def describe(variation: Variation) -> str:
    """Name a training by its settings, so that equal ones are trained once."""
    values = dataclasses.asdict(variation.settings)
    text = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return f"{variation.network} on {'+'.join(variation.layers)}: {text}"


def _row(variation: Variation, found: dict, n_val: int) -> dict:
    row = {name: getattr(variation, name) for name in ("network", "group", "factor", "value", "chosen")}
    interval = wilson_interval(round(found["val_accuracy"] * n_val), n_val)
    return {**row, **found, "ci95": list(interval)}


def rank_factors(rows: list[dict]) -> list[dict]:
    """Order the factors of each network by how far the validation accuracy moved with them.

    Returns:
        Rows of network, group, factor, spread (best minus worst, a share), best (its value), and gain
        (best minus chosen).
    """
    found = []
    for network, factor in dict.fromkeys((row["network"], row["factor"]) for row in rows):
        tried = [row for row in rows if (row["network"], row["factor"]) == (network, factor)]
        best = max(tried, key=lambda row: row["val_accuracy"])
        chosen = next(row for row in tried if row["chosen"])
        accuracies = np.array([row["val_accuracy"] for row in tried])
        found.append(
            {"network": network, "group": tried[0]["group"], "factor": factor, "best": best["value"],
             "spread": float(np.ptp(accuracies)), "gain": best["val_accuracy"] - chosen["val_accuracy"]}
        )  # fmt: skip
    order = list(dict.fromkeys(row["network"] for row in rows))
    return sorted(found, key=lambda row: (order.index(row["network"]), -row["spread"]))
