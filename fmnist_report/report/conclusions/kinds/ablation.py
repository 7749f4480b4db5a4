"""What the steps of a cumulative ablation add."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import (
    ACCURACY,
    COMPONENT,
    COMPONENTS,
    COMPONENTS_QUOTED,
    GAINS,
    STEPS,
    UNSIGNED_POINTS,
)
from fmnist_report.report.conclusions.training import is_too_short

KIND = Kind(
    "ablation",
    {
        "raised": N_(
            "In the short trainings of the study, up to the step “{upto}” the validation accuracy rose from "
            "{bottom} to {top}; seed-to-seed variation is ±{half_width} percentage points a step, and beyond it "
            "are: {steps}."
        ),
        "lowered": N_(
            "In the short trainings of the study, up to the step “{upto}” the validation accuracy fell from "
            "{bottom} to {top}; seed-to-seed variation is ±{half_width} percentage points a step, and beyond it "
            "are: {steps}."
        ),
        "same": N_(
            "In the short trainings of the study the lowest step ({bottom}) and “{upto}” ({top}) differ by no more "
            "than the seed-to-seed variation of ±{half_width} percentage points; single steps beyond it: {steps}."
        ),
        "raised_unnamed": N_(
            "In the short trainings of the study, up to the step “{upto}” the validation accuracy rose from "
            "{bottom} to {top}, but at no single step by more than the seed-to-seed variation of ±{half_width} "
            "percentage points."
        ),
        "lowered_unnamed": N_(
            "In the short trainings of the study, up to the step “{upto}” the validation accuracy fell from "
            "{bottom} to {top}, but at no single step by more than the seed-to-seed variation of ±{half_width} "
            "percentage points."
        ),
        "same_unnamed": N_(
            "In the short trainings of the study the lowest step ({bottom}) and “{upto}” ({top}) differ by no more "
            "than the seed-to-seed variation of ±{half_width} percentage points, and no single step adds or takes "
            "more than that."
        ),
    },
    {"upto": COMPONENT, "bottom": ACCURACY, "top": ACCURACY, "half_width": UNSIGNED_POINTS, "steps": GAINS},
    about=NOTHING,
)
PEAK = Kind(
    "ablation_peak",
    {
        "stated": N_(
            "Of the steps up to “{upto}” the validation accuracy was highest at {highest_at}: {highest}, against "
            "{top} at “{upto}” (selected post hoc, not tested)."
        ),
    },
    {"upto": COMPONENT, "highest_at": COMPONENTS_QUOTED, "highest": ACCURACY, "top": ACCURACY},
    about=NOTHING,
)
LEFT = Kind(
    "ablation_left",
    {
        "stated": N_(
            "Steps of the ablation left out of account, because so short a training ({n_steps}) tells little: "
            "{components}."
        ),
    },
    {"n_steps": STEPS, "components": COMPONENTS},
    about=NOTHING,
)


def ablation(results: Results, part: str) -> list[Claim]:
    """Claim the total gain of a part's ablation, and the steps that contributed; nothing if there is none.

    "raised", "lowered" or "same" compares the last step with the first, using the interval of one step; steps outside
    the interval are listed, as (component, gain). If the best step is not the last, "ablation_peak" names it. Steps
    that were trained too briefly give no conclusion, which "ablation_left" states.
    """
    every = results["study"]["ablations"].get(part, [])
    rows = [row for row in every if not is_too_short(row["network"], results)]
    if len(rows) < 2:
        return []
    first, last = rows[0]["val_accuracy"], rows[-1]["val_accuracy"]
    half = (rows[1]["high"] - rows[1]["low"]) / 2
    relation = "same" if abs(last - first) <= half else "raised" if last > first else "lowered"
    steps = tuple((row["component"], row["gain"]) for row in rows[1:] if row["exceeds_noise"])
    values = {"bottom": first, "top": last, "upto": rows[-1]["component"], "half_width": half}
    values |= {"steps": steps} if steps else {}
    found = [Claim(KIND, part, relation if steps else f"{relation}_unnamed", values=values)]
    highest = max(row["val_accuracy"] for row in rows)
    if highest > last:
        peaks = tuple(row["component"] for row in rows if row["val_accuracy"] == highest)
        values = {"highest_at": peaks, "highest": highest, "top": last, "upto": rows[-1]["component"]}
        found.append(Claim(PEAK, part, "stated", values=values))
    if left := [row for row in every if row not in rows]:
        n_steps = min(results["study"]["n_steps"][row["network"]] for row in left)
        values = {"components": tuple(row["component"] for row in left), "n_steps": n_steps}
        found.append(Claim(LEFT, part, "stated", values=values))
    return found
