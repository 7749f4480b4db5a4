"""What the ensemble brings over the most accurate single network."""

import dataclasses

from fmnist_report.evaluation.schema import (
    Results,
)
from fmnist_report.messages import N_
from fmnist_report.networks import (
    ENSEMBLE,
    MAIN,
)
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import rank_models, relate
from fmnist_report.report.conclusions.formats import (
    ACCURACY,
    MAGNITUDE,
    MODELS,
    P_VALUE,
)
from fmnist_report.report.conclusions.kinds.compare import compare

KIND = Kind(
    "ensemble",
    {
        "above": N_(
            "The weighted average of the networks’ probabilities ({a}) is significantly more accurate than each "
            "single network, without any further training: it is {difference} percentage points ahead of {other} "
            "({b}), which has the highest test accuracy of them ({p})."
        ),
        "below": N_(
            "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points less "
            "accurate than {other} ({b}), which has the highest test accuracy of the single networks ({p})."
        ),
        "same": N_(
            "The weighted average of the networks’ probabilities ({a}) brought no significant gain over {other} "
            "({b}), which has the highest test accuracy of the single networks: the observed difference is {signed} "
            "percentage points ({p})."
        ),
        "partly": N_(
            "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points more "
            "accurate than {other} ({b}), which has the highest test accuracy of the single networks ({p}); its "
            "lead over {rivals} is not significant."
        ),
    },
    {"a": ACCURACY, "difference": MAGNITUDE, "b": ACCURACY, "p": P_VALUE, "rivals": MODELS},
)


def ensemble(results: Results) -> Claim:
    """Claim the relation of the ensemble to the most accurate single network.

    It is "above" only if it is significantly above every other network too; "partly" if not above values["rivals"].
    """
    claim = compare(results, ENSEMBLE, rank_models(results)[0])
    rivals = tuple(name for name in MAIN if name != claim.other and relate(results, ENSEMBLE, name) != "above")
    if claim.relation == "above" and rivals:
        return dataclasses.replace(claim, of=KIND, relation="partly", values=claim.values | {"rivals": rivals})
    return dataclasses.replace(claim, of=KIND)
