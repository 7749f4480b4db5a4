"""A conclusion from the results, as data, and the kinds of conclusions."""

import dataclasses
import typing
from dataclasses import dataclass

from fmnist_report.report.language import Language, Name

MODEL, STAGE, NOTHING = "model", "stage", "nothing"  # what the subject of a kind is, and so what its sentences name


@dataclass(frozen=True)
class Format:
    """How a value of a claim is written.

    Args:
        write: returns its text in a language.
        example: a value, so that sentences can be tried without results.
    """

    write: typing.Callable[[Language, typing.Any], str | Name]
    example: typing.Any


@dataclass(frozen=True)
class Kind:
    """A kind of claim: its sentences, and the types of its values.

    Args:
        name: usually that of the function that decides it, in the module of the same name.
        messages: the sentence of every relation, a message of the catalogue.
        formats: the type of every value, by placeholder.
        about: the subject is a MODEL, {subject}, or the STAGE that trains one, {network}, or is not named (NOTHING).
        explains: whether it is an explanation, which is marked as one.
        shows_pair: whether the images of class_a and class_b can be looked at.
        derive: returns further texts, by placeholder, from the values and a language.
    """

    name: str
    messages: dict[str, str]
    formats: dict[str, Format]
    about: str = MODEL
    explains: bool = False
    shows_pair: bool = False
    derive: typing.Callable[[Language, dict[str, typing.Any]], dict[str, str]] | None = None


@dataclass(frozen=True)
class Claim:
    """A conclusion from the results.

    Args:
        of: its kind.
        subject: a model, a network's stage, a figure or a part.
        relation: the relation that holds; kind and relation determine the wording.
        other: the second model of a comparison.
        values: numbers, and names of classes, models or hyperparameters, by placeholder.
    """

    of: Kind
    subject: str
    relation: str
    other: str = ""
    values: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.of.name
