"""Which classes a model confuses."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import most_confused
from fmnist_report.report.conclusions.formats import CLASS, CLASSES, ERRORS, INTEGER

KIND = Kind(
    "errors",
    {
        "one": N_(
            "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of {n_class}); it "
            "confuses {class_a} and {class_b} most often ({count} in both directions)."
        ),
        "one_tied": N_("{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of {n_class})."),
        "several_tied": N_("{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of each)."),
        "several": N_(
            "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of each); it confuses "
            "{class_a} and {class_b} most often ({count} in both directions)."
        ),
    },
    {
        "classes": CLASSES,
        "n_errors": INTEGER,
        "n_class": INTEGER,
        "class_a": CLASS,
        "class_b": CLASS,
        "count": ERRORS,
    },
    shows_pair=True,
)


def errors(results: Results, name: str) -> list[Claim]:
    """Claim which class a model misclassifies most, and which two it confuses most; nothing if it makes no errors.

    "one" class or "several"; "_tied" if several pairs are confused equally often, none of which is named, or if there
    is only one pair.
    """
    model = results["models"][name]
    missed = [row["n_errors"] for row in model["per_class"]]
    if not any(missed):
        return []
    classes = tuple(label for label, count in enumerate(missed) if count == max(missed))
    pair = most_confused(model["confusion"]) if len(missed) > 2 else None
    values: dict[str, typing.Any] = {"classes": classes, "n_errors": max(missed)}
    values |= {"n_class": model["per_class"][classes[0]]["support"]}
    values |= dict(zip(("class_a", "class_b", "count"), pair, strict=True)) if pair else {}
    relation = ("one" if len(classes) == 1 else "several") + ("" if pair else "_tied")
    return [Claim(KIND, name, relation, values=values)]
