"""Claims from single training runs, the study with its ablations, and earlier full runs."""

import dataclasses
import json
import math
import typing

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.schema import FullRun, Model, Results, StudyRow, TrainEval
from fmnist_report.networks import BY_NAME, network_of_stage
from fmnist_report.presets import preset
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.settings import FineTuneSettings

# Minimum rise of the validation loss, relative to its minimum: about two standard errors of the
# difference of two mean losses near 0.2 on the same ROSE_OF images, whose differences have a deviation of 0.3.
ROSE, ROSE_OF = 0.04, 5_000
SCALED = "val_scaled_loss"
LEAST_LOSSES = 3  # minimum number for a conclusive minimum
TELLING_STEPS = 100  # minimum length of runs in a conclusive study: shorter ones show only the initial speed


class EffectOfChange(typing.NamedTuple):
    """A difference from the chosen settings with its interval, None if unknown; exceeds_noise: it excludes zero."""

    difference: float | None
    low: float | None
    high: float | None
    exceeds_noise: bool


def read_finetune(results: Results) -> FineTuneSettings:
    """Return the fine-tuning settings recorded in the results."""
    return FineTuneSettings(**results["run"]["settings"]["finetune"])


def fit(results: Results, name: str) -> Claim:
    """Claim whether a network over- or underfits, from unaugmented training images and the validation loss.

    The loss is the cross-entropy after temperature scaling, because label smoothing alone makes a network
    underconfident, and that of an epoch before the learning rate has reached its peak does not count. Fine-tuning
    starts with the head's loss, as epoch 0.

    "overfits": the validation loss rose again after its minimum, and training images are classified better than
    validation images; "overfits_by_loss" if validation accuracy has since risen significantly, so that stopping
    there would have reduced it. "rose" and "rose_by_loss": the same without such a gap. "unlearned": the loss rose
    in fine-tuning, and training images are classified worse than by the head from which it starts. "gap": a gap, while
    the loss did not rise; "gap_last" if it was lowest at the end. "even": neither. "short": too few losses to decide.
    "gap_alone" and "even_alone": of results from before this loss was measured.
    """
    model = results["models"][name]
    clean, n_val = evaluated_on_train(model), results["data"]["n_val"]
    gap = difference_of_accuracies(clean["train_accuracy"], clean["n"], model["val_accuracy"], n_val)[1] > 0
    values: dict[str, typing.Any] = {
        "train": clean["train_accuracy"], "val": model["val_accuracy"], "n_clean": clean["n"]
    }  # fmt: skip
    if SCALED not in model["history"]:
        return Claim("fit", name, "gap_alone" if gap else "even_alone", values=values)
    losses, accuracies = (list(model["history"][key]) for key in (SCALED, "val_accuracy"))
    rates = model["history"]["learning_rate"]
    counted = list(range(rates.index(max(rates)), len(losses)))
    start = results["models"]["vgg_head"] if name == "vgg_finetuned" else None
    if start:
        losses, accuracies = (
            [start["history"][key][-1], *values] for key, values in ((SCALED, losses), ("val_accuracy", accuracies))
        )
        counted = [0, *(epoch + 1 for epoch in counted)]
    lowest = min(counted, key=losses.__getitem__)
    rose = losses[-1] > losses[lowest] * (1 + ROSE * math.sqrt(ROSE_OF / n_val))
    better = difference_of_accuracies(accuracies[-1], n_val, accuracies[lowest], n_val)[1] > 0
    if rose and start and clean["train_accuracy"] < evaluated_on_train(start)["train_accuracy"]:
        relation = "unlearned"
    elif rose:
        relation = ("overfits" if gap else "rose") + ("_by_loss" if better else "")
    else:
        relation = ("gap_last" if lowest == len(losses) - 1 else "gap") if gap else "even"
    first = 0 if start else 1
    values |= {"epoch": lowest + first, "epochs": len(losses) - 1 + first}
    values |= {"loss_lowest": losses[lowest], "loss_last": losses[-1]}
    values |= {"val_then": accuracies[lowest], "val_last": accuracies[-1]} if relation.endswith("_by_loss") else {}
    values |= {"start": evaluated_on_train(start)["train_accuracy"]} if start and relation == "unlearned" else {}
    return Claim("fit", name, relation if len(counted) >= LEAST_LOSSES else "short", values=values)


def evaluated_on_train(model: Model) -> TrainEval:
    """Return how a trained network does on training images."""
    found = model["train_eval"]
    assert found is not None, "classifiers of scikit-learn are not evaluated on training images"
    return found


def effects(results: Results, network: str) -> list[Claim]:
    """Claim which values changed a network's cross-entropy in the short runs of the study, largest effect first.

    Named are effects that exceed seed-to-seed variation, have the same sign in longer runs, and that no full run
    contradicts: "named", with the values as (factor, value, effect), or "none". Nothing if the network was not studied,
    or in runs that were too short.
    """
    rows = [row for row in results["study"]["rows"] if row["network"] == network]
    if not rows or is_too_short(network, results):
        return []
    found = sorted((row for row in rows if is_named(row, results)), key=lambda row: -abs(row["effect"]))
    base, study = results["study"]["baselines"][network], results["study"]
    values: dict[str, typing.Any] = {"half_loss": base["half_width"], "n_seeds": study["n_seeds"]}
    values |= {"n_steps": study["n_steps"][network]}
    values |= {"losses": tuple((row["factor"], row["value"], row["effect"]) for row in found)} if found else {}
    return [Claim("effects", network, "named" if found else "none", values=values)]


def is_named(row: StudyRow, results: Results) -> bool:
    """Return whether an effect of the study is concluded: confirmed in longer runs, contradicted by no full run."""
    full = [*results["journal"], *results["full_runs"]]
    same = [one for one in full if one["stage"] == row["network"] and one["changes"] == {row["factor"]: row["value"]}]
    effects = [one["loss_effect"] if one["loss_effect"] is not None else -(one["effect"] or 0.0) for one in same]
    return row["confirmed"] and all(effect * row["effect"] >= 0 for effect in effects)


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


def own_runs(results: Results, stage: str) -> list[Claim]:
    """Claim which changes made a network better or worse in the reader's own full runs, as in_full does.

    "single" if the seed-to-seed variation is unknown; nothing if no change was tried.
    """
    rows = [row for row in results["journal"] if row["stage"] == stage and row["changes"]]
    if rows and all(verdict(row) == "unknown" for row in rows):
        return [Claim("own_runs", stage, "single", values={"n_changes": len(rows)})]
    return _judge_changes("own_runs", stage, rows)


def _judge_changes(kind: str, stage: str, rows: list[FullRun]) -> list[Claim]:
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


def in_full(results: Results, stage: str) -> list[Claim]:
    """Claim which changes made a network better or worse in earlier full runs of the project, by verdict.

    Values better and worse are the changes of each kind, as (changes, effect, effect on cross-entropy), largest effect
    first. Nothing if there were no such runs, if their variation is unknown, if the reader tried changes, or if this
    network was trained with other settings than they.
    """
    if own_runs(results, stage) or not is_trained_as("standard", results, stage):
        return []
    return _judge_changes(
        "in_full", stage, [row for row in results["full_runs"] if row["stage"] == stage and row["changes"]]
    )


def is_too_short(network: str, results: Results) -> bool:
    """Return whether the study trained a network for too few steps to be conclusive."""
    return results["study"]["n_steps"].get(network, 0) < TELLING_STEPS


def ablation(results: Results, part: str) -> list[Claim]:
    """Claim the total gain of a part's ablation, and the steps that contributed; nothing if there is none.

    "raised", "lowered" or "same" compares the last step with the first, using the interval of one step; steps outside
    the interval are listed, as (component, gain). If the best step is not the last, "ablation_peak" names it. Steps
    that were trained too briefly give no conclusion, which "ablation_left" states.
    """
    every = results["study"]["ablations"].get(part, [])
    rows = [row for row in every if not is_too_short(row["network"], results)]
    if len(rows) < 2:
        return []
    first, last = rows[0]["val_accuracy"], rows[-1]["val_accuracy"]
    half = (rows[1]["high"] - rows[1]["low"]) / 2
    relation = "same" if abs(last - first) <= half else "raised" if last > first else "lowered"
    steps = tuple((row["component"], row["gain"]) for row in rows[1:] if row["exceeds_noise"])
    values = {"bottom": first, "top": last, "upto": rows[-1]["component"], "half_width": half}
    values |= {"steps": steps} if steps else {}
    found = [Claim("ablation", part, relation if steps else f"{relation}_unnamed", values=values)]
    highest = max(row["val_accuracy"] for row in rows)
    if highest > last:
        peaks = tuple(row["component"] for row in rows if row["val_accuracy"] == highest)
        values = {"highest_at": peaks, "highest": highest, "top": last, "upto": rows[-1]["component"]}
        found.append(Claim("ablation_peak", part, "stated", values=values))
    if left := [row for row in every if row not in rows]:
        n_steps = min(results["study"]["n_steps"][row["network"]] for row in left)
        values = {"components": tuple(row["component"] for row in left), "n_steps": n_steps}
        found.append(Claim("ablation_left", part, "stated", values=values))
    return found


def is_trained_as(name: str, results: Results, stage: str) -> bool:
    """Return whether a stage trained its network with the settings of the preset that earlier full runs vary."""
    sections = BY_NAME[network_of_stage(stage)].determined_by
    own = {section: results["run"]["settings"][section] for section in sections}
    return agrees(json.loads(json.dumps(own)), json.loads(json.dumps(dataclasses.asdict(preset(name)))))


def agrees(recorded: dict[str, typing.Any], settings: dict[str, typing.Any]) -> bool:
    """Return whether all recorded settings are the same; one that is newer than the record is not compared.

    Args:
        recorded, settings: values by section and name, as in JSON, with lists.
    """
    return all(settings[section].get(name) == value for section, own in recorded.items() for name, value in own.items())


def reference(results: Results) -> list[Claim]:
    """Claim whether a classifier in which nothing was chosen is more accurate on validation than on test.

    "above", "below", or "same" if its interval includes zero. Nothing if it was not measured.
    """
    row = results.get("reference")
    if not row:
        return []
    relation = "above" if row["low"] > 0 else "below" if row["high"] < 0 else "same"
    return [Claim("reference", "", relation, values={name: row[name] for name in ("difference", "low", "high")})]
