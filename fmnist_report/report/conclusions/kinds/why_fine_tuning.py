"""What fine-tuning does to the last block."""

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import find_comparison
from fmnist_report.report.conclusions.formats import ACCURACY, INTEGER, POINTS
from fmnist_report.report.conclusions.mechanisms import best_block, measured

KIND = Kind(
    "why_fine_tuning",
    {
        "little": N_(
            "Fine-tuning adapts the last block to these classes: a linear classifier on its mean outputs rises from "
            "{of_last} to {of_last_tuned} on validation. The accuracy of the whole network changes by {gain} points "
            "on test; its head reads other blocks too, of which block {block} was better than the last from the "
            "beginning ({of_block}). That this is the reason was not tested."
        ),
        "last": N_(
            "Fine-tuning adapts the last block to these classes: a linear classifier on its mean outputs rises from "
            "{of_last} to {of_last_tuned} on validation."
        ),
    },
    {"of_last": ACCURACY, "of_last_tuned": ACCURACY, "gain": POINTS, "block": INTEGER, "of_block": ACCURACY},
    explains=True,
)


def why_fine_tuning(results: Results) -> list[Claim]:
    """Explain what fine-tuning does: a linear classifier on the last block gains accuracy by it, significantly.

    "little": the network as a whole gains less, because another block had been better before. "last": it does not.
    """
    found, best = measured(results).get("blocks"), best_block(results)
    if not found or not found["tuning"] or not best:
        return []
    tuning, last = found["tuning"], found["rows"][-1]
    if tuning["p_value"] >= ALPHA or tuning["difference"] <= 0:
        return []
    whole = find_comparison(results, "vgg_finetuned", "vgg_head")["difference"]
    values = {"last_block": last["block"], "of_last": last["frozen"], "of_last_tuned": last["tuned"]}
    if whole >= tuning["difference"] or best["block"] == last["block"]:
        return [Claim(KIND, "vgg_finetuned", "last", values=values)]
    values |= {"block": best["block"], "of_block": best["frozen"], "gain": whole}
    return [Claim(KIND, "vgg_finetuned", "little", values=values)]
