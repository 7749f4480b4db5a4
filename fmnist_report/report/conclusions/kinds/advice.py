"""What to try next."""

import dataclasses
import typing

from fmnist_report.evaluation.schema import (
    Results,
    StudyFactor,
)
from fmnist_report.messages import N_
from fmnist_report.networks import (
    BY_NAME,
    BY_STAGE,
    CHOSEN,
    MAIN,
    network_of_stage,
)
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import (
    ACCURACY,
    CHANGED,
    FACTOR,
    INTEGER,
    LOSS,
    VALUE,
    VALUES_TRIED,
    tell_moment,
)
from fmnist_report.report.conclusions.kinds.fit import fit
from fmnist_report.report.conclusions.training import (
    is_named,
    is_too_short,
    is_trained_as,
    read_finetune,
)
from fmnist_report.report.conclusions.verdicts import find_full, find_rows, is_of, verdict
from fmnist_report.settings import starts_at_pixels

GENERALISING = ("shift", "cutout", "mirror", "dropout", "label_smoothing", "weight_decay")
LEAST_UNFREEZE = 2  # the earliest block allowed for finetune.unfreeze
SETTABLE_BLOCKS = ("4", "5")  # of finetune.unfreeze
KIND = Kind(
    "advice",
    {
        "adopt": N_("Adopt what made {subject} better in full training runs, and repeat the report with it: {better}."),
        "regularise": N_(
            "Regularise {subject} more strongly or stop its training earlier: the validation loss (after "
            "temperature scaling) was lowest {moment} and rose again."
        ),
        "regularise_by_loss": N_(
            "Regularise {subject} more strongly: the validation loss (after temperature scaling) was lowest "
            "{moment} and rose again, although the validation accuracy rose too."
        ),
        "shorten": N_(
            "Train {subject} for fewer epochs or at a lower rate: the validation loss (after temperature scaling) "
            "was lowest {moment} and rose again."
        ),
        "enlarge_early": N_(
            "Enlarge {subject}: the accuracies on training images ({train}) and on validation images ({val}) do not "
            "differ significantly, and the validation loss (after temperature scaling) was lowest {moment}."
        ),
        "unfreeze_early": N_(
            "Unfreeze more blocks of {backbone} or enlarge its input: the accuracies of {subject} on training "
            "images ({train}) and on validation images ({val}) do not differ significantly, and the validation loss "
            "(after temperature scaling) was lowest {moment}."
        ),
        "input_early": N_(
            "Enlarge the input of {backbone}: the accuracies of {subject} on training images ({train}) and on "
            "validation images ({val}) do not differ significantly, and the validation loss (after temperature "
            "scaling) was lowest {moment}."
        ),
        "pretrained_early": N_(
            "Fine-tune {backbone} from pixels and with stronger augmentation, which cached activations do not "
            "allow: the accuracy of {subject} is higher on training images ({train}) than on validation images "
            "({val}), and the validation loss (after temperature scaling) was lowest {moment}."
        ),
        "longer_own": N_(
            "Train {subject} longer, or enlarge it: the accuracies on training images ({train}) and on validation "
            "images ({val}) do not differ significantly, and the validation loss (after temperature scaling) ended "
            "near its lowest value."
        ),
        "longer_pretrained": N_(
            "Train {subject} for more epochs, unfreeze more blocks of {backbone} or enlarge its input: the "
            "accuracies on training images ({train}) and on validation images ({val}) do not differ significantly, "
            "and the validation loss (after temperature scaling) ended near its lowest value."
        ),
        "longer_input": N_(
            "Train {subject} for more epochs or enlarge its input: the accuracies on training images ({train}) and "
            "on validation images ({val}) do not differ significantly, and the validation loss (after temperature "
            "scaling) ended near its lowest value."
        ),
        "repeat": N_(
            "Try in full training runs what short ones found better: “{factor}” = {value} for {subject} lowered the "
            "cross-entropy there by {loss_gain} (picked from {n_tried}, so probably an overestimate)."
        ),
        "generalise_own": N_(
            "Regularise {subject} more strongly, or augment its training images more, and train it longer: the "
            "accuracy is higher on training images ({train}) than on validation images ({val}), while the "
            "validation loss (after temperature scaling) ended near its lowest value."
        ),
        "generalise_early": N_(
            "Regularise {subject} more strongly, or augment its training images more: the accuracy is higher on "
            "training images ({train}) than on validation images ({val}), and the validation loss (after "
            "temperature scaling) was lowest {moment}."
        ),
        "generalise_pretrained": N_(
            "Fine-tune {backbone} longer, from pixels and with stronger augmentation, which cached activations do "
            "not allow: the accuracy of {subject} is higher on training images ({train}) than on validation images "
            "({val}), while the validation loss (after temperature scaling) ended near its lowest value."
        ),
        "repeat_seeds": N_(
            "Repeat with further seeds what short and full training runs found better: “{factor}” = {value} for "
            "{subject} reached {own} on validation, the chosen settings {base}."
        ),
    },
    {
        "better": CHANGED,
        "train": ACCURACY,
        "val": ACCURACY,
        "factor": FACTOR,
        "value": VALUE,
        "loss_gain": LOSS,
        "n_tried": VALUES_TRIED,
        "own": ACCURACY,
        "base": ACCURACY,
        "epoch": INTEGER,
        "epochs": INTEGER,
    },
    derive=tell_moment,
)


def advise(results: Results) -> list[Claim]:
    """Suggest what to try next: for each network, one change that follows from over- or underfitting, and one value
    that was better in the study by more than seed-to-seed variation; first of all, what was better in the reader's own
    full runs.

    More regularisation or augmentation is not suggested if the study found another of their values better, or more of
    them worse, by more than seed-to-seed variation, or if an earlier full run was worse with more of them.
    """
    better = [row for row in results["study"]["factors"] if is_better(row, results)]
    contrary = {network_of_stage(row["network"]) for row in better if row["factor"] in GENERALISING}
    contrary |= {name for name in MAIN if name != CHOSEN and did_worse_with_more(BY_NAME[name].stage, results)}
    found = [claim for stage in BY_STAGE for claim in adopt(results, stage)]
    for name in MAIN:
        if name == CHOSEN:
            continue
        claim = fit(results, name)
        if "epoch" not in claim.values:
            continue
        gap, even = ("generalise_own", "generalise_early"), ("longer_own", "enlarge_early")
        if name == "vgg_finetuned":
            settings = read_finetune(results)
            gap = gap if starts_at_pixels(settings) else ("generalise_pretrained", "pretrained_early")
            deepest = settings.unfreeze == LEAST_UNFREEZE
            even = ("longer_input", "input_early") if deepest else ("longer_pretrained", "unfreeze_early")
        early = 2 * claim.values["epoch"] < claim.values["epochs"]  # so longer training is not suggested
        relation = {"overfits": "regularise", "rose": "shorten", "gap": gap[early], "even": even[early]}
        relation |= {"overfits_by_loss": "regularise_by_loss", "gap_last": gap[early], "unlearned": "shorten"}
        advised = relation.get(claim.relation)
        if advised == "regularise" and not claim.values["epoch"]:  # no epoch is before the start of fine-tuning
            advised = "shorten"
        if advised and not (name in contrary and claim.relation in ("overfits", "overfits_by_loss", "gap", "gap_last")):
            found.append(dataclasses.replace(claim, of=KIND, relation=advised))
    if better:
        found.append(repeat(max(better, key=lambda row: row["gain"] / _half_width(row, results)), results))
    return found


def adopt(results: Results, stage: str) -> list[Claim]:
    """Suggest the change that was best in the reader's own full runs of a network, if one was better by verdict."""
    rows = [row for row in results["journal"] if row["stage"] == stage and verdict(row) == "better"]
    if not rows:
        return []
    top = max(rows, key=lambda row: row["effect"] or 0.0)
    changed = (top["changes"], top["effect"], top["loss_effect"])
    return [Claim(KIND, network_of_stage(stage), "adopt", values={"better": (changed,)})]


def did_worse_with_more(stage: str, results: Results) -> bool:
    """Return whether more regularisation or augmentation lowered a network's validation accuracy, or less raised it:
    in the study or the reader's own full runs, by more than seed-to-seed variation, or in an earlier full run.
    """
    effects: list[tuple[dict[str, str], float]] = []
    if not is_too_short(stage, results):
        rows = [row for row in results["study"]["rows"] if row["network"] == stage and is_named(row, results)]
        effects += [({row["factor"]: row["value"]}, -row["effect"]) for row in rows]  # a lower loss is better
    for row in results["full_runs"]:
        own, base = find_full(results, stage, row["factor"], row["value"])
        if row["stage"] == stage and own is not None and base is not None:
            effects.append(({row["factor"]: row["value"]}, own - base))
    judged = [(row, verdict(row)) for row in results["journal"] if row["stage"] == stage]
    effects += [(row["changes"], 1.0 if way == "better" else -1.0) for row, way in judged if way in ("better", "worse")]
    if is_trained_as(results["tried"]["preset"], results, stage):
        tried = [row for row in results["tried"]["rows"] if row["stage"] == stage]
        effects += [(row["changes"], row["effect"]) for row in tried if row["changes"]]
    chosen = results["run"]["settings"][stage]
    return any(_is_contrary(changes, effect, chosen) for changes, effect in effects)


def _is_contrary(changes: dict[str, str], effect: float, chosen: dict[str, typing.Any]) -> bool:
    """Return whether changes of only regularisation and augmentation, all in one direction, argue against more."""
    if not all(factor in GENERALISING for factor in changes):
        return False
    more = [_amount(value) - _amount(str(chosen[factor])) for factor, value in changes.items()]
    return (min(more) >= 0 and max(more) * effect < 0) or (max(more) <= 0 and min(more) * effect < 0)


def _amount(value: str) -> float:
    return float({"True": "1", "False": "0"}.get(value, value))


def repeat(row: StudyFactor, results: Results) -> Claim:
    """Suggest repeating a value of the study in a full run, or a full run with further seeds."""
    network = network_of_stage(row["network"])
    n_tried = sum(not tried["chosen"] for tried in results["study"]["rows"])
    values: dict[str, typing.Any] = {"factor": row["factor"], "value": row["best"]}
    own, base = find_full(results, row["network"], row["factor"], row["best"])
    if own is not None and base is not None:
        return Claim(KIND, network, "repeat_seeds", values=values | {"own": own, "base": base})
    return Claim(KIND, network, "repeat", values=values | {"loss_gain": row["gain"], "n_tried": n_tried})


def _half_width(row: StudyFactor, results: Results) -> float:
    return results["study"]["baselines"][row["network"]]["half_width"]


def is_better(row: StudyFactor, results: Results) -> bool:
    """Return whether the study's best value of a factor is worth a full run."""
    if not row["best_confirmed"] or is_too_short(row["network"], results):
        return False
    if row["factor"] in ("layers", "widths") or (row["factor"] == "unfreeze" and row["best"] not in SETTABLE_BLOCKS):
        return False
    set_already = results["run"]["settings"].get(row["network"], {}).get(row["factor"])
    if row["best"] in (str(set_already), f"{set_already:g}" if isinstance(set_already, float) else None):
        return False
    own = [found for found in results["journal"] if is_of(found, row["network"], row["factor"], row["best"])]
    if any(verdict(found) != "unknown" for found in own):
        return False  # which is concluded already
    known = find_rows(results, row["network"], row["factor"], row["best"])
    return all((found["effect"] or 0.0) > 0 for found in (*own, *known))  # also where other settings were trained
