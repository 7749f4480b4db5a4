"""What frozen filters reach."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison
from fmnist_report.report.conclusions.formats import ACCURACY, P_VALUE, POINTS
from fmnist_report.report.conclusions.mechanisms import PERCEPTRON

KIND = Kind(
    "lesson_of_features",
    {
        "stated": N_(
            "Unchanged filters of {backbone}, learned from photographs, reach {a}: {against_first} points against "
            "the perceptron ({p}) and {against_second} against {other} ({p_second})."
        ),
    },
    {"a": ACCURACY, "against_first": POINTS, "p": P_VALUE, "against_second": POINTS, "p_second": P_VALUE},
)


def lesson_of_features(results: Results) -> Claim:
    """State what frozen filters, learned from photographs, reach against the perceptron and the network of part 1."""
    frozen, (a, b) = "vgg_features", (find_comparison(results, "vgg_features", name) for name in (PERCEPTRON, "cnn"))
    values = {"a": results["models"][frozen]["test_accuracy"], "against_first": a["difference"], "p": a["p_holm"]}
    values |= {"against_second": b["difference"], "p_second": b["p_holm"]}
    return Claim(KIND, frozen, "stated", "cnn", values)
