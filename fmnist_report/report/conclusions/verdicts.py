"""Verdicts on full training runs with changed settings: the reader's own and earlier ones."""

import typing

from fmnist_report.evaluation.schema import FullRun, Results
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.training import is_trained_as


class EffectOfChange(typing.NamedTuple):
    """A difference from the chosen settings with its interval, None if unknown; exceeds_noise: it excludes zero."""

    difference: float | None
    low: float | None
    high: float | None
    exceeds_noise: bool


def verdict(row: FullRun) -> str:
    """Judge a change in full runs: "better", "worse" or "same" beyond seed-to-seed variation.

    Accuracy decides; if it does not differ beyond the variation, the cross-entropy does. "chosen" is the row of the
    chosen settings; "unknown" if no settings have several runs, so that the variation is not known.
    """
    if row["effect"] is None:
        return "chosen" if not row["changes"] else "unknown"
    if row["exceeds_noise"] is None:
        return "unknown"
    if row["exceeds_noise"]:
        return "better" if row["effect"] > 0 else "worse"
    if row["loss_exceeds_noise"]:
        return "better" if (row["loss_effect"] or 0.0) < 0 else "worse"
    return "same"


def effect_on_accuracy(row: FullRun) -> EffectOfChange:
    """Return the effect of a change in full runs on validation accuracy."""
    return EffectOfChange(row["effect"], row["low"], row["high"], bool(row["exceeds_noise"]))


def effect_on_loss(row: FullRun) -> EffectOfChange:
    """Return the effect of a change in full runs on the cross-entropy."""
    return EffectOfChange(row["loss_effect"], row["loss_low"], row["loss_high"], bool(row["loss_exceeds_noise"]))


def judge_changes(kind: Kind, stage: str, rows: list[FullRun]) -> list[Claim]:
    """Claim which changes were better and which worse: "both", "better", "worse" or "none"; nothing without changes."""
    rows = [row for row in rows if verdict(row) != "unknown"]
    if not rows:
        return []
    values: dict[str, typing.Any] = {"n_changes": len(rows)}
    for relation in ("better", "worse"):
        found = [row for row in rows if verdict(row) == relation]
        found.sort(key=lambda row: -abs(row["effect"] or 0.0))
        if found:
            values[relation] = tuple((row["changes"], row["effect"], row["loss_effect"]) for row in found)
    named = [relation for relation in ("better", "worse") if relation in values]
    return [Claim(kind, stage, "both" if len(named) == 2 else named[0] if named else "none", values=values)]


def find_full(results: Results, stage: str, factor: str, value: str) -> tuple[float | None, float | None]:
    """Return the results of full runs with a value, and with the chosen settings: the reader's own, or earlier ones.

    Both are None if there were none. Earlier runs used the preset standard on Fashion-MNIST, and their results do not
    apply to networks that are trained differently.
    """
    own = [row for row in results["journal"] if is_of(row, stage, factor, value)]
    known = find_rows(results, stage, factor, value) if is_trained_as("standard", results, stage) else []
    for row in (*own, *known):
        return row["val_accuracy"], row["val_accuracy"] - (row["effect"] or 0.0)
    return None, None


def is_of(row: FullRun, stage: str, factor: str, value: str) -> bool:
    """Return whether a row of the journal is of one value of one network."""
    return row["stage"] == stage and row["changes"] == {factor: value} and row["effect"] is not None


def find_rows(results: Results, stage: str, factor: str, value: str) -> list[FullRun]:
    """Return the row of earlier full runs with a value, if there is one with an effect."""
    rows = [row for row in results["full_runs"] if row["effect"] is not None]
    return [row for row in rows if (row["stage"], row["factor"], row["value"]) == (stage, factor, value)]
