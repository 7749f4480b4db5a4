"""What the reader's own full runs show."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import STAGE, Claim, Kind
from fmnist_report.report.conclusions.formats import CHANGED, CHANGES
from fmnist_report.report.conclusions.verdicts import judge_changes, verdict

KIND = Kind(
    "own_runs",
    {
        "both": N_(
            "Of {n_changes} of the settings of {network}, each tried in full training runs, these made it better on "
            "validation than the chosen settings, beyond seed-to-seed variation: {better}; these made it worse: "
            "{worse}."
        ),
        "better": N_(
            "Of {n_changes} of the settings of {network}, each tried in full training runs, these made it better on "
            "validation than the chosen settings, beyond seed-to-seed variation: {better}; none made it worse."
        ),
        "worse": N_(
            "Of {n_changes} of the settings of {network}, each tried in full training runs, none made it better on "
            "validation than the chosen settings, beyond seed-to-seed variation; these made it worse: {worse}."
        ),
        "none": N_(
            "Of {n_changes} of the settings of {network}, each tried in full training runs, none made it better or "
            "worse on validation than the chosen settings, beyond seed-to-seed variation."
        ),
        "single": N_(
            "Of {n_changes} of the settings of {network}, each was tried in one full training run, so it is not "
            "known which differences from the chosen settings exceed seed-to-seed variation."
        ),
    },
    {"n_changes": CHANGES, "better": CHANGED, "worse": CHANGED},
    about=STAGE,
)


def own_runs(results: Results, stage: str) -> list[Claim]:
    """Claim which changes made a network better or worse in the reader's own full runs, as in_full does.

    "single" if the seed-to-seed variation is unknown; nothing if no change was tried.
    """
    rows = [row for row in results["journal"] if row["stage"] == stage and row["changes"]]
    if rows and all(verdict(row) == "unknown" for row in rows):
        return [Claim(KIND, stage, "single", values={"n_changes": len(rows)})]
    return judge_changes(KIND, stage, rows)
