"""What earlier full trainings by the project say beside a run: of standard with single changes, and of best."""

import dataclasses
import json
import math
import statistics
import typing

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.networks import network_of_stage
from fmnist_report.messages import N_
from fmnist_report.pipeline.files import read_json
from fmnist_report.presets import override, preset
from fmnist_report.report.assets import FULL_RUNS, TRIED_IN_BEST
from fmnist_report.report.conclusions.trained import SETTLED_BY, is_too_short, is_trained_as
from fmnist_report.report.language import Language

TRIED = "best"  # the preset whose trainings TRIED_IN_BEST holds
LEAST_RANKED = 5  # values whose order is compared

Results = dict[str, typing.Any]


def read_full_runs(fashion: bool) -> dict[str, typing.Any]:
    """Read what earlier trainings by the project reached on Fashion-MNIST; on other data they tell nothing.

    Returns:
        full_runs, as average_seeds joins them; tried: the preset of which other settings were tried in full, and
        rows of stage, changes (factor: value; empty of the chosen settings), val_accuracy, and effect, the difference
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
    """Join full trainings that differ by their seed alone.

    Returns:
        Rows of the means of val_accuracy and val_loss, n_seeds, sd of val_accuracy (None of one), and effect: the mean
        minus that of the chosen settings with the same seeds, None for those themselves and where a seed is lacking.
        apart is the distance that two single trainings of the same settings exceed by chance in one case of twenty, and
        beyond whether an effect is significant, by t-tests with Bonferroni's correction for all effects of a network;
        both by the deviation that all settings with several seeds have in common, None and False where there are none.
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
    """Add apart and beyond to the rows of one network."""
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
    """Return earlier full trainings of a stage, best first; none where the chosen settings are not among them."""
    rows = [row for row in results["full_runs"] if row["stage"] == stage]
    return sorted(rows, key=lambda row: -row["val_accuracy"]) if any(not row["factor"] for row in rows) else []


def assign(stage: str, changes: dict[str, str]) -> tuple[str, ...]:
    """Write changes as --set takes them; a name without a section is one of the stage's own."""
    return tuple(f"{name if '.' in name else f'{stage}.{name}'}={value}" for name, value in changes.items())


def set_as(stage: str, changes: dict[str, str]) -> dict[str, typing.Any]:
    """Return the sections of the settings of TRIED, with changes, that settle how a stage trains, as JSON has them."""
    settings = override(preset(TRIED), assign(stage, changes))
    return json.loads(json.dumps({name: dataclasses.asdict(getattr(settings, name)) for name in SETTLED_BY[stage]}))


def is_current(row: dict[str, typing.Any]) -> bool:
    """Tell whether a row was trained by the present form of TRIED; of others nothing is told."""
    return row["settings"] == set_as(row["stage"], row["changes"])


def tried_list(results: Results, language: Language) -> str:
    """Say of each network that other settings were tried of in full what they reached; empty where there is none."""
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
    told = ", ".join(f"{language.factor(name)} = {language.value(value)}" for name, value in factors.items())
    return told or language.text(N_("as chosen"))


def study_agreement(results: Results, stage: str) -> dict[str, typing.Any] | None:
    """Correlate the order of values in the study with that in full trainings.

    Returns:
        n, values that both tried, the chosen among them; spearman, their rank correlation. None where the network was
        not trained by the settings around which full trainings were made, where the study's trainings are too short to
        conclude from, where fewer than LEAST_RANKED values were tried, and where all are alike.
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
    """Pair what full trainings of a network, as average_seeds joins them, and a study reached at the same values.

    Returns:
        Rows of factor and value, empty of the chosen settings, and the validation accuracies full and studied.
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
    """Return by how much the head alone was above fine-tuning in earlier full trainings; None where nobody knows."""
    rows = full_rows(results, "finetune")
    return next((row["effect"] for row in rows if (row["factor"], row["value"]) == ("unfreeze", "none")), None)
