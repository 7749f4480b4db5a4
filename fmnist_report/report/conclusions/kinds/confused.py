"""Which two classes each network confuses most."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.comparisons import most_confused
from fmnist_report.report.conclusions.formats import PAIRS_BY_MODEL

KIND = Kind(
    "confused",
    {
        "stated": N_("Most often confused, errors in both directions: {pairs}."),
    },
    {"pairs": PAIRS_BY_MODEL},
    about=NOTHING,
)


def confused(results: Results, names: tuple[str, ...]) -> Claim | None:
    """Claim which two classes each network confuses most; omit networks without a unique pair."""
    found = {name: most_confused(results["models"][name]["confusion"]) for name in names}
    pairs = {name: pair for name, pair in found.items() if pair}
    return Claim(KIND, "", "stated", values={"pairs": pairs}) if pairs else None
