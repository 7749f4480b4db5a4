"""Hyperparameter study: one change at a time to the baseline, compared with seed-to-seed variation."""

import dataclasses
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_dataset_info
from fmnist_report.experiments.ablation import AblationStep, describe_ablation, list_cnn_steps, list_transfer_steps
from fmnist_report.experiments.noise import Noise, measure_noise
from fmnist_report.experiments.trials import SubsetSource, train_settings
from fmnist_report.machine import settle_precision
from fmnist_report.networks import NO_BLOCK, MultipleOfBaseline, TrialSpec
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.pipeline.files import load_arrays, read_finished, write_finished, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import POOLED, HeadSettings, NetworkSettings, StudySettings, TrainingSettings


@dataclass(frozen=True)
class Variation:
    """One value of a hyperparameter.

    Args:
        network: the stage that trains it in full.
        group: structure, optimisation or regularisation.
        factor: the varied setting.
        value: its value, as formatted in the report.
        settings: the network's settings with that value.
        layers: layers that the head reads; all for the other networks.
    """

    network: str
    group: str
    factor: str
    value: str
    settings: TrainingSettings
    layers: tuple[str, ...] = POOLED


def list_variations(spec: TrialSpec, baseline: TrainingSettings, mirror: bool) -> list[Variation]:
    """List the variations of one network's baseline settings, without the baseline itself.

    Args:
        spec: its factors, as in Trials.
        mirror: whether the data set allows mirroring; if not, this setting is not varied.
    """
    found = [
        _vary(spec.stage, group, factor, _resolve(value, baseline, factor), baseline)
        for group, factors in spec.varied.items()
        for factor, values in factors.items()
        for value in values
        if mirror or factor != "mirror"
    ]
    return [one for one in found if (one.settings, one.layers) != (baseline, POOLED)]


def _resolve(value: typing.Any, baseline: TrainingSettings, factor: str) -> typing.Any:
    """Return a factor's value; one that is given relative to the baseline's is multiplied."""
    if not isinstance(value, MultipleOfBaseline):
        return value
    own = getattr(baseline, factor)
    if isinstance(own, tuple):
        return tuple(int(one * value.factor) for one in own)
    return int(own * value.factor) if isinstance(own, int) else own * value.factor


def _vary(network: str, group: str, factor: str, value: typing.Any, baseline: typing.Any) -> Variation:
    if factor == "layers":
        return Variation(network, group, factor, write_layers(value), baseline, value)
    changes, text = {factor: value}, "half" if factor == "widths" else write_number(value)
    if factor == "unfreeze" and value == NO_BLOCK:
        text = "none"
    if factor == "optimizer":  # each at its usual learning rate
        scale = OPTIMIZERS[value].usual_rate / OPTIMIZERS[baseline.optimizer].usual_rate
        changes |= {"learning_rate": baseline.learning_rate * scale, "weight_decay": baseline.weight_decay / scale}
    elif factor == "widths" and hasattr(baseline, "stem"):
        changes["stem"] = baseline.stem // 2
    return Variation(network, group, factor, text, dataclasses.replace(baseline, **changes))


def run_study(
    out: Path,
    progress: Progress,
    *,
    study: StudySettings,
    networks: dict[str, TrialSpec],
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
) -> None:
    """Stage `study`: train every variation and every ablation step on a subset, and write study.json.

    Args:
        networks: the networks to study, by stage.

    baselines has, for each studied network, the baseline's accuracies over the seeds and their variation; rows has one
    row per value (rows_of); factors one per hyperparameter (rank_factors); ablations has the steps by part of the
    assignment (describe_ablation). Runs that were finished before an interruption are not repeated; equal ones are
    trained once.
    """
    study = fit_to(study, load_arrays(data / "labels.npz"))
    n_steps = {name: getattr(study, f"{name}_steps") for name in networks}
    baselines = {name: settle_precision(spec.settings) for name, spec in networks.items() if n_steps[name]}
    mirror = load_dataset_info(data).mirror
    variations = {name: list_variations(networks[name], baseline, mirror) for name, baseline in baselines.items()}
    ablations = list_ablations(baselines, mirror)
    pixels = SubsetSource(data, study.n_train, study.n_val)
    head = typing.cast(HeadSettings, networks["head"].settings)
    on_features = SubsetSource(
        data, study.feature_train, study.feature_val, features, weights, head, max(1, study.head_steps)
    )
    sources = {name: pixels if spec.build else on_features for name, spec in networks.items()}
    runs = list_runs(study.seeds, baselines, variations, ablations, seed)
    found = train_missing(runs, networks, sources, n_steps, out, progress)
    document: dict[str, typing.Any] = {"n_steps": n_steps, "n_seeds": study.seeds, "baselines": {}, "rows": []}
    document |= {name: getattr(study, name) for name in ("n_train", "n_val", "feature_train", "feature_val")}
    for name, baseline in baselines.items():
        repeated = [found[describe(name, baseline, POOLED, seed + i)]["val_accuracy"] for i in range(study.seeds)]
        noise = measure_noise(repeated, len(variations[name]), sources[name].n_val)
        shown = {key: getattr(baseline, key) for key in ("batch_size", "optimizer", "learning_rate")}
        document["baselines"][name] = {"accuracies": repeated, **dataclasses.asdict(noise), **shown}
        document["rows"] += rows_of(variations[name], baseline, noise, found, seed)
    document["factors"] = rank_factors(document["rows"])
    document["ablations"] = {}
    for part, steps in ablations.items():
        reached = [accuracy_of_step(step, found, seed) for step in steps]
        sd = max(document["baselines"][name]["sd"] for name in {step.network for step in steps})
        rows = describe_ablation(steps, reached, sd, study.seeds, sources[steps[0].network].n_val)
        document["ablations"][part] = rows
    write_json(out / "study.json", document)


def fit_to(study: StudySettings, labels: dict[str, np.ndarray]) -> StudySettings:
    """Limit the study's numbers of images to those of the training and validation splits."""
    n_train, n_val = len(labels["train"]), len(labels["val"])
    train = {name: min(getattr(study, name), n_train) for name in ("n_train", "feature_train")}
    return dataclasses.replace(
        study, **train, **{name: min(getattr(study, name), n_val) for name in ("n_val", "feature_val")}
    )


def list_ablations(baselines: NetworkSettings, mirror: bool) -> dict[str, list[AblationStep]]:
    """List the ablation steps of every studied part of the assignment."""
    ablations = {}
    if "cnn" in baselines:
        ablations["part1"] = list_cnn_steps(baselines["cnn"], mirror)
    if "head" in baselines:
        ablations["part2"] = list_transfer_steps(baselines["head"], baselines.get("finetune"))
    return ablations


@dataclass(frozen=True)
class TrainingRun:
    """One training run: a network's settings, the layers of the base that it reads, and a seed."""

    network: str
    settings: TrainingSettings
    layers: tuple[str, ...]
    seed: int


def list_runs(
    n_seeds: int,
    baselines: NetworkSettings,
    variations: dict[str, list[Variation]],
    ablations: dict[str, list[AblationStep]],
    seed: int,
) -> dict[str, TrainingRun]:
    """List every distinct training run by its description, the quickest network last."""
    runs = [
        TrainingRun(name, baseline, POOLED, seed + i) for name, baseline in baselines.items() for i in range(n_seeds)
    ]
    runs += [TrainingRun(one.network, one.settings, one.layers, seed) for found in variations.values() for one in found]
    runs += [
        TrainingRun(step.network, step.settings, step.layers, seed) for steps in ablations.values() for step in steps
    ]
    order = sorted(baselines, key=lambda name: isinstance(baselines[name], HeadSettings))
    runs.sort(key=lambda run: order.index(run.network))
    return {describe(run.network, run.settings, run.layers, run.seed): run for run in runs}


def describe(network: str, settings: TrainingSettings, layers: tuple[str, ...], seed: int) -> str:
    """Return the description of a training run, so that equal runs are trained once."""
    values = dataclasses.asdict(settings)
    text = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return f"{network} on {'+'.join(layers)}, seed {seed}: {text}"


def train_missing(
    runs: dict[str, TrainingRun],
    specs: dict[str, TrialSpec],
    sources: dict[str, SubsetSource],
    n_steps: dict[str, int],
    out: Path,
    progress: Progress,
) -> dict[str, dict]:
    """Train the runs that are not finished, in parallel; return all results by name."""
    finished = read_finished(out)
    names = [name for name in runs if name not in finished]
    with open_processes() as pool:
        missing = [runs[name] for name in names]
        calls = [(run, specs[run.network], sources[run.network], n_steps[run.network]) for run in missing]
        for number, result in pool.compute(train_run, calls):
            finished[names[number]] = result
            write_finished(out, finished)
            progress.update(len(finished), len(runs), f"{len(finished)}/{len(runs)} training runs")
    return finished


def train_run(run: TrainingRun, spec: TrialSpec, source: SubsetSource, n_steps: int) -> dict[str, float]:
    """Train one run; return val_accuracy, val_accuracy_one_view and seconds."""
    started = time.monotonic()
    subset = source.open().select_layers(run.layers)
    reached = train_settings(spec, run.settings, n_steps, subset, run.seed)
    return {**dataclasses.asdict(reached), "seconds": time.monotonic() - started}


def accuracy_of_step(step: AblationStep, found: dict[str, dict], seed: int) -> float:
    """Return the validation accuracy of a step, averaged over its number of views."""
    result = found[describe(step.network, step.settings, step.layers, seed)]
    return result["val_accuracy" if step.n_views == 2 else "val_accuracy_one_view"]


def rows_of(
    variations: list[Variation], baseline: TrainingSettings, noise: Noise, found: dict[str, dict], seed: int
) -> list[dict]:
    """Return the rows of one network's study, by factor, including the baseline's own value.

    Returns:
        Rows of network, group, factor, value, chosen, val_accuracy (for the baseline, the mean over the seeds),
        effect (difference from that mean), exceeds_noise (whether it is outside the interval) and seconds.
    """
    rows: list[dict] = []
    for one in variations:
        name = {"network": one.network, "group": one.group, "factor": one.factor}
        if not rows or rows[-1]["factor"] != one.factor:
            rows.append({**name, "value": own_value(one.factor, baseline), "chosen": True, "val_accuracy": noise.mean,
                         "effect": 0.0, "exceeds_noise": False, "seconds": 0.0})  # fmt: skip
        result = found[describe(one.network, one.settings, one.layers, seed)]
        effect = result["val_accuracy"] - noise.mean
        measured = {"val_accuracy": result["val_accuracy"], "seconds": result["seconds"], "effect": effect}
        beyond = abs(effect) > noise.half_width
        rows.append({**name, "value": one.value, "chosen": False, **measured, "exceeds_noise": beyond})
    return rows


def own_value(factor: str, baseline: typing.Any) -> str:
    """Format the baseline's value of a factor."""
    if factor == "layers":
        return write_layers(POOLED)
    return "whole" if factor == "widths" else write_number(getattr(baseline, factor))


def write_number(value: typing.Any) -> str:
    """Format a value for the rows."""
    return str(value) if isinstance(value, (str, bool)) else f"{value:g}"


def write_layers(layers: tuple[str, ...]) -> str:
    """Format the numbers of the blocks that the head reads."""
    return " + ".join(layer.partition("_")[0].removeprefix("block") for layer in layers)


def rank_factors(rows: list[dict]) -> list[dict]:
    """Rank the factors of each network by their largest effect; those within seed-to-seed variation come last.

    Returns:
        Rows of network, group, factor, value (with the largest effect), effect (a fraction), exceeds_noise (whether it
        is outside the interval), best (the value with the highest accuracy) and gain (its effect, 0 for the baseline).
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
