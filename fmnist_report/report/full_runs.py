"""Earlier full training runs of the project, for comparison: standard with single changes, and best."""

import dataclasses
import json
import math
import statistics
import typing

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.effects import N_MEASURES, judge_effects
from fmnist_report.evaluation.schema import FullRun, Results, StudyRow
from fmnist_report.experiments.noise import pool_deviations
from fmnist_report.networks import BY_NAME, network_of_stage, stages_of_part
from fmnist_report.pipeline.files import canonical_json, read_json
from fmnist_report.presets import override, preset
from fmnist_report.report.assets import FULL_RUNS, TRIED_IN_BEST
from fmnist_report.report.conclusions.training import agrees, is_too_short, is_trained_as
from fmnist_report.report.conclusions.verdicts import verdict
from fmnist_report.report.language import Language

TRIED = "best"  # the preset of the runs in TRIED_IN_BEST
SHOWN = ("cnn", "finetune")  # networks whose earlier full runs are shown
LEAST_RANKED = 5  # minimum number of values for a rank correlation


def read_full_runs(fashion: bool, journal: typing.Sequence[dict[str, typing.Any]] = ()) -> dict[str, typing.Any]:
    """Read the results of earlier full runs on Fashion-MNIST; they do not apply to other data sets.

    Args:
        journal: the reader's own full runs, from journal.select_runs.

    Returns:
        journal, averaged by average_seeds;
        full_runs, averaged by average_seeds; tried: the preset whose settings were varied in full runs, and
        rows of stage, changes (factor: value; empty for the chosen settings), val_accuracy, and effect, the difference
        from the chosen settings.
    """
    if not fashion:
        return {"journal": average_seeds(list(journal)), "full_runs": [], "tried": {"preset": TRIED, "rows": []}}
    rows = [row for row in read_json(TRIED_IN_BEST) if is_current(row)]
    chosen = {row["stage"]: row["val_accuracy"] for row in rows if not row["changes"]}
    rows = [
        {name: row[name] for name in ("stage", "changes", "val_accuracy")}
        | {"effect": row["val_accuracy"] - chosen[row["stage"]]}
        for row in rows
        if row["stage"] in chosen
    ]
    return {
        "journal": average_seeds(list(journal)),
        "full_runs": average_seeds(read_json(FULL_RUNS)),
        "tried": {"preset": TRIED, "rows": rows},
    }


def average_seeds(rows: list[dict[str, typing.Any]]) -> list[FullRun]:
    """Average full runs that differ only by seed, and compare them with the chosen settings by judge_effects.

    Args:
        rows: stage, seed, val_accuracy, val_loss (None if the training diverged), and either changes ({setting: value},
            empty for the chosen settings) or factor and value.

    Returns:
        The first row of each with changes, the means of val_accuracy and val_loss, n_seeds, sd of val_accuracy (None
        for one seed), seconds of all, and the notes; effect, low, high and exceeds_noise of the accuracy, and the same
        with "loss_" of the loss: differences from the mean of the chosen settings, None for these themselves and if
        there are none. apart is the difference between two single runs of the same settings that is exceeded by chance
        with probability 0.05; None if no settings have several runs.
    """
    grouped: dict[str, dict[str, list[dict[str, typing.Any]]]] = {}
    for row in rows:
        row = row | {"changes": row.get("changes", {row["factor"]: row["value"]} if row.get("factor") else {})}
        grouped.setdefault(row["stage"], {}).setdefault(canonical_json(row["changes"]), []).append(row)
    return [row for groups in grouped.values() for row in _judge_groups(groups)]


def _judge_groups(groups: dict[str, list[dict[str, typing.Any]]]) -> list[FullRun]:
    """Return a row for each group of runs of one network that differ only by seed."""
    from scipy import stats

    chosen = canonical_json({})
    accuracies = {name: [row["val_accuracy"] for row in own] for name, own in groups.items()}
    losses = {name: [row["val_loss"] for row in own] for name, own in groups.items()}
    losses = {name: own for name, own in losses.items() if None not in own}
    of_accuracy, of_loss = (
        judge_effects(each, chosen, n_measures=N_MEASURES) if chosen in each else {} for each in (accuracies, losses)
    )
    sd, df = pool_deviations(accuracies.values())
    apart = float(stats.t.ppf(1 - ALPHA / 2, df)) * sd * math.sqrt(2) if df else None
    found: list[typing.Any] = []
    for name, own in groups.items():
        means: dict[str, float | None] = {"val_accuracy": statistics.fmean(accuracies[name])}
        means["val_loss"] = statistics.fmean(losses[name]) if name in losses else None
        row = {**own[0], **means, "n_seeds": len(own), "apart": apart}
        single = next(iter(row["changes"].items())) if len(row["changes"]) == 1 else ("", "")
        row |= {"factor": single[0], "value": single[1]}
        row["sd"] = statistics.stdev(accuracies[name]) if len(own) > 1 else None
        row["seconds"] = sum(one.get("seconds", 0.0) for one in own)
        row["notes"] = list(dict.fromkeys(one["note"] for one in own if one.get("note")))
        for prefix, effects in (("", of_accuracy), ("loss_", of_loss)):
            effect = effects.get(name)
            row[f"{prefix}effect"] = effect and effect.difference
            row |= {f"{prefix}{key}": effect and getattr(effect, key) for key in ("low", "high", "exceeds_noise")}
        found.append(row)
    return found


def rows_of_part(results: Results, part: int) -> dict[str, list[FullRun]]:
    """Return the rows of the full runs that changed a setting of a part's networks, the chosen settings first.

    Returns:
        "own": the reader's, from the journal; "known": earlier ones of the project, for the networks in SHOWN.
    """
    stages = stages_of_part(part)
    own = [row for row in results["journal"] if row["stage"] in stages]
    known = [row for stage in stages if stage in SHOWN for row in full_rows(results, stage)]
    return {"own": sort_rows(own), "known": sort_rows(known)}


def count_better(results: Results, part: int) -> int:
    """Return the number of changes that were better in earlier full runs of a part's networks."""
    return sum(verdict(row) == "better" for row in rows_of_part(results, part)["known"])


def sort_rows(rows: list[FullRun]) -> list[FullRun]:
    """Sort rows by network, the chosen settings first, then the best."""
    order = list(dict.fromkeys(row["stage"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["stage"]), bool(row["changes"]), -row["val_accuracy"]))


def full_rows(results: Results, stage: str) -> list[FullRun]:
    """Return earlier full runs of a stage, best first; empty if they do not include the chosen settings."""
    rows = [row for row in results["full_runs"] if row["stage"] == stage]
    return sorted(rows, key=lambda row: -row["val_accuracy"]) if any(not row["factor"] for row in rows) else []


def assign(stage: str, changes: dict[str, str]) -> tuple[str, ...]:
    """Format changes as --set accepts them; a name without a section belongs to the stage's own section."""
    return tuple(f"{name if '.' in name else f'{stage}.{name}'}={value}" for name, value in changes.items())


def set_as(stage: str, changes: dict[str, str]) -> dict[str, typing.Any]:
    """Return the sections of TRIED's settings, with changes, that a stage's training depends on, as in JSON."""
    settings = override(preset(TRIED), assign(stage, changes))
    sections = BY_NAME[network_of_stage(stage)].determined_by
    return json.loads(json.dumps({name: dataclasses.asdict(getattr(settings, name)) for name in sections}))


def is_current(row: dict[str, typing.Any]) -> bool:
    """Return whether a row was trained with the current version of TRIED; others are ignored."""
    settings = set_as(row["stage"], row["changes"])
    return row["settings"].keys() == settings.keys() and agrees(row["settings"], settings)


def tried_list(results: Results, language: Language) -> str:
    """List the accuracies of other settings in full runs by network; empty if there are none."""
    found = {}
    for stage in dict.fromkeys(row["stage"] for row in results["tried"]["rows"]):
        rows = [row for row in results["tried"]["rows"] if row["stage"] == stage]
        if len(rows) > 1 and is_trained_as(results["tried"]["preset"], results, stage):
            rows.sort(key=lambda row: -row["val_accuracy"])
            found[network_of_stage(stage)] = ", ".join(
                f"{language.percent(row['val_accuracy'], 2)} ({language.changes(row['changes'])})" for row in rows
            )
    return language.by_model(found)


def study_agreement(results: Results, stage: str) -> dict[str, typing.Any] | None:
    """Correlate the order of values in the study with that in full runs, by cross-entropy.

    The full runs are the reader's own if there are enough, and else earlier ones of the project.

    Returns:
        n, the number of values in both, including the chosen one; spearman, their rank correlation, with low and high,
        its 95% interval; own, whether they are the reader's. None if the study's runs are too short to be conclusive,
        if fewer than LEAST_RANKED values were tried, or if all are equal.
    """
    if is_too_short(stage, results):
        return None
    for own in (True, False):
        runs = results["journal"] if own else results["full_runs"]
        full = [row for row in runs if row["stage"] == stage and row["val_loss"] is not None]
        pairs = pair_with_study(full, results["study"]["rows"], stage)
        losses, studied = ([pair[key] for pair in pairs] for key in ("full", "studied"))
        if len(pairs) >= LEAST_RANKED and len(set(losses)) > 1 and len(set(studied)) > 1:
            found = rank_correlation(losses, studied)
            low, high = rank_interval(found, len(pairs))
            return {"n": len(pairs), "spearman": found, "low": low, "high": high, "own": own}
    return None


def pair_with_study(full: list[FullRun], studied: list[StudyRow], stage: str) -> list[dict[str, typing.Any]]:
    """Pair the results of a network's full runs, averaged by average_seeds, with those of a study for the same values.

    Returns:
        Rows of factor and value, empty for the chosen settings, and the cross-entropies full and studied. Values whose
        effect depends on the number of steps are left out.
    """
    own = [row for row in studied if row["network"] == stage and row["ranked"]]
    loss = {("", "") if row["chosen"] else (row["factor"], row["value"]): row["val_loss"] for row in own}
    single = [row for row in full if row["stage"] == stage and len(row["changes"]) < 2]
    named = [(*next(iter(row["changes"].items()), ("", "")), row["val_loss"]) for row in single]
    return [
        {"factor": factor, "value": value, "full": full_loss, "studied": loss[factor, value]}
        for factor, value, full_loss in named
        if (factor, value) in loss
    ]


def rank_correlation(first: list[float], second: list[float]) -> float:
    """Return Spearman's rank correlation of two lists, neither of which is constant."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def rank_interval(correlation: float, n: int) -> tuple[float, float]:
    """Return a 95% interval of Spearman's correlation of n pairs (Bonett and Wright, 2000, on Fisher's scale)."""
    if n <= 3 or abs(correlation) > 1 - 1e-9:
        return (correlation, correlation) if n > 3 else (-1.0, 1.0)
    half = 1.959964 * math.sqrt((1 + correlation**2 / 2) / (n - 3))
    return math.tanh(math.atanh(correlation) - half), math.tanh(math.atanh(correlation) + half)


def head_instead(results: Results) -> float | None:
    """Return the lead of the head alone over fine-tuning in earlier full runs; None if unknown."""
    rows = full_rows(results, "finetune")
    return next((row["effect"] for row in rows if (row["factor"], row["value"]) == ("unfreeze", "none")), None)
