"""The structure of the PDF report, as read by a screen reader."""

import pypdf
import pytest
from inspection import inspect

from fmnist_report.pipeline.files import write_json
from fmnist_report.report.pdf.writer import write_pdf

PAGE = """<html lang="uk"><title>Звіт</title><style>@page { size: 400pt 600pt; margin: 20pt }
li { list-style-position: inside } img { display: block; overflow: visible }</style>
<dl><div><dt>Група<dd>КН-31</div><div><dt>Дата<dd>2026</div></dl>
<ol class="toc"><li><a href="#x">Розділ</a></ol><h1 id="x">Розділ</h1>
<p>Сукня (<span lang="en">Dress</span>).<ul><li>Перше<li>Друге</ul>
<figure><img alt="Схема" style="width: 40pt; height: 30pt" src="data:image/svg+xml,
%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 3'%3E%3Cpath d='M0 0h4v3z'/%3E%3C/svg%3E">
<figcaption>Рис. 1. Схема</figcaption></figure>"""


@pytest.fixture
def tree(tmp_path, quiet):
    """The structure of the page as (kind, [children], dictionary)."""
    (tmp_path / "report.html").write_text(PAGE, "utf-8")
    write_json(tmp_path / "results.json", {"run": {"started": "2026-02-03T04:05:06+00:00"}})
    write_pdf(tmp_path, quiet, html=tmp_path)

    def read(element):
        kids = element.get("/K", [])
        kids = [kid.get_object() for kid in (kids if isinstance(kids, list) else [kids])]
        inner = [kid for kid in kids if isinstance(kid, dict) and "/S" in kid]
        for kid in inner:
            assert kid["/P"].get_object() == element
        return element["/S"].removeprefix("/"), [read(kid) for kid in inner], element

    root = pypdf.PdfReader(tmp_path / "report.pdf").trailer["/Root"]["/StructTreeRoot"]
    return read(root["/K"][0].get_object())


def find(tree, kind):
    """Return all elements of a kind, in order."""
    here = [tree] if tree[0] == kind else []
    return here + [found for kid in tree[1] for found in find(kid, kind)]


def kinds(tree):
    return [kid[0] for kid in tree[1]]


def test_terms_are_labels_of_a_list(tree):
    terms = find(tree, "L")[0]
    assert kinds(terms) == ["LI", "LI"] and [kinds(item) for item in terms[1]] == [["Lbl", "LBody"]] * 2


def test_contents_are_contents(tree):
    (contents,) = find(tree, "TOC")
    assert kinds(contents) == ["TOCI"] and "Reference" in kinds(contents[1][0])
    assert find(contents, "Link")


def test_another_language_says_so(tree):
    spoken = [found[2]["/Lang"] for found in find(tree, "Span") if "/Lang" in found[2]]
    assert spoken == ["en"]
    assert "/Lang" not in find(tree, "P")[0][2]


def test_every_item_has_a_label_and_a_body(tree):
    for item in find(tree, "LI"):
        assert kinds(item) == ["Lbl", "LBody"]


def test_a_figure_holds_its_caption_and_says_where_it_stands(tree):
    (figure,) = find(tree, "Figure")
    assert kinds(figure) == ["Caption"] and figure[2]["/Alt"] == "Схема"
    left, bottom, right, top = figure[2]["/A"]["/BBox"]
    assert right - left == pytest.approx(40, abs=0.1) and top - bottom == pytest.approx(30, abs=0.1)
    assert 20 < left < 200 and 20 < bottom < top < 500  # in points from the lower left corner of a page of 400 × 600


def test_the_printed_report_is_accessible_and_fit_for_archives(real_run):
    for lang in ("uk", "en"):
        assert inspect(real_run.first_report / f"report.{lang}.pdf") == []
