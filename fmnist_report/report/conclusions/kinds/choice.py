"""Which single network to use."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import rank_models, relate
from fmnist_report.report.conclusions.formats import RATIO

KIND = Kind(
    "choice",
    {
        "alone": N_(
            "For use, {subject} is the choice: it is significantly more accurate than every other single network."
        ),
        "best": N_(
            "For use, {subject} is the choice: no single network is more accurate, and of those that do not differ "
            "from it significantly none needs fewer operations."
        ),
        "cheaper": N_(
            "For use, {subject} is the choice: {other} is not significantly more accurate and needs {ratio} times "
            "as many operations."
        ),
    },
    {"ratio": RATIO},
)


def choice(results: Results) -> Claim:
    """Claim which single network to use: of those that the most accurate one does not significantly exceed, the one
    with the fewest operations per prediction; "best" if it is the most accurate one itself, else "cheaper".
    """
    first, *others = rank_models(results)
    equal = [first, *(name for name in others if relate(results, first, name) != "above")]
    chosen = min(equal, key=lambda name: results["models"][name]["macs_per_prediction"])
    if chosen == first:
        return Claim(KIND, first, "alone" if len(equal) == 1 else "best")
    macs = (results["models"][name]["macs_per_prediction"] for name in (first, chosen))
    return Claim(KIND, chosen, "cheaper", first, {"ratio": next(macs) / next(macs)})
