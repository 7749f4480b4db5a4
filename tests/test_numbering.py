"""Figures, tables and sources are numbered in order, and texts refer to them by these numbers."""

import pytest

from fmnist_report.report.language import Language
from fmnist_report.report.numbering import Numbering
from fmnist_report.report.references import Reference

SOURCES = [Reference("first", "A", "https://a", "a"), Reference("second", "B", "https://b", "b")]


def numbering(code="en"):
    return Numbering(Language(code), SOURCES)


def test_numbers_follow_the_order_of_the_page():
    numbers = numbering("uk")
    page = numbers.see("Спершу.", "figure-late", "table-rows") + numbers.head("figure", "early")
    page += numbers.head("table", "rows") + numbers.head("figure", "late")
    assert numbers.number_all(page) == (
        'Спершу (<a href="#figure-late">рис.\u00a02</a>, <a href="#table-rows">табл.\u00a01</a>).'
        "Рис.\u00a01Таблиця\u00a01Рис.\u00a02"
    )


def test_sources_are_cited_in_the_order_of_their_numbers():
    numbers = numbering()
    assert numbers.cite("second", "first") == '[<a href="#source-1">1</a>, <a href="#source-2">2</a>]'
    cited = numbers.see("As there.", "source-second", "", "table-t") + numbers.head("table", "t")
    assert numbers.number_all(cited) == (
        'As there\u00a0[<a href="#source-2">2</a>] (<a href="#table-t">table\u00a01</a>).Table\u00a01'
    )


def test_text_stays_text():
    assert numbering().see("<b> & c") == "&lt;b&gt; &amp; c"


def test_what_is_not_there_cannot_be_referred_to():
    numbers = numbering()
    with pytest.raises(KeyError):
        numbers.cite("third")
    with pytest.raises(KeyError):
        numbers.number_all(numbers.see("Look.", "figure-none"))
