"""The task, and the data with the split and the classes."""

import dataclasses

from fmnist_report.report.document import Document
from fmnist_report.report.language import Name
from fmnist_report.report.references import HUMAN
from fmnist_report.report.tables import list_skipped
from fmnist_report.report.terms import ORIGINAL_CLASS_NAMES


@dataclasses.dataclass(frozen=True)
class Task:
    """Values of the section on task and data.

    given: the parts of the data set that came with it.
    pairs: (name, original English name) of the classes of Fashion-MNIST; names: those of other data.
    smallest, largest: number of training images of the smallest and the largest class.
    human: accuracy of people, as text.
    skipped: unused files of the folder, as a list in words; n_unreadable: images left out.
    """

    fashion: bool
    vgg16: bool
    data_name: str
    height: int
    width: int
    given: list[str]
    n_train: Name
    n_images: Name
    n_val: Name
    n_val_alone: str
    n_test: Name
    n_classes: Name
    pairs: list[tuple[str, str]]
    names: list[str]
    balanced: bool
    smallest: str
    largest: Name
    human: str
    skipped: str
    n_unreadable: str


def describe(document: Document) -> Task:
    """Gather the values of the section on task and data."""
    language, data, counts = document.language, document.results["data"], document.results["class_counts"]
    originals = [] if language.code == "en" or not document.fashion else ORIGINAL_CLASS_NAMES
    return Task(
        fashion=document.fashion,
        vgg16=document.vgg16,
        data_name=document.data_name,
        height=data["height"],
        width=data["width"],
        given=data["given"],
        n_train=language.count("training image", data["n_train"]),
        n_images=language.count("image", data["n_train"]),
        n_val=language.count("validation image", data["n_val"]),
        n_val_alone=language.integer(data["n_val"]),
        n_test=language.count("test image", data["n_test"]),
        n_classes=language.count("class", len(counts)),
        pairs=[(language.class_name(label), name) for label, name in enumerate(originals)],
        names=[] if document.fashion else language.classes,
        balanced=min(counts) == max(counts),
        smallest=language.integer(min(counts)),
        largest=language.count("training image", max(counts)),
        human=language.percent(HUMAN.accuracy),
        skipped=list_skipped(document.results, language),
        n_unreadable=language.integer(data["unreadable"]) if data["unreadable"] else "",
    )
