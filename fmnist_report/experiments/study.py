"""Hyperparameter study in short runs: one change at a time, judged by cross-entropy against seed-to-seed variation."""

import dataclasses
import functools
import math
import time
import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_dataset_info
from fmnist_report.experiments.ablation import AblationStep, describe_ablation, list_cnn_steps, list_transfer_steps
from fmnist_report.experiments.noise import Noise, measure_noise, pool_deviations
from fmnist_report.experiments.trials import SubsetSource, train_settings
from fmnist_report.machine import settle_precision
from fmnist_report.networks import NO_BLOCK, MultipleOfBaseline, TrialSpec
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.pipeline.files import load_arrays, read_finished, write_finished, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import POOLED, HeadSettings, NetworkSettings, StudySettings, TrainingSettings

RATES = (0.5, 1, 2, 4)  # multiples of the learning rate that are tried before the study
HORIZON = ("learning_rate", "optimizer")  # whose effects depend on the number of steps: shown, but not ranked
LONGER = 4  # times as many steps, for the largest effects


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

    First, each baseline's learning rate is chosen for runs of this length (tune_rates). Then every variation is trained
    with the same seeds as the baseline, and judged by its cross-entropy after temperature scaling. The variations with
    the largest effects are trained again, LONGER times as long: an effect that changes its sign is one of the shortness
    of the runs.

    Args:
        networks: the networks to study, by stage.

    baselines has, for each studied network, its results over the seeds and their variation; rows has one row per value
    (rows_of); factors one per hyperparameter (rank_factors); ablations has the steps by part of the assignment
    (describe_ablation). Runs that were finished before an interruption are not repeated; equal ones are trained once.
    """
    study = fit_to(study, load_arrays(data / "labels.npz"))
    n_steps = {name: getattr(study, f"{name}_steps") for name in networks}
    start = {name: settle_precision(spec.settings) for name, spec in networks.items() if n_steps[name]}
    mirror = load_dataset_info(data).mirror
    pixels = SubsetSource(data, study.n_train, study.n_val)
    head = typing.cast(HeadSettings, networks["head"].settings)
    on_features = SubsetSource(
        data, study.feature_train, study.feature_val, features, weights, head, max(1, study.head_steps)
    )
    sources = {name: pixels if spec.build else on_features for name, spec in networks.items()}
    train = functools.partial(train_missing, specs=networks, sources=sources, out=out, progress=progress)
    rates = {name: list_rates(name, baseline) for name, baseline in start.items()}
    found = train([run_of(one, n_steps, seed) for variations in rates.values() for one in variations])
    baselines = {name: tune_rate(rates[name], found, n_steps, seed) for name in start}
    variations = {name: list_variations(networks[name], baseline, mirror) for name, baseline in baselines.items()}
    ablations = list_ablations(baselines, mirror)
    found |= train(list_runs(study.seeds, baselines, variations, ablations, n_steps, seed))
    document: dict[str, typing.Any] = {"n_steps": n_steps, "n_seeds": study.seeds, "longer": LONGER}
    document |= {name: getattr(study, name) for name in ("n_train", "n_val", "feature_train", "feature_val")}
    document |= {"baselines": {}, "rows": [], "ablations": {}}
    seeds = range(seed, seed + study.seeds)
    measured = {
        name: gather_results(variations[name], baseline, found, n_steps, seeds) for name, baseline in baselines.items()
    }
    for name, baseline in baselines.items():
        rows, noise = rows_of(measured[name], baseline)
        _, own = measured[name][0]
        shown = {key: getattr(baseline, key) for key in ("batch_size", "optimizer", "learning_rate")}
        results = {"accuracies": [one["val_accuracy"] for one in own], "losses": [one["val_loss"] for one in own]}
        tried = [
            {"value": write_number(one.settings.learning_rate),
             "val_loss": found[run_of(one, n_steps, seed).describe()]["val_loss"]}
            for one in rates[name]
        ]  # fmt: skip
        document["baselines"][name] = {**results, **dataclasses.asdict(noise), **shown, "rates": tried}
        document["rows"] += rows
    longer = list_longer(document["rows"], variations, baselines, n_steps, study.repeats, seed)
    found |= train([run for pair in longer.values() for run in pair])
    for row in document["rows"]:
        confirm(row, longer, found)
    document["factors"] = rank_factors(document["rows"])
    for part, steps in ablations.items():
        reached = [accuracy_of_step(step, found, n_steps, seed) for step in steps]
        networks_of_steps = dict.fromkeys(step.network for step in steps)
        spread = [pool_deviations(select_ranked(measured[name], "val_accuracy")) for name in networks_of_steps]
        rows = describe_ablation(steps, reached, *max(spread), sources[steps[0].network].n_val)
        document["ablations"][part] = rows
    write_json(out / "study.json", document)


def list_rates(network: str, baseline: TrainingSettings) -> list[Variation]:
    """List the learning rates among which tune_rate chooses, as variations; that of the settings is one of them."""
    return [
        _vary(network, "optimisation", "learning_rate", baseline.learning_rate * factor, baseline) for factor in RATES
    ]


def tune_rate(rates: list[Variation], found: dict[str, dict], n_steps: dict[str, int], seed: int) -> TrainingSettings:
    """Return the settings with the learning rate whose run has the lowest cross-entropy; NaN counts as the highest."""
    losses = [found[run_of(one, n_steps, seed).describe()]["val_loss"] for one in rates]
    return min(zip(losses, rates, strict=True), key=lambda pair: math.inf if math.isnan(pair[0]) else pair[0])[
        1
    ].settings


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
    """One training run: a network's settings, the layers of the base that it reads, its number of steps and a seed."""

    network: str
    settings: TrainingSettings
    layers: tuple[str, ...]
    n_steps: int
    seed: int

    def describe(self) -> str:
        """Return a description, so that equal runs are trained once."""
        values = dataclasses.asdict(self.settings)
        text = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
        return f"{self.network} on {'+'.join(self.layers)}, {self.n_steps} steps, seed {self.seed}: {text}"


def run_at(
    network: str, settings: TrainingSettings, n_steps: dict[str, int], seed: int, layers: tuple[str, ...] = POOLED
) -> TrainingRun:
    """Return the run of a network with some settings, with its number of steps in the study."""
    return TrainingRun(network, settings, layers, n_steps[network], seed)


def run_of(one: Variation, n_steps: dict[str, int], seed: int) -> TrainingRun:
    """Return the run of a variation, with its network's number of steps in the study."""
    return run_at(one.network, one.settings, n_steps, seed, one.layers)


def list_runs(
    n_seeds: int,
    baselines: NetworkSettings,
    variations: dict[str, list[Variation]],
    ablations: dict[str, list[AblationStep]],
    n_steps: dict[str, int],
    seed: int,
) -> list[TrainingRun]:
    """List the runs of baselines and variations with every seed, and of the ablation steps with the first one."""
    seeds = range(seed, seed + n_seeds)
    runs = [run_at(name, baseline, n_steps, each) for name, baseline in baselines.items() for each in seeds]
    runs += [run_of(one, n_steps, each) for found in variations.values() for one in found for each in seeds]
    steps = [step for found in ablations.values() for step in found]
    return runs + [run_at(step.network, step.settings, n_steps, seed, step.layers) for step in steps]


def train_missing(
    runs: list[TrainingRun],
    specs: dict[str, TrialSpec],
    sources: dict[str, SubsetSource],
    out: Path,
    progress: Progress,
) -> dict[str, dict]:
    """Train the runs that are not finished, in parallel, the quickest network last; return all results by name."""
    ordered = sorted(runs, key=lambda run: isinstance(run.settings, HeadSettings))
    named, finished = {run.describe(): run for run in ordered}, read_finished(out)
    names = [name for name in named if name not in finished]
    with open_processes() as pool:
        missing = [named[name] for name in names]
        calls = [(run, specs[run.network], sources[run.network]) for run in missing]
        for n_done, (number, result) in enumerate(pool.compute(train_run, calls), 1):
            finished[names[number]] = result
            write_finished(out, finished)
            progress.update(n_done, len(names), f"{n_done}/{len(names)} training runs")
    return finished


def train_run(run: TrainingRun, spec: TrialSpec, source: SubsetSource) -> dict[str, float]:
    """Train one run; return the fields of TrialScore and seconds."""
    started = time.monotonic()
    subset = source.open().select_layers(run.layers)
    reached = train_settings(spec, run.settings, run.n_steps, subset, run.seed)
    return {**dataclasses.asdict(reached), "seconds": time.monotonic() - started}


def accuracy_of_step(step: AblationStep, found: dict[str, dict], n_steps: dict[str, int], seed: int) -> float:
    """Return the validation accuracy of a step, averaged over its number of views."""
    result = found[run_at(step.network, step.settings, n_steps, seed, step.layers).describe()]
    return result["val_accuracy" if step.n_views == 2 else "val_accuracy_one_view"]


def gather_results(
    variations: list[Variation], baseline: TrainingSettings, found: dict[str, dict], n_steps: dict[str, int],
    seeds: range,
) -> list[tuple[Variation, list[dict]]]:  # fmt: skip
    """Return the baseline, as a variation without a factor, and the others, each with its results over the seeds."""
    start = Variation(variations[0].network, "", "", "", baseline)
    return [(one, [found[run_of(one, n_steps, seed).describe()] for seed in seeds]) for one in (start, *variations)]


def select_ranked(measured: list[tuple[Variation, list[dict]]], name: str) -> list[list[float]]:
    """Return one of the results over the seeds, of the baseline and of every ranked variation."""
    return [[run[name] for run in results] for one, results in measured if one.factor not in HORIZON]


def rows_of(measured: list[tuple[Variation, list[dict]]], baseline: TrainingSettings) -> tuple[list[dict], Noise]:
    """Return the rows of one network's study, by factor, including the baseline's own value, and their variation.

    Args:
        measured: from gather_results.

    Returns:
        Rows of network, group, factor, value, chosen, ranked (false for HORIZON, which depends on the number of steps),
        val_accuracy and val_loss (means over the seeds), effect (mean difference of the loss from the baseline's, lower
        is better), exceeds_noise (whether a ranked effect is outside the interval) and seconds of a run.
    """
    (_, base), *varied = measured
    noise = measure_noise(select_ranked(measured, "val_loss"))
    rows: list[dict] = []
    for one, results in varied:
        named = {"network": one.network, "group": one.group, "factor": one.factor, "ranked": one.factor not in HORIZON}
        if not rows or rows[-1]["factor"] != one.factor:
            rows.append({**named, "value": own_value(one.factor, baseline), "chosen": True, "effect": 0.0,
                         "exceeds_noise": False, **_average(base)})  # fmt: skip
        means = _average(results)
        effect = means["val_loss"] - noise.mean
        beyond = named["ranked"] and abs(effect) > noise.half_width
        rows.append({**named, "value": one.value, "chosen": False, "effect": effect, "exceeds_noise": beyond, **means})
    return rows, noise


def _average(results: list[dict]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in results])) for key in ("val_accuracy", "val_loss", "seconds")}


def list_longer(
    rows: list[dict],
    variations: dict[str, list[Variation]],
    baselines: NetworkSettings,
    n_steps: dict[str, int],
    n_repeated: int,
    seed: int,
) -> dict[tuple[str, str, str], tuple[TrainingRun, TrainingRun]]:
    """Return the longer runs of the values with the largest effects of each network, each with its baseline's.

    Returns:
        {(network, factor, value): (run of the value, run of the baseline)}.
    """
    found = {}
    for name, baseline in baselines.items():
        own = [row for row in rows if row["network"] == name and row["exceeds_noise"]]
        for row in sorted(own, key=lambda row: -abs(row["effect"]))[:n_repeated]:
            (one,) = [v for v in variations[name] if (v.factor, v.value) == (row["factor"], row["value"])]
            pair = (run_of(one, n_steps, seed), run_at(name, baseline, n_steps, seed))
            longer = [dataclasses.replace(run, n_steps=LONGER * run.n_steps) for run in pair]
            found[name, row["factor"], row["value"]] = (longer[0], longer[1])
    return found


def confirm(row: dict, longer: dict[tuple[str, str, str], tuple[TrainingRun, TrainingRun]], found: dict) -> None:
    """Add to a row its effect in longer runs, None if it was not repeated, and whether its sign is the same there."""
    pair = longer.get((row["network"], row["factor"], row["value"])) if not row["chosen"] else None
    losses = [found[run.describe()]["val_loss"] for run in pair] if pair else []
    row["longer_effect"] = losses[0] - losses[1] if losses else None
    row["confirmed"] = bool(losses and row["longer_effect"] * row["effect"] > 0)


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
    """Rank the ranked factors of each network by their largest effect.

    Returns:
        Rows of network, group, factor, value (with the largest effect), effect, exceeds_noise and confirmed (of this
        value), best (the value with the lowest cross-entropy), gain (by how much it is lower than the baseline's, 0 for
        the baseline) and best_confirmed.
    """
    found = []
    for network, factor in dict.fromkeys((row["network"], row["factor"]) for row in rows if row["ranked"]):
        tried = [row for row in rows if (row["network"], row["factor"]) == (network, factor)]
        largest = max(tried, key=lambda row: abs(row["effect"]))
        best = min(tried, key=lambda row: row["effect"])
        found.append(
            {"network": network, "group": tried[0]["group"], "factor": factor, "value": largest["value"],
             **{name: largest[name] for name in ("effect", "exceeds_noise", "confirmed")},
             "best": best["value"], "gain": -best["effect"], "best_confirmed": best["confirmed"]}
        )  # fmt: skip
    order = list(dict.fromkeys(row["network"] for row in rows))
    return sorted(found, key=lambda row: (order.index(row["network"]), -abs(row["effect"])))
