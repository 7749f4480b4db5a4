"""Helpers for the report's page without drawings, and its text."""

import functools
import html
import re
from unittest import mock

import jinja2

from fmnist_report.evaluation.results import STAGES
from fmnist_report.report.document import Document
from fmnist_report.report.full_runs import read_full_runs
from fmnist_report.report.html import render_page
from fmnist_report.report.language import Language

EXPLORER = {"n_missing": 0}


class Drawn(dict):
    """A mapping with every figure, without its drawing."""

    def __missing__(self, name):
        return {"box": "0 0 10 10", "body": ""}

    def __contains__(self, name):
        return True


class Compiled(jinja2.BytecodeCache):
    """Compiled templates of this process; Jinja compares the digest of their text."""

    def __init__(self):
        self.kept = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket):
        self.kept[bucket.key] = bucket.bytecode_to_string()


ENVIRONMENT = functools.partial(jinja2.Environment, bytecode_cache=Compiled())  # compiling takes most of a page's time


def prepare_results(document):
    """Return a results.json as input of the page: without stages that render it or are gone; with full runs."""
    stages = [stage for stage in document["stages"] if stage["name"].split("-")[0] in STAGES]
    known = read_full_runs(fashion=True) | {"n_evaluations": 1}
    return {**document, "stages": stages, **known}


def fill_page(results, settings, language="en", title_page=None):
    """Return the HTML of the page on Fashion-MNIST, without drawings."""
    return render(results, settings, Language(language), title_page)


def render(results, settings, language, title_page=None, data_name="Fashion-MNIST", explorer=EXPLORER):
    """Return the HTML of the page, without drawings."""
    fashion = data_name == "Fashion-MNIST"
    document = Document(results, settings, language, title_page or {}, data_name, fashion, Drawn(), explorer)
    with mock.patch.object(jinja2, "Environment", ENVIRONMENT):
        return render_page(document)


def read_text(page):
    """Return the text of a page, without scripts and drawings."""
    body = re.sub(r"(?s)<script.*?</script>|<svg.*?</svg>", "", page.split("<body", 1)[1])
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", body)))


def read_table(page, name):
    """Return the cells of a table of the page, row by row, header first."""
    body = page.split(f'id="table-{name}"')[1].split("</table>")[0]
    cells = [re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("<tr")[1:]]
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in row] for row in cells]
