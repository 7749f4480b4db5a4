"""Claims about the test results of the models: accuracy, costs, errors and calibration.

Every claim has a kind, a subject, a relation and the values from which it follows. All thresholds, signs and
comparisons are in this module, trained.py, explanations.py, captions.py and advice.py, so that claims can be checked
against the numbers, and against each other, independently of the wording in wording.py and sentences.py.
"""

import dataclasses
import typing

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import Comparison, Results
from fmnist_report.networks import (
    BY_NAME,
    CHOSEN,
    CONTROL,
    ENSEMBLE,
    MAIN,
    ON_FEATURES,
)
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.trained import read_finetune


def find_comparison(results: Results, a: str, b: str) -> Comparison:
    """Return the paired test of accuracy a minus b, reversed if it was stored as b minus a."""
    for row in results["comparisons"]:
        if (row["a"], row["b"]) == (a, b):
            return row
        if (row["a"], row["b"]) == (b, a):
            return {
                "a": a, "b": b, "only_a": row["only_b"], "only_b": row["only_a"], "difference": -row["difference"],
                "ci95_low": -row["ci95_high"], "ci95_high": -row["ci95_low"], "holm_low": -row["holm_high"],
                "holm_high": -row["holm_low"], "p_value": row["p_value"], "p_holm": row["p_holm"],
            }  # fmt: skip
    raise KeyError(f"there is no comparison of {a} and {b}")


def relate(results: Results, a: str, b: str) -> str:
    """Return "above", "below" or "same": whether a's test accuracy differs from b's after Holm's correction."""
    row = find_comparison(results, a, b)
    if row["p_holm"] >= ALPHA:
        return "same"
    return "above" if row["difference"] > 0 else "below"


def compare(results: Results, a: str, b: str) -> Claim:
    """Claim the relation of the test accuracies of two models."""
    row = find_comparison(results, a, b)
    values = {"a": results["models"][a]["test_accuracy"], "b": results["models"][b]["test_accuracy"]}
    values |= {"difference": row["difference"], "low": row["holm_low"], "high": row["holm_high"], "p": row["p_holm"]}
    return Claim("compare", a, relate(results, a, b), b, values)


def rank_models(results: Results) -> list[str]:
    """Return the single networks by test accuracy, best first; ties in the order of the table."""
    return sorted(MAIN, key=lambda name: -results["models"][name]["test_accuracy"])


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
        return Claim("best", first, "tied", values=values | {"rivals": equal})
    rivals = tuple(name for name in others if relate(results, first, name) != "above")
    return Claim(
        "best", first, "unclear" if rivals else "above", values=values | ({"rivals": rivals} if rivals else {})
    )


def ensemble(results: Results) -> Claim:
    """Claim the relation of the ensemble to the most accurate single network.

    It is "above" only if it is significantly above every other network too; "partly" if not above values["rivals"].
    """
    claim = compare(results, ENSEMBLE, rank_models(results)[0])
    rivals = tuple(name for name in MAIN if name != claim.other and relate(results, ENSEMBLE, name) != "above")
    if claim.relation == "above" and rivals:
        return dataclasses.replace(claim, kind="ensemble", relation="partly", values=claim.values | {"rivals": rivals})
    return dataclasses.replace(claim, kind="ensemble")


def fine_tuning(results: Results) -> Claim:
    """Claim the gain of fine-tuning over the head from which it starts, and over that head trained further.

    "blocks": it is above both, which is evidence for the trained blocks; "augmented" if fine-tuning also used augmented
    images, and the heads did not. "epochs": it is above the head, but does not differ from the head trained for as many
    further epochs. "control": that head is above fine-tuning. "same", "below": relative to the head.
    """
    head, tuned = "vgg_head", "vgg_finetuned"
    start, further = find_comparison(results, tuned, head), find_comparison(results, tuned, CONTROL.name)
    relation = relate(results, tuned, head)
    if relation == "above":
        settings = read_finetune(results)
        both = "augmented" if settings.shift or settings.cutout else "blocks"
        relation = {"above": both, "same": "epochs", "below": "control"}[relate(results, tuned, CONTROL.name)]
    accuracy = {name: results["models"][name]["test_accuracy"] for name in (tuned, head, CONTROL.name)}
    values = {"a": accuracy[tuned], "b": accuracy[head], "control": accuracy[CONTROL.name]}
    values |= {"difference": start["difference"], "low": start["holm_low"], "high": start["holm_high"]}
    values |= {"p": start["p_holm"], "p_control": further["p_holm"]}
    return Claim("fine_tuning", tuned, relation, head, values)


def dear_and_cheap(results: Results) -> Claim:
    """Claim whether the network with the most operations per prediction is more accurate than the most accurate of
    those with fewer; among ties the last is taken, and if all are tied, it is compared with the first.
    """
    macs = {name: results["models"][name]["macs_per_prediction"] for name in MAIN}
    dear = max(reversed(MAIN), key=macs.__getitem__)
    cheaper = [name for name in rank_models(results) if macs[name] < macs[dear]]
    other = cheaper[0] if cheaper else MAIN[0]
    values = {"ratio": macs[dear] / macs[other], "difference": find_comparison(results, dear, other)["difference"]}
    return Claim("dear_and_cheap", dear, relate(results, dear, other), other, values)


def choice(results: Results) -> Claim:
    """Claim which single network to use: of those that the most accurate one does not significantly exceed, the one
    with the fewest operations per prediction; "best" if it is the most accurate one itself, else "cheaper".
    """
    first, *others = rank_models(results)
    equal = [first, *(name for name in others if relate(results, first, name) != "above")]
    chosen = min(equal, key=lambda name: results["models"][name]["macs_per_prediction"])
    if chosen == first:
        return Claim("choice", first, "alone" if len(equal) == 1 else "best")
    macs = (results["models"][name]["macs_per_prediction"] for name in (first, chosen))
    return Claim("choice", chosen, "cheaper", first, {"ratio": next(macs) / next(macs)})


def most_confused(confusion: list[list[int]]) -> tuple[int, int, int] | None:
    """Return the pair of classes most often confused in either direction, and how often; None if there are several,
    or if nothing is confused.
    """
    n = len(confusion)
    pairs = [(confusion[i][j] + confusion[j][i], i, j) for i in range(n) for j in range(i + 1, n)]
    count = max(pairs)[0]
    first, *others = [(i, j, count) for number, i, j in pairs if number == count]
    return None if others or not count else first


def errors(results: Results, name: str) -> list[Claim]:
    """Claim which class a model misclassifies most, and which two it confuses most; nothing if it makes no errors.

    "one" class or "several"; "_tied" if several pairs are confused equally often, none of which is named.
    """
    model = results["models"][name]
    missed = [row["n_errors"] for row in model["per_class"]]
    if not any(missed):
        return []
    classes = tuple(label for label, count in enumerate(missed) if count == max(missed))
    pair = most_confused(model["confusion"])
    values: dict[str, typing.Any] = {"classes": classes, "n_errors": max(missed)}
    values |= {"n_class": model["per_class"][classes[0]]["support"]}
    values |= dict(zip(("class_a", "class_b", "count"), pair, strict=True)) if pair else {}
    relation = ("one" if len(classes) == 1 else "several") + ("" if pair else "_tied")
    return [Claim("errors", name, relation, values=values)]


def chosen_classifier(results: Results) -> Claim:
    """Claim that the chosen classifier has the highest validation accuracy, alone or tied with others."""
    chosen = results["chosen_classifier"]
    val = results["models"][chosen]["val_accuracy"]
    equal = tuple(row.name for row in ON_FEATURES if results["models"][row.name]["val_accuracy"] == val)
    values: dict[str, typing.Any] = {"val": val}
    if len(equal) == 1:
        return Claim("chosen_classifier", chosen, "highest", values=values)
    return Claim(
        "chosen_classifier", chosen, "tied", values=values | {"rivals": tuple(e for e in equal if e != chosen)}
    )


def calibration(results: Results) -> Claim:
    """Claim which networks are calibrated best and worst; "equal" if their errors are equal as printed.

    "not_ranked" if label smoothing differs, because this alone affects the errors.
    """
    found = {name: results["models"][name]["ece"] for name in MAIN}
    low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    values: dict[str, typing.Any] = {"error_low": found[low], "error_high": found[high]}
    if round(found[low], 3) == round(found[high], 3):
        return Claim("calibration", low, "equal", values={"error_low": found[low]})
    scaled = {name: results["models"][name]["ece_scaled"] for name in MAIN}
    values |= {"scaled_low": min(scaled.values()), "scaled_high": max(scaled.values())}
    if len(set(smoothing_of_networks(results).values())) > 1:
        return Claim("calibration", low, "not_ranked", values=values)
    for key, end in (("lowest", low), ("highest_of", high)):
        values[key] = tuple(name for name in MAIN if round(found[name], 3) == round(found[end], 3))
    return Claim("calibration", low, "differ", values=values)


def smoothing_of_networks(results: Results) -> dict[str, float]:
    """Return the label smoothing of each single network; 0 for a classifier that is not a network."""
    trained_by = {name: BY_NAME[results["chosen_classifier"] if name == CHOSEN else name].stage for name in MAIN}
    settings = results["run"]["settings"]
    return {name: settings.get(stage, {}).get("label_smoothing", 0.0) for name, stage in trained_by.items()}


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
        return Claim("val_minus_test", "", relation, values={"least": min(differences), "most": max(differences)})
    values = {"low": min(differences), "high": max(differences)} | ({"models": above} if relation == "some" else {})
    return Claim("val_minus_test", "", relation, values=values)
