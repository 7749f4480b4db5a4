"""Figures as SVG in a page: ids, styles, text, and references."""

import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from fmnist_report.report.figures.canvas import STYLE, new_figure, plot_dots
from fmnist_report.report.figures.vector import figure_to_svg, lay_out

SVG = "{http://www.w3.org/2000/svg}"


def draw(name):
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(2, 1, 2)
        axes[0, 0].plot([0, 1], [0, 1], "o:", label="Їжа & <вода>")
        axes[0, 0].legend()
        axes[0, 1].imshow(np.eye(3))
        plot_dots(axes[0, 1], np.array([[0.0, 1.0], [2.0, 1.0]]), 2, "red")
        return figure_to_svg(figure, name)


@pytest.fixture(scope="module")
def svg():
    return draw("first")


def test_text_stays_text_and_is_escaped(svg):
    texts = [element.text for element in ElementTree.fromstring(svg).iter(SVG + "text")]
    assert "Їжа & <вода>" in texts and "&lt;вода&gt;" in svg


def test_nothing_styles_the_page(svg):
    assert "<style" not in svg and " style=" not in svg and "metadata" not in svg and "xlink" not in svg


def test_every_reference_finds_its_own_part(svg):
    ids = re.findall(r' id="([^"]+)"', svg)
    references = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    assert references and references == set(ids) and len(ids) == len(set(ids))
    assert all(name.startswith("first-") for name in ids)
    assert not set(ids) & set(re.findall(r' id="([^"]+)"', draw("second")))


def test_the_same_figure_gives_the_same_text(svg):
    assert draw("first") == svg


def test_a_loaded_printer_changes_nothing(svg):
    import weasyprint.svg  # noqa: F401  (gives prefixes to name spaces, for all of ElementTree)

    assert draw("first") == svg
    assert svg.startswith("<svg ") and "ns0:" not in svg


def test_many_dots_are_one_path(svg):
    strokes = [path for path in ElementTree.fromstring(svg).iter(SVG + "path") if path.get("stroke-linecap") == "round"]
    assert len(strokes) == 1
    moves = re.findall(r"M ([\d.]+ [\d.]+) L ([\d.]+ [\d.]+)", strokes[0].get("d"))
    assert len(moves) == 2 and all(start == end for start, end in moves)


@pytest.mark.parametrize("limits", [(0.854, 0.947), (0.82, 0.935), (0.1, 0.9), (0.9501, 0.9504)])
def test_labels_of_ticks_lie_apart(limits):
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(1.0, 1, 6)
        for ax in axes[0]:
            ax.set_xlim(limits)
            ax.xaxis.set_major_formatter(lambda value, place: f"{100 * value:.2f} %")
        lay_out(figure)
        for ax in axes[0]:
            every = ax.xaxis.get_majorticklabels()
            labels = [label for label in every if limits[0] <= label.get_position()[0] <= limits[1]]
            boxes = [label.get_window_extent() for label in labels]
            assert all(first.x1 + 4 <= second.x0 for first, second in itertools.pairwise(boxes))
            assert len(np.unique(np.diff([label.get_position()[0] for label in labels]).round(6))) <= 1 <= len(labels)
