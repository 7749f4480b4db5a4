"""References, and credits of data, weights and fonts."""

import dataclasses

from fmnist_report.report.document import Document
from fmnist_report.report.references import Reference


@dataclasses.dataclass(frozen=True)
class Sources:
    """Values of the references."""

    sources: list[Reference]
    fashion: bool
    vgg16: bool


def describe(document: Document) -> Sources:
    """Gather the values of the references."""
    return Sources(document.sources, document.fashion, document.vgg16)
