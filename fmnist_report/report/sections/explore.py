"""The explorer of single predictions and the network that runs in the page."""

import dataclasses

from fmnist_report.report.document import Document
from fmnist_report.report.language import Name


@dataclasses.dataclass(frozen=True)
class Explore:
    """Values of the interactive sections.

    n_missing: number of wrong images that are left out; empty if none.
    network_fits: whether the network is small enough for the page.
    rounded, accuracy: its test accuracy with rounded and with the original weights, as text.
    """

    n_missing: str
    network_fits: bool
    rounded: str
    accuracy: str
    n_test: Name


def describe(document: Document) -> Explore:
    """Gather the values of the interactive sections."""
    language, found, n_missing = document.language, document.results["browser_model"], document.explorer["n_missing"]
    return Explore(
        n_missing=language.integer(n_missing) if n_missing else "",
        network_fits=found["fits"],
        rounded=language.percent(found["accuracy_rounded"], 2) if found["fits"] else "",
        accuracy=language.percent(found["accuracy"], 2) if found["fits"] else "",
        n_test=language.count("test image", found["n_test"] if found["fits"] else 0),
    )
