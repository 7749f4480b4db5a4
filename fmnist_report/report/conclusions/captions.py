"""Claims for the captions of figures, one per figure."""

import typing

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.schema import Results
from fmnist_report.networks import (
    COMPARED,
    CONTROL,
    MAIN,
    ON_FEATURES,
    networks_of_part,
    stages_of_part,
)
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.claims import calibration, dear_and_cheap, errors, most_confused
from fmnist_report.report.conclusions.explanations import measured
from fmnist_report.report.conclusions.trained import ablation, effects

PARTS = {"part1": 1, "part2": 2}
THIRDS = ("upper", "middle", "lower")
N_RIGHT, N_WRONG = 1, 2  # heat maps that are described, of right and of wrong predictions


def decide_captions(results: Results) -> dict[str, Claim | None]:
    """Return the claim of each figure; None if nothing was measured, or nothing can be concluded."""
    found: dict[str, Claim | None] = {
        "comparison": extremes(results),
        "curves_part1": last_epoch(results),
        "inputs": ways_of_input(results),
        "classifiers": first_classifier(results),
        "curves_part2": unfreezing(results),
        "per_class": hardest(results),
        "cost": dear_and_cheap(results),
        "reliability": calibration(results),
        "heat_part1": evidence(results, "cnn"),
        "heat_part2": evidence(results, "vgg_finetuned"),
    }
    for part, number in PARTS.items():
        found[f"study_{part}"] = strongest(results, part)
        found[f"confusion_{part}"] = confused(results, networks_of_part(number))
        claims = ablation(results, part)
        found[f"ablation_{part}"] = claims[0] if claims else None
    return found


def extremes(results: Results) -> Claim:
    """Claim the highest and the lowest test accuracy of all models; "equal" if they are the same."""
    accuracy = {name: results["models"][name]["test_accuracy"] for name in COMPARED}
    top, bottom = max(COMPARED, key=accuracy.__getitem__), min(COMPARED, key=accuracy.__getitem__)
    if accuracy[top] == accuracy[bottom]:
        return Claim("extremes", top, "equal", values={"a": accuracy[top]})
    values: dict[str, typing.Any] = {"a": accuracy[top], "b": accuracy[bottom]}
    for key, end in (("highest_of", top), ("lowest", bottom)):
        values[key] = tuple(name for name in COMPARED if accuracy[name] == accuracy[end])
    return Claim("extremes", top, "differ", values=values)


def last_epoch(results: Results) -> Claim:
    """Claim which network of part 1 has the highest validation accuracy after its last epoch, at two decimals.

    "equal" if several share it, values["rivals"].
    """
    last = {name: results["models"][name]["history"]["val_accuracy"][-1] for name in networks_of_part(1)}
    first, second = sorted(last, key=lambda name: -last[name])[:2]
    equal = tuple(name for name in last if round(100 * last[name], 2) == round(100 * last[first], 2))
    if len(equal) > 1:
        return Claim("last_epoch", first, "equal", values={"rivals": equal, "a": last[first]})
    return Claim("last_epoch", first, "ahead", second, {"a": last[first], "b": last[second]})


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
        return Claim("ways_of_input", "vgg_input", "chosen", values={"a": chosen})
    ways = tuple((row["factor"], row["value"]) for row in rows if row["val_accuracy"] == top)
    _, low, _ = difference_of_accuracies(top, n_val, chosen, n_val)
    relation = ("beyond" if low > 0 else "within") + ("_tied" if len(ways) > 1 else "")
    return Claim("ways_of_input", "vgg_input", relation, values={"a": chosen, "b": top, "ways": ways})


def first_classifier(results: Results) -> Claim:
    """Claim the lead in validation accuracy of the best classifier over the next, and whether it is significant."""
    val = {row.name: results["models"][row.name]["val_accuracy"] for row in ON_FEATURES}
    top = tuple(name for name in val if val[name] == max(val.values()))
    if len(top) > 1:
        return Claim("first_classifier", top[0], "equal", values={"rivals": top})
    first, second = sorted(val, key=lambda name: -val[name])[:2]
    n_val = results["data"]["n_val"]
    difference, low, _ = difference_of_accuracies(val[first], n_val, val[second], n_val)
    relation = "beyond" if low > 0 else "within"
    return Claim("first_classifier", first, relation, second, {"difference": difference})


def unfreezing(results: Results) -> Claim:
    """State the validation accuracies of the head, the fine-tuned network and the head trained further."""
    names = {"before": "vgg_head", "after": "vgg_finetuned", "control": CONTROL.name}
    values = {key: results["models"][name]["val_accuracy"] for key, name in names.items()}
    return Claim("unfreezing", "vgg_finetuned", "stated", values=values)


def strongest(results: Results, part: str) -> Claim | None:
    """Claim the largest named effect of the study for every network of a part; "none" without any.

    Return nothing if no network was studied in runs that are long enough to be conclusive.
    """
    claims = [claim for stage in stages_of_part(PARTS[part]) for claim in effects(results, stage)]
    if not claims:
        return None
    top = {claim.subject: claim.values["losses"][0] for claim in claims if claim.relation == "named"}
    return Claim("strongest", part, "named", values={"largest": top}) if top else Claim("strongest", part, "none")


def evidence(results: Results, name: str) -> Claim | None:
    """State in which third of the image most of the evidence lies, for the first heat maps of a network.

    values["maps"] has label, predicted class, and the third that holds more than half of the heat, with its share; or
    "spread" if none does, with the largest share; or "none" without any heat.
    """
    rows = (measured(results).get("heat") or {}).get(name, [])
    right = [row for row in rows if row["predicted"] == row["label"]][:N_RIGHT]
    wrong = [row for row in rows if row["predicted"] != row["label"]][:N_WRONG]
    maps = tuple((row["label"], row["predicted"], *_most_of(row["thirds"])) for row in (*right, *wrong))
    return Claim("evidence", name, "stated", values={"maps": maps}) if maps else None


def _most_of(thirds: list[float]) -> tuple[str, float]:
    if not thirds:
        return "none", 0.0
    most = max(thirds)
    return (THIRDS[thirds.index(most)] if most > 0.5 else "spread"), most


def confused(results: Results, names: tuple[str, ...]) -> Claim | None:
    """Claim which two classes each network confuses most; omit networks without a unique pair."""
    found = {name: most_confused(results["models"][name]["confusion"]) for name in names}
    pairs = {name: pair for name, pair in found.items() if pair}
    return Claim("confused", "", "stated", values={"pairs": pairs}) if pairs else None


def hardest(results: Results) -> Claim | None:
    """Claim which class the networks misclassify most: "same" if it is one class for all, else by network."""
    found: dict[str, tuple[int, ...]] = {}
    for name in MAIN:
        if claims := errors(results, name):
            found[name] = claims[0].values["classes"]
    if not found:
        return None
    if len(found) == len(MAIN) and len(set(found.values())) == 1 and len(found[MAIN[0]]) == 1:
        return Claim("hardest", "", "same", values={"classes": found[MAIN[0]]})
    return Claim("hardest", "", "by_network", values={"of": found})
