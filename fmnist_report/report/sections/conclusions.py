"""Overall conclusions, limitations, and what to try next."""

import dataclasses

from fmnist_report.networks import CHOSEN, MAIN
from fmnist_report.report.conclusions.wording import Sentence
from fmnist_report.report.document import Document
from fmnist_report.report.language import Name


@dataclasses.dataclass(frozen=True)
class Conclusions:
    """Values of the conclusions.

    seeded: the networks that were trained with several seeds, None without any; some_once: whether others were not.
    cnn_studied: whether settings of the convolutional network were studied or tried in full, and the perceptron's not.
    """

    conclusions: list[Sentence]
    advice: list[Sentence]
    seeded: Name | None
    some_once: bool
    seed: int
    cnn_studied: bool


def describe(document: Document) -> Conclusions:
    """Gather the values of the conclusions."""
    seeds, studied = document.results["seeds"], set(document.results["study"]["baselines"])
    tried = studied | {row["stage"] for row in document.results["journal"] if row["changes"]}
    known = document.results["full_runs"]
    tried |= {
        row["stage"] for row in known if set(row["changes"]) & set(document.results["run"]["settings"][row["stage"]])
    }
    return Conclusions(
        conclusions=document.conclusions["overall"],
        advice=document.conclusions["advice"],
        seeded=document.language.name_all(seeds) if seeds else None,
        some_once=any(name not in seeds for name in MAIN if name != CHOSEN),
        seed=document.settings.seed,
        cnn_studied="cnn" in tried and "mlp" not in tried,
    )
