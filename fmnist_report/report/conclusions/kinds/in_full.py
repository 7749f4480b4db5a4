"""What earlier full runs of the project show."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import STAGE, Claim, Kind
from fmnist_report.report.conclusions.formats import CHANGED, CHANGES
from fmnist_report.report.conclusions.kinds.own_runs import own_runs
from fmnist_report.report.conclusions.training import is_trained_as
from fmnist_report.report.conclusions.verdicts import judge_changes

KIND = Kind(
    "in_full",
    {
        "both": N_(
            "In full training runs of {network} by the authors of the program with one change at a time "
            "({n_changes}) these made it better on validation, beyond seed-to-seed variation: {better}; these made "
            "it worse: {worse}."
        ),
        "better": N_(
            "In full training runs of {network} by the authors of the program with one change at a time "
            "({n_changes}) these made it better on validation, beyond seed-to-seed variation: {better}; none made "
            "it worse."
        ),
        "worse": N_(
            "In full training runs of {network} by the authors of the program with one change at a time "
            "({n_changes}) none made it better on validation, beyond seed-to-seed variation; these made it worse: "
            "{worse}."
        ),
        "none": N_(
            "In full training runs of {network} by the authors of the program with one change at a time "
            "({n_changes}) none made it better or worse on validation, beyond seed-to-seed variation."
        ),
    },
    {"n_changes": CHANGES, "better": CHANGED, "worse": CHANGED},
    about=STAGE,
)


def in_full(results: Results, stage: str) -> list[Claim]:
    """Claim which changes made a network better or worse in earlier full runs of the project, by verdict.

    Values better and worse are the changes of each kind, as (changes, effect, effect on cross-entropy), largest effect
    first. Nothing if there were no such runs, if their variation is unknown, if the reader tried changes, or if this
    network was trained with other settings than they.
    """
    if own_runs(results, stage) or not is_trained_as("standard", results, stage):
        return []
    return judge_changes(KIND, stage, [row for row in results["full_runs"] if row["stage"] == stage and row["changes"]])
