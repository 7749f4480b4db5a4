"""Whether another preprocessing variant had a higher accuracy."""

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, WAYS

KIND = Kind(
    "ways_of_input",
    {
        "chosen": N_("None of the other ways is better than the chosen one ({a})."),
        "within": N_(
            "The best, {ways}, reaches {b}, the chosen way {a}; by Newcombe’s interval for independent samples the "
            "difference is not significant."
        ),
        "within_tied": N_(
            "The best, {ways}, reach {b} each, the chosen way {a}; by Newcombe’s interval for independent samples "
            "the difference is not significant."
        ),
        "beyond": N_("The best, {ways}, reaches {b}, the chosen way {a}."),
        "beyond_tied": N_("The best, {ways}, reach {b} each, the chosen way {a}."),
    },
    {"a": ACCURACY, "ways": WAYS, "b": ACCURACY},
)


def ways_of_input(results: Results) -> Claim | None:
    """Claim whether other preprocessing variants had a higher validation accuracy, and whether significantly.

    "within" or "beyond" the interval of their difference; "_tied" if several variants share the highest accuracy.
    """
    rows, n_val = results["inputs"]["rows"], results["inputs"]["n_val"]
    if not rows:
        return None
    chosen = next(row["val_accuracy"] for row in rows if row["chosen"])
    top = max(row["val_accuracy"] for row in rows)
    if top <= chosen:
        return Claim(KIND, "vgg_input", "chosen", values={"a": chosen})
    ways = tuple((row["factor"], row["value"]) for row in rows if row["val_accuracy"] == top)
    _, low, _ = difference_of_accuracies(top, n_val, chosen, n_val)
    relation = ("beyond" if low > 0 else "within") + ("_tied" if len(ways) > 1 else "")
    return Claim(KIND, "vgg_input", relation, values={"a": chosen, "b": top, "ways": ways})
