"""Whether networks are more accurate on validation than on test."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import MAIN
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import BOUND, MODELS, UNSIGNED_POINTS

KIND = Kind(
    "val_minus_test",
    {
        "all": N_(
            "All networks are more accurate on validation than on test, by {least} to {most} percentage points, "
            "each significantly (Newcombe’s 95% interval). Both the choice of settings on validation and the images "
            "that happen to be in the two parts can cause this; the other intervals in this report do not include "
            "it."
        ),
        "some": N_(
            "The accuracy on validation differs from that on test by {low} to {high} percentage points (validation "
            "minus test); by Newcombe’s 95% interval, without correction for the number of networks, the validation "
            "accuracy is significantly higher only for: {models}. Both the choice of settings on validation and the "
            "images that happen to be in the two parts can cause this."
        ),
        "none": N_(
            "For no network is the accuracy on validation significantly higher than on test (validation minus test: "
            "{low} to {high} percentage points)."
        ),
        "none_all_higher": N_(
            "All networks are more accurate on validation than on test, by {least} to {most} percentage points; for "
            "none of them alone is the difference significant (Newcombe’s 95% interval). Both the choice of "
            "settings on validation and the images that happen to be in the two parts can cause this."
        ),
    },
    {"least": UNSIGNED_POINTS, "most": UNSIGNED_POINTS, "low": BOUND, "high": BOUND, "models": MODELS},
    about=NOTHING,
)


def val_minus_test(results: Results) -> Claim:
    """Claim for how many single networks the validation accuracy is significantly above the test accuracy.

    "all", "some" or "none", or "none_all_higher" if it is higher for all of them, but not significantly; values low and
    high, or least and most if all are higher, are the smallest and the largest difference.
    """
    found = {name: results["models"][name]["val_minus_test"] for name in MAIN}
    above = tuple(name for name in MAIN if found[name]["low"] > 0)
    differences = [found[name]["difference"] for name in MAIN]
    relation = "all" if len(above) == len(MAIN) else "some" if above else "none"
    if not above and min(differences) > 0:
        relation = "none_all_higher"
    if relation in ("all", "none_all_higher"):
        return Claim(KIND, "", relation, values={"least": min(differences), "most": max(differences)})
    values = {"low": min(differences), "high": max(differences)} | ({"models": above} if relation == "some" else {})
    return Claim(KIND, "", relation, values=values)
