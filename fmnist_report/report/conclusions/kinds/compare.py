"""How the test accuracies of two models relate."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, relate
from fmnist_report.report.conclusions.formats import ACCURACY, BOUND, MAGNITUDE, P_VALUE

KIND = Kind(
    "compare",
    {
        "above": N_(
            "{subject:Nominative} ({a}) is {difference} percentage points more accurate than {other} ({b}) "
            "(Holm-adjusted interval {low} to {high}; {p})."
        ),
        "below": N_(
            "{subject:Nominative} ({a}) is {difference} percentage points less accurate than {other} ({b}) "
            "(Holm-adjusted interval {low} to {high}; {p})."
        ),
        "same": N_(
            "{subject:Nominative} ({a}) and {other} ({b}) do not differ significantly in accuracy: the observed "
            "difference is {signed} percentage points (Holm-adjusted interval {low} to {high}; {p})."
        ),
    },
    {"a": ACCURACY, "difference": MAGNITUDE, "b": ACCURACY, "low": BOUND, "high": BOUND, "p": P_VALUE},
)


def compare(results: Results, a: str, b: str) -> Claim:
    """Claim the relation of the test accuracies of two models."""
    row = find_comparison(results, a, b)
    values = {"a": results["models"][a]["test_accuracy"], "b": results["models"][b]["test_accuracy"]}
    values |= {"difference": row["difference"], "low": row["holm_low"], "high": row["holm_high"], "p": row["p_holm"]}
    return Claim(KIND, a, relate(results, a, b), b, values)
