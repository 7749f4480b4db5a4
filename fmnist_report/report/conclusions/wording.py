"""Wording of claims, from the messages and the types of their kinds."""

import dataclasses
import urllib.parse

from fmnist_report.evaluation.schema import Results
from fmnist_report.networks import MAIN, network_of_stage
from fmnist_report.report.conclusions.captions import decide_captions
from fmnist_report.report.conclusions.claim import MODEL, STAGE, Claim
from fmnist_report.report.conclusions.decisions import decide
from fmnist_report.report.conclusions.formats import POINTS
from fmnist_report.report.conclusions.kinds.advice import advise
from fmnist_report.report.language import Language, Name


def word(claim: Claim, language: Language) -> str:
    """Return the sentence for a claim."""
    given, kind = dict(claim.values), claim.of
    names = {}
    if kind.about == STAGE:
        names["network"] = language.name(network_of_stage(claim.subject))
    elif kind.about == MODEL:
        names["subject"] = language.name(claim.subject)
    if claim.other:
        names["other"] = language.name(claim.other)
    texts: dict[str, str | Name] = dict(kind.derive(language, given)) if kind.derive else {}
    if "difference" in given:
        texts["signed"] = POINTS.write(language, given["difference"])
        if given["difference"] < 0 and claim.relation == "below":  # shown without its sign, so its interval is reversed
            given |= {"low": -given["high"], "high": -given["low"]} if "low" in given else {}
    texts |= {name: form.write(language, given[name]) for name, form in kind.formats.items() if name in given}
    return language.text(kind.messages[claim.relation], **names, **texts)


@dataclasses.dataclass(frozen=True)
class Sentence:
    """The sentence of a claim, the explorer's view of the images that it is about, and whether it explains."""

    text: str
    view: str = ""
    explains: bool = False


def word_conclusions(results: Results, language: Language) -> dict[str, list[Sentence]]:
    """Return the sentences of every section of decide, and of "advice"."""
    return {
        section: [Sentence(word(claim, language), find_view(claim), claim.of.explains) for claim in claims]
        for section, claims in {**decide(results), "advice": advise(results)}.items()
    }


def find_view(claim: Claim) -> str:
    """Return the explorer's view of the images that a claim is about; empty for none."""
    if not claim.of.shows_pair or claim.subject not in MAIN or "class_a" not in claim.values:
        return ""
    pair = {"true": claim.values["class_a"], "pred": claim.values["class_b"], "both": 1}
    return urllib.parse.urlencode({"net": claim.subject, **pair})


def word_captions(results: Results, language: Language) -> dict[str, str]:
    """Return the finding of each figure, by name; empty if there is none."""
    return {name: word(claim, language) if claim else "" for name, claim in decide_captions(results).items()}
