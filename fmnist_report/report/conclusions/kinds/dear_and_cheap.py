"""What more operations per prediction bring."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import MAIN
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, rank_models, relate
from fmnist_report.report.conclusions.formats import MAGNITUDE, RATIO

KIND = Kind(
    "dear_and_cheap",
    {
        "above": N_(
            "{subject:Nominative} needs {ratio} times as many operations as {other} and is {difference} percentage "
            "points more accurate."
        ),
        "below": N_(
            "{subject:Nominative} needs {ratio} times as many operations as {other} and is {difference} percentage "
            "points less accurate."
        ),
        "same": N_(
            "{subject:Nominative} needs {ratio} times as many operations as {other} and does not differ from it "
            "significantly in accuracy: the observed difference is {signed} percentage points."
        ),
    },
    {"ratio": RATIO, "difference": MAGNITUDE},
)


def dear_and_cheap(results: Results) -> Claim:
    """Claim whether the network with the most operations per prediction is more accurate than the most accurate of
    those with fewer; among ties the last is taken, and if all are tied, it is compared with the first.
    """
    macs = {name: results["models"][name]["macs_per_prediction"] for name in MAIN}
    dear = max(reversed(MAIN), key=macs.__getitem__)
    cheaper = [name for name in rank_models(results) if macs[name] < macs[dear]]
    other = cheaper[0] if cheaper else MAIN[0]
    values = {"ratio": macs[dear] / macs[other], "difference": find_comparison(results, dear, other)["difference"]}
    return Claim(KIND, dear, relate(results, dear, other), other, values)
