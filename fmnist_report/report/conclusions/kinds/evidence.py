"""Where in the image the evidence of heat maps lies."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Format, Kind
from fmnist_report.report.conclusions.mechanisms import measured
from fmnist_report.report.language import Language

THIRDS = ("upper", "middle", "lower")
N_RIGHT, N_WRONG = 1, 2  # heat maps that are described, of right and of wrong predictions
PLACES = {"upper": N_("in the upper third"), "middle": N_("in the middle third"), "lower": N_("in the lower third")}


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


MAPS = Format(
    lambda language, value: " ".join(dict.fromkeys(_locate(language, *one) for one in value)),
    ((0, 0, "upper", 0.61), (6, 0, "spread", 0.4), (4, 2, "none", 0.0)),
)
KIND = Kind(
    "evidence",
    {
        "stated": N_("{maps}"),
    },
    {"maps": MAPS},
    about=NOTHING,
)


def evidence(results: Results, name: str) -> Claim | None:
    """State in which third of the image most of the evidence lies, for the first heat maps of a network.

    values["maps"] has label, predicted class, and the third that holds more than half of the heat, with its share; or
    "spread" if none does, with the largest share; or "none" without any heat.
    """
    rows = (measured(results).get("heat") or {}).get(name, [])
    right = [row for row in rows if row["predicted"] == row["label"]][:N_RIGHT]
    wrong = [row for row in rows if row["predicted"] != row["label"]][:N_WRONG]
    maps = tuple((row["label"], row["predicted"], *_most_of(row["thirds"])) for row in (*right, *wrong))
    return Claim(KIND, name, "stated", values={"maps": maps}) if maps else None


def _most_of(thirds: list[float]) -> tuple[str, float]:
    if not thirds:
        return "none", 0.0
    most = max(thirds)
    return (THIRDS[thirds.index(most)] if most > 0.5 else "spread"), most
