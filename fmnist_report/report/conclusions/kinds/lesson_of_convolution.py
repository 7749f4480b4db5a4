"""What part 1 teaches, in half a line."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, relate
from fmnist_report.report.conclusions.formats import ACCURACY, MAGNITUDE
from fmnist_report.report.conclusions.kinds.why_convolution import why_convolution
from fmnist_report.report.conclusions.mechanisms import PERCEPTRON

KIND = Kind(
    "lesson_of_convolution",
    {
        "neighbours": N_(
            "It matters which pixels are neighbours: {subject} is {difference} percentage points more accurate than "
            "{other}; in short training runs on permuted pixels the accuracy of its narrower form falls by {fall} "
            "points to {permuted}, that of {other} is {permuted_other}."
        ),
        "above": N_("{subject:Nominative} is {difference} percentage points more accurate than {other}."),
        "same": N_("That {subject} is more accurate than {other} is not shown."),
        "below": N_("{subject:Nominative} is {difference} percentage points less accurate than {other}."),
    },
    {"difference": MAGNITUDE, "fall": MAGNITUDE, "permuted": ACCURACY, "permuted_other": ACCURACY},
)


def lesson_of_convolution(results: Results, name: str) -> Claim:
    """Claim what part 1 teaches, in half a line; "neighbours" if why_convolution holds, else relate's relation."""
    why, relation = why_convolution(results, name), relate(results, name, PERCEPTRON)
    values = {"difference": find_comparison(results, name, PERCEPTRON)["difference"]} if relation != "same" else {}
    if why:
        shown = why[0].values
        values |= {"fall": shown["change"], "permuted": shown["permuted"], "permuted_other": shown["permuted_other"]}
        relation = "neighbours"
    return Claim(KIND, name, relation, PERCEPTRON, values)
