"""Figures and tables of the PDF stand where a page has room for them, after the text that mentions them."""

from xml.etree.ElementTree import Element

import pymupdf
import pytest
import weasyprint
from weasyprint.formatting_structure.boxes import BlockLevelBox

from fmnist_report.pipeline.files import write_json
from fmnist_report.report.pdf import writer
from fmnist_report.report.pdf.blocks import Block, Section, read_sections
from fmnist_report.report.pdf.placement import (
    Plan,
    Position,
    balance_columns,
    choose_order,
    extend_plans,
    fill_columns,
    place_floats,
    put,
)

HEIGHT = 1_000.0  # pixels
STYLE = """<style>@page { size: 300px 405px; margin: 0 } * { margin: 0; line-height: 20px; font-size: 12px }
table { border-collapse: collapse } tbody tr:nth-child(-n+3) { break-after: avoid }
tbody tr:nth-last-child(-n+3) { break-before: avoid } ul { list-style: none; padding: 0; break-before: auto }
p, li { orphans: 3; widows: 3 } figure { break-inside: avoid }
.columns { columns: 2 } .columns li { break-inside: avoid } h2 { break-after: avoid }</style>"""
FIGURE = "<figure id='figure-{}'><div style='height: {}px'></div></figure>"


def text(*pieces, tag="p", **named):
    return Block(Element(tag), tuple(map(float, pieces)), **named)


def lines(n):
    return "<p>" + "<br>".join("abcdefgh"[:n]) + "</p>"


def lay_out(body):
    page = weasyprint.HTML(string=f"<html>{STYLE}<body><main>{body}</main>")
    return page, page.render()


def walk(box):
    """Yield the blocks of a page, inner ones first."""
    for child in getattr(box, "children", ()):
        if isinstance(child, BlockLevelBox):
            yield from walk(child)
            yield child


def order(page):
    return [element.get("id") or element.tag for element in page.etree_element.iter() if element.tag in WANTED]


WANTED = ("p", "h2", "h3", "figure", "table", "ul", "ol")


def test_a_block_fills_the_page_and_goes_on_over_the_next():
    block = text(300, 300, 300, before=10, after=5)
    assert put(block, Position(), HEIGHT) == (Position(900, 5), 0)  # no margin at the top of a page
    assert put(block, Position(200, 20), HEIGHT) == (Position(300, 5), 180)  # 200 + 20 + 600
    assert put(text(300, head=40), Position(800), HEIGHT) == (Position(300), 200)
    assert put(text(100, 100, head=40), Position(800), HEIGHT) == (Position(140), 100)  # the head is repeated
    assert put(text(999), Position(), HEIGHT)[0].y == 999 and put(text(800), Position(200), HEIGHT)[1] == 800
    assert put(text(50, starts_page=True, before=20), Position(600), HEIGHT) == (Position(70), 400)
    assert put(text(50, 50, inner=8), Position(), HEIGHT) == (Position(92), 0)


def test_a_heading_goes_with_what_follows_it():
    heading = text(30, before=20, after=10, tag="h2", stays_with_next=True)
    position, blank = put(heading, Position(940, 5), HEIGHT)
    assert (position, blank) == (Position(940, 10, 30, 20), 0)  # nothing is put yet
    assert put(text(50, before=6), position, HEIGHT) == (Position(90), 60)  # both on the next page, 30 + 10 + 50
    position, _ = put(heading, Position(100, 5), HEIGHT)
    assert put(text(50), position, HEIGHT)[0].y == 100 + 20 + 30 + 10 + 50
    two, _ = put(text(20, stays_with_next=True), position, HEIGHT)
    assert put(text(50), two, HEIGHT)[0].y == 100 + 20 + 30 + 10 + 20 + 50


def test_columns_are_filled_up_to_the_end_of_a_page_and_then_balanced():
    assert fill_columns([40, 40, 40, 40], 90, 2) == 4 and fill_columns([40, 40, 40, 40], 79, 2) == 2
    assert fill_columns([100], 90, 2) == 0
    for pieces, least in (([10, 20, 30, 40], 60), ([50, 10, 10], 50), ([20], 20)):
        assert balance_columns(pieces, 2) == pytest.approx(least, abs=0.06)
    block = text(40, 40, 40, 40, 40, columns=2, before=10)
    assert put(block, Position(100, 5), HEIGHT)[0].y == pytest.approx(
        100 + 15 + 120, abs=0.1
    )  # margins do not collapse
    assert put(block, Position(900, 0), HEIGHT) == (Position(40), 0)  # two in each column, and one on the next page
    assert put(block, Position(980, 0), HEIGHT) == (Position(120), 20)


def plan(section):
    return choose_order(extend_plans([Plan()], section, HEIGHT), HEIGHT)


def test_the_order_leaves_least_blank():
    first, second, figure = text(700), text(250), text(400, tag="figure")
    section = Section([first, second], {"figure": [(1, figure)], "table": [], "listing": []})
    assert plan(section) == [block.element for block in (first, second, figure)]
    near = Section([first, second], {"figure": [(1, text(250, tag="figure"))], "table": [], "listing": []})
    assert [element.tag for element in plan(near)] == ["p", "figure", "p"]  # nothing is gained by moving it


def test_figures_keep_their_order_and_follow_their_text():
    blocks = [text(100) for _ in range(4)]
    high, low, table = (text(height, tag="figure") for height in (900, 300, 500))
    section = Section(blocks, {"figure": [(1, high), (2, low)], "table": [(3, table)], "listing": []})
    found = plan(section)
    assert found.index(high.element) < found.index(low.element)
    for n, block in ((1, high), (2, low), (3, table)):
        assert found.index(block.element) > found.index(blocks[n - 1].element)
    heading, fixed = text(30, tag="h3", stays_with_next=True), text(300, tag="table")
    floating = text(500, tag="table")
    section = Section([text(600), heading, fixed, text(450)], {"figure": [], "table": [(1, floating)], "listing": []})
    assert plan(section).index(floating.element) < plan(section).index(fixed.element)  # in the order of their numbers
    section = Section(
        [text(100), heading, text(800)], {"figure": [(1, text(890, tag="figure"))], "table": [], "listing": []}
    )
    tags = [element.tag for element in plan(section)]
    assert tags.index("figure") != tags.index("h3") + 1  # a heading is followed by its text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lines(8) * 2 + FIGURE.format(1, 100) + lines(3), ["p", "p", "p", "1"]),
        (lines(8) + FIGURE.format(1, 100) + lines(3), ["p", "1", "p"]),
        (lines(8) * 2 + f"<div>{FIGURE.format(1, 100)}</div>" + lines(3), ["p", "p", "p", "1"]),
        (lines(8) * 2 + "<h2>A</h2>" + FIGURE.format(1, 100) + lines(3), ["p", "p", "h2", "1", "p"]),
        (lines(8) * 2 + FIGURE.format(1, 100) + FIGURE.format(2, 60) + lines(3), ["p", "p", "p", "1", "2"]),
    ],
)
def test_a_figure_without_room_is_moved_past_the_text_after_it(body, expected):
    page, document = lay_out(f"<section>{body}</section>")
    moved = place_floats(document, page.etree_element)
    assert [name.removeprefix("figure-") for name in order(page)] == expected
    assert not page.etree_element.findall(".//section/div")  # a wrapper that is emptied goes
    assert moved == (expected[2:4] == ["p", "1"])
    assert len(page.render().pages) == len(document.pages)


def test_a_figure_stays_in_its_section():
    first, second = lines(8) * 2 + FIGURE.format(1, 100), lines(8)
    page, document = lay_out(f"<section>{first}</section><section>{second}</section>")
    assert not place_floats(document, page.etree_element)
    assert order(page) == ["p", "p", "figure-1", "p"]


def test_heights_are_those_of_the_layout():
    """The computed end of each block is that which WeasyPrint gives it, over five pages with every kind of block."""
    rows = "".join(f"<tr><td>{n}</tr>" for n in range(30))
    items = "".join(f"<li>{'<br>'.join('abc'[: 1 + n % 3])}</li>" for n in range(12))
    table = f"<table class=layers id=t><caption>C</caption><thead><tr><th>H</thead><tbody>{rows}</table>"
    body = (
        lines(8) + "<h2>A</h2>" + lines(5) + FIGURE.format(1, 90) + f"<ul>{items}</ul>" + lines(7) + table
        + f"<ul class=columns>{items}</ul>" + lines(4)
    )  # fmt: skip
    page, document = lay_out(f"<section>{body}</section>")
    (section,), height = read_sections(document, page.etree_element)
    assert height == 405 and len(document.pages) >= 5
    position, blocks = Position(), {block.element: block for block in section.texts}
    blocks |= {block.element: block for floats in section.floats.values() for _, block in floats}
    ends = {box.element: box.position_y + box.height for drawn in document.pages for box in walk(drawn._page_box)}
    for element in page.etree_element.iter():
        if element in blocks:
            position, _ = put(blocks[element], position, height)
            if not blocks[element].stays_with_next:
                assert position.y == pytest.approx(ends[element], abs=1), element.tag


def test_a_plan_that_does_not_hold_is_dropped(tmp_path, quiet, monkeypatch):
    (tmp_path / "report.html").write_text(f"<html lang=en><title>T</title>{STYLE}<section>{lines(8) * 2}", "utf-8")
    write_json(tmp_path / "results.json", {"run": {"started": "2026-02-03T04:05:06+00:00"}})
    (tmp_path / "predictions.npz").write_bytes(b"")

    def spoil(document, root):
        last = root.findall(".//p")[-1]
        last.set("style", "break-before: page")
        last.text = "spoiled"
        return True

    monkeypatch.setattr(writer, "place_floats", spoil)
    writer.write_pdf(tmp_path, quiet, html=tmp_path)
    with pymupdf.open(tmp_path / "report.pdf") as pdf:
        assert len(pdf) == 1 and "spoiled" not in pdf[0].get_text()
