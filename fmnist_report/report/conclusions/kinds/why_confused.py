"""Why classes are confused."""

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import CORRELATION, INTEGER, P_VALUE
from fmnist_report.report.conclusions.mechanisms import measured

KIND = Kind(
    "why_confused",
    {
        "alike": N_(
            "What is confused looks alike: the more alike the average images of two classes, the more often the "
            "networks confuse them ({n_pairs} pairs of classes; Spearman’s rank correlation {correlation}; Mantel’s "
            "test, {p})."
        ),
    },
    {"n_pairs": INTEGER, "correlation": CORRELATION, "p": P_VALUE},
    about=NOTHING,
    explains=True,
)


def why_confused(results: Results) -> list[Claim]:
    """Explain why classes are confused: they look alike; claimed if Mantel's test of the correlation is significant."""
    found = measured(results).get("likeness")
    if not found or found["spearman"] <= 0 or found["p_value"] >= ALPHA:
        return []
    values = {"n_pairs": found["n_pairs"], "correlation": found["spearman"], "p": found["p_value"]}
    return [Claim(KIND, "", "alike", values=values)]
