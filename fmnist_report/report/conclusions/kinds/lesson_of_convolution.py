"""What part 1 teaches, in half a line."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, relate
from fmnist_report.report.conclusions.formats import MAGNITUDE, POINTS
from fmnist_report.report.conclusions.kinds.why_convolution import why_convolution
from fmnist_report.report.conclusions.mechanisms import PERCEPTRON

KIND = Kind(
    "lesson_of_convolution",
    {
        "neighbours": N_(
            "It matters which pixels are neighbours: {subject} is {difference} percentage points more accurate than "
            "{other}, and with permuted pixels its accuracy changes by {change} points."
        ),
        "above": N_("{subject:Nominative} is {difference} percentage points more accurate than {other}."),
        "same": N_("That {subject} is more accurate than {other} is not shown."),
        "below": N_(
            "{subject:Nominative} is {difference} percentage points less accurate than {other}, so it was not the "
            "architecture that decided here."
        ),
    },
    {"difference": MAGNITUDE, "change": POINTS},
)


def lesson_of_convolution(results: Results, name: str) -> Claim:
    """Claim what part 1 teaches, in half a line; "neighbours" if why_convolution holds, else relate's relation."""
    why, relation = why_convolution(results, name), relate(results, name, PERCEPTRON)
    values = {"difference": find_comparison(results, name, PERCEPTRON)["difference"]} if relation != "same" else {}
    if why:
        relation, values = "neighbours", values | {"change": why[0].values["change"]}
    return Claim(KIND, name, relation, PERCEPTRON, values)
