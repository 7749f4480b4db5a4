"""Claims follow from the numbers and do not contradict each other, for any numbers."""

import copy
import dataclasses
import json
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import invent_ablation, invent_history, invent_journal, invent_results, invent_study
from kinds import KINDS, MESSAGES, MODULES

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.networks import COMPARED, MAIN, ON_FEATURES, network_of_stage, networks_of_part, stages_of_part
from fmnist_report.presets import preset
from fmnist_report.report.conclusions.captions import decide_captions
from fmnist_report.report.conclusions.claim import MODEL, NOTHING, STAGE, Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, most_confused, rank_models
from fmnist_report.report.conclusions.decisions import decide
from fmnist_report.report.conclusions.kinds.ablation import ablation
from fmnist_report.report.conclusions.kinds.advice import GENERALISING, _is_contrary, advise, is_better, repeat
from fmnist_report.report.conclusions.kinds.best import best
from fmnist_report.report.conclusions.kinds.calibration import calibration, smoothing_of_networks
from fmnist_report.report.conclusions.kinds.compare import compare
from fmnist_report.report.conclusions.kinds.effects import effects
from fmnist_report.report.conclusions.kinds.ensemble import ensemble
from fmnist_report.report.conclusions.kinds.errors import errors
from fmnist_report.report.conclusions.kinds.fine_tuning import fine_tuning
from fmnist_report.report.conclusions.kinds.first_classifier import first_classifier
from fmnist_report.report.conclusions.kinds.fit import fit
from fmnist_report.report.conclusions.kinds.in_full import in_full
from fmnist_report.report.conclusions.kinds.last_epoch import last_epoch
from fmnist_report.report.conclusions.kinds.own_runs import own_runs
from fmnist_report.report.conclusions.kinds.reference import reference
from fmnist_report.report.conclusions.kinds.strongest import strongest
from fmnist_report.report.conclusions.kinds.val_minus_test import val_minus_test
from fmnist_report.report.conclusions.kinds.why_convolution import why_convolution
from fmnist_report.report.conclusions.training import agrees, is_trained_as
from fmnist_report.report.conclusions.wording import find_view, word, word_captions, word_conclusions
from fmnist_report.report.full_runs import average_seeds
from fmnist_report.report.language import Language

FOR_EVEN = ("longer_own", "longer_pretrained", "longer_input", "enlarge_early", "unfreeze_early", "input_early")
STEPS = {"cnn": 300, "head": 160, "finetune": 100}
share = st.sampled_from([0.0, 0.5, 0.88, 0.9, 0.905, 0.91, 0.95, 0.99, 1.0])


def full_row(value, accuracy, factor="kernel", stage="cnn", seed=0):
    return {"stage": stage, "factor": factor, "value": value, "val_accuracy": accuracy, "val_loss": 0.2, "seed": seed}


def average(*rows):
    return average_seeds(list(rows))


@st.composite
def results(draw):
    accuracy = {name: draw(share) for name in (*COMPARED, "vgg_head", "vgg_control")}
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    n_classes = draw(st.integers(2, 20))
    parts = {}
    if draw(st.booleans()):
        parts["study"] = invent_study(rng, draw(st.sampled_from([("cnn",), ("cnn", "head", "finetune"), ("head",)])))
        if draw(st.booleans()):
            parts["study"]["ablations"]["part1"] = invent_ablation(
                draw(st.lists(st.sampled_from([-0.05, -0.005, 0.0, 0.005, 0.05]), min_size=1, max_size=5))
            )
    if draw(st.booleans()):
        ways = [{"factor": "size", "value": str(side), "chosen": side == 48, "val_accuracy": draw(share)}
                for side in (32, 48, 64)]  # fmt: skip
        parts["inputs"] = {"rows": ways, "n_val": draw(st.sampled_from([50, 500, 5_000]))}
    if draw(st.booleans()):
        values = (("", ""), ("kernel", "5"), ("kernel", "6"), ("shift", "5"))
        rows = [full_row(value, 0.9, factor, "cnn", seed) for seed in (0, 1) for factor, value in values]
        for row in rows:
            row |= {"val_accuracy": draw(share), "val_loss": float(rng.choice([0.2, 0.21, 0.3]))}
        parts["full_runs"] = average(*rows)
    if draw(st.booleans()):
        n_seeds = draw(st.integers(1, 3))
        journal = invent_journal(rng, draw(st.sampled_from([("cnn",), ("mlp", "finetune")])), n_seeds)
        parts["journal"] = average_seeds(journal)
    document = invent_results(accuracy, draw(st.sampled_from([60, 400, 3_000])), n_classes, seed, **parts)
    if draw(st.booleans()):
        smooth_alike(document)
    return document


def smooth_alike(document):
    """Set the same label smoothing for all networks that are trained with labels smoothed."""
    for section in document["run"]["settings"].values():
        if isinstance(section, dict) and "label_smoothing" in section:
            section["label_smoothing"] = 0.1


def all_claims(document):
    found = [claim for section in decide(document).values() for claim in section] + advise(document)
    return found + [claim for claim in decide_captions(document).values() if claim]


@given(results())
def test_every_claim_is_entailed(document):
    """Claims also agree with each other, and can be worded: inventing results takes most of the time."""
    found = all_claims(document)
    for claim in found:
        CHECKS[claim.kind](document, claim)
        assert not any(value in ((), {}, "") for value in claim.values.values()), claim
    assert_no_two_contradict(document, found)
    assert_each_can_be_worded(document)


def test_every_claim_of_a_whole_document_is_entailed(invented_run):
    found = all_claims(invented_run.document)
    for claim in found:
        if claim.relation not in ("repeat", "repeat_seeds"):  # which follow from earlier full runs as well
            CHECKS[claim.kind](invented_run.document, claim)
    assert_no_two_contradict(invented_run.document, found)
    assert {claim.kind for claim in found} >= {"ablation", "effects", "ways_of_input", "strongest"}


def assert_no_two_contradict(document, found):
    compared = {(c.subject, c.other): c.relation for c in found if c.kind in ("compare", "ensemble")}
    opposite = {"above": "below", "below": "above", "same": "same"}
    for (a, b), relation in compared.items():
        assert compared.get((b, a), opposite[relation]) == opposite[relation]
    (best,) = {c.subject: c for c in found if c.kind == "best"}.values()
    for (a, b), relation in compared.items():
        if best.relation == "above" and best.subject in (a, b) and {a, b} <= set(MAIN):
            assert relation == ("above" if a == best.subject else "below")
        if best.subject in (a, b) and {a, b} <= set(MAIN):
            assert relation != ("below" if a == best.subject else "above")
    own, known = ({c.subject for c in found if c.kind == kind} for kind in ("own_runs", "in_full"))
    assert not own & known
    fits = {c.subject: c.relation for c in found if c.kind == "fit"}
    of_values = ("repeat", "repeat_seeds", "adopt")
    advised = {c.subject: c.relation for c in found if c.kind == "advice" and c.relation not in of_values}
    for name, relation in advised.items():
        if name in fits:
            after = fits[name] in ("overfits", "overfits_by_loss", "rose", "unlearned")
            assert relation.startswith(("regularise", "shorten")) == after and fits[name] != "rose_by_loss"
            assert (relation in FOR_EVEN) == (fits[name] == "even") and fits[name] != "short"
    repeated = {c.subject for c in found if c.kind == "advice" and c.values.get("factor") in GENERALISING}
    assert not any(advised.get(name, "").startswith(("regularise", "generalise")) for name in repeated)
    tuned = next(c for c in found if c.kind == "fine_tuning")
    if document["chosen_classifier"] == "vgg_head":  # then it is the same comparison as with the chosen classifier
        (row,) = [r for r in document["comparisons"] if (r["a"], r["b"]) == ("vgg_finetuned", "vgg_head")]
        assert tuned.values["difference"] == row["difference"]
    dear = next(c for c in found if c.kind == "dear_and_cheap")
    if (dear.subject, dear.other) in compared:
        assert compared[dear.subject, dear.other] == dear.relation


def assert_each_can_be_worded(document):
    for code in ("uk", "en"):
        language = Language(code, [f"class {label}" for label in range(20)])
        for sentence in [row.text for part in word_conclusions(document, language).values() for row in part]:
            assert sentence.endswith(".") and "{" not in sentence and " nan" not in sentence
        assert all("{" not in text for text in word_captions(document, language).values())


def p_of(document, a, b):
    row = find_comparison(document, a, b)
    return row["p_holm"], row["difference"]


def check_compare(document, claim):
    a, b = (document["models"][name]["test_accuracy"] for name in (claim.subject, claim.other))
    values, (p, difference) = claim.values, p_of(document, claim.subject, claim.other)
    assert (values["a"], values["b"], values["p"]) == (a, b, p) and difference == pytest.approx(a - b)
    assert values["low"] <= values["difference"] <= values["high"]
    expected = {"above": a > b and values["low"] > 0, "below": a < b and values["high"] < 0,
                "same": values["low"] <= 0 <= values["high"]}  # fmt: skip
    assert expected[claim.relation] and (p < 0.05) == (claim.relation != "same")


def check_best(document, claim):
    accuracy = {name: document["models"][name]["test_accuracy"] for name in MAIN}
    others = [name for name in MAIN if name != claim.subject]
    assert accuracy[claim.subject] == max(accuracy.values()) == claim.values["accuracy"]
    assert claim.values["ci_low"] <= claim.values["accuracy"] <= claim.values["ci_high"]
    significant = {name for name in others if p_of(document, claim.subject, name)[0] < 0.05}
    if claim.relation == "tied":
        assert set(claim.values["rivals"]) == {n for n in others if accuracy[n] == accuracy[claim.subject]} != set()
    else:
        assert (claim.relation == "above") == (len(significant) == len(others))
        assert set(claim.values.get("rivals", ())) == set(others) - significant


def check_ensemble(document, claim):
    assert claim.subject == "ensemble" and claim.other == rank_models(document)[0]
    above = {n for n in MAIN if p_of(document, "ensemble", n)[0] < 0.05 and p_of(document, "ensemble", n)[1] > 0}
    if claim.relation == "partly":
        assert claim.other in above and set(claim.values["rivals"]) == set(MAIN) - above != set()
    else:
        check_compare(document, claim)
        assert (claim.relation == "above") == (above == set(MAIN))


def check_fine_tuning(document, claim):
    p, difference = p_of(document, "vgg_finetuned", "vgg_head")
    p_control, over_control = p_of(document, "vgg_finetuned", "vgg_control")
    above = p < 0.05 and difference > 0
    assert (claim.relation in ("blocks", "augmented", "epochs", "control")) == above
    assert (claim.relation in ("blocks", "augmented")) == (above and p_control < 0.05 and over_control > 0)
    assert (claim.relation == "control") == (above and p_control < 0.05 and over_control < 0)
    assert (claim.relation == "below") == (p < 0.05 and difference < 0) and (claim.relation == "same") == (p >= 0.05)
    assert claim.values["control"] == document["models"]["vgg_control"]["test_accuracy"]
    assert (claim.values["p"], claim.values["p_control"]) == (p, p_control)


def check_fit(document, claim):
    model = document["models"][claim.subject]
    losses, accuracies = (list(model["history"][key]) for key in ("val_scaled_loss", "val_accuracy"))
    tuned, head = claim.subject == "vgg_finetuned", document["models"]["vgg_head"]
    if tuned:
        losses.insert(0, head["history"]["val_scaled_loss"][-1])
        accuracies.insert(0, head["history"]["val_accuracy"][-1])
    n_val = document["data"]["n_val"]
    rose = losses[-1] > (1 + 0.04 * (5_000 / n_val) ** 0.5) * min(losses)
    then = accuracies[losses.index(min(losses))]
    better = difference_of_accuracies(accuracies[-1], n_val, then, n_val)[1] > 0
    n = model["train_eval"]["n"]
    assert not claim.relation.endswith("_alone")
    gap = model["train_eval"]["train_accuracy"] - model["val_accuracy"]
    assert (claim.relation == "short") == (len(losses) < 3)
    if claim.relation != "short":
        apart = difference_of_accuracies(model["train_eval"]["train_accuracy"], n, model["val_accuracy"], n_val)[1] > 0
        if tuned and rose and model["train_eval"]["train_accuracy"] < head["train_eval"]["train_accuracy"]:
            assert claim.relation == "unlearned" and claim.values["start"] > claim.values["train"]
        else:
            last = losses.index(min(losses)) == len(losses) - 1
            ends = ("_by_loss" if better else "") if rose else "_last" if apart and last else ""
            assert claim.relation == {(True, True): "overfits", (True, False): "rose", (False, True): "gap",
                                      (False, False): "even"}[rose, apart] + ends  # fmt: skip
    if claim.relation.startswith(("overfits", "gap")):
        assert gap > 0
    if claim.relation.endswith("_by_loss"):
        assert claim.values["val_then"] == then < claim.values["val_last"] == accuracies[-1]
    first = 0 if claim.subject == "vgg_finetuned" else 1
    assert losses[claim.values["epoch"] - first] == claim.values["loss_lowest"] == min(losses)
    assert claim.values["loss_last"] == losses[-1] and claim.values["epochs"] == len(model["history"]["val_loss"])
    assert claim.values["n_clean"] == n


def check_advice(document, claim):
    if claim.relation == "adopt":
        (own,) = [
            c for c in all_claims(document) if c.kind == "own_runs" and network_of_stage(c.subject) == claim.subject
        ]
        assert claim.values["better"][0] in own.values["better"]
        assert claim.values["better"][0][1] == max(effect for _, effect, _ in own.values["better"])
    elif claim.relation in ("repeat", "repeat_seeds"):
        rows = [row for row in document["study"]["factors"] if row["factor"] == claim.values["factor"]]
        half = document["study"]["baselines"][rows[0]["network"]]["half_width"]
        assert rows[0]["best"] == claim.values["value"] and rows[0]["gain"] > half and rows[0]["best_confirmed"]
        settable = [row for row in document["study"]["factors"] if row["factor"] not in ("layers", "unfreeze")]
        strongest = max((row["gain"] / document["study"]["baselines"][row["network"]]["half_width"] for row in settable
                         if row["best_confirmed"]), default=0)  # fmt: skip
        assert rows[0]["gain"] / half >= strongest or rows[0]["factor"] == "unfreeze" or strongest <= 1
    else:
        assert claim.values == fit(document, claim.subject).values


def check_in_full(document, claim, name="full_runs"):
    rows = [row for row in document[name] if row["stage"] == claim.subject and row["effect"] is not None]
    better = worse = 0
    for row in rows:
        low, high = row["low"], row["high"]
        if low <= 0 <= high and row["loss_low"] is not None:
            low, high = -row["loss_high"], -row["loss_low"]
        entry = (row["changes"], row["effect"], row["loss_effect"])
        assert (low > 0) == (entry in claim.values.get("better", ()))
        assert (high < 0) == (entry in claim.values.get("worse", ()))
        better, worse = better + (low > 0), worse + (high < 0)
    relation = {(True, True): "both", (True, False): "better", (False, True): "worse", (False, False): "none"}
    assert claim.relation == relation[bool(better), bool(worse)] and claim.values["n_changes"] == len(rows)


def check_own_runs(document, claim):
    if claim.relation == "single":
        assert all(row["low"] is None for row in document["journal"] if row["stage"] == claim.subject)
    else:
        check_in_full(document, claim, "journal")


def check_reference(document, claim):
    row = document["reference"]
    assert claim.values == {name: row[name] for name in ("difference", "low", "high")}
    assert claim.relation == ("above" if row["low"] > 0 else "below" if row["high"] < 0 else "same")


def check_effects(document, claim):
    rows = [row for row in document["study"]["rows"] if row["network"] == claim.subject]
    half, told = document["study"]["baselines"][claim.subject]["half_width"], claim.values.get("losses", ())
    for row in rows:
        entry = (row["factor"], row["value"], row["effect"])
        if entry in told:
            assert row["ranked"] and abs(row["effect"]) > half and row["effect"] * row["longer_effect"] > 0
            for one in (*document["journal"], *document["full_runs"]):
                if (one["stage"], one["changes"]) == (claim.subject, {row["factor"]: row["value"]}):
                    assert one["loss_effect"] * row["effect"] >= 0
    assert claim.relation == ("named" if told else "none")
    if not document["journal"] and not document["full_runs"]:
        assert len(told) == sum(row["confirmed"] for row in rows)
    assert (claim.values["half_loss"], claim.values["n_seeds"]) == (half, document["study"]["n_seeds"])
    assert claim.values["n_steps"] == document["study"]["n_steps"][claim.subject]
    sizes = [abs(effect) for _, _, effect in told]
    assert sizes == sorted(sizes, reverse=True)


def check_ablation(document, claim):
    rows = document["study"]["ablations"][claim.subject]
    total = rows[-1]["val_accuracy"] - rows[0]["val_accuracy"]
    steps = {row["component"] for row in rows[1:] if row["exceeds_noise"]}
    assert {name for name, _ in claim.values.get("steps", ())} == steps
    assert claim.relation.endswith("unnamed") == (not steps)
    direction = claim.relation.removesuffix("_unnamed")
    assert direction == ("same" if abs(total) <= claim.values["half_width"] else "raised" if total > 0 else "lowered")
    assert claim.values["half_width"] == pytest.approx(rows[1]["high"] - rows[1]["gain"])


def check_ablation_peak(document, claim):
    rows = [
        r for r in document["study"]["ablations"][claim.subject] if document["study"]["n_steps"][r["network"]] >= 100
    ]
    assert claim.values["highest"] == max(r["val_accuracy"] for r in rows) > claim.values["top"]
    assert claim.values["top"] == rows[-1]["val_accuracy"]
    assert claim.values["upto"] == rows[-1]["component"]
    peaks = [r["component"] for r in rows if r["val_accuracy"] == claim.values["highest"]]
    assert list(claim.values["highest_at"]) == peaks


def check_ablation_left(document, claim):
    rows = document["study"]["ablations"][claim.subject]
    n_steps = document["study"]["n_steps"]
    assert claim.values["components"] == tuple(r["component"] for r in rows if n_steps[r["network"]] < 100)
    assert claim.values["n_steps"] < 100


def check_errors(document, claim):
    confusion = np.array(document["models"][claim.subject]["confusion"])
    missed = confusion.sum(axis=1) - np.diag(confusion)
    assert set(claim.values["classes"]) == set(np.flatnonzero(missed == missed.max())) and missed.max() > 0
    assert claim.values["n_errors"] == missed.max()
    assert claim.values["n_class"] == confusion[claim.values["classes"][0]].sum()
    both = confusion + confusion.T - 2 * np.diag(np.diag(confusion))
    tied = (np.triu(both) == both.max()).sum() > 1 or len(both) == 2  # of two classes there is only one pair
    assert claim.relation.endswith("_tied") == tied
    if not tied:
        first, second = claim.values["class_a"], claim.values["class_b"]
        assert first != second and both[first, second] == claim.values["count"] == both.max() > 0
    assert claim.relation.startswith("one" if len(claim.values["classes"]) == 1 else "several")


def check_chosen_classifier(document, claim):
    val = {row.name: document["models"][row.name]["val_accuracy"] for row in ON_FEATURES}
    assert val[claim.subject] == max(val.values()) == claim.values["val"]
    equal = {name for name in val if val[name] == val[claim.subject]} - {claim.subject}
    assert set(claim.values.get("rivals", ())) == equal and (claim.relation == "tied") == bool(equal)


def check_calibration(document, claim):
    errors = {name: document["models"][name]["ece"] for name in MAIN}
    assert errors[claim.subject] == min(errors.values()) == claim.values["error_low"]
    if claim.relation == "differ":
        assert claim.values["error_high"] == max(errors.values())
        for key, end in (("lowest", min), ("highest_of", max)):
            alike = {name for name in MAIN if f"{errors[name]:.3f}" == f"{end(errors.values()):.3f}"}
            assert set(claim.values[key]) == alike
    spread = f"{min(errors.values()):.3f}" != f"{max(errors.values()):.3f}"
    alike = len(set(smoothing_of_networks(document).values())) == 1
    assert claim.relation == ("equal" if not spread else "differ" if alike else "not_ranked")
    if claim.relation != "equal":
        scaled = [document["models"][name]["ece_scaled"] for name in MAIN]
        assert (claim.values["scaled_low"], claim.values["scaled_high"]) == (min(scaled), max(scaled))
        assert claim.values["error_high"] == max(errors.values()) and not claim.other


def check_val_minus_test(document, claim):
    found = {name: document["models"][name]["val_minus_test"] for name in MAIN}
    above = {name for name in MAIN if found[name]["low"] > 0}
    higher = all(row["difference"] > 0 for row in found.values())
    within = "none_all_higher" if higher else "none"
    assert claim.relation == ("all" if above == set(MAIN) else "some" if above else within)
    assert set(claim.values.get("models", above if claim.relation == "all" else ())) == above
    low, high = ("least", "most") if claim.relation in ("all", "none_all_higher") else ("low", "high")
    assert claim.values[low] == min(row["difference"] for row in found.values())
    assert claim.values[high] == max(row["difference"] for row in found.values())
    assert low == "low" or claim.values[low] > 0  # shown without a sign


def check_extremes(document, claim):
    accuracy = {name: document["models"][name]["test_accuracy"] for name in COMPARED}
    assert accuracy[claim.subject] == claim.values["a"] == max(accuracy.values())
    if claim.relation == "differ":
        assert claim.values["b"] == min(accuracy.values()) < claim.values["a"]
        assert set(claim.values["highest_of"]) == {name for name in COMPARED if accuracy[name] == claim.values["a"]}
        assert set(claim.values["lowest"]) == {name for name in COMPARED if accuracy[name] == claim.values["b"]}
    else:
        assert len(set(accuracy.values())) == 1


def check_last_epoch(document, claim):
    last = {name: document["models"][name]["history"]["val_accuracy"][-1] for name in networks_of_part(1)}
    assert claim.values["a"] == last[claim.subject] == max(last.values())
    alike = tuple(name for name, value in last.items() if f"{100 * value:.2f}" == f"{100 * claim.values['a']:.2f}")
    assert (claim.relation == "equal") == (len(alike) > 1) and claim.values.get("rivals", alike) == alike
    if claim.relation != "equal":
        second = max(value for name, value in last.items() if name != claim.subject)
        assert claim.values["b"] == last[claim.other] == second and claim.other != claim.subject


def check_ways_of_input(document, claim):
    rows = document["inputs"]["rows"]
    chosen = next(row["val_accuracy"] for row in rows if row["chosen"])
    top = max(row["val_accuracy"] for row in rows)
    assert claim.values["a"] == chosen and (claim.relation == "chosen") == (chosen >= top)
    if claim.relation != "chosen":
        assert claim.values["b"] == top
        assert claim.values["ways"] == tuple((r["factor"], r["value"]) for r in rows if r["val_accuracy"] == top)
        n = document["inputs"]["n_val"]
        z = (top - chosen) / np.sqrt((top * (1 - top) + chosen * (1 - chosen) + 1e-12) / n)
        assert claim.relation.startswith("beyond") if z > 6 and n >= 500 else True
        assert claim.relation.startswith("within") if z < 1 else True


def check_first_classifier(document, claim):
    val = sorted((document["models"][row.name]["val_accuracy"] for row in ON_FEATURES), reverse=True)
    assert (claim.relation == "equal") == (val[0] == val[1])
    assert document["models"][claim.subject]["val_accuracy"] == val[0]
    if claim.relation == "equal":
        assert [document["models"][name]["val_accuracy"] for name in claim.values["rivals"]] == val[: val.count(val[0])]
    else:
        assert claim.values["difference"] == val[0] - val[1]
        assert document["models"][claim.other]["val_accuracy"] == val[1] and claim.subject != claim.other


def check_unfreezing(document, claim):
    names = {"before": "vgg_head", "after": "vgg_finetuned", "control": "vgg_control"}
    assert claim.values == {key: document["models"][name]["val_accuracy"] for key, name in names.items()}


def check_strongest(document, claim):
    stages = stages_of_part({"part1": 1, "part2": 2}[claim.subject])
    named = {c.subject: c.values["losses"] for stage in stages for c in effects(document, stage)
             if c.relation == "named"}  # fmt: skip
    assert claim.values.get("largest", {}) == {stage: losses[0] for stage, losses in named.items()}
    assert (claim.relation == "none") == (not named)


def check_confused(document, claim):
    for name, (first, second, count) in claim.values["pairs"].items():
        confusion = np.array(document["models"][name]["confusion"])
        both_ways = confusion + confusion.T - 2 * np.diag(np.diag(confusion))
        assert count == confusion[first, second] + confusion[second, first] == both_ways.max() > 0


def check_evidence(document, claim):
    rows = document["mechanisms"]["heat"][claim.subject]
    described = claim.values["maps"]
    right = [row for row in rows if row["label"] == row["predicted"]]
    wrong = [row for row in rows if row["label"] != row["predicted"]]
    assert len(described) == min(1, len(right)) + min(2, len(wrong))
    for row, (label, predicted, place, share) in zip([*right[:1], *wrong[:2]], described, strict=True):
        assert (row["label"], row["predicted"]) == (label, predicted)
        if place in ("none", "spread"):
            assert (place == "none") == (row["thirds"] == []) and all(one <= 0.5 for one in row["thirds"])
        else:
            assert row["thirds"][("upper", "middle", "lower").index(place)] == share > 0.5


def check_hardest(document, claim):
    missed = {name: [row["n_errors"] for row in document["models"][name]["per_class"]] for name in MAIN}
    expected = {name: tuple(i for i, n in enumerate(counts) if n == max(counts)) for name, counts in missed.items()
                if max(counts)}  # fmt: skip
    same = len(set(expected.values())) == 1 and len(expected) == len(MAIN) and len(expected[MAIN[0]]) == 1
    assert (claim.relation == "same") == same
    assert claim.values == ({"classes": expected[MAIN[0]]} if same else {"of": expected})


def check_dear_and_cheap(document, claim):
    macs = {name: document["models"][name]["macs_per_prediction"] for name in MAIN}
    accuracy = {name: document["models"][name]["test_accuracy"] for name in MAIN if macs[name] < macs[claim.subject]}
    assert macs[claim.subject] == max(macs.values()) and accuracy[claim.other] == max(accuracy.values())
    assert claim.values["ratio"] == macs[claim.subject] / macs[claim.other]
    p, difference = p_of(document, claim.subject, claim.other)
    assert claim.relation == ("same" if p >= 0.05 else "above" if difference > 0 else "below")
    assert claim.values["difference"] == difference


def check_why_convolution(document, claim):
    found, name = document["mechanisms"]["permutation"], claim.subject
    p, difference = p_of(document, name, "mlp")
    assert p < 0.05 and difference > 0 and claim.other == "mlp"
    own, other = found["networks"][name], found["networks"]["mlp"]
    assert own["high"] < 0 and found["against"][name]["high"] < 0
    assert own["difference"] - other["difference"] == pytest.approx(found["against"][name]["difference"])
    assert claim.values["change"] == own["difference"]
    assert (claim.values["n_steps"], claim.values["n_train"]) == (found["n_steps"], found["n_train"])
    assert claim.values["change_low"] == own["low"] < own["difference"] < own["high"] == claim.values["change_high"]
    assert (claim.values["whole"], claim.values["whole_other"]) == (own["whole"], other["whole"])
    assert (claim.values["permuted"], claim.values["permuted_other"]) == (own["permuted"], other["permuted"])


def check_where_gain(document, claim):
    own, other = (np.array(document["models"][name]["confusion"]) for name in (claim.subject, claim.other))
    p, difference = p_of(document, claim.subject, claim.other)
    assert p < 0.05 and difference > 0
    saved = np.triu(other + other.T - own - own.T, 1)
    i, j = sorted((claim.values["class_a"], claim.values["class_b"]))
    assert saved[i, j] == saved.max() == claim.values["n_saved"] > 0 and (saved == saved.max()).sum() == 1
    assert claim.values["n_own"] == own[i, j] + own[j, i] and claim.values["n_other"] == other[i, j] + other[j, i]
    assert claim.values["n_saved_all"] == saved[saved > 0].sum() and len(own) > 2


def check_why_confused(document, claim):
    found = document["mechanisms"]["likeness"]
    assert found["spearman"] > 0 and found["p_value"] < 0.05
    assert claim.values == {"n_pairs": found["n_pairs"], "correlation": found["spearman"], "p": found["p_value"]}


def check_why_blocks(document, claim):
    found = document["mechanisms"]["blocks"]
    shares = {row["block"]: row["frozen"] for row in found["rows"]}
    assert claim.values["of_block"] == max(shares.values()) == shares[claim.values["block"]]
    assert claim.values["last_block"] == max(shares) and claim.values["of_last"] == shares[max(shares)]
    (row,) = [row for row in found["against_last"] if row["block"] == claim.values["block"]]
    assert row["p_holm"] == claim.values["p"] < 0.05 and row["difference"] > 0


def check_why_fine_tuning(document, claim):
    found = document["mechanisms"]["blocks"]
    last, best = found["rows"][-1], max(found["rows"], key=lambda row: row["frozen"])
    assert (claim.values["of_last"], claim.values["of_last_tuned"]) == (last["frozen"], last["tuned"])
    assert found["tuning"]["p_value"] < 0.05 and last["tuned"] > last["frozen"]
    _, whole = p_of(document, "vgg_finetuned", "vgg_head")
    little = whole < found["tuning"]["difference"] and best["block"] != last["block"]
    assert (claim.relation == "little") == little
    if little:
        assert (claim.values["block"], claim.values["of_block"]) == (best["block"], best["frozen"])
        assert claim.values["gain"] == whole


def check_lesson_of_convolution(document, claim):
    p, difference = p_of(document, claim.subject, "mlp")
    relation = "same" if p >= 0.05 else "above" if difference > 0 else "below"
    explained = why_convolution(document, claim.subject)
    assert claim.relation == ("neighbours" if explained else relation)
    shown = explained[0].values if explained else {}
    fall = {"fall": shown["change"]} | {name: shown[name] for name in ("permuted", "permuted_other")} if shown else {}
    assert claim.values == fall | ({} if relation == "same" else {"difference": difference})


def check_lesson_of_features(document, claim):
    (p, first), (p_second, second) = (p_of(document, "vgg_features", name) for name in ("mlp", "cnn"))
    assert claim.values == {
        "a": document["models"]["vgg_features"]["test_accuracy"], "against_first": first, "p": p,
        "against_second": second, "p_second": p_second,
    }  # fmt: skip


def check_choice(document, claim):
    models, first = document["models"], rank_models(document)[0]
    beaten = {
        name for name in MAIN for other in MAIN
        if name != other and p_of(document, other, name)[0] < 0.05 and p_of(document, other, name)[1] > 0
    }  # fmt: skip
    equal = [name for name in MAIN if name not in beaten]
    assert first in equal
    macs = {name: models[name]["macs_per_prediction"] for name in equal}
    assert macs[claim.subject] == min(macs.values())
    tied = models[claim.subject]["test_accuracy"] == models[first]["test_accuracy"]
    other = "as_accurate" if tied else "cheaper"
    assert claim.relation == (other if claim.subject != first else "best" if len(equal) > 1 else "alone")
    if claim.relation == "as_accurate":
        assert claim.other == first and claim.values == {"ratio": macs[first] / macs[claim.subject]}
    if claim.relation == "cheaper":
        assert claim.other == first and claim.values["ratio"] == macs[first] / macs[claim.subject]
        assert claim.values["difference"] == p_of(document, first, claim.subject)[1] >= 0
        assert claim.values["low"] <= claim.values["difference"] <= claim.values["high"]


def check_lesson_of_transfer(document, claim):
    p, difference = p_of(document, "vgg_finetuned", "cnn")
    assert claim.relation == ("same" if p >= 0.05 else "above" if difference > 0 else "below")
    macs = [document["models"][name]["macs_per_prediction"] for name in ("vgg_finetuned", "cnn")]
    assert claim.values["ratio"] == macs[0] / macs[1]
    assert (claim.values["difference"], claim.values["p"]) == (difference, p)


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")}


@pytest.fixture
def document():
    accuracy = {"mlp": 0.80, "cnn": 0.88, "vgg_features": 0.87, "vgg_head": 0.87, "vgg_finetuned": 0.93}
    found = invent_results(accuracy | {"vgg_control": 0.87, "ensemble": 0.95}, 4_000)
    return copy.deepcopy(found)


def test_every_kind_has_a_check_and_stands_in_the_module_of_its_name():
    assert set(KINDS) == set(CHECKS)
    for module in MODULES:
        kinds = {value.name for value in vars(module).values() if isinstance(value, Kind)}
        assert module.KIND.name == module.__name__.rpartition(".")[2] and module.KIND.name in kinds


@pytest.mark.parametrize("code", ["uk", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_of_a_kind_can_be_said_with_the_examples_of_its_types(kind, code):
    found, language = KINDS[kind], Language(code)
    subject = {MODEL: "cnn", STAGE: "cnn", NOTHING: ""}[found.about]
    placed = set()
    for relation, message in found.messages.items():
        wanted = {name for _, name, _, _ in string.Formatter().parse(message) if name}
        placed |= wanted
        names = wanted | ({"epoch", "epochs"} if "moment" in wanted else set())
        names |= {"difference"} if "signed" in wanted else set()
        values = {name: form.example for name, form in found.formats.items() if name in names}
        said = word(Claim(found, subject, relation, "mlp" if "other" in wanted else "", values), language)
        assert "{" not in said and "  " not in said
        for name in wanted & set(found.formats):
            written = found.formats[name].write(language, found.formats[name].example)
            assert not isinstance(written, str) or written in said, name  # a Name has the case of its place
    assert placed - {"subject", "network", "other", "backbone", "signed", "moment"} <= set(found.formats)
    assert set(found.formats) <= placed | {"difference", "epoch", "epochs"}


@pytest.mark.parametrize(
    ("p_head", "difference", "p_control", "over_control", "relation"),
    [
        (0.01, 0.01, 0.01, 0.01, "blocks"), (0.01, 0.01, 0.2, 0.01, "epochs"), (0.01, 0.01, 0.01, -0.01, "control"),
        (0.05, 0.01, 0.01, 0.01, "same"), (0.0499, 0.01, 0.0499, 0.01, "blocks"), (0.01, -0.01, 0.3, 0.01, "below"),
    ],
)  # fmt: skip
def test_fine_tuning_is_judged_by_head_and_control(document, p_head, difference, p_control, over_control, relation):
    find_comparison(document, "vgg_finetuned", "vgg_head").update(p_holm=p_head, difference=difference)
    find_comparison(document, "vgg_finetuned", "vgg_control").update(p_holm=p_control, difference=over_control)
    assert fine_tuning(document).relation == relation


@pytest.mark.parametrize(
    ("losses", "train", "val", "relation", "epoch"),
    [
        ([0.3, 0.2, 0.25], 0.99, 0.90, "overfits", 2), ([0.3, 0.2, 0.25], 0.90, 0.90, "rose", 2),
        ([0.3, 0.25, 0.2], 0.99, 0.90, "gap_last", 3), ([0.3, 0.2, 0.201], 0.99, 0.90, "gap", 2),
        ([0.3, 0.25, 0.2], 0.90, 0.90, "even", 3),
        ([0.3, 0.2, 0.2079], 0.90, 0.90, "even", 2), ([0.3, 0.2, 0.2081], 0.90, 0.90, "rose", 2),
        ([0.2], 0.8, 0.9, "short", 1), ([0.2, 0.3], 0.99, 0.9, "short", 1),
    ],
)  # fmt: skip
def test_overfitting_follows_from_clean_images_and_the_validation_loss(document, losses, train, val, relation, epoch):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {"val_accuracy": val, "train_eval": {"n": 5_000, "train_accuracy": train}}
    document["models"]["cnn"]["history"] = invent_history(losses, [val] * len(losses))
    claim = fit(document, "cnn")
    assert (claim.relation, claim.values["epoch"], claim.values["epochs"]) == (relation, epoch, len(losses))
    advised = [c.relation for c in advise(document) if c.subject == "cnn"]
    words = {"overfits": ["regularise"], "rose": ["shorten"], "even": ["longer_own"]}
    words |= dict.fromkeys(("gap", "gap_last"), ["generalise_own"])
    assert advised == words.get(relation, [])


@pytest.mark.parametrize(("n_val", "relation"), [(5_000, "overfits"), (500, "gap")])
def test_of_few_images_a_loss_must_rise_further(document, n_val, relation):
    document["data"]["n_val"] = n_val
    document["models"]["cnn"] |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    document["models"]["cnn"]["history"] = invent_history([0.3, 0.2, 0.21], [0.9] * 3)
    assert fit(document, "cnn").relation == relation


@pytest.mark.parametrize(
    ("train", "last", "relation", "advised"),
    [(0.99, 0.93, "overfits_by_loss", ["regularise_by_loss"]), (0.99, 0.901, "overfits", ["regularise"]),
     (0.9, 0.93, "rose_by_loss", []), (0.9, 0.9, "rose", ["shorten"])],
)  # fmt: skip
def test_a_loss_that_rises_while_the_accuracy_does_is_reported_with_both(document, train, last, relation, advised):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": train}}
    document["models"]["cnn"]["history"] = invent_history([0.2, 0.25, 0.22], [0.9, 0.91, last])
    claim = fit(document, "cnn")
    assert claim.relation == relation
    assert [c.relation for c in advise(document) if c.subject == "cnn"] == advised
    assert ("rose from 90.00% to 93.00%" in word(claim, Language("en"))) == relation.endswith("_by_loss")


@pytest.mark.parametrize(("train", "relation"), [(0.95, "unlearned"), (0.995, "overfits")])
def test_fine_tuning_that_unlearns_is_not_called_overfitting(document, train, relation):
    document["data"]["n_val"] = 5_000
    for name, share in (("vgg_head", 0.99), ("vgg_finetuned", train)):
        document["models"][name] |= {"val_accuracy": 0.93, "train_eval": {"n": 5_000, "train_accuracy": share}}
        document["models"][name]["history"] = invent_history([0.32, 0.3, 0.29], [0.93] * 3)
    document["models"]["vgg_head"]["history"]["val_scaled_loss"][-1] = 0.2
    claim = fit(document, "vgg_finetuned")
    assert (claim.relation, claim.values["epoch"]) == (relation, 0)
    assert [c.relation for c in advise(document) if c.subject == "vgg_finetuned"] == ["shorten"]  # nothing is earlier


def test_an_epoch_of_the_warm_up_does_not_count(document):
    document["data"]["n_val"] = 5_000
    model = document["models"]["cnn"] | {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    document["models"]["cnn"] = model
    model["history"] = invent_history([0.1, 0.3, 0.25, 0.2], [0.9] * 4)
    assert fit(document, "cnn").relation == "overfits"
    model["history"]["learning_rate"] = [0.001, 0.002, 0.001, 0.0]
    claim = fit(document, "cnn")
    assert (claim.relation, claim.values["epoch"], claim.values["loss_lowest"]) == ("gap_last", 4, 0.2)
    model["history"]["learning_rate"] = [0.001, 0.002, 0.003, 0.0]
    assert fit(document, "cnn").relation == "short"


@pytest.mark.parametrize(("train", "relation"), [(0.99, "gap_alone"), (0.9, "even_alone")])
def test_results_without_scaled_losses_are_judged_by_accuracy(document, train, relation):
    model = document["models"]["cnn"] | {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": train}}
    document["models"]["cnn"], document["data"]["n_val"] = model, 5_000
    del model["history"]["val_scaled_loss"]
    claim = fit(document, "cnn")
    assert claim.relation == relation and "90.00%" in word(claim, Language("en"))
    assert "cnn" not in [c.subject for c in advise(document)]


def test_fine_tuning_begins_with_the_loss_of_the_head(document):
    document["models"]["vgg_head"]["history"] = invent_history([0.5, 0.2], [0.9] * 2)
    document["models"]["vgg_finetuned"]["history"] = invent_history([0.26, 0.25], [0.9] * 2)
    claim = fit(document, "vgg_finetuned")
    assert (claim.values["epoch"], claim.values["epochs"], claim.values["loss_lowest"]) == (0, 2, 0.2)
    assert claim.relation in ("rose", "overfits")


@pytest.mark.parametrize(
    ("changes", "relation"),
    [({}, "blocks"), ({"unfreeze": 3}, "blocks"), ({"shift": 2}, "augmented"), ({"cutout": 8}, "augmented")],
)
def test_a_gain_is_not_ascribed_to_the_blocks_alone_where_images_were_augmented(document, changes, relation):
    for name in ("vgg_head", "vgg_control"):
        find_comparison(document, "vgg_finetuned", name).update(p_holm=0.001, difference=0.02)
    document["run"]["settings"]["finetune"] |= changes
    assert fine_tuning(document).relation == relation


@pytest.mark.parametrize(
    ("changes", "train", "relation"),
    [
        ({}, 0.0, "longer_pretrained"),
        ({"unfreeze": 3}, 0.0, "longer_pretrained"),
        ({"unfreeze": 2}, 0.0, "longer_input"),
        ({}, 1.0, "generalise_pretrained"),
        ({"shift": 1}, 1.0, "generalise_own"),
        ({"unfreeze": 3}, 1.0, "generalise_own"),
    ],
)
def test_advice_on_fine_tuning_heeds_what_it_did_already(document, changes, train, relation):
    document["models"]["vgg_finetuned"]["history"] = invent_history([0.3, 0.2, 0.1], [0.9] * 3)
    document["models"]["vgg_finetuned"]["train_eval"]["train_accuracy"] = train
    document["run"]["settings"]["finetune"] |= changes
    assert relation in [c.relation for c in advise(document) if c.subject == "vgg_finetuned"]


def test_a_pretrained_network_is_not_to_be_made_larger(document):
    document["models"]["vgg_finetuned"]["history"] = invent_history([0.3, 0.2, 0.1], [0.9] * 3)
    document["models"]["vgg_finetuned"]["train_eval"]["train_accuracy"] = 0.0
    assert "longer_pretrained" in [c.relation for c in advise(document) if c.subject == "vgg_finetuned"]


def factor(**changes):
    return {"network": "cnn", "group": "structure", "factor": "kernel", "value": "5", "effect": 0.02,
            "exceeds_noise": True, "confirmed": True, "best": "5", "gain": 0.02, "best_confirmed": True,
            **changes}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "full", "said"),
    [
        ({}, [], True),
        ({"best_confirmed": False}, [], False),
        ({"best": "3"}, [], False),  # it is set already
        ({"network": "head", "factor": "layers"}, [], False),  # which no setting sets
        ({"network": "finetune", "factor": "unfreeze", "best": "none"}, [], False),
        ({"network": "finetune", "factor": "unfreeze", "best": "5"}, [], True),
        ({"factor": "widths", "best": "half"}, [], False),
        ({"factor": "learning_rate", "best": "0.006"}, [], False),
        ({"network": "finetune", "factor": "learning_rate", "best": "6e-05"}, [], False),
        ({}, [("", "", 0.95), ("kernel", "5", 0.95)], False),  # a full training has found it no better
        ({}, [("kernel", "5", 0.5)], True),
    ],
)
def test_the_study_advises_only_what_is_worth_a_training(document, changes, full, said):
    row = factor(**changes)
    bases = {row["network"]: {"half_width": 0.01, "accuracies": [1, 2, 3]}}
    others = factor(gain=0.0, best="3", factor="shift")
    others["best_confirmed"] = False
    rows = [{"chosen": chosen, "confirmed": False, "network": "mlp"} for chosen in [False] * 7 + [True]]
    document["study"] = {"baselines": bases, "factors": [row, others], "rows": rows, "ablations": {}, "n_steps": STEPS}
    document["study"]["baselines"].setdefault("cnn", {"half_width": 0.01})
    document["full_runs"] = average(*[full_row(value, val, name, row["network"]) for name, value, val in full])
    found = [c for c in advise(document) if c.relation == "repeat"]
    assert bool(found) == said
    if said:
        values = {"factor": row["factor"], "value": row["best"], "loss_gain": row["gain"], "n_tried": 7}
        assert found[0].values == values


def test_what_a_full_training_found_better_is_to_be_repeated_with_seeds(document):
    document["study"] = {
        "baselines": {"cnn": {"half_width": 0.01}},
        "factors": [factor()],
        "rows": [],
        "ablations": {},
        "n_steps": STEPS,
    }
    document["full_runs"] = average(full_row("", 0.95, factor=""), full_row("5", 0.951))
    (found,) = [c for c in advise(document) if c.values.get("factor")]
    assert found.relation == "repeat_seeds"
    assert found.values == {"factor": "kernel", "value": "5", "own": 0.951, "base": pytest.approx(0.95)}
    document["run"]["settings"]["data"]["n_train"] = 3_000  # of which those trainings tell nothing
    assert "repeat" in [c.relation for c in advise(document)]


def test_more_augmentation_is_not_advised_where_less_did_better(document):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    document["models"]["cnn"]["history"] = invent_history([0.3, 0.25, 0.2], [0.9] * 3)
    row = factor(factor="shift", best="0", gain=0.03)
    document["study"] = {
        "baselines": {"cnn": {"half_width": 0.01}},
        "factors": [row],
        "rows": [],
        "ablations": {},
        "n_steps": STEPS,
    }
    assert [c.relation for c in advise(document) if c.subject == "cnn"] == ["repeat"]
    document["models"]["cnn"]["history"] = invent_history([0.3, 0.2, 0.25], [0.9] * 3)
    assert [c.relation for c in advise(document) if c.subject == "cnn"] == ["repeat"]
    document["study"]["factors"] = [factor()]  # a kernel says nothing of augmentation
    assert [c.relation for c in advise(document) if c.subject == "cnn"] == ["regularise", "repeat"]


@pytest.mark.parametrize(
    ("where", "factor", "value", "effect", "advised"),
    [
        ("study", "dropout", "0.5", -0.02, False), ("study", "dropout", "0.5", 0.02, True),
        ("study", "dropout", "0.1", 0.02, False), ("study", "mirror", "False", 0.02, False),
        ("study", "mirror", "False", -0.02, True), ("study", "kernel", "5", -0.02, True),
        ("noise", "dropout", "0.5", -0.02, True), ("full", "shift", "2", -0.002, False),
        ("full", "shift", "0", -0.002, True), ("full", "shift", "0", 0.002, False),
    ],
)  # fmt: skip
def test_more_regularisation_is_not_advised_where_more_did_worse(document, where, factor, value, effect, advised):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    document["models"]["cnn"]["history"] = invent_history([0.3, 0.25, 0.2], [0.9] * 3)
    row = {"network": "cnn", "chosen": False, "factor": factor, "value": value, "effect": -effect}  # of the loss
    rows = [] if where == "full" else [row | {"confirmed": where == "study"}]
    document["study"] |= {"rows": rows, "n_steps": STEPS, "baselines": {"cnn": {"half_width": 0.01}}}
    trained = [full_row("", 0.95, factor=""), full_row(value, 0.95 + effect, factor)]
    document["full_runs"] = average(*trained) if where == "full" else []
    assert ("generalise_own" in [c.relation for c in advise(document) if c.subject == "cnn"]) is advised


def test_the_ensemble_must_beat_every_network(document):
    for name in MAIN:
        row = find_comparison(document, "ensemble", name)
        stored = next(r for r in document["comparisons"] if {r["a"], r["b"]} == {"ensemble", name})
        stored["p_holm"] = 0.001 if name != "mlp" else 0.06
        assert row["difference"] > 0
    claim = ensemble(document)
    assert (claim.kind, claim.relation, claim.values["rivals"]) == ("ensemble", "partly", ("mlp",))


def test_of_several_better_values_the_best_is_advised(document):
    rows = [factor(), factor(factor="cutout", best="8", gain=0.03), factor(factor="shift", best="1", gain=0.015)]
    rows.append(factor(network="head", factor="width", best="7", gain=0.04))  # whose noise is larger
    bases = {"cnn": {"half_width": 0.01}, "head": {"half_width": 0.03}}
    document["study"] = {"baselines": bases, "factors": rows, "rows": [], "ablations": {}, "n_steps": STEPS}
    (found,) = [c for c in advise(document) if c.relation == "repeat"]
    assert found.values["factor"] == "cutout" and found.subject == "cnn"


def test_comparison_can_be_read_either_way(document):
    one, other = (find_comparison(document, *pair) for pair in (("mlp", "cnn"), ("cnn", "mlp")))
    assert one["difference"] == -other["difference"] > 0 or one["difference"] == -other["difference"] < 0
    assert (one["a"], one["b"], one["only_a"], one["only_b"]) == ("mlp", "cnn", other["only_b"], other["only_a"])
    for low, high in (("ci95_low", "ci95_high"), ("holm_low", "holm_high")):
        assert (one[low], one[high]) == (-other[high], -other[low])
    with pytest.raises(KeyError, match="there is no comparison of mlp and nothing"):
        find_comparison(document, "mlp", "nothing")


def test_nothing_is_said_of_what_was_not_studied(document):
    assert effects(document, "cnn") == [] and ablation(document, "part1") == []
    found = decide_captions(document)
    names = ("study_part1", "study_part2", "inputs", "ablation_part1", "ablation_part2")
    assert [found[name] for name in names] == [None] * 5
    document["study"] |= {"ablations": {"part1": invent_ablation([])}, "n_steps": STEPS}
    assert ablation(document, "part1") == []


def test_too_short_training_runs_conclude_nothing(document):
    document["study"] = invent_study(np.random.default_rng(1)) | {"n_steps": STEPS | {"finetune": 99, "cnn": 100}}
    bases = document["study"]["baselines"]
    document["study"]["factors"] = [factor(), factor(network="finetune", factor="dropout", best="7", gain=0.9)]
    bases["cnn"]["half_width"] = bases["finetune"]["half_width"] = 0.01
    for row in document["study"]["rows"]:
        row["confirmed"] = row["factor"] in ("kernel", "dropout") and not row["chosen"]
    document["study"]["n_steps"]["head"] = 99
    assert effects(document, "finetune") == [] and len(effects(document, "cnn")) == 1
    repeated = [c.subject for c in advise(document) if c.relation == "repeat"]
    assert repeated == ["cnn"]
    found = decide_captions(document)
    assert found["study_part2"] is None and set(found["study_part1"].values["largest"]) == {"cnn"}


def test_steps_of_too_short_training_runs_are_left_out_of_account(document):
    steps = invent_ablation([0.02, -0.05])
    steps[2]["network"] = "finetune"
    document["study"] |= {"ablations": {"part2": steps}, "n_steps": STEPS | {"finetune": 60}}
    found, left = ablation(document, "part2")
    assert (
        found.relation == "raised" and left.kind == "ablation_left" and found.values["top"] == steps[1]["val_accuracy"]
    )
    assert found.values["steps"] == (("batch_norm", 0.02),)
    assert left == Claim(KINDS["ablation_left"], "part2", "stated", values={"components": ("residual",), "n_steps": 60})
    document["study"]["n_steps"]["cnn"] = 99
    assert ablation(document, "part2") == []
    document["study"]["n_steps"] = STEPS
    assert [claim.relation for claim in ablation(document, "part2")] == ["lowered", "stated"]


def test_a_network_without_errors_has_no_hardest_class(document):
    for name in MAIN:
        document["models"][name]["confusion"] = np.diag([5] * 10).tolist()
        document["models"][name]["per_class"] = [{"n_errors": 0, "support": 5}] * 10
    assert errors(document, "cnn") == []
    found = decide_captions(document)
    assert found["per_class"] is None and found["confusion_part1"] is None and found["confusion_part2"] is None


def test_most_confused_pair_counts_both_directions():
    assert most_confused([[5, 2, 0], [3, 5, 0], [4, 0, 5]]) == (0, 1, 5)
    assert most_confused([[5, 0, 1], [0, 5, 3], [1, 1, 5]]) == (1, 2, 4)


def claims_of(claim):
    return claim.kind, claim.subject, claim.other


def test_sections_hold_what_they_are_about(document):
    study = invent_study(np.random.default_rng(1))
    study["ablations"] = {"part1": invent_ablation([0.02]), "part2": invent_ablation([0.03])}
    document["study"] = study
    found = {part: [(c.kind, c.subject, c.other) for c in listed] for part, listed in decide(document).items()}
    assert found["best"] == [("best", rank_models(document)[0], "")]
    assert found["learned"] == [
        ("lesson_of_convolution", "cnn", "mlp"), ("lesson_of_features", "vgg_features", "cnn"),
        ("lesson_of_transfer", "vgg_finetuned", "cnn"),
    ]  # fmt: skip
    others, named = networks_of_part(1)[1:], {section: [row[0] for row in rows] for section, rows in found.items()}
    why = {section: [row for row in rows if row[0].startswith(("why_", "where_"))] for section, rows in found.items()}
    assert [row for row in found["part1"] if row not in why["part1"]] == [
        *(("compare", name, "mlp") for name in others),
        *(("fit", name, "") for name in networks_of_part(1)), *(("errors", name, "") for name in others),
    ]  # fmt: skip
    assert [row for row in found["part2"] if row not in why["part2"]] == [
        ("chosen_classifier", document["chosen_classifier"], ""), ("compare", "vgg_features", "mlp"),
        ("fine_tuning", "vgg_finetuned", "vgg_head"), ("compare", "vgg_finetuned", "mlp"), ("fit", "vgg_finetuned", ""),
        ("errors", "vgg_finetuned", ""),
    ]  # fmt: skip
    assert [name for name in named["overall"] if name != "why_confused"] == [
        "choice", "ensemble", "val_minus_test", "reference",
    ]  # fmt: skip
    assert found["study1"] == [("effects", "cnn", "")]
    assert found["study2"] == [("effects", "head", ""), ("effects", "finetune", "")]
    assert set(found) == {"best", "learned", "part1", "part2", "overall", "study1", "study2"}


def test_no_claim_is_stated_in_two_sections(invented_run):
    stated = [claim for section in decide(invented_run.document).values() for claim in section]
    stated += [claim for claim in decide_captions(invented_run.document).values() if claim]
    assert len(stated) == len({(c.kind, c.subject, c.relation, c.other, repr(c.values)) for c in stated}) > 20


def test_a_difference_is_reported_without_its_sign_and_its_interval_the_same_way(document):
    for name, other in (("cnn", "mlp"), ("mlp", "cnn")):
        claim = compare(document, name, other)
        said = word(claim, Language("en"))
        low, high = sorted(abs(100 * claim.values[key]) for key in ("low", "high"))
        direction = {"above": "more", "below": "less"}[claim.relation]
        assert f" {abs(100 * claim.values['difference']):.2f} percentage points {direction} accurate" in said
        assert f"+{low:.2f} to +{high:.2f}" in said


def test_numbers_are_written_as_the_language_writes_them(document):
    english, ukrainian = (word(compare(document, "cnn", "mlp"), Language(code)) for code in ("en", "uk"))
    assert "88.00%" in english and "88,00\u00a0%" in ukrainian and "88.00" not in ukrainian


def test_an_interval_around_zero_is_reported_as_it_is():
    values = {"a": 0.9, "b": 0.91, "difference": -0.01, "low": -0.03, "high": 0.01, "p": 0.4}
    claim = Claim(KINDS["compare"], "cnn", "same", "mlp", values)
    assert word(claim, Language("en")) == (
        "The convolutional network (90.00%) and the multilayer perceptron (91.00%) do not differ significantly in "
        "accuracy: the observed difference is −1.00 percentage points (Holm-adjusted interval −3.00 to +1.00; "
        "p\u00a0=\u00a00.400)."
    )
    above = Claim(KINDS["compare"], "cnn", "above", "mlp", values | {"difference": 0.02, "low": 0.005, "high": 0.035})
    said = word(above, Language("en"))
    assert "is 2.00 percentage points more accurate than" in said and "(Holm-adjusted interval +0.50 to +3.50;" in said


def test_effects_are_reported_with_sign_and_three_digits():
    values = {"half_loss": 0.0123, "n_seeds": 2, "n_steps": 300}
    claim = Claim(KINDS["effects"], "cnn", "named", values=values | {"losses": (("kernel", "5", 0.0235),
                                                                               ("shift", "0", -0.1))})  # fmt: skip
    assert word(claim, Language("en")) == (
        "In short training runs of the convolutional network (300 steps each, 2 seeds) these changes moved the "
        "cross-entropy by more than seed-to-seed variation (±0.012), in the same direction after four times as many "
        "steps, and no full training run contradicts them: kernel\u00a0=\u00a05 (+0.024); shift "
        "(pixels)\u00a0=\u00a00 (−0.100). Lower is better."
    )
    assert "розмір ядра\u00a0=\u00a05 (+0,024)" in word(claim, Language("uk"))


def test_lists_of_networks_and_classes_are_reported():
    language = Language("en", ["hat", "tie", "sock"])
    pairs = Claim(KINDS["confused"], "", "stated", values={"pairs": {"mlp": (0, 2, 1_234), "cnn": (1, 2, 5)}})
    assert word(pairs, language) == (
        "Most often confused, errors in both directions: the multilayer perceptron – “hat”, “sock” (1,234); the "
        "convolutional network – “tie”, “sock” (5)."
    )
    of = Claim(KINDS["hardest"], "", "by_network", values={"of": {"mlp": (0,), "cnn": (1, 2)}})
    assert word(of, language) == (
        "The class with the most misclassified images: the multilayer perceptron – “hat”; "
        "the convolutional network – “tie”, “sock”."
    )
    top = Claim(KINDS["strongest"], "part2", "named", values={"largest": {"head": ("width", "0", -0.021)}})
    assert (
        word(top, language)
        == "The largest effect on cross-entropy: the dense head – layer width\u00a0=\u00a00 (−0.021)."
    )
    steps = {"bottom": 0.8, "top": 0.9, "upto": "width", "half_width": 0.01}
    steps |= {"steps": (("grid", 0.05), ("width", -0.02))}
    assert word(Claim(KINDS["ablation"], "part2", "raised", values=steps), language) == (
        "In the short trainings of the study, up to the step “dense head instead of a linear classifier” the "
        "validation accuracy rose from 80.00% to 90.00%; seed-to-seed variation is ±1.00 percentage points a step, and "
        "beyond it are: block 3 on a grid +5.00; dense head instead of a linear classifier −2.00."
    )


def test_the_place_of_the_evidence_is_reported_for_each_map():
    language = Language("en", ["hat", "tie", "sock"])
    maps = ((0, 0, "upper", 0.618), (1, 2, "lower", 0.55), (2, 1, "spread", 0.4))
    assert word(Claim(KINDS["evidence"], "cnn", "stated", values={"maps": maps}), language) == (
        "For “hat”, recognised, 62% of the evidence lies in the upper third of the image. Where “tie” was taken for "
        "“sock”, 55% of the evidence lies in the lower third of the image. Where “sock” was taken for “tie”, no third "
        "of the image holds more than half of the evidence."
    )
    maps = ((0, 0, "spread", 0.5), (1, 2, "none", 0.0), (0, 1, "middle", 0.9))
    said = word(Claim(KINDS["evidence"], "cnn", "stated", values={"maps": maps}), language)
    assert said.startswith("For “hat”, recognised, no third of the image holds more than half of the evidence. ")
    assert "Where “tie” was taken for “sock”, no cell of these maps supports the prediction." in said
    maps = ((0, 0, "middle", 0.504),)
    assert "50.4% of the evidence" in word(Claim(KINDS["evidence"], "cnn", "stated", values={"maps": maps}), language)
    maps = ((1, 2, "lower", 0.53), (1, 2, "lower", 0.53))
    assert word(Claim(KINDS["evidence"], "cnn", "stated", values={"maps": maps}), language).count("53%") == 1
    maps = ((2, 2, "none", 0.0), (1, 2, "lower", 0.55))
    said = word(
        Claim(KINDS["evidence"], "cnn", "stated", values={"maps": maps}), Language("uk", ["к", "шарф", "сумка"])
    )
    assert said == (
        "Зображення класу «сумка», розпізнане правильно: жодна клітинка цих карт не свідчить на користь прогнозу. "
        "Зображення класу «шарф», помилково віднесене до класу «сумка»: 55\u00a0% свідчень на користь прогнозу "
        "припадає на нижню третину зображення."
    )


def test_small_ratios_have_a_digit():
    claim = Claim(KINDS["dear_and_cheap"], "cnn", "same", "mlp", {"ratio": 2.34, "difference": 0.1})
    assert "needs 2.3 times" in word(claim, Language("en"))
    many = Claim(KINDS["dear_and_cheap"], "cnn", "above", "mlp", {"ratio": 1234.5, "difference": 0.1})
    less = Claim(KINDS["dear_and_cheap"], "cnn", "below", "mlp", {"ratio": 2.0, "difference": -0.1})
    assert "is 10.00 percentage points less accurate" in word(less, Language("en"))
    assert "needs 1,234 times" in word(many, Language("en")) and "10.00 percentage points" in word(many, Language("en"))


def test_captions_are_the_words_of_their_claims(document):
    found, language = decide_captions(document), Language("en")
    said = word_captions(document, language)
    assert said == {name: word(claim, language) if claim else "" for name, claim in found.items()}
    assert said["comparison"].startswith("Highest: the ensemble with 95.00%") and said["inputs"] == ""


def test_every_figure_has_its_claim(document):
    document["study"] = invent_study(np.random.default_rng(1))
    document["study"]["ablations"] = {"part1": invent_ablation([0.02]), "part2": invent_ablation([0.03])}
    for name in MAIN:
        document["models"][name]["confusion"][0][1] += 1_000  # so that one pair is confused most
    ways = [{"factor": "size", "value": str(side), "chosen": side == 48, "val_accuracy": 0.9} for side in (32, 48)]
    document["inputs"] = {"rows": ways, "n_val": 100}
    found = {name: (claim.kind, claim.subject) for name, claim in decide_captions(document).items()}
    first = {claim.kind: claim.subject for claim in all_claims(document)}
    assert found == {
        "comparison": ("extremes", "ensemble"), "curves_part1": ("last_epoch", first["last_epoch"]),
        "inputs": ("ways_of_input", "vgg_input"), "classifiers": ("first_classifier", first["first_classifier"]),
        "curves_part2": ("unfreezing", "vgg_finetuned"), "per_class": ("hardest", ""),
        "cost": ("dear_and_cheap", first["dear_and_cheap"]), "reliability": ("calibration", first["calibration"]),
        "study_part1": ("strongest", "part1"), "study_part2": ("strongest", "part2"),
        "heat_part1": ("evidence", "cnn"), "heat_part2": ("evidence", "vgg_finetuned"),
        "confusion_part1": ("confused", ""), "confusion_part2": ("confused", ""), "ablation_part1": ("ablation",
        "part1"),
        "ablation_part2": ("ablation", "part2"),
    }  # fmt: skip
    pairs = [set(decide_captions(document)[f"confusion_part{part}"].values["pairs"]) for part in (1, 2)]
    assert pairs == [set(networks_of_part(part)) for part in (1, 2)]


@pytest.mark.parametrize(
    ("mlp", "cnn", "relation", "first"),
    [(0.9, 0.91, "ahead", "cnn"), (0.92, 0.91, "ahead", "mlp"), (0.91, 0.91004, "equal", "cnn"),
     (0.91, 0.9102, "ahead", "cnn"), (0.91002, 0.91, "equal", "mlp")],
)  # fmt: skip
def test_who_is_ahead_after_the_last_epoch(document, mlp, cnn, relation, first):
    for name, accuracy in {**dict.fromkeys(networks_of_part(1), 0.5), "mlp": mlp, "cnn": cnn}.items():
        document["models"][name]["history"]["val_accuracy"] = [0.99, accuracy]
    claim = decide_captions(document)["curves_part1"]
    other = "" if relation == "equal" else "mlp" if first == "cnn" else "cnn"
    assert (claim.relation, claim.subject, claim.other) == (relation, first, other)


@pytest.mark.parametrize(
    ("third", "relation", "equal"),
    [(0.95, "ahead", None), (0.91, "equal", ("mlp", "cnn", "vgg_finetuned")), (0.5, "equal", ("mlp", "cnn"))],
)
def test_the_last_epoch_of_any_number_of_networks(document, monkeypatch, third, relation, equal):
    module = "fmnist_report.report.conclusions.kinds.last_epoch"
    monkeypatch.setattr(f"{module}.networks_of_part", lambda part: ("mlp", "cnn", "vgg_finetuned"))
    for name, accuracy in (("mlp", 0.91), ("cnn", 0.91), ("vgg_finetuned", third)):
        document["models"][name]["history"]["val_accuracy"] = [accuracy]
    claim = last_epoch(document)
    assert (claim.relation, claim.values.get("rivals")) == (relation, equal)
    assert claim.subject == ("vgg_finetuned" if third == 0.95 else "mlp")


@pytest.mark.parametrize(
    ("accuracy", "n", "relation"),
    [
        (0.90, 100, "chosen"),
        (0.89, 100, "chosen"),
        (0.91, 100, "within"),
        (0.99, 100, "beyond"),
        (0.92, 5_000, "beyond"),
    ],
)
def test_ways_of_input(document, accuracy, n, relation):
    document["inputs"] = {"n_val": n, "rows": [
        {"factor": "size", "value": "48", "chosen": True, "val_accuracy": 0.90},
        {"factor": "resizing", "value": "nearest", "chosen": False, "val_accuracy": accuracy},
    ]}  # fmt: skip
    claim = decide_captions(document)["inputs"]
    assert (claim.kind, claim.subject, claim.relation) == ("ways_of_input", "vgg_input", relation)
    assert claim.values.get("ways") == (None if relation == "chosen" else (("resizing", "nearest"),))
    document["inputs"]["rows"].append({"factor": "size", "value": "64", "chosen": False, "val_accuracy": accuracy})
    claim = decide_captions(document)["inputs"]
    assert claim.relation == (relation if relation == "chosen" else f"{relation}_tied")
    assert claim.values.get("ways") == (None if relation == "chosen" else (("resizing", "nearest"), ("size", "64")))
    if relation != "chosen":
        said, reached = word(claim, Language("en")), f"{100 * accuracy:.2f}%"
        assert said.startswith(f"The best, “resizing: nearest pixel” and “side (pixels): 64”, reach {reached} each,")


@pytest.mark.parametrize(
    ("lows", "relation", "models"),
    [((0.1, 0.1, 0.1, 0.1), "all", None), ((0.1, 0.0, 0.1, -0.1), "some", (MAIN[0], MAIN[2])),
     ((0.0, -0.1, 0.0, 0.0), "none", None), ((-0.1, -0.1, -0.1, -0.1), "none_all_higher", None)],
)  # fmt: skip
def test_validation_against_test(document, lows, relation, models):
    for name, number in zip(MAIN, (0, 1, 2, *[3] * (len(MAIN) - 3)), strict=True):
        low = lows[number]
        difference = (number + (relation in ("all", "none_all_higher"))) / 100
        document["models"][name]["val_minus_test"] = {"difference": difference, "low": low, "high": 0.5}
    claim = val_minus_test(document)
    unsigned = {"least": 0.01, "most": 0.04}  # where all are higher
    signed = {"low": 0.0, "high": 0.03} | ({"models": models} if models else {})
    expected = signed if relation in ("some", "none") else unsigned
    assert claim == Claim(KINDS["val_minus_test"], "", relation, values=expected)


def test_equals_share_the_first_place(document):
    for name in ("cnn", "vgg_finetuned"):
        document["models"][name]["test_accuracy"] = 0.97
    claim = best(document)
    assert (claim.relation, claim.subject, claim.values["rivals"]) == ("tied", "cnn", ("vgg_finetuned",))
    assert claim.values["n_test"] == 4_000 and claim.values["accuracy"] == 0.97


@pytest.mark.parametrize(
    ("errors", "relation", "lowest", "highest"),
    [((0.02, 0.01, 0.03, 0.04), "differ", MAIN[1:2], MAIN[3:]), ((0.0111, 0.0112, 0.0113, 0.0114), "equal", None, None),
     ((0.0104, 0.0104, 0.0106, 0.0104), "differ", (*MAIN[:2], *MAIN[3:]), MAIN[2:3])],
)  # fmt: skip
def test_calibration_is_distinguished_where_it_differs_in_print(document, errors, relation, lowest, highest):
    smooth_alike(document)
    document["chosen_classifier"] = "vgg_head"  # a network, and smoothed as well
    for number, name in enumerate(MAIN):
        error = errors[min(number, 3)]
        document["models"][name] |= {"ece": error, "ece_scaled": error / 2}
    claim = calibration(document)
    assert (claim.relation, claim.values.get("lowest"), claim.values.get("highest_of")) == (relation, lowest, highest)
    if relation == "differ":
        assert claim.values["scaled_low"] == claim.values["error_low"] / 2 < claim.values["scaled_high"]


def test_the_peak_of_an_ablation_leaves_out_too_short_steps(document):
    steps = invent_ablation([0.02, -0.01, 0.05])
    steps[-1]["network"] = "finetune"
    document["study"] |= {"ablations": {"part2": steps}, "n_steps": STEPS | {"finetune": 60}}
    (claim,) = [claim for claim in ablation(document, "part2") if claim.kind == "ablation_peak"]
    assert word(claim, Language("en")).startswith(
        "Of the steps up to “residual connections” the validation accuracy was highest at “batch normalisation”: "
        "82.00%, against 81.00% at “residual connections”"
    )


@pytest.mark.parametrize(("stage", "chosen"), [("mlp", "vgg_head"), ("finetune", "vgg_head"), (None, "vgg_lda")])
def test_calibration_is_not_ranked_over_different_smoothing(document, stage, chosen):
    smooth_alike(document)
    document["chosen_classifier"] = chosen  # which is no network, and has none
    for number, name in enumerate(MAIN):
        document["models"][name] |= {"ece": 0.01 + number / 100, "ece_scaled": 0.09 - number / 100}
    if stage:
        document["run"]["settings"][stage]["label_smoothing"] = 0.05
    claim = calibration(document)
    assert (claim.relation, claim.other) == ("not_ranked", "")
    high, scaled_low = 0.01 * len(MAIN), 0.1 - 0.01 * len(MAIN)
    told = {"error_low": 0.01, "error_high": high, "scaled_low": scaled_low, "scaled_high": 0.09}
    assert claim.values == pytest.approx(told)
    said = word(claim, Language("en"))
    assert f"range from 0.010 to {high:.3f}; they are not ranked" in said
    assert f"range from {scaled_low:.3f} to 0.090" in said


@pytest.mark.parametrize(
    ("gains", "told"),
    [([0.02, -0.01], ("batch_norm",)), ([0.02, 0.01], None), ([0.02, 0.0], None),
     ([0.02, 0.0, -0.01], ("batch_norm", "residual"))],
)  # fmt: skip
def test_the_peak_of_an_ablation_is_reported_where_it_is_not_the_last_step(document, gains, told):
    document["study"] |= {"ablations": {"part1": invent_ablation(gains)}, "n_steps": STEPS}
    found = [claim for claim in ablation(document, "part1") if claim.kind == "ablation_peak"]
    assert [claim.values["highest_at"] for claim in found] == ([told] if told else [])


@pytest.mark.parametrize(
    ("gains", "relation"),
    [([0.02, 0.005], "raised"), ([0.005, 0.006], "raised_unnamed"), ([-0.02], "lowered"),
     ([-0.006, -0.005], "lowered_unnamed"), ([0.02, -0.02], "same"), ([0.005], "same_unnamed")],
)  # fmt: skip
def test_ablations_in_every_direction(document, gains, relation):
    document["study"] |= {"ablations": {"part1": invent_ablation(gains)}, "n_steps": STEPS}
    claim = ablation(document, "part1")[0]
    assert claim.relation == relation and claim.values["half_width"] == pytest.approx(0.01)
    assert claim.values["bottom"] == 0.8 and claim.values["top"] == pytest.approx(0.8 + sum(gains))
    assert [name for name, _ in claim.values.get("steps", ())] == [
        name for name, gain in zip(("batch_norm", "residual"), gains, strict=False) if abs(gain) > 0.01
    ]


@pytest.mark.parametrize(
    ("low", "high", "relation", "said"),
    [(0.001, 0.02, "above", "by 1.00 percentage points (95% interval +0.10 to +2.00): the images"),
     (-0.001, 0.02, "same", "difference is +1.00 percentage points"),
     (-0.02, -0.001, "below", "by 1.00 percentage points (95% interval +0.10 to +2.00): the validation")],
)  # fmt: skip
def test_the_reference_tells_what_lies_in_the_images(document, low, high, relation, said):
    document["reference"] = {"difference": (low + high) / 2 if relation != "same" else 0.01, "low": low, "high": high}
    if relation != "same":
        document["reference"]["difference"] = 0.01 if low > 0 else -0.01
    (claim,) = reference(document)
    assert claim.relation == relation and said in word(claim, Language("en"))
    del document["reference"]  # of an earlier version
    assert reference(document) == []


def study_rows(*effects, network="cnn", confirmed=True):
    return [{"network": network, "factor": factor, "value": value, "effect": effect, "chosen": False, "ranked": True,
             "confirmed": confirmed} for factor, value, effect in effects]  # fmt: skip


def study_of(*rows, n_steps=300):
    networks = {row["network"] for row in rows}
    bases = {network: {"half_width": 0.01, "accuracies": [0.9, 0.91]} for network in networks}
    return {"baselines": bases, "factors": [], "rows": list(rows), "ablations": {}, "n_seeds": 2,
            "n_steps": dict.fromkeys(networks, n_steps)}  # fmt: skip


def test_confirmed_effects_are_reported_by_size(document):
    confirmed = study_rows(("kernel", "5", 0.02), ("kernel", "7", -0.03), ("shift", "0", 0.025))
    document["study"] = study_of(*confirmed, *study_rows(("dropout", "0", 0.9), confirmed=False))
    (claim,) = effects(document, "cnn")
    assert (claim.kind, claim.subject, claim.relation) == ("effects", "cnn", "named")
    assert claim.values["losses"] == (("kernel", "7", -0.03), ("shift", "0", 0.025), ("kernel", "5", 0.02))
    document["study"] = study_of(*study_rows(("dropout", "0", 0.9), confirmed=False))
    (claim,) = effects(document, "cnn")
    assert claim.relation == "none" and "losses" not in claim.values and word(claim, Language("uk"))


@pytest.mark.parametrize("where", ["journal", "full_runs"])
@pytest.mark.parametrize(("loss", "named"), [(0.31, True), (0.29, False), (0.3, True), (None, False)])
def test_an_effect_that_full_runs_contradict_is_not_named(document, where, loss, named):
    document["study"] = study_of(*study_rows(("shift", "0", 0.02)))
    rows = own_run({}, (0.90,), (0.3,)) + own_run({"shift": "0"}, (0.92,), (loss,))
    document[where] = average_seeds(rows)  # without a loss the accuracy decides, here higher and so better
    (claim,) = effects(document, "cnn")
    assert (claim.relation == "named") is named
    document[where] = average_seeds(own_run({}, (0.90,)) + own_run({"shift": "2"}, (0.95,), (0.2,)))  # of another value
    assert effects(document, "cnn")[0].relation == "named"


@pytest.mark.parametrize(
    ("second", "n_val", "relation"), [(0.95, 5_000, "equal"), (0.949, 5_000, "within"), (0.90, 5_000, "beyond")]
)
def test_the_lead_of_the_first_classifier(document, second, n_val, relation):
    document["data"]["n_val"] = n_val
    for name, val in zip((row.name for row in ON_FEATURES), (0.8, second, 0.7, 0.95), strict=True):
        document["models"][name] = document["models"][name] | {"val_accuracy": val}
    assert decide_captions(document)["classifiers"].relation == relation


def test_one_class_is_hardest_for_all(document):
    for name in MAIN:
        rows = [{"n_errors": 3 if label == 6 else 1, "support": 9} for label in range(10)]
        document["models"][name]["per_class"] = rows
    claim = decide_captions(document)["per_class"]
    assert (claim.kind, claim.subject, claim.relation, claim.values) == ("hardest", "", "same", {"classes": (6,)})


def test_a_study_without_an_effect_says_so(document):
    document["study"] = study_of(*study_rows(("kernel", "5", 0.01), confirmed=False))
    claim = strongest(document, "part1")
    assert (claim.kind, claim.subject, claim.relation, claim.values) == ("strongest", "part1", "none", {})
    assert word(claim, Language("en")) == "No effect is confirmed."


def test_the_first_of_two_equal_effects_is_the_strongest(document):
    document["study"] = study_of(*study_rows(("kernel", "1", -0.02), ("dropout", "1", 0.02), ("pooling", "1", 0.01)))
    assert strongest(document, "part1").values["largest"] == {"cnn": ("kernel", "1", -0.02)}


@pytest.mark.parametrize(
    ("accuracies", "relation"), [((0.95, 0.90), "beyond"), ((0.91, 0.90), "within"), ((0.9, 0.9), "equal")]
)
def test_the_first_classifier_is_ahead_only_beyond_chance(document, accuracies, relation):
    document["data"]["n_val"] = 1_000
    for number, row in enumerate(ON_FEATURES):
        document["models"][row.name]["val_accuracy"] = accuracies[min(number, 1)]
    claim = first_classifier(document)
    assert (claim.subject, claim.relation) == (ON_FEATURES[0].name, relation)
    assert claim.other == ("" if relation == "equal" else ON_FEATURES[1].name)
    if relation == "equal":
        assert claim.values["rivals"] == tuple(row.name for row in ON_FEATURES)


def test_an_ensemble_above_the_best_alone_is_partly_so(document):
    best = rank_models(document)[0]
    rival = next(name for name in MAIN if name != best)
    for row in document["comparisons"]:
        if {row["a"], row["b"]} in ({"ensemble", best}, {"ensemble", rival}):
            better = {row["a"], row["b"]} == {"ensemble", best}
            sign = 1 if row["a"] == "ensemble" else -1
            row |= {"p_holm": 0.001 if better else 0.4, "difference": sign * 0.02}
            row |= {"holm_low": sign * 0.01, "holm_high": sign * 0.03}
    claim = ensemble(document)
    assert (claim.kind, claim.relation) == ("ensemble", "partly") and rival in claim.values["rivals"]


def study_row(**changes):
    return {"network": "cnn", "factor": "kernel", "best": "5", "gain": 0.05, "best_confirmed": True, **changes}


@pytest.mark.parametrize(
    ("rows", "worth", "relation"),
    [
        ([], True, "repeat"),
        ([full_row("", 0.95, factor="")], True, "repeat"),
        ([full_row("", 0.95, factor=""), full_row("5", 0.96)], True, "repeat_seeds"),
        ([full_row("", 0.95, factor=""), full_row("5", 0.95)], False, None),
        ([full_row("", 0.95, factor=""), full_row("5", 0.94)], False, None),
        ([full_row("", 0.95, factor=""), full_row("7", 0.94), full_row("5", 0.94, factor="stem")], True, "repeat"),
        ([full_row("", 0.95, factor="", stage="head"), full_row("5", 0.94, stage="head")], True, "repeat"),
        # compared with the mean of all runs with the chosen settings
        (
            [full_row("", 0.95, factor=""), full_row("", 0.93, factor="", seed=1), full_row("5", 0.945)],
            True,
            "repeat_seeds",
        ),
        ([full_row("", 0.95, factor=""), full_row("5", 0.96), full_row("5", 0.93, seed=1)], False, None),
    ],
)
def test_advice_heeds_what_full_runs_have_shown(document, rows, worth, relation):
    document["full_runs"] = average(*rows)
    bases = {"cnn": {"half_width": 0.01}}
    document["study"] = {**document["study"], "n_steps": {"cnn": 300}, "baselines": bases, "rows": []}
    row = study_row()
    assert is_better(row, document) is worth
    if worth:
        claim = repeat(row, document)
        assert (claim.kind, claim.subject, claim.relation) == ("advice", "cnn", relation)


def test_what_is_set_already_is_not_advised(document):
    document["study"] = {**document["study"], "n_steps": {"cnn": 300, "odd": 300},
                         "baselines": {"cnn": {"half_width": 0.01}, "odd": {"half_width": 0.01}}}  # fmt: skip
    settings = document["run"]["settings"]["cnn"]
    settings |= {"kernel": 5, "learning_rate": 0.00024}
    assert not is_better(study_row(), document)
    assert not is_better(study_row(factor="learning_rate", best="0.00024"), document)
    assert is_better(study_row(factor="learning_rate", best="0.0003"), document)
    assert is_better(study_row(network="odd"), document)  # its settings are unknown
    assert not is_better(study_row(best_confirmed=False, best="7"), document)


@pytest.mark.parametrize(
    ("epoch", "gap", "relation"),
    [(1, True, "generalise_early"), (3, True, "generalise_own"), (6, True, "generalise_own"),
     (1, False, "enlarge_early"), (3, False, "longer_own")],
)  # fmt: skip
def test_longer_training_is_not_advised_where_the_loss_fell_no_lower_early(document, epoch, gap, relation):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {
        "val_accuracy": 0.9,
        "train_eval": {"n": 5_000, "train_accuracy": 0.99 if gap else 0.9},
    }
    losses = [0.205] * 6
    losses[epoch - 1] = 0.2
    document["models"]["cnn"]["history"] = invent_history(losses, [0.9] * 6)
    assert [c.relation for c in advise(document) if c.subject == "cnn"] == [relation]


@pytest.mark.parametrize(
    ("unfreeze", "gap", "relation", "said"),
    [(4, True, "pretrained_early", "Fine-tune VGG16 from pixels"),
     (3, True, "generalise_early", "augment its training"),
     (4, False, "unfreeze_early", "Unfreeze more blocks"),
     (2, False, "input_early", "Enlarge the input of VGG16")],
)  # fmt: skip
def test_fine_tuning_that_never_fell_below_the_head_is_not_to_go_on_longer(document, unfreeze, gap, relation, said):
    document["data"]["n_val"] = 5_000
    document["run"]["settings"]["finetune"]["unfreeze"] = unfreeze
    document["models"]["vgg_head"]["history"]["val_scaled_loss"][-1] = 0.2
    model = document["models"]["vgg_finetuned"]
    model |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99 if gap else 0.9}}
    model["history"] = invent_history([0.202] * 4, [0.9] * 4)
    (claim,) = [c for c in advise(document) if c.subject == "vgg_finetuned"]
    words = word(claim, Language("en"))
    assert claim.relation == relation and words.startswith(("Regularise", said)) and said in words
    assert words.endswith("the validation loss (after temperature scaling) was lowest before fine-tuning.")


@pytest.mark.parametrize(
    ("changes", "effect", "preset_name", "advised"),
    [
        ({"dropout": "0.3", "cutout": "8"}, -0.01, "best", False),
        ({"dropout": "0.3", "cutout": "8"}, 0.01, "best", True),
        ({"dropout": "0"}, 0.01, "best", False), ({"dropout": "0"}, -0.01, "best", True),
        ({"dropout": "0.3", "epochs": "9"}, -0.01, "best", True),  # whose share is the epochs'
        ({"dropout": "0.3"}, -0.01, "standard", True), ({}, 0.0, "best", True),
    ],
)  # fmt: skip
def test_what_was_tried_in_full_is_heeded(document, changes, effect, preset_name, advised):
    document["run"]["settings"] = dataclasses.asdict(preset("best"))
    document["data"]["n_val"] = 5_000
    document["models"]["mlp"] |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    document["models"]["mlp"]["history"] = invent_history([0.3, 0.25, 0.2], [0.9] * 3)
    row = {"stage": "mlp", "changes": changes, "val_accuracy": 0.92 + effect, "effect": effect}
    document["tried"] = {"preset": preset_name, "rows": [row, {**row, "stage": "cnn", "effect": -effect}]}
    assert ("generalise_own" in [c.relation for c in advise(document) if c.subject == "mlp"]) is advised


def test_settings_newer_than_a_record_are_not_compared_with_it():
    now = {"head": {"width": 512, "dropout": 0.2}, "cnn": {"stem": 32}}
    assert agrees({"head": {"width": 512, "dropout": 0.2}}, now) and agrees({"head": {"width": 512}}, now)
    assert not agrees({"head": {"width": 256}}, now) and not agrees({"head": {"width": 512, "former": 1}}, now)


def test_settings_are_those_of_a_preset_whatever_their_order(document):
    document["run"]["settings"] = json.loads(json.dumps(dataclasses.asdict(preset("best")), sort_keys=True))
    assert is_trained_as("best", document, "cnn") and not is_trained_as("standard", document, "cnn")
    document["run"]["settings"]["cnn"]["widths"][0] += 1
    assert not is_trained_as("best", document, "cnn") and is_trained_as("best", document, "mlp")


@pytest.mark.parametrize(("losses", "relation"), [([0.3, 0.2, 0.25], "rose"), ([0.3, 0.25, 0.2], "even")])
def test_a_gap_within_chance_is_no_overfitting(document, losses, relation):
    document["data"]["n_val"] = 5_000
    document["models"]["cnn"] |= {"val_accuracy": 0.900, "train_eval": {"n": 5_000, "train_accuracy": 0.905}}
    document["models"]["cnn"]["history"] = invent_history(losses, [0.9] * len(losses))
    assert fit(document, "cnn").relation == relation


def test_fine_tuning_is_reported_with_its_corrected_interval(document):
    row, models = find_comparison(document, "vgg_finetuned", "vgg_head"), document["models"]
    told = {"a": models["vgg_finetuned"]["test_accuracy"], "b": models["vgg_head"]["test_accuracy"],
            "low": row["holm_low"], "high": row["holm_high"]}  # fmt: skip
    claim = fine_tuning(document)
    assert row["holm_low"] < row["ci95_low"] and {name: claim.values[name] for name in told} == told


SAYS = {
    ("fine_tuning", "blocks"): ("significantly less", "статистично значуще нижча"),
    ("fine_tuning", "control"): ("significantly more", "статистично значуще вища"),
    ("fine_tuning", "below"): ("lowered", "погіршило результат"),
    ("fit", "overfits"): (" overfits", "} перенавчається"),
    ("fit", "rose"): ("not significantly better", "значуще не перевищує"),
    ("fit", "even"): ("no sign of", "не виявляє ознак"),
    ("ablation", "lowered"): (" fell from", "знизилася"),
    ("ablation", "same"): ("differ by no more", "не більше, ніж"),
    ("ablation", "lowered_unnamed"): (" fell from", "знизилася"),
    ("ablation", "same_unnamed"): ("differ by no more", "не більше, ніж"),
    ("ensemble", "below"): ("less accurate", "поступається"),
    ("ensemble", "same"): ("no significant gain", "не дало"),
    ("compare", "below"): ("less accurate", "поступається"),
    ("ways_of_input", "within"): ("not significant", "незначуща"),
    ("advice", "enlarge_early"): ("lowest {moment}", "найменшими {moment}"),
    ("advice", "longer_own"): ("ended near", "наприкінці"),
}


@pytest.mark.parametrize(("number", "code"), [(0, "en"), (1, "uk")])
def test_every_relation_has_its_own_words(number, code):
    for relation, words in SAYS.items():
        said = Language(code).catalogue.gettext(MESSAGES[relation])
        assert words[number] in said, (relation, said)


def test_fine_tuning_is_that_of_its_base_and_head(document):
    assert is_trained_as("standard", document, "finetune")
    for section, name, value in (("features", "backbone", "ResNet50"), ("head", "width", 7)):
        other = copy.deepcopy(document)
        other["run"]["settings"][section][name] = value
        assert not is_trained_as("standard", other, "finetune") and is_trained_as("standard", other, "cnn")


def test_less_of_one_thing_is_no_more_regularisation():
    assert not _is_contrary({"dropout": "0.3", "cutout": "0"}, -0.01, {"dropout": 0.1, "cutout": 8})
    assert _is_contrary({"dropout": "0.3", "cutout": "8"}, -0.01, {"dropout": 0.1, "cutout": 8})


@pytest.mark.parametrize(("n_steps", "contrary"), [(100, True), (99, False)])
def test_fine_tuning_is_not_to_be_regularised_more_where_more_did_worse(document, n_steps, contrary):
    row = {
        "network": "finetune",
        "chosen": False,
        "factor": "dropout",
        "value": "0.5",
        "effect": 0.02,
        "confirmed": True,
    }
    document["study"] |= {
        "rows": [row],
        "n_steps": {"finetune": n_steps},
        "baselines": {"finetune": {"half_width": 0.01}},
    }
    document["data"]["n_val"] = 5_000
    document["run"]["settings"]["finetune"]["shift"] = 2
    model = document["models"]["vgg_finetuned"]
    model |= {"val_accuracy": 0.9, "train_eval": {"n": 5_000, "train_accuracy": 0.99}}
    model["history"] = invent_history([0.3, 0.2], [0.9] * 2)
    document["models"]["vgg_head"]["history"]["val_scaled_loss"] = [0.4]
    advised = [claim.relation for claim in advise(document) if claim.subject == "vgg_finetuned"]
    assert ("generalise_own" in advised) is not contrary


def test_the_range_above_test_is_reported_in_points():
    claim = Claim(KINDS["val_minus_test"], "", "all", values={"least": 0.01, "most": 0.04})
    assert "by 1.00 to 4.00 percentage points" in word(claim, Language("en"))


def full_training(value, accuracy, seed=0, stage="cnn"):
    factor = "shift" if value else ""
    row = {"stage": stage, "factor": factor, "value": value, "seed": seed}
    return row | {"val_accuracy": accuracy, "val_loss": 0.2}


def test_an_effect_of_full_runs_counts_beyond_what_chance_does_to_all_of_them():
    chosen = [full_training("", 0.95 + 0.001 * seed, seed) for seed in range(3)]  # whose deviation is 0.001
    found = average_seeds([*chosen, full_training("7", 0.943), full_training("8", 0.945), full_training("9", 0.951)])
    own, *changed = found
    assert own["sd"] == pytest.approx(0.001) and own["apart"] == pytest.approx(4.303 * 2**0.5 * 0.001, rel=1e-3)
    limit = 7.649 * (4 / 3) ** 0.5 * 0.001  # Student's t of two degrees of freedom at 1 - 0.05 / 2 / 3
    assert [row["exceeds_noise"] for row in changed] == [abs(row["effect"]) > limit for row in changed] == [False] * 3
    assert changed[0]["effect"] == pytest.approx(0.943 - 0.951) and own["effect"] is None
    (alone,) = average_seeds([*chosen, full_training("7", 0.943)])[1:]
    assert alone["exceeds_noise"] and not own["exceeds_noise"]  # 8 is beyond 5.0, the limit of a single comparison
    pooled = average_seeds([*chosen, *(full_training("7", 0.945 + 0.001 * seed, seed) for seed in range(3))])
    assert pooled[1]["exceeds_noise"] and pooled[0]["apart"] == pytest.approx(2.776 * 2**0.5 * 0.001, rel=1e-3)
    single = average_seeds([full_training("", 0.95), full_training("7", 0.9)])
    assert [row["apart"] for row in single] == [None, None] and not any(row["exceeds_noise"] for row in single)


def test_what_full_runs_show_is_concluded(document):
    chosen = [full_training("", 0.95 + 0.001 * seed, seed) for seed in range(3)]
    document["full_runs"] = average_seeds([*chosen, full_training("0", 0.90), full_training("2", 0.95)])
    (claim,) = in_full(document, "cnn")
    assert word(claim, Language("en")) == (
        "In full training runs of the convolutional network by the authors of the program with one change at a time (2 "
        "changes) none made it better on validation, beyond seed-to-seed variation; these made it worse: shift "
        "(pixels)\u00a0=\u00a00 (−5.10 points; cross-entropy 0.000)."
    )
    document["full_runs"] = average_seeds([*chosen, full_training("2", 0.95)])
    assert [claim.relation for claim in in_full(document, "cnn")] == ["none"] and in_full(document, "mlp") == []
    document["full_runs"] = average_seeds([chosen[0], full_training("2", 0.95)])
    assert in_full(document, "cnn") == []  # with unknown seed-to-seed variation


def own_run(changes, accuracies, losses=(0.3, 0.301)):
    return [{"stage": "cnn", "changes": changes, "seed": seed, "val_accuracy": accuracy, "val_loss": loss}
            for seed, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=False))]  # fmt: skip


BASE = own_run({}, (0.90, 0.902))


@pytest.mark.parametrize(
    ("rows", "relation", "better", "worse"),
    [
        (own_run({"dropout": "0.5"}, (0.95, 0.952)), "better", 0.05, None),
        (own_run({"dropout": "0.5"}, (0.85, 0.852)), "worse", None, -0.05),
        (own_run({"dropout": "0.5"}, (0.90, 0.904)), "none", None, None),
        (own_run({"dropout": "0.5"}, (0.90, 0.903), (0.2, 0.201)), "better", 0.0005, None),
        (own_run({"dropout": "0.5"}, (0.90, 0.903), (0.4, 0.401)), "worse", None, 0.0005),
        (own_run({"dropout": "0.5"}, (0.95, 0.952), (0.4, 0.401)), "better", 0.05, None),  # accuracy comes first
        (own_run({"dropout": "0.5"}, (0.1, 0.1), (None, None)), "worse", None, -0.801),  # it diverged
        (own_run({"dropout": "0.5"}, (0.95, 0.952)) + own_run({"shift": "0"}, (0.85, 0.852)), "both", 0.05, -0.05),
    ],
)
def test_ones_own_runs_are_judged_by_accuracy_and_then_by_cross_entropy(document, rows, relation, better, worse):
    document["journal"] = average_seeds(BASE + rows)
    (claim,) = own_runs(document, "cnn")
    assert claim.relation == relation and claim.values["n_changes"] == len(rows) / 2
    for name, effect in (("better", better), ("worse", worse)):
        assert (name in claim.values) == (effect is not None)
        assert effect is None or claim.values[name][0][1] == pytest.approx(effect)
    adopted = [c for c in advise(document) if c.relation == "adopt"]
    assert [c.values["better"] for c in adopted] == ([claim.values["better"]] if better is not None else [])
    word(claim, Language("uk"))


def test_single_runs_of_ones_own_are_undecided_and_theirs_replace_ours(document):
    chosen = [full_training("", 0.95 + 0.001 * seed, seed) for seed in range(3)]
    document["full_runs"] = average_seeds([*chosen, full_training("0", 0.90)])
    assert in_full(document, "cnn") and own_runs(document, "cnn") == []
    document["journal"] = average_seeds(BASE[:1] + own_run({"dropout": "0.5"}, (0.95,)))
    assert [claim.relation for claim in own_runs(document, "cnn")] == ["single"] and in_full(document, "cnn") == []
    assert own_runs(document, "mlp") == [] and not [c for c in advise(document) if c.relation == "adopt"]


@pytest.mark.parametrize(("accuracy", "advised"), [((0.95, 0.952), True), ((0.85, 0.852), False)])
def test_more_regularisation_is_not_advised_where_ones_own_runs_were_worse_with_it(document, accuracy, advised):
    document["models"]["cnn"]["history"] = invent_history([0.3, 0.2, 0.3], [0.9] * 3)
    document["models"]["cnn"]["train_eval"] = {"n": 200, "train_accuracy": 1.0}
    document["journal"] = average_seeds(BASE + own_run({"dropout": "0.5"}, accuracy))
    assert ("regularise" in [c.relation for c in advise(document) if c.subject == "cnn"]) == advised


def test_what_was_tried_in_full_is_not_suggested_by_the_study(document):
    bases = {"cnn": {"half_width": 0.01}}
    document["study"] = {**document["study"], "n_steps": {"cnn": 300}, "baselines": bases, "rows": []}
    assert is_better(study_row(), document)
    document["journal"] = average_seeds(BASE + own_run({"kernel": "5"}, (0.901, 0.903)))
    assert not is_better(study_row(), document)
    document["journal"] = average_seeds(BASE[:1] + own_run({"kernel": "5"}, (0.901,)))
    assert repeat(study_row(), document).relation == "repeat_seeds"


def test_nothing_is_advised_that_lost_in_a_full_training_with_other_settings(document):
    document["run"]["settings"] = dataclasses.asdict(preset("best"))
    document["study"] |= {"baselines": {"cnn": {"half_width": 0.005}}, "n_steps": {"cnn": 300}}
    row = study_row(gain=0.01, factor="shift", best="0")
    assert is_better(row, document)
    document["full_runs"] = average_seeds([full_training("", 0.95), full_training("0", 0.949)])
    assert not is_better(row, document)
    document["full_runs"] = average_seeds([full_training("", 0.95), full_training("0", 0.951)])
    assert is_better(row, document)


def test_of_pairs_that_are_confused_equally_often_none_is_reported(document):
    model = document["models"]["cnn"]
    model["confusion"] = [[5, 1, 0], [0, 5, 1], [0, 0, 5]]
    model["per_class"] = [{"n_errors": n, "support": 6} for n in (1, 1, 0)]
    (claim,) = errors(document, "cnn")
    assert claim.relation == "several_tied" and "confuses" not in word(claim, Language("en"))
    assert find_view(claim) == ""
    assert most_confused([[5, 1], [1, 5]]) == (0, 1, 2) and most_confused([[5, 0], [0, 5]]) is None


def test_a_caption_speaks_of_networks_that_were_trained_long_enough(document):
    rows = study_rows(("width", "1", -0.02), network="head") + study_rows(("dropout", "1", -0.9), network="finetune")
    document["study"] = study_of(*rows)
    document["study"]["n_steps"]["finetune"] = 30
    assert strongest(document, "part2").values["largest"] == {"head": ("width", "1", -0.02)}
    document["study"]["n_steps"]["head"] = 30
    assert strongest(document, "part2") is None
