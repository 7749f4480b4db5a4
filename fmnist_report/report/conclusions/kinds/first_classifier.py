"""The lead of the best classifier on the frozen features."""

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import ON_FEATURES
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import MAGNITUDE, MODELS

KIND = Kind(
    "first_classifier",
    {
        "beyond": N_("{subject:Nominative} is {difference} percentage points ahead of the runner-up, {other}."),
        "within": N_(
            "{subject:Nominative} is {difference} percentage points ahead of the runner-up, {other}; by Newcombe’s "
            "interval for independent samples the difference is not significant."
        ),
        "equal": N_("First place is shared: {rivals}."),
    },
    {"difference": MAGNITUDE, "rivals": MODELS},
)


def first_classifier(results: Results) -> Claim:
    """Claim the lead in validation accuracy of the best classifier over the next, and whether it is significant."""
    val = {row.name: results["models"][row.name]["val_accuracy"] for row in ON_FEATURES}
    top = tuple(name for name in val if val[name] == max(val.values()))
    if len(top) > 1:
        return Claim(KIND, top[0], "equal", values={"rivals": top})
    first, second = sorted(val, key=lambda name: -val[name])[:2]
    n_val = results["data"]["n_val"]
    difference, low, _ = difference_of_accuracies(val[first], n_val, val[second], n_val)
    relation = "beyond" if low > 0 else "within"
    return Claim(KIND, first, relation, second, {"difference": difference})
