"""What fine-tuning brings, and whether the unfrozen blocks cause it."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import CONTROL
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison, relate
from fmnist_report.report.conclusions.formats import ACCURACY, BOUND, MAGNITUDE, P_VALUE
from fmnist_report.report.conclusions.training import read_finetune

KIND = Kind(
    "fine_tuning",
    {
        "blocks": N_(
            "Fine-tuning improved the accuracy of the dense head from which it starts from {b} to {a}, by "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained "
            "further for as many epochs as fine-tuning at the same rate, reaches {control}, significantly less "
            "({p_control}), which points to the unfrozen blocks."
        ),
        "augmented": N_(
            "Fine-tuning improved the accuracy of the dense head from which it starts from {b} to {a}, by "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained "
            "further for as many epochs as fine-tuning at the same rate, reaches {control}, significantly less "
            "({p_control}), which points to the unfrozen blocks and the shifted or partly blacked-out images "
            "together: the head has neither."
        ),
        "epochs": N_(
            "Fine-tuning raised the accuracy of the dense head from which it starts from {b} to {a}, by "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}; {p}); it is not shown, "
            "however, that the unfrozen blocks bring this gain: the head alone, trained further for as many epochs "
            "as fine-tuning, reaches {control}, and the difference is not significant ({p_control})."
        ),
        "same": N_(
            "Fine-tuning did not change the accuracy significantly: the dense head from which it starts reaches "
            "{b}, the fine-tuned network {a}, a difference of {signed} percentage points (Holm-adjusted interval "
            "{low} to {high}; {p}); the head alone, trained further for as many epochs as fine-tuning, reaches "
            "{control} ({p_control} against fine-tuning)."
        ),
        "below": N_(
            "Fine-tuning lowered the accuracy of the dense head from which it starts from {b} to {a}, by "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained "
            "further for as many epochs as fine-tuning, reaches {control} ({p_control} against fine-tuning)."
        ),
        "control": N_(
            "Fine-tuning raised the accuracy of the dense head from which it starts from {b} to {a}, by "
            "{difference} percentage points (Holm-adjusted interval {low} to {high}; {p}), but the head alone, "
            "trained further for as many epochs as fine-tuning, reaches {control}, significantly more "
            "({p_control})."
        ),
    },
    {
        "b": ACCURACY,
        "a": ACCURACY,
        "difference": MAGNITUDE,
        "low": BOUND,
        "high": BOUND,
        "p": P_VALUE,
        "control": ACCURACY,
        "p_control": P_VALUE,
    },
)


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
    return Claim(KIND, tuned, relation, head, values)
