"""Which values change the cross-entropy in the short runs of the study."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import STAGE, Claim, Kind
from fmnist_report.report.conclusions.formats import EFFECTS, LOSS, SEEDS, STEPS
from fmnist_report.report.conclusions.training import is_named, is_too_short

KIND = Kind(
    "effects",
    {
        "named": N_(
            "In short training runs of {network} ({n_steps} each, {n_seeds}) these changes moved the cross-entropy "
            "by more than seed-to-seed variation (±{half_loss}), in the same direction after four times as many "
            "steps, and no full training run contradicts them: {losses}. Lower is better."
        ),
        "none": N_(
            "In short training runs of {network} ({n_steps} each, {n_seeds}) no change is shown to move the "
            "cross-entropy by more than seed-to-seed variation (±{half_loss}) in a direction that longer and full "
            "training runs confirm."
        ),
    },
    {"n_steps": STEPS, "n_seeds": SEEDS, "half_loss": LOSS, "losses": EFFECTS},
    about=STAGE,
)


def effects(results: Results, network: str) -> list[Claim]:
    """Claim which values changed a network's cross-entropy in the short runs of the study, largest effect first.

    Named are effects that exceed seed-to-seed variation, have the same sign in longer runs, and that no full run
    contradicts: "named", with the values as (factor, value, effect), or "none". Nothing if the network was not studied,
    or in runs that were too short.
    """
    rows = [row for row in results["study"]["rows"] if row["network"] == network]
    if not rows or is_too_short(network, results):
        return []
    found = sorted((row for row in rows if is_named(row, results)), key=lambda row: -abs(row["effect"]))
    base, study = results["study"]["baselines"][network], results["study"]
    values: dict[str, typing.Any] = {"half_loss": base["half_width"], "n_seeds": study["n_seeds"]}
    values |= {"n_steps": study["n_steps"][network]}
    values |= {"losses": tuple((row["factor"], row["value"], row["effect"]) for row in found)} if found else {}
    return [Claim(KIND, network, "named" if found else "none", values=values)]
