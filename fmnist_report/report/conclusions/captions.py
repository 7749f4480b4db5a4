"""Which claim the caption of each figure states."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.networks import networks_of_part
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.kinds.ablation import ablation
from fmnist_report.report.conclusions.kinds.calibration import calibration
from fmnist_report.report.conclusions.kinds.confused import confused
from fmnist_report.report.conclusions.kinds.dear_and_cheap import dear_and_cheap
from fmnist_report.report.conclusions.kinds.evidence import evidence
from fmnist_report.report.conclusions.kinds.extremes import extremes
from fmnist_report.report.conclusions.kinds.first_classifier import first_classifier
from fmnist_report.report.conclusions.kinds.hardest import hardest
from fmnist_report.report.conclusions.kinds.last_epoch import last_epoch
from fmnist_report.report.conclusions.kinds.strongest import PARTS, strongest
from fmnist_report.report.conclusions.kinds.unfreezing import unfreezing
from fmnist_report.report.conclusions.kinds.ways_of_input import ways_of_input


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
