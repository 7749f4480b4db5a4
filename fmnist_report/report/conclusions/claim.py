"""A conclusion from the results, as data."""

import dataclasses
import typing
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A conclusion from the results.

    Args:
        kind: its topic, usually the name of the function that decides it.
        subject: a model, a network's stage, a figure or a part.
        relation: the relation that holds; kind and relation determine the wording.
        other: the second model of a comparison.
        values: numbers, and names of classes, models or hyperparameters, by placeholder.
    """

    kind: str
    subject: str
    relation: str
    other: str = ""
    values: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
