"""Data for the explorer of individual predictions in the page."""

import base64
import string
import typing

import numpy as np

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import BY_NAME, COMPARED
from fmnist_report.report.language import PERCENT, Language

# Texts of the script, by key; {placeholders} are filled in by the script.
WORDS = {
    "shown": N_("Images shown: {n} of {kept}"),
    "of_cell": N_("Images shown: {n} of {kept} that are kept; the cell counts {total}"),
    "maps": N_("{rows} × {columns}: the strongest of {n} maps"),
    "blank": N_("The image is empty."),
    "cell": N_("true class {true}, predicted {pred}: {n}"),
    "matrix": N_("{network}: rows are true classes, columns predicted ones; numbers count test images"),
    "true": N_("True class"),
    "predicted": N_("Predicted class"),
    "neighbour": N_("Nearest training image"),
    "distance": N_("{value} grey levels away (root mean square)"),
    "image": N_("Test image {n}"),
    "given": N_("Test image {n}: {true}"),
    "open": N_("test image {n}, true class {true}, predicted {pred} with {p}"),
    "any": N_("all classes"),
    "none": N_("None of the kept images match."),
    "give": N_("Give it to the network"),
    "evidence": N_("Where the last maps support “{class}”"),
    "unreadable": N_("This file cannot be read as an image."),
    "percent": PERCENT,
    "right": N_("right"),
    "wrong": N_("wrong"),
}


def build_explorer(
    examples: dict[str, np.ndarray],
    browser_model: tuple[dict, dict[str, np.ndarray]],
    results: Results,
    language: Language,
) -> dict[str, typing.Any]:
    """Return the data for the script.

    Args:
        examples: arrays from evaluation.examples.
        browser_model: the files of experiments.browser_model.
        results: as in results.json.

    Returns:
        words, lang; classes, their names; models, with name, label, colour and confusion; n, height, width and columns
        of the sprites; images and neighbours, these sprites as data URIs; and base64 of the arrays index (int32),
        label, predicted and neighbour_labels (uint16), probabilities (uint8) and rms (float32), all little-endian;
        and network: its operations, mirror, and base64 of whole and fine, or None if it is too large for the page.
    """
    height, width, columns = examples["layout"].tolist()
    packed = ("index", "label", "predicted", "probabilities", "neighbour_labels", "rms")
    return {
        "lang": language.code,
        "words": list_words(language),
        "classes": language.classes,
        "models": [
            {"name": name, "label": language.model(name), "colour": BY_NAME[name].colour,
             "confusion": results["models"][name]["confusion"]}
            for name in COMPARED
        ],
        "n": len(examples["index"]), "n_missing": int(examples["n_missing"]),
        "height": height, "width": width, "columns": columns,
        **{name: "data:image/webp;base64," + _encode(examples[name]) for name in ("images", "neighbours")},
        **{name: _encode(examples[name]) for name in packed},
        "network": _describe_network(*browser_model),
    }  # fmt: skip


def list_words(language: Language) -> dict[str, str]:
    """Return the translated texts of the script, by key."""
    return {name: language.text(text, **_braces(text)) for name, text in WORDS.items()}


def _describe_network(document: dict, arrays: dict[str, np.ndarray]) -> dict[str, typing.Any] | None:
    if not document["fits"]:
        return None
    packed = {name: _encode(arrays[name]) for name in ("whole", "fine")}
    return {"operations": document["operations"], "mirror": document["mirror"], **packed}


def _encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _braces(text: str) -> dict[str, str]:
    """Map every placeholder of a message to itself, for the script to fill in."""
    return {name: f"{{{name}}}" for _, name, _, _ in string.Formatter().parse(text) if name}
