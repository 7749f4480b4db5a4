"""Wording of claims: a format for every placeholder of their sentences."""

import dataclasses
import functools
import typing
import urllib.parse

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import CHOSEN, MAIN, network_of_stage
from fmnist_report.report.conclusions.advice import advise
from fmnist_report.report.conclusions.captions import decide_captions
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.decisions import decide
from fmnist_report.report.conclusions.explanations import is_explanation
from fmnist_report.report.conclusions.sentences import AFTER, BEFORE, MESSAGES
from fmnist_report.report.language import Language, Name

ACCURACIES = (
    "a",
    "b",
    "accuracy",
    "ci_low",
    "ci_high",
    "control",
    "before",
    "after",
    "train",
    "val",
    "val_then",
    "val_last",
    "bottom",
    "top",
    "highest",
    "own",
    "start",
    "base",
    "whole",
    "whole_other",
    "permuted",
    "permuted_other",
    "of_block",
    "of_last",
    "of_last_tuned",
)
COUNTS = (
    "n_errors", "n_class", "epoch", "epochs", "n_clean", "n_pairs", "n_own", "n_saved", "n_saved_all", "block",
    "last_block",
)  # fmt: skip
UNITS = {
    "n_test": "test image",
    "count": "error",
    "n_other": "error",
    "n_seeds": "seed",
    "n_steps": "step",
    "n_tried": "value tried",
    "n_changes": "change",
}
LOSSES = ("loss_lowest", "loss_last", "error_low", "error_high", "scaled_low", "scaled_high")
WITHOUT_SUBJECT = (
    "ablation",
    "ablation_peak",
    "ablation_left",
    "strongest",
    "confused",
    "hardest",
    "val_minus_test",
    "reference",
    "why_confused",
    "evidence",
)
PLACES = {"upper": N_("in the upper third"), "middle": N_("in the middle third"), "lower": N_("in the lower third")}
Format = typing.Callable[[Language, typing.Any], str | Name]


def _count(language: Language, n: int, unit: str) -> Name:
    return language.count(unit, n)


FORMATS: dict[str, Format] = {
    **dict.fromkeys(ACCURACIES, lambda language, value: language.percent(value, 2)),
    **dict.fromkeys(COUNTS, lambda language, value: language.integer(value)),
    **{name: functools.partial(_count, unit=unit) for name, unit in UNITS.items()},
    **dict.fromkeys(LOSSES, lambda language, value: language.number(value, 3)),
    **dict.fromkeys(("least", "most"), lambda language, value: language.number(100 * value, 2)),
    **dict.fromkeys(("low", "high"), lambda language, value: language.bound(value)),
    "signed": lambda language, value: language.points(value, 2),
    **dict.fromkeys(("difference",), lambda language, value: language.number(abs(100 * value), 2)),
    **dict.fromkeys(("p", "p_control", "p_second"), lambda language, value: language.p_value(value)),
    **dict.fromkeys(("rivals", "models", "lowest", "highest_of"), lambda language, value: language.name_all(value)),
    **dict.fromkeys(("class_a", "class_b"), lambda language, value: language.quoted([language.class_name(value)])),
    **dict.fromkeys(
        ("change", "change_low", "change_high", "gain", "against_first", "against_second"),
        lambda language, value: language.points(value, 2),
    ),
    "correlation": lambda language, value: language.number(value, 2),
    "half_width": lambda language, value: language.number(100 * value, 2),
    "ratio": lambda language, value: language.number(value, 0 if value >= 10 else 1),
    "classes": lambda language, value: language.quoted(map(language.class_name, value)),
    "factor": lambda language, value: language.factor(value),
    "value": lambda language, value: language.value(value),
    "ways": lambda language, value: language.join(
        language.quoted([f"{language.factor(factor)}: {language.value(way)}"]) for factor, way in value
    ),
    "losses": lambda language, value: "; ".join(_effect(language, *effect) for effect in value),
    "half_loss": lambda language, value: language.number(value, 3),
    "loss_gain": lambda language, value: language.number(value, 3),
    **dict.fromkeys(
        ("better", "worse"), lambda language, value: "; ".join(_changed(language, *effect) for effect in value)
    ),
    "highest_at": lambda language, value: language.quoted(map(language.component, value)),
    "upto": lambda language, value: language.component(value),
    "components": lambda language, value: ", ".join(map(language.component, value)),
    "steps": lambda language, value: "; ".join(
        f"{language.component(name)} {language.points(gain, 2)}" for name, gain in value
    ),
    "largest": lambda language, value: language.by_model(
        {network_of_stage(network): _effect(language, *effect) for network, effect in value.items()}
    ),
    "pairs": lambda language, value: language.by_model(
        {
            name: f"{language.quoted(map(language.class_name, pair[:2]))} ({language.integer(pair[2])})"
            for name, pair in value.items()
        }
    ),
    "maps": lambda language, value: " ".join(_locate(language, *one) for one in value),
    "of": lambda language, value: language.by_model(
        {name: language.quoted(map(language.class_name, classes)) for name, classes in value.items()}
    ),
}  # fmt: skip


def _locate(language: Language, label: int, predicted: int, place: str, share: float) -> str:
    """Say where the evidence of one heat map lies."""
    right = label == predicted
    names = {"label": language.quoted([language.class_name(label)])}
    names |= {} if right else {"predicted": language.quoted([language.class_name(predicted)])}
    if place == "none":
        message = (
            N_("For {label}, recognised, no cell of these maps supports the prediction.")
            if right
            else N_("Where {label} was taken for {predicted}, no cell of these maps supports the prediction.")
        )
        return language.text(message, **names)
    if place == "spread":
        message = (
            N_("For {label}, recognised, no third of the image holds more than half of the evidence.")
            if right
            else N_(
                "Where {label} was taken for {predicted}, no third of the image holds more than half of the evidence."
            )
        )
        return language.text(message, **names)
    message = (
        N_("For {label}, recognised, {share} of the evidence lies {place} of the image.")
        if right
        else N_("Where {label} was taken for {predicted}, {share} of the evidence lies {place} of the image.")
    )
    digits = 0 if round(share, 2) > 0.5 else 1  # more than half, also as printed
    return language.text(message, **names, share=language.percent(share, digits), place=language.text(PLACES[place]))


def _effect(language: Language, factor: str, value: str, effect: float) -> str:
    text = f"{language.factor(factor)} = {language.value(value)}".replace(" = ", "\u00a0=\u00a0")
    return f"{text} ({language.difference(effect)})"


def _changed(language: Language, changes: dict[str, str], effect: float, loss_effect: float | None) -> str:
    """Format a change with its effects: on accuracy in points, and on cross-entropy if it is known."""
    points = language.text(N_("{points} points"), points=language.points(effect, 2))
    loss = (
        ""
        if loss_effect is None
        else language.text(N_("cross-entropy {difference}"), difference=language.difference(loss_effect))
    )
    text = language.changes(changes).replace(" = ", "\u00a0=\u00a0")
    return f"{text} ({'; '.join(part for part in (points, loss) if part)})"


def word(claim: Claim, language: Language) -> str:
    """Return the sentence for a claim."""
    given = dict(claim.values)
    if "difference" in given:
        given["signed"] = given["difference"]
        if given["difference"] < 0 and claim.relation == "below":  # shown without its sign, so its interval is reversed
            given |= {"low": -given["high"], "high": -given["low"]} if "low" in given else {}
    names = {}
    if claim.kind in ("effects", "in_full", "own_runs"):
        names["network"] = language.name(network_of_stage(claim.subject))
    elif claim.kind not in WITHOUT_SUBJECT:
        names["subject"] = language.name(claim.subject)
    if claim.other:
        names["other"] = language.name(claim.other)
    texts = {name: FORMATS[name](language, value) for name, value in given.items()}
    if "epoch" in given:
        moment = AFTER if given["epoch"] else BEFORE
        texts["moment"] = language.text(moment, epoch=texts["epoch"], epochs=texts["epochs"])
    if claim.kind == "chosen_classifier":
        texts["chosen"] = language.model(CHOSEN)
    return language.text(MESSAGES[claim.kind, claim.relation], **names, **texts)


@dataclasses.dataclass(frozen=True)
class Sentence:
    """The sentence of a claim, the explorer's view of the images that it is about, and whether it explains."""

    text: str
    view: str = ""
    explains: bool = False


def word_conclusions(results: Results, language: Language) -> dict[str, list[Sentence]]:
    """Return the sentences of every section of claims.decide, and of "advice"."""
    return {
        section: [Sentence(word(claim, language), find_view(claim), is_explanation(claim)) for claim in claims]
        for section, claims in {**decide(results), "advice": advise(results)}.items()
    }


def find_view(claim: Claim) -> str:
    """Return the explorer's view of the images that a claim is about; empty for none."""
    if claim.kind != "errors" or claim.subject not in MAIN or "class_a" not in claim.values:
        return ""
    pair = {"true": claim.values["class_a"], "pred": claim.values["class_b"], "both": 1}
    return urllib.parse.urlencode({"net": claim.subject, **pair})


def word_captions(results: Results, language: Language) -> dict[str, str]:
    """Return the finding of each figure, by name; empty if there is none."""
    return {name: word(claim, language) if claim else "" for name, claim in decide_captions(results).items()}
