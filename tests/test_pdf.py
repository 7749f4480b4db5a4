"""PDF: attachments, no network requests, and reproducible bytes."""

import base64
import json
import re
import tempfile
import time
from pathlib import Path

import pypdf
import pytest
import weasyprint
from weasyprint.urls import FatalURLFetchingError

from fmnist_report.pipeline.files import write_json
from fmnist_report.report.assets import TEMPLATES
from fmnist_report.report.html import font_faces
from fmnist_report.report.pdf import writer
from fmnist_report.report.pdf.archive import ends_plainly
from fmnist_report.report.pdf.writer import drawings_to_images, leave_out_screen, unpack_fonts, write_pdf

RESULTS = {"run": {"started": "2026-02-03T04:05:06+00:00"}, "models": {"cnn": {"test_accuracy": 0.93}}}


@pytest.fixture
def page(tmp_path):
    (tmp_path / "report.html").write_text("<html lang='uk'><title>Звіт</title><p>Їжак і ґанок", "utf-8")
    write_json(tmp_path / "results.json", RESULTS)
    (tmp_path / "predictions.npz").write_bytes(b"predictions")
    return tmp_path


def test_results_are_attached(page, quiet):
    write_pdf(page, quiet, html=page)
    attached = pypdf.PdfReader(page / "report.pdf").attachments
    assert json.loads(attached["report-results.json"][0]) == RESULTS
    assert attached["report-predictions.npz"] == [b"predictions"]


def test_headers_say_what_they_head_and_links_are_printed(page, quiet):
    rows = "<tr><th scope=row>В<td><a href='#x'>Г</a><tr><td>Д<th>Е"
    table = f"<table><thead><tr><th>А<th>Б</thead><tbody>{rows}</table><p id=x>Ґ"
    (page / "report.html").write_text(f"<html lang='uk'><title>Звіт</title>{table}", "utf-8")
    write_pdf(page, quiet, html=page)
    pdf = pypdf.PdfReader(page / "report.pdf")
    objects = [pdf.get_object(number) for number in range(1, len(pdf.xref_objStm) + len(pdf.xref[0]))]
    dictionaries = [found for found in objects if isinstance(found, dict)]
    scopes = [found["/A"]["/Scope"] for found in dictionaries if found.get("/S") == "/TH" and "/A" in found]
    assert sorted(scopes) == ["/Column", "/Column", "/Row", "/Row"]  # the last one heads nothing
    assert [found["/F"] for found in dictionaries if found.get("/Subtype") == "/Link"] == [4]


def test_same_page_gives_the_same_bytes(page, quiet):
    write_pdf(page, quiet, html=page)
    first = (page / "report.pdf").read_bytes()
    time.sleep(1.1)  # dates in a PDF are in seconds
    write_pdf(page, quiet, html=page)
    assert (page / "report.pdf").read_bytes() == first


def test_a_page_whose_tables_end_in_a_return_is_printed_again_otherwise(page, quiet, monkeypatch):
    write_pdf(page, quiet, html=page)
    first = (page / "report.pdf").read_bytes()
    answers = iter([False, False, True])
    seen = []
    monkeypatch.setattr(writer, "ends_plainly", lambda document: seen.append(document) or next(answers))
    write_pdf(page, quiet, html=page)
    assert seen[0] == first and len(set(seen)) == 3 and (page / "report.pdf").read_bytes() == seen[-1]
    assert pypdf.PdfReader(page / "report.pdf").pages[0].extract_text() == "Їжак і ґанок"
    assert ends_plainly(b"stream\nx\nendstream") and not ends_plainly(b"stream\nx\r\nendstream")


def test_drawing_becomes_an_image_with_its_title():
    path = '<path d="M0 0L4 2"/></svg>'
    drawing = f'<svg class="drawing" viewBox="0 0 4 2" role="img"><title id="a">А &amp; “Б”</title>{path}'
    in_lines = drawing.replace("<title", "\n<title")
    image = drawings_to_images(f"<p>1</p>{drawing}<p>2</p>{in_lines}<p>3</p>")
    first = r'<img alt="(.*?)" src="data:image/svg\+xml;base64,(.*?)">'
    found = re.fullmatch(rf"<p>1</p>{first}<p>2</p><img .*><p>3</p>", image)
    assert found[1] == "А &amp; “Б”"
    svg = base64.b64decode(found[2]).decode()
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" ') and svg.endswith(path)


def test_every_drawing_of_the_real_page_becomes_an_image(real_run):
    page = next((real_run.folder / "report").glob("report.uk.html")).read_text("utf-8")
    assert page.count("<svg") > 20 and "<svg" not in drawings_to_images(page)


def test_fonts_are_compressed_in_the_page_and_printed_as_bundled():
    bundled = {path.stem: path.read_bytes() for path in (TEMPLATES / "fonts").glob("*.ttf")}
    page = " ".join(face["uri"] for face in font_faces())
    printed = [base64.b64decode(font) for font in re.findall(r"data:font/ttf;base64,(\S+)", unpack_fonts(page))]
    assert sorted(printed) == sorted(bundled.values())
    assert len(page) < 0.75 * sum(map(len, bundled.values()))


def test_no_temporary_file_stands_outside_the_folder(page, quiet, monkeypatch):
    common = page / "common"
    common.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(common))
    used = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *a, **k: used.append(make(*a, **k)) or used[-1])
    monkeypatch.setattr("weasyprint.text.fonts.mkdtemp", tempfile.mkdtemp)
    font = next((TEMPLATES / "fonts").glob("*.ttf")).read_bytes()
    face = f"@font-face {{ font-family: x; src: url(data:font/ttf;base64,{base64.b64encode(font).decode()}) }}"
    (page / "report.html").write_text(f"<html lang='uk'><title>З</title><style>{face}</style><p>Ї", "utf-8")
    write_pdf(page, quiet, html=page)
    assert len(used) == 3 and all(Path(folder).is_relative_to(page) for folder in used)
    assert not any(Path(folder).is_relative_to(common) for folder in used)
    assert tempfile.tempdir == str(common)
    assert sorted(path.name for path in page.iterdir()) == [
        "common",
        "predictions.npz",
        "report.html",
        "report.pdf",
        "results.json",
        "unfinished",
    ]


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://127.0.0.1:9/image.png"])
def test_nothing_is_fetched(page, quiet, address):
    (page / "report.html").write_text(f"<html lang='uk'><title>Звіт</title><img src='{address}' alt='x'>", "utf-8")
    with pytest.raises(FatalURLFetchingError) as refused:
        write_pdf(page, quiet, html=page)
    assert "disallowed protocol" in str(refused.value.__cause__)
    assert not (page / "report.pdf").exists()


LONG = {
    "lines": "Дослідження ефективності згорткових нейронних мереж та перенесення навчання " * 4,
    "unbroken": "Перенесення" * 40,
    "short": "ЗНМ",
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_nothing_on_the_first_page_lies_over_anything_else(real_run, text):
    html = (real_run.first_report / "report.uk.html").read_text("utf-8")
    header, main = html.index("<header"), html.index("<main>")
    head = re.sub(r"(<h1>|<dd>|<p class=\"course\">).*?(</h1>|</dd>|</p>)", rf"\g<1>{text}\g<2>", html[header:main])
    assert head.count(text.strip()) >= 3
    pages = weasyprint.HTML(string=html[:header] + head + "<main></main></body></html>").render().pages
    lines = []
    for number, page in enumerate(pages):
        boxes = [page._page_box]
        while boxes:
            box = boxes.pop()
            boxes += getattr(box, "children", ())
            if type(box).__name__ == "TextBox" and box.text.strip() and box.element_tag not in ("html", "@page"):
                lines.append((number, box.position_x, box.position_y, box.width, box.height, box.text))
    written = "".join("".join(line[5].split()) for line in lines).replace("-", "")
    assert written.count("".join(text.split()).replace("-", "")[:40]) >= 3  # nothing is lost
    for number, x, y, width, height, words in lines:
        assert x >= 0 and x + width <= pages[number].width and y + height <= pages[number].height, words
        for other, left, top, wide, high, others in lines:
            near = other == number and abs(top + high / 2 - y - height / 2) < 0.35 * (height + high)
            if near and (left, top) != (x, y):
                assert left >= x + width - 1 or left + wide <= x + 1, (words, others)


def test_what_only_a_screen_shows_is_not_printed():
    page = (
        '<p>a</p><details class="data"><summary>b</summary><table></table></details><p>c</p>'
        '<section id="explorer" hidden><div><p>d</p></div></section><section id="part1"><p>e</p></section>'
        '<section id="network" hidden><p>f</p></section><script type="application/json">{"g": 1}</script><p>h</p>'
    )
    assert leave_out_screen(page) == '<p>a</p><p>c</p><section id="part1"><p>e</p></section><p>h</p>'
