"""The structure of the PDF report, as read by a screen reader."""

import re
from xml.etree import ElementTree

import pytest
from inspection import inspect
from spoken import Spoken

from fmnist_report.pipeline.files import write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.report.assets import TEMPLATES
from fmnist_report.report.html import font_faces
from fmnist_report.report.pdf.tables import headers_of, place_cells, scope_of
from fmnist_report.report.pdf.writer import write_pdf

FACES = "".join(
    f"@font-face {{ font-family: '{face['family']}'; font-weight: {face['weight']}; font-style: {face['style']};"
    f" src: url({face['uri']}) }}"
    for face in font_faces()
)
PARAGRAPH = (
    "Донавчання підвищило точність повнозв’язного класифікатора на виділених ознаках, проте не доведено, що причина "
    "саме в розморожених блоках: класифікатор, який без розморожування навчали ще стільки епох, скільки тривало "
    "донавчання, досягає майже такої самої точності з 95-відсотковим довірчим інтервалом."
)
WORDS = PARAGRAPH.split()
COMPOUNDS = (
    "<b>сіро-біло</b> та червоно-синьо і <b>х</b> " * 12
)  # lines are broken after hyphens, and before and after <b>
ROWS = "".join(f"<tr><th scope=row>{word}<td>{n}<td>так</tr>" for n, word in enumerate(WORDS))
CLASSES = "".join(f"<tr><th scope=row>клас {n}<td>1<td>2<td>3<td>4</tr>" for n in range(5))
LINES = "<br>".join(WORDS * 2)
PAGE = f"""<html lang="uk"><title>Звіт</title><style>{FACES}{(TEMPLATES / "style.css").read_text("utf-8")}
@page {{ size: 400pt 600pt; margin: 20pt }} figure img {{ width: 40pt; height: 30pt }}
.narrow {{ width: 200pt; hyphens: auto }} #y {{ break-before: page }}</style>
<body><header class="title-page"><h1>Звіт</h1>
<dl><div><dt>Група</dt><dd>КН-31</dd></div><div><dt>Дата</dt><dd>2026</dd></div></dl></header>
<nav class="contents"><h2>Зміст</h2><ol class="toc"><li><a href="#x">Розділ</a></li><li><a href="#y">Додаток</a></li>
</ol></nav>
<main><section id="x"><h2>Розділ</h2><p>Сукня (<span lang="en">Dress</span>).</p>
<ul class="conclusions"><li>Перше</li><li>Друге</li></ul>
<p class="narrow" id="long">{PARAGRAPH}</p>
<p class="narrow">{COMPOUNDS}</p>
<p class="narrow">Див. опис набору даних і <a href="#y">додаток про налаштування всіх мереж</a> та <a href="https://a.b/c">опис</a>.</p>
<figure><img alt="Схема" src="data:image/svg+xml,
%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 3'%3E%3Cpath d='M0 0h4v3z'/%3E%3C/svg%3E">
<figcaption>Рис. 1. Схема</figcaption></figure></section>
<section id="y"><h2>Додаток</h2>
<table class="numbers"><thead><tr><th scope="col" rowspan="2">Клас</th><th scope="colgroup" colspan="2">МШП</th>
<th scope="colgroup" colspan="2">ЗНМ</th></tr>
<tr><th scope="col">влучність</th><th scope="col">повнота</th><th scope="col">влучність</th><th scope="col">повнота</th>
</tr></thead><tbody><tr><th scope="row">Сукня</th><td>1</td><td>2</td><td>3</td><td>4</td></tr>
{CLASSES}</tbody></table>
<table class="layers"><thead><tr><th scope="col">Зміна</th><th scope="col">Запуски</th><th scope="col">Краще</th></tr>
</thead><tbody><tr class="group"><th scope="rowgroup" colspan="3">МШП</th></tr>
<tr><th scope="row">крок</th><td>3</td><td>ні</td></tr>
<tr class="group"><th scope="rowgroup" colspan="3">ЗНМ</th></tr>{ROWS}
<tr><th scope="row">висока</th><td>{LINES}</td><td>ні</td></tr></tbody></table></section></main>"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("printed")
    (folder / "report.html").write_text(PAGE, "utf-8")
    (folder / "predictions.npz").write_bytes(b"")
    write_json(folder / "results.json", {"run": {"started": "2026-02-03T04:05:06+00:00"}})
    write_pdf(folder, Progress(quiet=True), html=folder)
    return Spoken(folder / "report.pdf")


def headers(spoken, table):
    """Return the texts of the headers of each cell, by rows."""
    cells = {cell["/ID"]: spoken.text(cell) for cell in spoken.find("TH", table)}
    assert len(cells) == len(spoken.find("TH", table))

    def read(cell):
        return [cells[name] for name in cell["/A"].get("/Headers", [])]

    return [[(spoken.text(cell), *read(cell)) for cell in spoken.kids(row)] for row in spoken.find("TR", table)]


def test_everything_that_is_drawn_is_read_once(spoken):
    assert len(spoken.pdf.pages) >= 4 and len(spoken.texts) > 100
    assert spoken.lost_and_repeated() == []
    objects = [spoken.pdf.get_object(number) for number in range(1, spoken.pdf.trailer["/Size"])]
    elements = [found for found in objects if isinstance(found, dict) and found.get("/Type") == "/StructElem"]
    assert len(elements) == len(list(spoken.walk()))


def test_the_page_keeps_the_rules_of_accessible_and_archival_documents(spoken):
    assert inspect(spoken.path) == []


def test_terms_are_labels_of_a_list(spoken):
    terms = spoken.find("L")[0]
    assert [spoken.kinds(item) for item in spoken.kids(terms)] == [["/Lbl", "/LBody"]] * 2
    assert [spoken.text(item) for item in spoken.walk(terms) if item["/S"] in ("/Lbl", "/LBody")] == [
        "Група",
        "КН-31",
        "Дата",
        "2026",
    ]


def test_contents_are_read_with_the_page_and_without_dots(spoken):
    (contents,) = spoken.find("TOC")
    assert spoken.kinds(contents) == ["/TOCI"] * 2
    assert [spoken.text(entry) for entry in spoken.kids(contents)] == ["Розділ 1", "Додаток 3"]
    for entry in spoken.kids(contents):
        assert spoken.kinds(entry) == ["/Reference"] and len(spoken.find("Link", entry)) == 1
    assert spoken.artifacts["/Layout"] > 30


def test_a_link_is_one_and_says_what_it_says(spoken):
    found = {}
    for link in spoken.find("Link"):
        areas = [kid for kind, kid in spoken.content(link) if kind == "annotation"]
        assert areas and {area["/Subtype"] for area in areas} == {"/Link"} and {area["/F"] for area in areas} == {4}
        (says,) = {area["/Contents"] for area in areas}
        found[says] = len(areas)
    assert found == {"Розділ": 1, "Додаток": 1, "додаток про налаштування всіх мереж": 2, "опис": 1}
    assert sum(len(page.get("/Annots", [])) for page in spoken.pdf.pages) == 5


def test_words_are_whole_and_apart(spoken):
    (paragraph,) = [found for found in spoken.find("P") if spoken.text(found).startswith("Донавчання")]
    text = spoken.text(paragraph)
    assert text.count("\xad") >= 3 and text.replace("\xad", "") == PARAGRAPH
    assert len(spoken.kids(paragraph)) > 6
    (other,) = [found for found in spoken.find("P") if spoken.text(found).startswith("сіро")]
    assert spoken.text(other).replace("\xad", "") == re.sub("</?b>", "", COMPOUNDS).strip()
    (other,) = [found for found in spoken.find("P") if spoken.text(found).startswith("Див.")]
    assert (
        spoken.text(other).replace("\xad", "")
        == "Див. опис набору даних і додаток про налаштування всіх мереж та опис."
    )


def test_another_language_says_so(spoken):
    assert [found["/Lang"] for found in spoken.find("Span") if "/Lang" in found] == ["en"]
    assert "/Lang" not in spoken.find("P")[0]


def test_every_item_has_a_label_and_a_body(spoken):
    assert len(spoken.find("LI")) == 4
    for item in spoken.find("LI"):
        assert spoken.kinds(item) == ["/Lbl", "/LBody"]


def test_a_figure_holds_its_caption_and_says_where_it_stands(spoken):
    (figure,) = spoken.find("Figure")
    assert spoken.kinds(figure) == ["/Caption"] and figure["/Alt"] == "Схема"
    left, bottom, right, top = figure["/A"]["/BBox"]
    assert right - left == pytest.approx(40, abs=0.1) and top - bottom == pytest.approx(30, abs=0.1)
    assert 20 <= left < 200 and 20 < bottom < top < 500  # in points from the lower left corner of a page of 400 × 600


def test_cells_have_the_headers_of_their_row_and_columns(spoken):
    table = spoken.find("Table")[0]
    assert headers(spoken, table)[:3] == [
        [("Клас",), ("МШП",), ("ЗНМ",)],
        [("влучність", "МШП"), ("повнота", "МШП"), ("влучність", "ЗНМ"), ("повнота", "ЗНМ")],
        [
            ("Сукня", "Клас"),
            ("1", "влучність", "МШП", "Сукня"),
            ("2", "повнота", "МШП", "Сукня"),
            ("3", "влучність", "ЗНМ", "Сукня"),
            ("4", "повнота", "ЗНМ", "Сукня"),
        ],
    ]
    attributes = [
        {k: v for k, v in cell["/A"].items() if "Span" in k or k == "/Scope"} for cell in spoken.find("TH", table)
    ]
    assert attributes[:2] == [{"/RowSpan": 2, "/Scope": "/Column"}, {"/ColSpan": 2, "/Scope": "/Column"}]
    assert {str(found) for found in attributes[3:7]} == {"{'/Scope': '/Column'}"} and attributes[7] == {
        "/Scope": "/Row"
    }


def test_a_table_on_two_pages_is_one_and_its_groups_head_the_rows_that_follow(spoken):
    (head, group, former, other, *rows) = headers(spoken, spoken.find("Table")[1])
    assert head == [("Зміна",), ("Запуски",), ("Краще",)]
    assert group == [("МШП",)] and other == [("ЗНМ",)]
    assert former == [("крок", "Зміна", "МШП"), ("3", "Запуски", "крок", "МШП"), ("ні", "Краще", "крок", "МШП")]
    assert len(rows) == len(WORDS) + 1 > 30
    assert [len(cell) for cell in rows.pop()] == [3, 4, 4]  # a row on two pages has each cell once
    for n, row in enumerate(rows):
        assert row[1] == (str(n), "Запуски", WORDS[n], "ЗНМ")
    pages = {spoken.page_of(found) for found in spoken.find("Span", spoken.find("Table")[1])}
    assert len(pages) >= 3


def test_identifiers_of_headers_are_listed_in_order(spoken):
    names = spoken.root["/IDTree"]["/Names"]
    assert names[::2] == sorted(names[::2])
    listed = {name: found.get_object() for name, found in zip(names[::2], names[1::2], strict=True)}
    assert listed == {cell["/ID"]: cell for cell in spoken.find("TH")} and len(listed) > 50


def test_the_printed_report_is_accessible_and_fit_for_archives(real_run):
    for lang in ("uk", "en"):
        path = real_run.first_report / f"report.{lang}.pdf"
        assert inspect(path) == []
        assert Spoken(path).lost_and_repeated() == []


def grid_of(*rows):
    """Return (grid, scopes) of a table, as for headers_of; rows are HTML."""
    table = ElementTree.fromstring(f"<table><tbody>{'</tbody><tbody>'.join(rows)}</tbody></table>")
    grid = place_cells(table)
    return grid, {cell: scope_of(cell, grid) for cell in grid.values() if cell.is_header}


def heads(grid, scopes, row, column):
    return [head.element.text for head in headers_of(grid[row, column], grid, scopes)]


def test_cells_that_span_rows_and_columns_move_others_aside():
    grid, _ = grid_of(
        "<tr><th rowspan='0'>a</th><th colspan='2'>b</th></tr><tr><td>c</td><td rowspan='9'>d</td></tr>",
        "<tr><td>e</td><td>f</td></tr>",
    )
    placed = [[grid[row, column].element.text for column in range(3)] for row in range(2)]
    assert placed == [["a", "b", "b"], ["a", "c", "d"]]
    assert grid[0, 0].height == 2 and grid[1, 2].height == 1  # a group of rows ends each cell
    assert grid[2, 0].element.text == "e" and (2, 2) not in grid
    table = ElementTree.fromstring(
        "<table><tfoot><tr><td>z</td></tr></tfoot><tbody><tr><td>a</td></tr></tbody></table>"
    )
    assert [cell.element.text for cell in place_cells(table).values()] == ["a", "z"]


def test_a_header_without_a_scope_heads_its_columns_or_else_its_rows():
    grid, scopes = grid_of(
        "<tr><th>a</th><th>b</th></tr><tr><th>c</th><td>d</td></tr><tr><td>e</td><th>f</th></tr><tr><th/><td>g</td></tr>"
    )
    assert {head.element.text: scope for head, scope in scopes.items()} == {
        "a": "col",
        "b": "col",
        "c": "",
        "f": "",
        None: "",
    }
    grid, scopes = grid_of("<tr><th>a</th><th>b</th></tr><tr><th>c</th><td>d</td></tr><tr><th/><td>e</td></tr>")
    assert heads(grid, scopes, 1, 1) == ["b", "c"] and heads(grid, scopes, 2, 1) == ["b"]  # no empty header
    assert heads(grid, scopes, 1, 0) == ["a"]


def test_a_header_hides_another_of_its_size_beyond_data_cells():
    top = "<tr><th scope='col'>a</th><th scope='col'>b</th></tr><tr><td>1</td><td>2</td></tr>"
    grid, scopes = grid_of(top + "<tr><th scope='col' colspan='2'>c</th></tr><tr><td>3</td><td>4</td></tr>")
    assert heads(grid, scopes, 3, 0) == ["c", "a"]
    grid, scopes = grid_of(top + "<tr><th scope='col'>c</th><td/></tr><tr><td>3</td><td>4</td></tr>")
    assert heads(grid, scopes, 3, 0) == ["c"] and heads(grid, scopes, 3, 1) == ["b"]
    grid, scopes = grid_of("<tr><th scope='row'>a</th><td>1</td><th scope='row'>b</th><td>2</td></tr>")
    assert heads(grid, scopes, 0, 3) == ["b"] and heads(grid, scopes, 0, 1) == ["a"]


def test_a_group_of_rows_ends_what_its_header_heads():
    head = "<tr><th scope='rowgroup' colspan='2'>{}</th></tr><tr><th scope='row'>{}</th><td>1</td></tr>"
    grid, scopes = grid_of(head.format("a", "b"), "<tr><th scope='row'>c</th><td>2</td></tr>")
    assert heads(grid, scopes, 1, 1) == ["b", "a"] and heads(grid, scopes, 2, 1) == ["c"]
