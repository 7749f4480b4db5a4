"""What the results allow to be said, as data: claims are decided here, and worded elsewhere.

Every claim has a kind, a subject, a relation and the values from which it follows. No threshold, sign or comparison
stands outside this module and advice.py, so that claims can be checked against the numbers, and against each other,
without a look at words.
"""

import dataclasses
import json
import typing
from dataclasses import dataclass

from fmnist_report.evaluation.comparison import ALPHA, difference_of_parts
from fmnist_report.evaluation.networks import CHOSEN, CONTROL, ENSEMBLE, MAIN, ON_FEATURES, networks_of_part
from fmnist_report.presets import preset
from fmnist_report.settings import FineTuneSettings

Results = dict[str, typing.Any]

# Of the lowest validation loss, by which a later one must be higher to count as risen: about two standard errors of the
# difference of two mean losses near 0.2 on the same 5,000 images, whose differences spread by 0.3.
ROSE = 0.04
LEAST_LOSSES = 3  # of which a minimum says something
TRAINED_BY = {"mlp": "mlp", "cnn": "cnn", "vgg_features": "head", "vgg_finetuned": "finetune"}
TELLING_STEPS = 100  # of trainings in a study from which anything is concluded: shorter ones tell who starts fast


@dataclass(frozen=True)
class Claim:
    """One thing that follows from the results.

    Args:
        kind: what it is about; the name of a function here, or "advice".
        subject: a model, a network's stage, a figure or a part.
        relation: what holds; which words are taken depends on kind and relation.
        other: the second model of a comparison.
        values: numbers, and names of classes, models or hyperparameters, by placeholder.
    """

    kind: str
    subject: str
    relation: str
    other: str = ""
    values: dict[str, typing.Any] = dataclasses.field(default_factory=dict)


def decide(results: Results) -> dict[str, list[Claim]]:
    """Decide the claims of "summary", "part1", "part2" and "overall".

    Args:
        results: as in results.json.
    """
    return {
        "summary": [
            best(results),
            compare(results, "cnn", "mlp"),
            compare(results, "vgg_finetuned", "mlp"),
            fine_tuning(results),
            ensemble(results),
        ],
        "part1": [
            compare(results, "cnn", "mlp"),
            cost(results, "cnn", "mlp"),
            *(fit(results, name) for name in networks_of_part(1)),
            *ladder(results, "part1"),
            *effects(results, "cnn"),
            *errors(results, "cnn"),
        ],
        "part2": [
            compare(results, "vgg_features", "mlp"),
            chosen_classifier(results),
            *ladder(results, "part2"),
            fine_tuning(results),
            compare(results, "vgg_finetuned", "mlp"),
            fit(results, "vgg_finetuned"),
            *effects(results, "head"),
            *effects(results, "finetune"),
            *errors(results, "vgg_finetuned"),
        ],
        "overall": [
            best(results),
            compare(results, "vgg_finetuned", "cnn"),
            cost(results, "vgg_finetuned", "cnn"),
            ensemble(results),
            calibration(results),
            val_minus_test(results),
            *splits(results),
        ],
    }


def find_comparison(results: Results, a: str, b: str) -> dict[str, typing.Any]:
    """Return the paired test of accuracy a minus b, turned round if it was stored as b minus a."""
    for row in results["comparisons"]:
        if (row["a"], row["b"]) == (a, b):
            return row
        if (row["a"], row["b"]) == (b, a):
            turned = {"a": a, "b": b, "only_a": row["only_b"], "only_b": row["only_a"]}
            for low, high in (("ci95_low", "ci95_high"), ("holm_low", "holm_high")):
                turned |= {low: -row[high], high: -row[low]}
            return {**row, **turned, "difference": -row["difference"]}
    raise KeyError(f"there is no comparison of {a} and {b}")


def relate(results: Results, a: str, b: str) -> str:
    """Return "above", "below" or "same": whether a's test accuracy differs from b's after Holm's correction."""
    row = find_comparison(results, a, b)
    if row["p_holm"] >= ALPHA:
        return "same"
    return "above" if row["difference"] > 0 else "below"


def compare(results: Results, a: str, b: str) -> Claim:
    """Claim how the test accuracies of two models relate."""
    row = find_comparison(results, a, b)
    values = {"a": results["models"][a]["test_accuracy"], "b": results["models"][b]["test_accuracy"]}
    values |= {"difference": row["difference"], "low": row["holm_low"], "high": row["holm_high"], "p": row["p_holm"]}
    return Claim("compare", a, relate(results, a, b), b, values)


def rank_models(results: Results) -> list[str]:
    """Return the single networks by test accuracy, best first; equals in the order of the table."""
    return sorted(MAIN, key=lambda name: -results["models"][name]["test_accuracy"])


def best(results: Results) -> Claim:
    """Claim which single network is the most accurate: significantly above every other one, or of which it is not.

    Its relation is "above" all, "unclear" towards the models in values["rivals"], or "tied" with those.
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
    """Claim how the ensemble relates to the most accurate single network.

    It is "above" only if it is significantly above every other one too; towards values["rivals"] it is "partly".
    """
    claim = compare(results, ENSEMBLE, rank_models(results)[0])
    rivals = tuple(name for name in MAIN if name != claim.other and relate(results, ENSEMBLE, name) != "above")
    if claim.relation == "above" and rivals:
        return dataclasses.replace(claim, kind="ensemble", relation="partly", values=claim.values | {"rivals": rivals})
    return dataclasses.replace(claim, kind="ensemble")


def read_finetune(results: Results) -> FineTuneSettings:
    """Return the settings of fine-tuning that the results tell."""
    return FineTuneSettings(**results["run"]["settings"]["finetune"])


def fine_tuning(results: Results) -> Claim:
    """Claim what fine-tuning brought: against the head from which it starts, and against that head trained further.

    "blocks": it is above both, which speaks for the trained blocks; "augmented" where fine-tuning saw augmented images
    too, and the heads did not. "epochs": it is above the head, but does not differ from the head that was trained for
    as many further epochs. "control": that one is above fine-tuning. "same", "below": as towards the head.
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


def cost(results: Results, a: str, b: str) -> Claim:
    """State what two models cost in all: operations of an answer over all views, parameters, and time of training."""
    values: dict[str, typing.Any] = {}
    for letter, name in (("a", a), ("b", b)):
        model = results["models"][name]
        values |= {f"macs_{letter}": model["macs_per_answer"], f"params_{letter}": model["n_params"]}
        values[f"time_{letter}"] = model["total_seconds"]
    return Claim("cost", a, "stated", b, values)


def fit(results: Results, name: str) -> Claim:
    """Claim whether a network over- or underfits, from clean training images and from the validation loss.

    "overfits": the validation loss rose again after its minimum, and training images are classified better than
    validation images. "rose": the loss rose, without such a gap. "gap": a gap, while the loss did not rise. "even":
    neither. "short": too few losses to tell. Fine-tuning begins with the loss of the head, as epoch 0.
    """
    model = results["models"][name]
    losses, clean, n_val = model["history"]["val_loss"], model["clean"], results["data"]["n_val"]
    if name == "vgg_finetuned":
        losses = [results["models"]["vgg_head"]["history"]["val_loss"][-1], *losses]
    lowest = losses.index(min(losses))
    rose = losses[-1] > losses[lowest] * (1 + ROSE)
    _, low, _ = difference_of_parts(clean["train_accuracy"], clean["n"], model["val_accuracy"], n_val)
    relation = {(True, True): "overfits", (True, False): "rose", (False, True): "gap"}.get((rose, low > 0), "even")
    first = 0 if name == "vgg_finetuned" else 1
    values = {"train": clean["train_accuracy"], "val": model["val_accuracy"], "n_clean": clean["n"]}
    values |= {"epoch": lowest + first, "epochs": len(losses) - 1 + first}
    values |= {"loss_lowest": losses[lowest], "loss_last": losses[-1]}
    return Claim("fit", name, relation if len(losses) >= LEAST_LOSSES else "short", values=values)


def effects(results: Results, network: str) -> list[Claim]:
    """Claim which values moved a network's validation accuracy beyond the study's noise, largest effect first.

    Nothing where the network was not studied, or in too short trainings. "none": all effects lie in the noise.
    Otherwise "beyond", with the values as (factor, value, effect), and the factors without any by name; "all" where
    there are none of these.
    """
    rows = [row for row in results["study"]["rows"] if row["network"] == network]
    if not rows or is_too_short(network, results):
        return []
    found = sorted((row for row in rows if row["beyond"]), key=lambda row: -abs(row["effect"]))
    beyond = tuple((row["factor"], row["value"], row["effect"]) for row in found)
    told = {row["factor"] for row in found}
    lost = tuple(dict.fromkeys(row["factor"] for row in rows if row["factor"] not in told))
    base = results["study"]["bases"][network]
    values: dict[str, typing.Any] = {"half_width": base["half_width"], "n_seeds": len(base["accuracies"])}
    values |= {"n_steps": results["study"]["n_steps"][network]}
    values |= {"effects": beyond} if beyond else {}
    values |= {"lost": lost} if lost else {}
    relation = "none" if not beyond else "beyond" if lost else "all"
    return [Claim("effects", network, relation, values=values)]


def is_too_short(network: str, results: Results) -> bool:
    """Tell whether the study trained a network for too few steps to conclude from."""
    return results["study"]["n_steps"].get(network, 0) < TELLING_STEPS


def ladder(results: Results, part: str) -> list[Claim]:
    """Claim what the ladder of a part brought in all, and which rungs brought it; nothing where there is none.

    "raised", "lowered" or "same" tells the top against the bottom by the interval of one rung; rungs are named that
    leave the noise, as (ingredient, gain). Where the highest rung is not the last, "ladder_peak" names it. From rungs
    that were trained too short nothing is concluded, which "ladder_left" says.
    """
    every = results["study"].get("ladders", {}).get(part, [])
    rows = [row for row in every if not is_too_short(row["network"], results)]
    if len(rows) < 2:
        return []
    first, last = rows[0]["val_accuracy"], rows[-1]["val_accuracy"]
    half = (rows[1]["high"] - rows[1]["low"]) / 2
    relation = "same" if abs(last - first) <= half else "raised" if last > first else "lowered"
    steps = tuple((row["ingredient"], row["gain"]) for row in rows[1:] if row["beyond"])
    values = {"bottom": first, "top": last, "upto": rows[-1]["ingredient"], "half_width": half}
    values |= {"steps": steps} if steps else {}
    found = [Claim("ladder", part, relation if steps else f"{relation}_unnamed", values=values)]
    peak = max(rows, key=lambda row: row["val_accuracy"])
    if peak["val_accuracy"] > last:
        values = {"highest_at": peak["ingredient"], "highest": peak["val_accuracy"], "top": last}
        found.append(Claim("ladder_peak", part, "stated", values=values))
    if left := [row for row in every if row not in rows]:
        n_steps = min(results["study"]["n_steps"][row["network"]] for row in left)
        values = {"ingredients": tuple(row["ingredient"] for row in left), "n_steps": n_steps}
        found.append(Claim("ladder_left", part, "stated", values=values))
    return found


def most_confused(confusion: list[list[int]]) -> tuple[int, int, int]:
    """Return the pair of classes most often confused in either direction, and how often; the first of equals."""
    n = len(confusion)
    pairs = [(confusion[i][j] + confusion[j][i], i, j) for i in range(n) for j in range(i + 1, n)]
    count, i, j = max(pairs, key=lambda pair: pair[0])
    return i, j, count


def errors(results: Results, name: str) -> list[Claim]:
    """Claim of which class a model misses most images, and which two it confuses most; nothing where it never errs."""
    model = results["models"][name]
    missed = [row["n_errors"] for row in model["per_class"]]
    if not any(missed):
        return []
    classes = tuple(label for label, count in enumerate(missed) if count == max(missed))
    first, second, count = most_confused(model["confusion"])
    values = {"classes": classes, "n_errors": max(missed), "n_class": model["per_class"][classes[0]]["support"]}
    values |= {"class_a": first, "class_b": second, "count": count}
    return [Claim("errors", name, "one" if len(classes) == 1 else "several", values=values)]


def chosen_classifier(results: Results) -> Claim:
    """Claim that the chosen classifier has the highest validation accuracy, alone or with others."""
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
    """Claim which network is calibrated best and which worst; "equal" where their errors do not differ as printed.

    "not_ranked" where labels were smoothed to different degrees, which alone shifts the errors.
    """
    found = {name: results["models"][name]["ece"] for name in MAIN}
    low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    values = {"error_low": found[low], "error_high": found[high]}
    if round(found[low], 3) == round(found[high], 3):
        return Claim("calibration", low, "equal", values={"error_low": found[low]})
    scaled = {name: results["models"][name]["ece_scaled"] for name in MAIN}
    if len(set(smoothing_of_networks(results).values())) > 1:
        values |= {"scaled_low": min(scaled.values()), "scaled_high": max(scaled.values())}
        return Claim("calibration", low, "not_ranked", values=values)
    values |= {"scaled_low": scaled[low], "scaled_high": scaled[high]}
    return Claim("calibration", low, "differ", high, values)


def smoothing_of_networks(results: Results) -> dict[str, float]:
    """Return the label smoothing with which each single network was trained; 0 of a classifier that is no network."""
    settings = results["run"]["settings"]
    of_stage = {name: settings[stage]["label_smoothing"] for name, stage in TRAINED_BY.items()}
    return of_stage | ({} if results["chosen_classifier"] == "vgg_head" else {CHOSEN: 0.0})


def val_minus_test(results: Results) -> Claim:
    """Claim of how many single networks the validation accuracy lies above the test accuracy beyond chance.

    "all", "some" or "none", or "none_all_higher" where it lies above for all of them, but within chance; values low and
    high, or least and most where all are above, are the smallest and the largest difference.
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


SETTLED_BY = {"mlp": ("data", "mlp"), "cnn": ("data", "cnn"), "finetune": ("data", "features", "head", "finetune")}


def is_trained_as(name: str, results: Results, stage: str) -> bool:
    """Tell whether a stage trained its network by the settings of a preset, as earlier trainings vary them."""
    own, others = results["run"]["settings"], dataclasses.asdict(preset(name))
    return all(json.dumps(own[section]) == json.dumps(others[section]) for section in SETTLED_BY.get(stage, own))


def splits(results: Results) -> list[Claim]:
    """Claim how the perceptron's validation accuracy on other splits, in earlier trainings, lies to its test accuracy.

    "above" where it lies significantly above, here too; else "stated". Nothing where it was trained in another way.
    """
    rows = [row for row in results["full_trainings"] if row["factor"] == "split_seed"]
    if not rows or not is_trained_as("standard", results, "mlp"):
        return []
    test, n_test, n_val = results["models"]["mlp"]["test_accuracy"], results["data"]["n_test"], results["data"]["n_val"]
    reached = tuple(row["val_accuracy"] for row in rows)
    above = all(difference_of_parts(val, n_val, test, n_test)[1] > 0 for val in reached)
    above = above and results["models"]["mlp"]["val_minus_test"]["low"] > 0
    return [Claim("splits", "mlp", "above" if above else "stated", values={"reached": reached, "test": test})]
