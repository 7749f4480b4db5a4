"""Earlier full training runs of the project, for comparison: standard with single changes, and best."""

import dataclasses
import json
import math
import statistics
import typing

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.messages import N_
from fmnist_report.networks import BY_NAME, network_of_stage
from fmnist_report.pipeline.files import read_json
from fmnist_report.presets import override, preset
from fmnist_report.report.assets import FULL_RUNS, TRIED_IN_BEST
from fmnist_report.report.conclusions.trained import agrees, is_too_short, is_trained_as
from fmnist_report.report.language import Language

TRIED = "best"  # the preset of the runs in TRIED_IN_BEST
LEAST_RANKED = 5  # minimum number of values for a rank correlation

Results = dict[str, typing.Any]


def read_full_runs(fashion: bool) -> dict[str, typing.Any]:
    """Read the results of earlier full runs on Fashion-MNIST; they do not apply to other data sets.

    Returns:
        full_runs, averaged by average_seeds; tried: the preset whose settings were varied in full runs, and
        rows of stage, changes (factor: value; empty for the chosen settings), val_accuracy, and effect, the difference
        from the chosen settings.
    """
    if not fashion:
        return {"full_runs": [], "tried": {"preset": TRIED, "rows": []}}
    rows = [row for row in read_json(TRIED_IN_BEST) if is_current(row)]
    chosen = {row["stage"]: row["val_accuracy"] for row in rows if not row["changes"]}
    rows = [
        {name: row[name] for name in ("stage", "changes", "val_accuracy")}
        | {"effect": row["val_accuracy"] - chosen[row["stage"]]}
        for row in rows
        if row["stage"] in chosen
    ]
    return {
        "full_runs": average_seeds(read_json(FULL_RUNS)),
        "tried": {"preset": TRIED, "rows": rows},
    }


def average_seeds(rows: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Average full runs that differ only by seed.

    Returns:
        Rows of the means of val_accuracy and val_loss, n_seeds, sd of val_accuracy (None for one seed), and effect: the
        mean minus that of the chosen settings with the same seeds, None for these themselves and if a seed is missing.
        apart is the difference between two single runs of the same settings that is exceeded by chance with probability
        0.05; exceeds_noise is whether an effect is significant in t-tests with Bonferroni's correction for all effects
        of a network. Both use the pooled deviation of all settings with several seeds; None and False without any.
    """
    grouped: dict[tuple, list[dict[str, typing.Any]]] = {}
    for row in rows:
        grouped.setdefault((row["stage"], row["factor"], row["value"]), []).append(row)
    measured = ("val_accuracy", "val_loss")
    found = []
    for (stage, factor, _), same in grouped.items():
        means = {key: statistics.fmean(row[key] for row in same) for key in measured}
        chosen = {row["seed"]: row["val_accuracy"] for row in grouped.get((stage, "", ""), [])}
        paired = [row["val_accuracy"] - chosen[row["seed"]] for row in same if factor and row["seed"] in chosen]
        effect = statistics.fmean(paired) if len(paired) == len(same) else None
        sd = statistics.stdev(row["val_accuracy"] for row in same) if len(same) > 1 else None
        found.append({**same[0], **means, "n_seeds": len(same), "sd": sd, "effect": effect})
    for stage in {row["stage"] for row in found}:
        _judge_effects([row for row in found if row["stage"] == stage])
    return found


def _judge_effects(rows: list[dict[str, typing.Any]]) -> None:
    """Add apart and exceeds_noise to the rows of one network."""
    from scipy import stats

    repeated = [row for row in rows if row["sd"] is not None]
    df, n_effects = sum(row["n_seeds"] - 1 for row in repeated), sum(row["effect"] is not None for row in rows)
    sd = math.sqrt(sum((row["n_seeds"] - 1) * row["sd"] ** 2 for row in repeated) / df) if df else math.nan
    for row in rows:
        of_difference = sd * math.sqrt(2 / row["n_seeds"])
        row["apart"] = float(stats.t.ppf(1 - ALPHA / 2, df)) * sd * math.sqrt(2) if df else None
        row["exceeds_noise"] = bool(
            df > 0
            and row["effect"] is not None
            and abs(row["effect"]) > stats.t.ppf(1 - ALPHA / 2 / n_effects, df) * of_difference
        )


def full_rows(results: Results, stage: str) -> list[dict[str, typing.Any]]:
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
                f"{language.percent(row['val_accuracy'], 2)} ({_write_changes(row['changes'], language)})"
                for row in rows
            )
    return language.by_model(found)


def _write_changes(changes: dict[str, str], language: Language) -> str:
    factors = {name.rpartition(".")[2]: value for name, value in changes.items()}
    text = ", ".join(f"{language.factor(name)} = {language.value(value)}" for name, value in factors.items())
    return text or language.text(N_("as chosen"))


def study_agreement(results: Results, stage: str) -> dict[str, typing.Any] | None:
    """Correlate the order of values in the study with that in full runs.

    Returns:
        n, the number of values in both, including the chosen one; spearman, their rank correlation. None if the network
        was not trained with the settings that the full runs vary, if the study's runs are too short to be conclusive,
        if fewer than LEAST_RANKED values were tried, or if all are equal.
    """
    if not is_trained_as("standard", results, stage) or is_too_short(stage, results):
        return None
    pairs = pair_with_study(full_rows(results, stage), results["study"]["rows"], stage)
    full, studied = ([pair[key] for pair in pairs] for key in ("full", "studied"))
    if len(pairs) < LEAST_RANKED or len(set(full)) == 1 or len(set(studied)) == 1:
        return None
    return {"n": len(pairs), "spearman": rank_correlation(full, studied)}


def pair_with_study(
    full: list[dict[str, typing.Any]], studied: list[dict[str, typing.Any]], stage: str
) -> list[dict[str, typing.Any]]:
    """Pair the results of a network's full runs, averaged by average_seeds, with those of a study for the same values.

    Returns:
        Rows of factor and value, empty for the chosen settings, and the validation accuracies full and studied.
    """
    own = [row for row in studied if row["network"] == stage]
    accuracy = {("", "") if row["chosen"] else (row["factor"], row["value"]): row["val_accuracy"] for row in own}
    return [
        {"factor": factor, "value": value, "full": row["val_accuracy"], "studied": accuracy[factor, value]}
        for row in full
        if row["stage"] == stage and (factor := row["factor"], value := row["value"]) in accuracy
    ]


def rank_correlation(first: list[float], second: list[float]) -> float:
    """Return Spearman's rank correlation of two lists, neither of which is constant."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def head_instead(results: Results) -> float | None:
    """Return the lead of the head alone over fine-tuning in earlier full runs; None if unknown."""
    rows = full_rows(results, "finetune")
    return next((row["effect"] for row in rows if (row["factor"], row["value"]) == ("unfreeze", "none")), None)
