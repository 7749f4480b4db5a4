"""Which single network to use."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, rank_models, relate
from fmnist_report.report.conclusions.formats import BOUND, MAGNITUDE, RATIO

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
        "as_accurate": N_(
            "If operations count, {subject} is the choice: {other} is equally accurate and needs {ratio} times as "
            "many operations."
        ),
        "cheaper": N_(
            "If operations count, {subject} is the choice: {other} has the highest accuracy, but its lead of "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}) is not significant, and it "
            "needs {ratio} times as many operations."
        ),
    },
    {"difference": MAGNITUDE, "low": BOUND, "high": BOUND, "ratio": RATIO},
)


def choice(results: Results) -> Claim:
    """Claim which single network to use: of those that no other one significantly exceeds, the one with the fewest
    operations per prediction; "best" if it is the most accurate one itself, "as_accurate" if it ties with that one,
    else "cheaper".
    """
    first, *_ = ranked = rank_models(results)
    equal = [
        name for name in ranked if all(relate(results, other, name) != "above" for other in ranked if other != name)
    ]
    chosen = min(equal, key=lambda name: results["models"][name]["macs_per_prediction"])
    if chosen == first:
        return Claim(KIND, first, "alone" if len(equal) == 1 else "best")
    macs = (results["models"][name]["macs_per_prediction"] for name in (first, chosen))
    lead = find_comparison(results, first, chosen)
    if lead["difference"] == 0:
        return Claim(KIND, chosen, "as_accurate", first, {"ratio": next(macs) / next(macs)})
    values = {"difference": lead["difference"], "low": lead["holm_low"], "high": lead["holm_high"]}
    return Claim(KIND, chosen, "cheaper", first, values | {"ratio": next(macs) / next(macs)})
