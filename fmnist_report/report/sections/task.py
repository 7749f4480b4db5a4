"""The task, and the data with the split and the classes."""

import dataclasses
import typing

from fmnist_report.report.document import Document
from fmnist_report.report.language import Language, Name
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
    notes: what was left out, cut, scaled or taken for something, a sentence each.
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
    notes: list[str]


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
        notes=[tell(note, language) for note in data.get("notes", ())],
    )


def tell(note: dict[str, typing.Any], language: Language) -> str:
    """Return a note on custom data, as written by Note.as_json, as a sentence."""
    values = {name: _show(value, language) for name, value in note["values"].items()}
    text = language.text(note["message"], **values)
    return text[:1].upper() + text[1:] + "."


def _show(value: typing.Any, language: Language) -> str:
    if isinstance(value, int):
        return language.integer(value)
    if isinstance(value, float):
        return language.value(f"{value:g}")
    if isinstance(value, dict):
        return ", ".join(f"{name} ({language.integer(n)})" for name, n in value.items())
    return language.quoted([value] if isinstance(value, str) else value)
