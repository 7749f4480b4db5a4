"""Which single network is the most accurate."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import rank_models, relate
from fmnist_report.report.conclusions.formats import ACCURACY, MODELS, TEST_IMAGES

KIND = Kind(
    "best",
    {
        "above": N_(
            "Of the single networks, {subject} is the most accurate, significantly more than each of the others: it "
            "classifies {accuracy} of the {n_test} correctly (95% CI {ci_low} to {ci_high})."
        ),
        "unclear": N_(
            "Of the single networks, {subject} has the highest test accuracy: it classifies {accuracy} of the "
            "{n_test} correctly (95% CI {ci_low} to {ci_high}); its lead over {rivals} is not significant."
        ),
        "tied": N_(
            "Several single networks share the highest test accuracy, {accuracy} of the {n_test} (95% CI {ci_low} "
            "to {ci_high}): {subject}, {rivals}."
        ),
    },
    {"accuracy": ACCURACY, "n_test": TEST_IMAGES, "ci_low": ACCURACY, "ci_high": ACCURACY, "rivals": MODELS},
)


def best(results: Results) -> Claim:
    """Claim which single network is the most accurate, and whether it is significantly above every other one.

    The relation is "above" all, "unclear" relative to the models in values["rivals"], or "tied" with those.
    """
    first, *others = rank_models(results)
    model = results["models"][first]
    low, high = model["test_accuracy_ci95"]
    values = {"accuracy": model["test_accuracy"], "ci_low": low, "ci_high": high, "n_test": results["data"]["n_test"]}
    equal = tuple(name for name in others if results["models"][name]["test_accuracy"] == model["test_accuracy"])
    if equal:
        return Claim(KIND, first, "tied", values=values | {"rivals": equal})
    rivals = tuple(name for name in others if relate(results, first, name) != "above")
    return Claim(KIND, first, "unclear" if rivals else "above", values=values | ({"rivals": rivals} if rivals else {}))
