"""Whether a classifier in which nothing was chosen is better on validation than on test."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import BOUND, MAGNITUDE

KIND = Kind(
    "reference",
    {
        "above": N_(
            "Ridge regression on random convolutional features, in which nothing was chosen, is more accurate on "
            "validation than on test as well, by {difference} percentage points (95% interval {low} to {high}): the "
            "images of the two parts alone can cause a difference."
        ),
        "same": N_(
            "Ridge regression on random convolutional features, in which nothing was chosen, does not differ "
            "significantly between validation and test: the observed difference is {signed} percentage points (95% "
            "interval {low} to {high})."
        ),
        "below": N_(
            "Ridge regression on random convolutional features, in which nothing was chosen, is less accurate on "
            "validation than on test, by {difference} percentage points (95% interval {low} to {high}): the "
            "validation images are the harder ones."
        ),
    },
    {"difference": MAGNITUDE, "low": BOUND, "high": BOUND},
    about=NOTHING,
)


def reference(results: Results) -> list[Claim]:
    """Claim whether a classifier in which nothing was chosen is more accurate on validation than on test.

    "above", "below", or "same" if its interval includes zero. Nothing if it was not measured.
    """
    row = results.get("reference")
    if not row:
        return []
    relation = "above" if row["low"] > 0 else "below" if row["high"] < 0 else "same"
    return [Claim(KIND, "", relation, values={name: row[name] for name in ("difference", "low", "high")})]
