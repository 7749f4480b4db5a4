"""References, from templates/references.toml: published results, and publications of methods and bases."""

import tomllib
import typing
import urllib.parse
from dataclasses import dataclass

from fmnist_report.backbones import MODULES
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.report.assets import TEMPLATES


@dataclass(frozen=True)
class PublishedResult:
    """A published accuracy.

    Args:
        network: translatable description of the network.
        accuracy: accuracy on the official 10,000 test images, a fraction.
        source: authors or publisher.
        address: URL.
        ours: the model of this report to compare with; empty for none.
    """

    network: str
    accuracy: float
    source: str
    address: str
    ours: str = ""


@dataclass(frozen=True)
class Reference:
    """An entry of the list of references.

    Args:
        key: key for citations.
        text: authors, title, place and year.
        address: URL.
        place: the address as printed.
        lang: language of the text.
    """

    key: str
    text: str
    address: str
    place: str
    lang: str = "en"

    @property
    def spelled(self) -> bool:
        """Whether the address must be printed too, because the place is none."""
        return "/" not in self.place and ":" not in self.place


@dataclass(frozen=True)
class Method:
    """A method used in the report, with a brief explanation.

    Args:
        term: translatable name, and words: translatable explanation.
        source: authors and publication; empty for common knowledge.
        when: what a report must have used for the method to be listed, as in tables.list_methods; empty for all.
    """

    term: str
    words: str
    source: str = ""
    address: str = ""
    when: str = ""


@dataclass(frozen=True)
class Paper:
    """The publication of a base: authors, title, year and arXiv number."""

    authors: str
    title: str
    year: int
    arxiv: str


DATA = tomllib.loads((TEMPLATES / "references.toml").read_text("utf-8"))
PUBLISHED = tuple(PublishedResult(**row) for row in DATA["published"])
HUMAN = PUBLISHED[0]
METHODS = (
    *(Method(**row) for row in DATA["methods"]),
    *(Method(one.label, one.words, one.source, one.address, when=name) for name, one in OPTIMIZERS.items()),
)
ASSIGNMENT = tuple(Reference(**row) for row in DATA["assignment"])  # the links from the assignment, in its order
FASHION_MNIST = Reference(**DATA["fashion_mnist"])
PAPERS = {module: Paper(**row) for module, row in DATA["papers"].items()}


def find_paper(backbone: str) -> Paper:
    """Return the paper of a base."""
    return PAPERS["vgg16" if backbone.startswith("VGG") else MODULES[backbone]]


def list_references(methods: typing.Sequence[Method], fashion: bool, backbone: str) -> list[Reference]:
    """List the references of a report: the assignment's, data and base, then those of its methods."""
    paper = find_paper(backbone)
    text, place = f"{paper.authors}. {paper.title}, {paper.year}", f"arXiv:{paper.arxiv}"
    base = Reference("base", text, f"https://arxiv.org/abs/{paper.arxiv}", place)
    own = [_reference_of(method) for method in methods if method.source]
    return [*ASSIGNMENT, *([FASHION_MNIST] if fashion else []), base, *own]


def _reference_of(method: Method) -> Reference:
    place = method.address.removeprefix("https://").removeprefix("www.").rstrip("/")
    for start, short in (("doi.org/", "doi:"), ("arxiv.org/abs/", "arXiv:")):
        place = short + place.removeprefix(start) if place.startswith(start) else place
    return Reference(method.term, method.source, method.address, urllib.parse.unquote(place))
