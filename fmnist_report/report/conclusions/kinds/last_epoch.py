"""Which network of part 1 is ahead after its last epoch."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import networks_of_part
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, MODELS

KIND = Kind(
    "last_epoch",
    {
        "ahead": N_("After the last epoch {subject} is ahead on validation: {a} against {b}."),
        "equal": N_("After the last epoch these networks are equal on validation: {rivals} ({a})."),
    },
    {"a": ACCURACY, "b": ACCURACY, "rivals": MODELS},
)


def last_epoch(results: Results) -> Claim:
    """Claim which network of part 1 has the highest validation accuracy after its last epoch, at two decimals.

    "equal" if several share it, values["rivals"].
    """
    last = {name: results["models"][name]["history"]["val_accuracy"][-1] for name in networks_of_part(1)}
    first, second = sorted(last, key=lambda name: -last[name])[:2]
    equal = tuple(name for name in last if round(100 * last[name], 2) == round(100 * last[first], 2))
    if len(equal) > 1:
        return Claim(KIND, first, "equal", values={"rivals": equal, "a": last[first]})
    return Claim(KIND, first, "ahead", second, {"a": last[first], "b": last[second]})
