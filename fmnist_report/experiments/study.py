"""The hyperparameter study: one at a time around the chosen point, and what its own noise hides."""

import dataclasses
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_dataset_info
from fmnist_report.experiments.ablation import AblationStep, describe_ablation, list_base_steps, list_cnn_steps
from fmnist_report.experiments.noise import Noise, measure_noise
from fmnist_report.experiments.trials import NETWORKS, SubsetSource, narrow, train_settings
from fmnist_report.machine import settle_precision
from fmnist_report.models.base import POOLED
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.pipeline.files import load_arrays, read_finished, write_finished, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import FineTuneSettings, HeadSettings, NetworkSettings, StudySettings, TrainingSettings

MOST_IN_BATCH = {"cnn": 128, "head": 256, "finetune": 64}  # so that few images make enough steps
NONE = 6  # the first block that fine-tuning trains, where it trains none
LAYERS = (*((layer,) for layer in POOLED), POOLED[:2], POOLED[1:])


@dataclass(frozen=True)
class Variation:
    """One value of a hyperparameter.

    Args:
        network: one of NETWORKS.
        group: structure, optimisation or regularisation.
        factor: the setting that is varied.
        value: what it is set to, as the report writes it.
        settings: the network's settings with that value.
        layers: what the head reads; all for the other networks.
    """

    network: str
    group: str
    factor: str
    value: str
    settings: TrainingSettings
    layers: tuple[str, ...] = POOLED


def list_variations(network: str, base: TrainingSettings, mirror: bool) -> list[Variation]:
    """List the study of one network around the settings from which it starts, which are not among the variations.

    Args:
        mirror: whether the data may be mirrored; where not, no value of that is tried.
    """
    read = [_vary_layers(layers, base) for layers in LAYERS] if network == "head" else []
    found = [
        _vary(network, group, factor, value, base)
        for group, factors in list_factors(network, base).items()
        for factor, values in factors.items()
        for value in values
        if mirror or factor != "mirror"
    ]
    return read + [
        variation
        for variation in found
        if getattr(base, variation.factor) != getattr(variation.settings, variation.factor)
    ]


def list_factors(network: str, base: typing.Any) -> dict[str, dict[str, tuple]]:
    """List what is tried of a network around its settings: {group: {factor: values}}; the base's own are left out."""
    rate, size = base.learning_rate, base.batch_size
    if network == "finetune":  # a step of it costs most, so only what belongs to it is tried
        return {
            "structure": {"unfreeze": (NONE, 4)},
            "optimisation": {"learning_rate": (rate / 4, rate * 4, rate * 16, rate * 64)},
            "regularisation": {"dropout": (0.5,)},
        }
    optimisation = {
        "optimizer": tuple(name for name, one in OPTIMIZERS.items() if network in one.studied_in),
        "learning_rate": (rate / 4, rate * 4),
        "schedule": ("one_cycle", "constant"),
        "batch_size": (size // 2,),
    }
    regularisation = {"dropout": (0.5,), "label_smoothing": (0.0, 0.1)}
    if network == "head":
        head: dict[str, tuple] = {"width": (0, base.width // 4)}
        return {"structure": head, "optimisation": optimisation, "regularisation": regularisation}
    half = tuple(width // 2 for width in (base.stem, *base.widths))
    structure: dict[str, tuple] = {
        "architecture": ("stages", "plain"),
        "widths": (half,),
        "kernel": (3, 5),
        "pooling": ("max", "average"),
        "batch_norm": (True, False),
        "residual": (True, False),
    }
    return {
        "structure": structure,
        "optimisation": optimisation,
        "regularisation": {**regularisation, "shift": (0, 2), "mirror": (True, False)},
    }


def _vary(network: str, group: str, factor: str, value: typing.Any, base: TrainingSettings) -> Variation:
    changes = {factor: value}
    text = "half" if factor == "widths" else "none" if (factor, value) == ("unfreeze", NONE) else write_number(value)
    if factor == "optimizer":  # each at its own usual rate
        scale = OPTIMIZERS[value].usual_rate / OPTIMIZERS[base.optimizer].usual_rate
        changes |= {"learning_rate": base.learning_rate * scale, "weight_decay": base.weight_decay / scale}
    elif factor == "widths":
        changes = {"stem": value[0], "widths": value[1:]}
    return Variation(network, group, factor, text, dataclasses.replace(base, **changes))


def _vary_layers(layers: tuple[str, ...], base: TrainingSettings) -> Variation:
    return Variation("head", "structure", "layers", write_layers(layers), base, layers)


def run_study(
    out: Path,
    progress: Progress,
    *,
    study: StudySettings,
    networks: NetworkSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
) -> None:
    """Stage `study`: train every variation and every step on a subset, and write study.json.

    Args:
        networks: the chosen settings.

    bases has, for each network that is studied, the starting point's accuracies over the seeds and the noise in them;
    rows one value each (rows_of); factors one hyperparameter each (rank_factors); ablations steps by the assignment's
    part (describe_ablation). Trainings that were finished before an interruption are not repeated; equal ones are
    trained once.
    """
    study = fit_to(study, load_arrays(data / "labels.npz"))
    n_steps = {name: getattr(study, f"{name}_steps") for name in NETWORKS}
    bases = {name: start_from(name, networks[name], study.width_divisor) for name in NETWORKS if n_steps[name]}
    mirror = load_dataset_info(data).mirror
    variations = {name: list_variations(name, base, mirror) for name, base in bases.items()}
    ablations = list_ablations(bases, mirror)
    sources = find_sources(study, data, features, weights, start_from("head", networks["head"], 1))
    runs = list_runs(study.seeds, bases, variations, ablations, seed)
    found = train_missing(runs, sources, n_steps, out, progress)
    document: dict[str, typing.Any] = {"n_steps": n_steps, "n_seeds": study.seeds, "baselines": {}, "rows": []}
    document |= {name: getattr(study, name) for name in ("n_train", "n_val", "feature_train", "feature_val")}
    for name, base in bases.items():
        repeated = [found[describe(name, base, POOLED, seed + i)]["val_accuracy"] for i in range(study.seeds)]
        noise = measure_noise(repeated, len(variations[name]), sources[name].n_val)
        shown = {key: getattr(base, key) for key in ("batch_size", "optimizer", "learning_rate")}
        document["baselines"][name] = {"accuracies": repeated, **dataclasses.asdict(noise), **shown}
        document["rows"] += rows_of(variations[name], base, noise, found, seed)
    document["factors"] = rank_factors(document["rows"])
    document["ablations"] = {}
    for part, steps in ablations.items():
        reached = [reach(step, found, seed) for step in steps]
        sd = max(document["baselines"][name]["sd"] for name in {step.network for step in steps})
        rows = describe_ablation(steps, reached, sd, study.seeds, sources[steps[0].network].n_val)
        document["ablations"][part] = rows
    write_json(out / "study.json", document)


def fit_to(study: StudySettings, labels: dict[str, np.ndarray]) -> StudySettings:
    """Return the study of no more images than there are of training and of validation."""
    n_train, n_val = len(labels["train"]), len(labels["val"])
    train = {name: min(getattr(study, name), n_train) for name in ("n_train", "feature_train")}
    return dataclasses.replace(
        study, **train, **{name: min(getattr(study, name), n_val) for name in ("n_val", "feature_val")}
    )


def start_from(network: str, settings: typing.Any, divisor: int) -> typing.Any:
    """Return where the study of a network starts: narrower, in smaller batches, trained in one go, all images alike."""
    changes: dict[str, typing.Any] = {"epochs": 1, "batch_size": min(settings.batch_size, MOST_IN_BATCH[network])}
    if isinstance(settings, FineTuneSettings):  # as from pixels, where nothing is known of an image beforehand
        changes["easy_sample_interval"] = 1
    return settle_precision(dataclasses.replace(narrow(settings, divisor), **changes))


def list_ablations(bases: NetworkSettings, mirror: bool) -> dict[str, list[AblationStep]]:
    """List the steps of every part of the assignment that is studied."""
    ablations = {}
    if "cnn" in bases:
        ablations["part1"] = list_cnn_steps(bases["cnn"], mirror)
    if "head" in bases:
        ablations["part2"] = list_base_steps(bases["head"], bases.get("finetune"))
    return ablations


def find_sources(
    study: StudySettings, data: Path, features: Path, weights: Path, head: HeadSettings
) -> dict[str, SubsetSource]:
    """Say what each network's trainings read; fine-tuning starts from a head that was trained on the same images."""
    pixels = SubsetSource(data, study.n_train, study.n_val)
    of_base = SubsetSource(
        data, study.feature_train, study.feature_val, features, weights, head, max(1, study.head_steps)
    )
    return {"cnn": pixels, "head": of_base, "finetune": of_base}


@dataclass(frozen=True)
class TrainingRun:
    """One training: a network's settings, what it reads of the base, and a seed."""

    network: str
    settings: TrainingSettings
    layers: tuple[str, ...]
    seed: int


def list_runs(
    n_seeds: int,
    bases: NetworkSettings,
    variations: dict[str, list[Variation]],
    ablations: dict[str, list[AblationStep]],
    seed: int,
) -> dict[str, TrainingRun]:
    """List every training once, by what describes it, the longest kind first."""
    runs = [TrainingRun(name, base, POOLED, seed + i) for name, base in bases.items() for i in range(n_seeds)]
    runs += [TrainingRun(one.network, one.settings, one.layers, seed) for found in variations.values() for one in found]
    runs += [
        TrainingRun(step.network, step.settings, step.layers, seed) for steps in ablations.values() for step in steps
    ]
    order = ("finetune", "cnn", "head")
    runs.sort(key=lambda run: order.index(run.network))
    return {describe(run.network, run.settings, run.layers, run.seed): run for run in runs}


def describe(network: str, settings: TrainingSettings, layers: tuple[str, ...], seed: int) -> str:
    """Name a training by its settings, so that equal ones are trained once."""
    values = dataclasses.asdict(settings)
    text = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return f"{network} on {'+'.join(layers)}, seed {seed}: {text}"


def train_missing(
    runs: dict[str, TrainingRun],
    sources: dict[str, SubsetSource],
    n_steps: dict[str, int],
    out: Path,
    progress: Progress,
) -> dict[str, dict]:
    """Train what was not finished before an interruption, side by side; returns all results by name."""
    finished = read_finished(out)
    names = [name for name in runs if name not in finished]
    with open_processes() as pool:
        calls = [(runs[name], sources[runs[name].network], n_steps[runs[name].network]) for name in names]
        for number, result in pool.compute(train_run, calls):
            finished[names[number]] = result
            write_finished(out, finished)
            progress.update(len(finished), len(runs), f"{len(finished)}/{len(runs)} trainings")
    return finished


def train_run(run: TrainingRun, source: SubsetSource, n_steps: int) -> dict[str, float]:
    """Train one; returns val_accuracy, val_accuracy_one_view and seconds."""
    started = time.monotonic()
    subset = source.open().select_layers(run.layers)
    reached = train_settings(run.network, run.settings, n_steps, subset, run.seed)
    return {**dataclasses.asdict(reached), "seconds": time.monotonic() - started}


def reach(step: AblationStep, found: dict[str, dict], seed: int) -> float:
    """Return the validation accuracy of a step, averaged over as many views as it has."""
    result = found[describe(step.network, step.settings, step.layers, seed)]
    return result["val_accuracy" if step.n_views == 2 else "val_accuracy_one_view"]


def rows_of(
    variations: list[Variation], base: TrainingSettings, noise: Noise, found: dict[str, dict], seed: int
) -> list[dict]:
    """Return the rows of one network's study, by factor, the starting point's own value among them.

    Returns:
        Rows of network, group, factor, value, chosen, val_accuracy (the mean over the seeds of the starting point),
        effect (minus that mean), beyond (whether the effect leaves the band of noise) and seconds.
    """
    rows: list[dict] = []
    for one in variations:
        name = {"network": one.network, "group": one.group, "factor": one.factor}
        if not rows or rows[-1]["factor"] != one.factor:
            rows.append({**name, "value": own_value(one.factor, base), "chosen": True, "val_accuracy": noise.mean,
                         "effect": 0.0, "exceeds_noise": False, "seconds": 0.0})  # fmt: skip
        result = found[describe(one.network, one.settings, one.layers, seed)]
        effect = result["val_accuracy"] - noise.mean
        measured = {"val_accuracy": result["val_accuracy"], "seconds": result["seconds"], "effect": effect}
        beyond = abs(effect) > noise.half_width
        rows.append({**name, "value": one.value, "chosen": False, **measured, "exceeds_noise": beyond})
    return rows


def own_value(factor: str, base: typing.Any) -> str:
    """Write the value that the starting point has."""
    if factor == "layers":
        return write_layers(POOLED)
    return "whole" if factor == "widths" else write_number(getattr(base, factor))


def write_number(value: typing.Any) -> str:
    """Write a value as the rows have it."""
    return str(value) if isinstance(value, (str, bool)) else f"{value:g}"


def write_layers(layers: tuple[str, ...]) -> str:
    """Write the numbers of the blocks that are read."""
    return " + ".join(layer.partition("_")[0].removeprefix("block") for layer in layers)


def rank_factors(rows: list[dict]) -> list[dict]:
    """Order the factors of each network by their largest effect; those that are lost in the noise come last.

    Returns:
        Rows of network, group, factor, value (that of the largest effect), effect (a share), beyond (whether it leaves
        the band of noise), best (the value with the highest accuracy) and gain (its effect, 0 for the start's own).
    """
    found = []
    for network, factor in dict.fromkeys((row["network"], row["factor"]) for row in rows):
        tried = [row for row in rows if (row["network"], row["factor"]) == (network, factor)]
        largest = max(tried, key=lambda row: abs(row["effect"]))
        best = max(tried, key=lambda row: row["effect"])
        found.append(
            {"network": network, "group": tried[0]["group"], "factor": factor, "value": largest["value"],
             "effect": largest["effect"], "exceeds_noise": largest["exceeds_noise"],
             "best": best["value"], "gain": best["effect"]}
        )  # fmt: skip
    order = list(dict.fromkeys(row["network"] for row in rows))
    return sorted(found, key=lambda row: (order.index(row["network"]), -abs(row["effect"])))
