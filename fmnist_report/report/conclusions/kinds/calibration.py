"""How well the networks are calibrated."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import BY_NAME, CHOSEN, MAIN
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import LOSS, MODELS

KIND = Kind(
    "calibration",
    {
        "differ": N_(
            "Of the expected calibration errors of the single networks the lowest is {error_low} ({lowest}), the "
            "highest {error_high} ({highest_of}). With a temperature fitted on the validation set they range from "
            "{scaled_low} to {scaled_high}."
        ),
        "not_ranked": N_(
            "The expected calibration errors of the single networks range from {error_low} to {error_high}; they "
            "are not ranked, because label smoothing of different strength shifts them. With a temperature fitted "
            "on the validation set they range from {scaled_low} to {scaled_high}."
        ),
        "equal": N_("The expected calibration errors of all networks agree to three decimal places ({error_low})."),
    },
    {
        "error_low": LOSS,
        "lowest": MODELS,
        "error_high": LOSS,
        "highest_of": MODELS,
        "scaled_low": LOSS,
        "scaled_high": LOSS,
    },
)


def calibration(results: Results) -> Claim:
    """Claim which networks are calibrated best and worst; "equal" if their errors are equal as printed.

    "not_ranked" if label smoothing differs, because this alone affects the errors.
    """
    found = {name: results["models"][name]["ece"] for name in MAIN}
    low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    values: dict[str, typing.Any] = {"error_low": found[low], "error_high": found[high]}
    if round(found[low], 3) == round(found[high], 3):
        return Claim(KIND, low, "equal", values={"error_low": found[low]})
    scaled = {name: results["models"][name]["ece_scaled"] for name in MAIN}
    values |= {"scaled_low": min(scaled.values()), "scaled_high": max(scaled.values())}
    if len(set(smoothing_of_networks(results).values())) > 1:
        return Claim(KIND, low, "not_ranked", values=values)
    for key, end in (("lowest", low), ("highest_of", high)):
        values[key] = tuple(name for name in MAIN if round(found[name], 3) == round(found[end], 3))
    return Claim(KIND, low, "differ", values=values)


def smoothing_of_networks(results: Results) -> dict[str, float]:
    """Return the label smoothing of each single network; 0 for a classifier that is not a network."""
    trained_by = {name: BY_NAME[results["chosen_classifier"] if name == CHOSEN else name].stage for name in MAIN}
    settings = results["run"]["settings"]
    return {name: settings.get(stage, {}).get("label_smoothing", 0.0) for name, stage in trained_by.items()}
