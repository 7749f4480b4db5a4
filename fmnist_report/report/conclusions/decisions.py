"""Which claims each section of the report states; none is stated in two of them."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.networks import networks_of_part, stages_of_part
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.kinds.ablation import ablation
from fmnist_report.report.conclusions.kinds.best import best
from fmnist_report.report.conclusions.kinds.choice import choice
from fmnist_report.report.conclusions.kinds.chosen_classifier import chosen_classifier
from fmnist_report.report.conclusions.kinds.compare import compare
from fmnist_report.report.conclusions.kinds.effects import effects
from fmnist_report.report.conclusions.kinds.ensemble import ensemble
from fmnist_report.report.conclusions.kinds.errors import errors
from fmnist_report.report.conclusions.kinds.fine_tuning import fine_tuning
from fmnist_report.report.conclusions.kinds.fit import fit
from fmnist_report.report.conclusions.kinds.in_full import in_full
from fmnist_report.report.conclusions.kinds.lesson_of_convolution import lesson_of_convolution
from fmnist_report.report.conclusions.kinds.lesson_of_features import lesson_of_features
from fmnist_report.report.conclusions.kinds.lesson_of_transfer import lesson_of_transfer
from fmnist_report.report.conclusions.kinds.own_runs import own_runs
from fmnist_report.report.conclusions.kinds.reference import reference
from fmnist_report.report.conclusions.kinds.val_minus_test import val_minus_test
from fmnist_report.report.conclusions.kinds.where_gain import where_gain
from fmnist_report.report.conclusions.kinds.why_blocks import why_blocks
from fmnist_report.report.conclusions.kinds.why_confused import why_confused
from fmnist_report.report.conclusions.kinds.why_convolution import why_convolution
from fmnist_report.report.conclusions.kinds.why_fine_tuning import why_fine_tuning


def decide(results: Results) -> dict[str, list[Claim]]:
    """Return the claims of every section, by its name.

    Args:
        results: as in results.json.
    """
    return {
        "best": [best(results)],
        "learned": learned(results),
        "part1": decide_part1(results),
        "part2": decide_part2(results),
        "overall": [
            choice(results),
            ensemble(results),
            *why_confused(results),
            val_minus_test(results),
            *reference(results),
        ],
        **{f"study{part}": decide_study(results, part) for part in (1, 2)},
    }


def decide_part1(results: Results) -> list[Claim]:
    """Return the conclusions of part 1: each network against the perceptron, why, and where it errs."""
    others = [name for name in networks_of_part(1) if name != "mlp"]
    stages = stages_of_part(1)
    found = []
    for name in others:
        found += [compare(results, name, "mlp"), *why_convolution(results, name), *where_gain(results, name, "mlp")]
    found += [fit(results, name) for name in networks_of_part(1)]
    found += [claim for stage in stages for claim in own_runs(results, stage)]
    found += in_full(results, "cnn")
    return found + [claim for name in others for claim in errors(results, name)]


def decide_part2(results: Results) -> list[Claim]:
    """Return the conclusions of part 2: frozen features, fine-tuning, why, and where the fine-tuned network errs."""
    return [
        chosen_classifier(results),
        compare(results, "vgg_features", "mlp"),
        *why_blocks(results),
        fine_tuning(results),
        *why_fine_tuning(results),
        compare(results, "vgg_finetuned", "mlp"),
        fit(results, "vgg_finetuned"),
        *(claim for stage in stages_of_part(2) for claim in own_runs(results, stage)),
        *in_full(results, "finetune"),
        *errors(results, "vgg_finetuned"),
    ]


def decide_study(results: Results, part: int) -> list[Claim]:
    """Return what the short runs of a part's networks show, beside what the caption of their ablation says."""
    return [
        *ablation(results, f"part{part}")[1:],
        *(claim for stage in stages_of_part(part) for claim in effects(results, stage)),
    ]


def learned(results: Results) -> list[Claim]:
    """Return the claims of what was learned, for the summary."""
    return [lesson_of_convolution(results, "cnn"), lesson_of_features(results), lesson_of_transfer(results)]
