"""The hyperparameter study: one factor at a time around the chosen point, judged on validation."""

from __future__ import annotations

import dataclasses
import itertools
import math
import tempfile
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from fmnist_report.cache import read_json, write_json
from fmnist_report.classifiers import FeatureBatches, standardisation
from fmnist_report.data import load_arrays
from fmnist_report.features import VIEWS, FeatureStore
from fmnist_report.hardware import choose_precision
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.models.vgg import POOLED, build_head
from fmnist_report.progress import Progress
from fmnist_report.settings import CNNSettings, HeadSettings, MLPSettings, StudySettings, TrainingSettings
from fmnist_report.statistics import wilson_interval
from fmnist_report.training import (
    PictureBatches,
    average_views,
    dtype_policy,
    fit,
    predict_probabilities,
    score,
    smooth_labels,
)

# An optimiser is tried at its usual rate: relative to AdamW's, and its decay by the inverse.
RATES = {"adamw": 1.0, "sgd": 30.0, "lion": 0.2}


@dataclass(frozen=True)
class Variation:
    """One training of the study.

    Args:
        network: mlp, cnn or head.
        group: structure, optimisation or regularisation.
        factor: the setting that is varied.
        value: what it is set to, as the report writes it.
        settings: the network's settings with that value.
        chosen: whether the value is the chosen one.
        layers: what the head reads; all for the other networks.
    """

    network: str
    group: str
    factor: str
    value: str
    settings: TrainingSettings
    chosen: bool
    layers: tuple[str, ...] = POOLED


def list_variations(network: str, chosen: TrainingSettings, n_epochs: int) -> list[Variation]:
    """List the study of one network, the chosen value of every factor included."""
    chosen = dataclasses.replace(chosen, epochs=n_epochs)
    rate, size = chosen.learning_rate, chosen.batch_size
    groups: dict[str, dict[str, tuple]] = {
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
    read = [_vary_layers(layers, chosen) for layers in LAYERS] if network == "head" else []
    return read + [
        _vary(network, group, factor, value, chosen)
        for group, factors in groups.items()
        for factor, values in factors.items()
        for value in dict.fromkeys([*values, getattr(chosen, factor)])
    ]


def _vary(network: str, group: str, factor: str, value: typing.Any, chosen: TrainingSettings) -> Variation:
    changes = {factor: value}
    if factor == "optimizer":
        scale = RATES[value] / RATES[chosen.optimizer]
        changes |= {"learning_rate": chosen.learning_rate * scale, "weight_decay": chosen.weight_decay / scale}
    text = "-".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if value != str(value) else value
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
    mlp_settings: MLPSettings,
    cnn_settings: CNNSettings,
    head_settings: HeadSettings,
    seed: int,
    data: Path,
    features: Path,
) -> None:
    """Stage `study`: train every variation on a subset and write study.json.

    Each row has network, group, factor, value, chosen, val_accuracy, ci95 (Wilson) and seconds. Trainings
    that were finished before an interruption are not repeated; equal settings are trained once.
    """
    chosen = {"mlp": mlp_settings, "cnn": cnn_settings, "head": head_settings}
    n_epochs = {"mlp": study.mlp_epochs, "cnn": study.cnn_epochs, "head": study.head_epochs}
    variations = [v for name in chosen if n_epochs[name] for v in list_variations(name, chosen[name], n_epochs[name])]
    finished = read_finished(out)
    material = load_material(data, features, study.n_train, study.n_val)
    for number, variation in enumerate(variations):
        name = describe(variation)
        progress.update(number, len(variations), f"{variation.network}: {variation.factor} = {variation.value}")
        if name not in finished:
            started = time.monotonic()
            selected = select_layers(material, variation.layers)
            accuracy = train_settings(variation.network, variation.settings, selected, seed)
            finished[name] = {"val_accuracy": accuracy, "seconds": time.monotonic() - started}
            write_json(out / "finished.json", finished)
    rows = [_row(variation, finished[describe(variation)], len(material["y_val"])) for variation in variations]
    (out / "finished.json").unlink()
    document = {
        "n_train": len(material["y_train"]),
        "n_val": len(material["y_val"]),
        "n_epochs": n_epochs,
        "rows": rows,
    }
    write_json(out / "study.json", document | {"factors": rank_factors(rows)})


def read_finished(out: Path) -> dict[str, dict]:
    """Return the results that an interrupted stage left in finished.json, by name; none if it left none."""
    try:
        return read_json(out / "finished.json")
    except (OSError, ValueError):
        return {}


def describe(variation: Variation) -> str:
    """Name a training by its settings, so that equal ones are trained once."""
    values = dataclasses.asdict(variation.settings)
    text = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return f"{variation.network} on {'+'.join(variation.layers)}: {text}"


def _row(variation: Variation, found: dict, n_val: int) -> dict:
    row = {name: getattr(variation, name) for name in ("network", "group", "factor", "value", "chosen")}
    interval = wilson_interval(round(found["val_accuracy"] * n_val), n_val)
    return {**row, **found, "ci95": list(interval)}


def load_material(data: Path, features: Path, n_train: int, n_val: int) -> dict[str, typing.Any]:
    """Read the first pictures of training and validation, their labels, and the features of both views."""
    pictures, labels = load_arrays(data / "pictures.npz"), load_arrays(data / "labels.npz")
    n = {"train": min(n_train, len(labels["train"])), "val": min(n_val, len(labels["val"]))}
    with FeatureStore(features) as store:
        views = {part: [store.pooled(part, view, n[part]) for view in VIEWS] for part in n}
    return {
        "x_train": pictures["train"][: n["train"]], "y_train": labels["train"][: n["train"]],
        "x_val": pictures["val"][: n["val"]], "y_val": labels["val"][: n["val"]], "views": views,
    }  # fmt: skip


def select_layers(material: dict[str, typing.Any], layers: tuple[str, ...]) -> dict[str, typing.Any]:
    """Keep only the features of some of VGG16's layers; block 3's grid comes first, then blocks 4 and 5."""
    if layers == POOLED:
        return material
    n_features = material["views"]["train"][0].shape[1]
    ends = dict(zip(POOLED, (n_features - 1024, n_features - 512, n_features), strict=True))
    starts = dict(zip(POOLED, (0, n_features - 1024, n_features - 512), strict=True))
    columns = np.concatenate([np.arange(starts[layer], ends[layer]) for layer in layers])
    views = {part: [view[:, columns] for view in found] for part, found in material["views"].items()}
    return {**material, "views": views}


AfterEpoch = typing.Callable[[int, float], None]


def train_settings(
    network: str,
    settings: TrainingSettings,
    material: dict[str, typing.Any],
    seed: int,
    after_epoch: AfterEpoch | None = None,
) -> float:
    """Train one network on the subset; returns its validation accuracy after the last epoch.

    Args:
        network: mlp, cnn or head.
        after_epoch: called with the epoch, from 0, and the validation accuracy; may raise to stop. Without
            it only the last epoch is validated.
    """
    keras.utils.set_random_seed(seed)
    targets = smooth_labels(material["y_train"], settings.label_smoothing)
    if isinstance(settings, HeadSettings):
        train, val, predict = material["views"]["train"], material["views"]["val"], average_views
        model = build_head(train[0].shape[1], settings.width, settings.dropout)
        model.get_layer("standardise").set_weights(list(standardisation(train[0])))
        batches = FeatureBatches(train, targets, settings.batch_size, seed)
    else:
        val, predict = material["x_val"], predict_probabilities
        model = _build_small(settings)
        batches = PictureBatches(
            material["x_train"], targets, settings.batch_size, settings.shift, settings.cutout, seed
        )
    epochs = itertools.count()

    def validation(model):
        epoch = next(epochs)
        if not after_epoch and epoch + 1 < settings.epochs:
            return math.nan, math.nan
        loss, accuracy = score(predict(model, val), material["y_val"])
        if after_epoch:
            after_epoch(epoch, accuracy)
        return loss, accuracy

    with tempfile.TemporaryDirectory() as folder:
        history = fit(model, batches, validation, settings, Path(folder), Progress(quiet=True))
    return history["val_accuracy"][-1]


def _build_small(settings: MLPSettings | CNNSettings) -> keras.Model:
    with dtype_policy(choose_precision(settings.precision)):
        if isinstance(settings, MLPSettings):
            return build_mlp(settings.widths, settings.dropout)
        return build_cnn(settings.stem, settings.widths, settings.dropout, settings.kernel, settings.pooling)


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
