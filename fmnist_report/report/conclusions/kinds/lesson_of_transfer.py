"""How the fine-tuned network compares with that of part 1."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, relate
from fmnist_report.report.conclusions.formats import MAGNITUDE, P_VALUE, RATIO

KIND = Kind(
    "lesson_of_transfer",
    {
        "above": N_(
            "{subject:Nominative} is {difference} points more accurate than {other} ({p}), with {ratio} times as "
            "many operations."
        ),
        "same": N_(
            "The difference between {subject} and {other} is not significant ({signed} points; {p}), with {ratio} "
            "times as many operations."
        ),
        "below": N_(
            "{subject:Nominative} is {difference} points less accurate than {other} ({p}), with {ratio} times as "
            "many operations."
        ),
    },
    {"difference": MAGNITUDE, "p": P_VALUE, "ratio": RATIO},
)


def lesson_of_transfer(results: Results) -> Claim:
    """Claim how the fine-tuned network compares with the convolutional network of part 1, and at what cost."""
    a, b = "vgg_finetuned", "cnn"
    macs = [results["models"][name]["macs_per_prediction"] for name in (a, b)]
    row = find_comparison(results, a, b)
    values = {"ratio": macs[0] / macs[1], "difference": row["difference"], "p": row["p_holm"]}
    return Claim(KIND, a, relate(results, a, b), b, values)
