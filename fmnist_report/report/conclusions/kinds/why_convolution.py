"""Why a network that convolves is more accurate than the perceptron."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import relate
from fmnist_report.report.conclusions.formats import ACCURACY, POINTS, STEPS, TRAINING_IMAGES
from fmnist_report.report.conclusions.mechanisms import PERCEPTRON, measured

KIND = Kind(
    "why_convolution",
    {
        "neighbours": N_(
            "A convolution looks at neighbouring pixels together, a perceptron is given separate numbers. With the "
            "pixels of all images in another order, the same for all, the accuracy of {subject} falls in short "
            "training runs of narrower forms ({n_steps}, {n_train}) from {whole} to {permuted} ({change} points; "
            "{change_low} to {change_high}), while that of {other} goes from {whole_other} to {permuted_other}."
        ),
    },
    {
        "n_steps": STEPS,
        "n_train": TRAINING_IMAGES,
        "whole": ACCURACY,
        "permuted": ACCURACY,
        "change": POINTS,
        "change_low": POINTS,
        "change_high": POINTS,
        "whole_other": ACCURACY,
        "permuted_other": ACCURACY,
    },
    explains=True,
)


def why_convolution(results: Results, name: str) -> list[Claim]:
    """Explain why a network that convolves is more accurate than the perceptron: it uses which pixels are neighbours.

    Claimed if it is significantly more accurate, and if permuting the pixels costs it accuracy, and more than it costs
    the perceptron, each beyond seed-to-seed variation.
    """
    found = measured(results).get("permutation")
    if not found or name not in found["against"] or relate(results, name, PERCEPTRON) != "above":
        return []
    own, other = found["networks"][name], found["networks"][PERCEPTRON]
    if own["high"] >= 0 or found["against"][name]["high"] >= 0:
        return []
    values = {"change": own["difference"], "change_low": own["low"], "change_high": own["high"]}
    values |= {"n_steps": found["n_steps"], "n_train": found["n_train"]}
    values |= {"whole": own["whole"], "permuted": own["permuted"]}
    values |= {"whole_other": other["whole"], "permuted_other": other["permuted"]}
    return [Claim(KIND, name, "neighbours", PERCEPTRON, values)]
