"""The largest effect of the study by network."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import stages_of_part
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import EFFECT_BY_NETWORK
from fmnist_report.report.conclusions.kinds.effects import effects

PARTS = {"part1": 1, "part2": 2}
KIND = Kind(
    "strongest",
    {
        "named": N_("The largest effect on cross-entropy: {largest}."),
        "none": N_("No effect is confirmed."),
    },
    {"largest": EFFECT_BY_NETWORK},
    about=NOTHING,
)


def strongest(results: Results, part: str) -> Claim | None:
    """Claim the largest named effect of the study for every network of a part; "none" without any.

    Return nothing if no network was studied in runs that are long enough to be conclusive.
    """
    claims = [claim for stage in stages_of_part(PARTS[part]) for claim in effects(results, stage)]
    if not claims:
        return None
    top = {claim.subject: claim.values["losses"][0] for claim in claims if claim.relation == "named"}
    return Claim(KIND, part, "named", values={"largest": top}) if top else Claim(KIND, part, "none")
