"""What a report should print: the page made again from its results."""

import dataclasses
import re
import typing

from pydantic import TypeAdapter

from fmnist_report.evaluation.schema import Results
from fmnist_report.presets import preset
from fmnist_report.report.document import Document
from fmnist_report.report.explorer import list_words
from fmnist_report.report.figures.charts import build_charts, in_style
from fmnist_report.report.figures.vector import figure_to_svg
from fmnist_report.report.html import render_page, split_svg
from fmnist_report.report.language import Language, name_classes
from fmnist_report.settings import Settings
from fmnist_report.verification.blocks import Block, read_page

FIGURE = re.compile(r'<figure id="figure-(\w+)"')
DATA = re.compile(r'<script type="application/[^>]*>.*?</script>', re.DOTALL)
DRAWING = re.compile(r'<figure id="figure-(\w+)"(.*?<svg .*?</svg>)(.*?</figure>)', re.DOTALL)
EMPTY = {"box": "0 0 1 1", "body": ""}  # in place of a figure of images, which cannot be drawn again


class Drawings(dict):
    """Figures by name; those that are not drawn again are empty."""

    def __missing__(self, name: str) -> dict[str, str]:
        return EMPTY

    def __contains__(self, name: object) -> bool:
        return True


def print_again(
    results: dict[str, typing.Any], explorer: dict[str, typing.Any]
) -> tuple[list[Block], set[str], list[str], str]:
    """Return what a report with these results prints, the names of the figures that were drawn again and of all,
    and the page.

    Args:
        results: with the section document.
        explorer: of the page, if there is one; only its texts are printed.
    """
    described, typed = results["document"], typing.cast(Results, results)
    classes = name_classes(described["classes"], results["data"])
    language = Language(described["lang"], classes, results["features"]["backbone"])
    recorded = dataclasses.asdict(preset(results["run"]["preset"])) | results["run"]["settings"]
    settings = TypeAdapter(Settings).validate_python(recorded)
    with in_style():
        drawn = {name: split_svg(figure_to_svg(chart, name)) for name, chart in build_charts(typed, language).items()}
    texts = {
        "words": list_words(language),
        "network": explorer.get("network"),
        "n_missing": explorer.get("n_missing", 0),
    }
    document = Document(
        typed, settings, language, described["title_page"], described["data_name"], described["classes"] is None,
        Drawings(drawn), {**explorer, **texts},
    )  # fmt: skip
    page = render_page(document)
    return read_page(page), set(drawn), FIGURE.findall(page), page


def strip_data(page: str, drawn: set[str]) -> str:
    """Return the source of a page without its data and without the figures that were not drawn again."""
    text = DATA.sub("", page)
    return DRAWING.sub(lambda found: found[0] if found[1] in drawn else f"<figure {found[1]}>{found[3]}", text)
