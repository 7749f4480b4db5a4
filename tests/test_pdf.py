"""PDF: what is attached, that nothing is fetched, and that the same page gives the same bytes."""

import json
import time

import pypdf
import pytest
from weasyprint.urls import FatalURLFetchingError

from fmnist_report.cache import write_json
from fmnist_report.pdf import write_pdf

RESULTS = {"run": {"started": "2026-02-03T04:05:06+00:00"}, "models": {"cnn": {"test_accuracy": 0.93}}}


@pytest.fixture
def page(tmp_path):
    (tmp_path / "report.html").write_text("<html lang='uk'><title>Звіт</title><p>Їжак і ґанок", "utf-8")
    write_json(tmp_path / "results.json", RESULTS)
    return tmp_path


def test_results_are_attached(page, quiet):
    write_pdf(page, quiet, html=page)
    assert json.loads(pypdf.PdfReader(page / "report.pdf").attachments["results.json"][0]) == RESULTS


def test_headers_say_what_they_head_and_links_are_printed(page, quiet):
    table = "<table><thead><tr><th>А<th>Б</thead><tbody><tr><th>В<td><a href='#x'>Г</a></tbody></table><p id=x>Ґ"
    (page / "report.html").write_text(f"<html lang='uk'><title>Звіт</title>{table}", "utf-8")
    write_pdf(page, quiet, html=page)
    pdf = pypdf.PdfReader(page / "report.pdf")
    objects = [pdf.get_object(number) for number in range(1, len(pdf.xref_objStm) + len(pdf.xref[0]))]
    dictionaries = [found for found in objects if isinstance(found, dict)]
    scopes = [found["/A"]["/Scope"] for found in dictionaries if found.get("/S") == "/TH" and "/A" in found]
    assert sorted(scopes) == ["/Column", "/Column", "/Row"]
    assert [found["/F"] for found in dictionaries if found.get("/Subtype") == "/Link"] == [4]


def test_same_page_gives_the_same_bytes(page, quiet):
    write_pdf(page, quiet, html=page)
    first = (page / "report.pdf").read_bytes()
    time.sleep(1.1)  # dates in a PDF are in seconds
    write_pdf(page, quiet, html=page)
    assert (page / "report.pdf").read_bytes() == first


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://127.0.0.1:9/picture.png"])
def test_nothing_is_fetched(page, quiet, address):
    (page / "report.html").write_text(f"<html lang='uk'><title>Звіт</title><img src='{address}' alt='x'>", "utf-8")
    with pytest.raises(FatalURLFetchingError) as refused:
        write_pdf(page, quiet, html=page)
    assert "disallowed protocol" in str(refused.value.__cause__)
    assert not (page / "report.pdf").exists()
