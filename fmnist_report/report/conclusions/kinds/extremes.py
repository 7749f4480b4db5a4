"""The highest and the lowest test accuracy."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import COMPARED
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, MODELS

KIND = Kind(
    "extremes",
    {
        "differ": N_("Highest: {highest_of} with {a}; lowest: {lowest} with {b}."),
        "equal": N_("All models reach the same accuracy, {a}."),
    },
    {"highest_of": MODELS, "a": ACCURACY, "lowest": MODELS, "b": ACCURACY},
)


def extremes(results: Results) -> Claim:
    """Claim the highest and the lowest test accuracy of all models; "equal" if they are the same."""
    accuracy = {name: results["models"][name]["test_accuracy"] for name in COMPARED}
    top, bottom = max(COMPARED, key=accuracy.__getitem__), min(COMPARED, key=accuracy.__getitem__)
    if accuracy[top] == accuracy[bottom]:
        return Claim(KIND, top, "equal", values={"a": accuracy[top]})
    values: dict[str, typing.Any] = {"a": accuracy[top], "b": accuracy[bottom]}
    for key, end in (("highest_of", top), ("lowest", bottom)):
        values[key] = tuple(name for name in COMPARED if accuracy[name] == accuracy[end])
    return Claim(KIND, top, "differ", values=values)
