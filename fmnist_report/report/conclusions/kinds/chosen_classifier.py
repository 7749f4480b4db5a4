"""Which classifier on the frozen features was chosen."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import CHOSEN, ON_FEATURES
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, MODEL_TITLE, MODELS

KIND = Kind(
    "chosen_classifier",
    {
        "highest": N_(
            "Of the classifiers on the frozen features, {subject} was chosen for the highest validation accuracy "
            "({val}); it is the network “{chosen}” of this report."
        ),
        "tied": N_(
            "Of the classifiers on the frozen features, {subject} was chosen, which is the network “{chosen}” of "
            "this report; others with the same validation accuracy ({val}): {rivals}."
        ),
    },
    {"val": ACCURACY, "chosen": MODEL_TITLE, "rivals": MODELS},
)


def chosen_classifier(results: Results) -> Claim:
    """Claim that the chosen classifier has the highest validation accuracy, alone or tied with others."""
    chosen = results["chosen_classifier"]
    val = results["models"][chosen]["val_accuracy"]
    equal = tuple(row.name for row in ON_FEATURES if results["models"][row.name]["val_accuracy"] == val)
    values: dict[str, typing.Any] = {"val": val, "chosen": CHOSEN}
    if len(equal) == 1:
        return Claim(KIND, chosen, "highest", values=values)
    return Claim(KIND, chosen, "tied", values=values | {"rivals": tuple(e for e in equal if e != chosen)})
