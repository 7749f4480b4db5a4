"""Which class the networks misclassify most."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import MAIN
from fmnist_report.report.conclusions.claim import NOTHING, Claim, Kind
from fmnist_report.report.conclusions.formats import CLASSES, CLASSES_BY_MODEL
from fmnist_report.report.conclusions.kinds.errors import errors

KIND = Kind(
    "hardest",
    {
        "same": N_("All networks misclassify more images of {classes} than of any other class."),
        "by_network": N_("The class with the most misclassified images: {of}."),
    },
    {"classes": CLASSES, "of": CLASSES_BY_MODEL},
    about=NOTHING,
)


def hardest(results: Results) -> Claim | None:
    """Claim which class the networks misclassify most: "same" if it is one class for all, else by network."""
    found: dict[str, tuple[int, ...]] = {}
    for name in MAIN:
        if claims := errors(results, name):
            found[name] = claims[0].values["classes"]
    if not found:
        return None
    if len(found) == len(MAIN) and len(set(found.values())) == 1 and len(found[MAIN[0]]) == 1:
        return Claim(KIND, "", "same", values={"classes": found[MAIN[0]]})
    return Claim(KIND, "", "by_network", values={"of": found})
