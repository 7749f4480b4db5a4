"""The sections of the report: their shape, their voice, and the numbers of their figures."""

import copy
import html
import re

import pytest
from pages import fill_page, read_text

from fmnist_report.networks import networks_of_part
from fmnist_report.presets import override, preset
from fmnist_report.report.assets import TEMPLATES
from fmnist_report.report.html import SECTIONS
from fmnist_report.report.language import Language

ENGLISH = Language("en")
# The file has one value that cannot be broken: a header of the page's security, and the label of a drawing area.
UNBREAKABLE = ("Content-Security-Policy", "aria-label")


@pytest.fixture
def results(invented_run):
    return copy.deepcopy(invented_run.document)


def body_of(page):
    """Return the page without its script, up to the appendix."""
    return page.split('<section id="appendix"')[0]


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("**/*.html")), ids=lambda path: path.name)
def test_a_template_is_short(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 140 and not any(word in line for word in UNBREAKABLE)] == []


def test_every_section_has_a_template_and_its_place(results):
    page = fill_page(results, preset("standard"))
    names = list(SECTIONS)
    assert all((TEMPLATES / "sections" / f"{name}.html").is_file() for name in names)
    places = [page.index(f'id="{name}"') for name in ("summary", "task", "part1", "part2", "comparison", "explorer",
              "conclusions", "sources", "appendix")]  # fmt: skip
    assert places == sorted(places)


TOOL = {
    "en": r"\bcach\w+|\bpreset|this run\b|\bpipeline|\bkey\b|fmnist_report|run_all",
    "uk": r"кеш|режим|цьому запуск",
}


@pytest.mark.parametrize("code", TOOL)
@pytest.mark.parametrize("name", ["quick", "standard", "best"])
def test_the_body_speaks_as_a_student(results, name, code):
    text = read_text("<body" + re.sub(r"(?s)^.*?<body", "", body_of(fill_page(results, preset(name), code))))
    assert re.findall(TOOL[code], text) == []


def test_the_appendix_has_the_bookkeeping(results):
    appendix = read_text("<body>" + fill_page(results, preset("best")).split('<section id="appendix"')[1])
    assert "fmnist_report, version" in appendix and "python run_all.py --preset best" in appendix


def test_no_long_sentence_stands_twice(results):
    page = re.sub(r"(?s)<details.*?</details>|<title.*?</title>|<pre.*?</pre>", "", fill_page(results, preset("best")))
    sentences = [text.strip() for text in re.split(r"(?<=[.;:]) ", read_text(page))]
    long = [text for text in sentences if len(text) > 60]
    assert len(long) > 80
    assert {text for text in long if long.count(text) > 1} <= KNOWN_TWICE


# Captions of the same figure in both parts, which a reader of one of them needs.
KNOWN_TWICE = {
    "where nothing is orange, no cell of them does;",
    "Those runs had other settings than the network of this report, so the table is only indicative.",
    "cross-entropy after one change to the chosen settings, which the line marks (in brackets:",
    "Difference from the baseline in validation accuracy and in cross-entropy, with simultaneous 95% confidence "
    "intervals;",
    "validation accuracy by step, and what the step added, with an interval that holds for all steps at once with 95% "
    "confidence;",
    "seed-to-seed variation is ±0.10 percentage points a step, and beyond it are:",
}


def test_explanations_are_marked(results):
    for row in results["comparisons"]:
        if (row["a"], row["b"]) == ("cnn", "mlp"):
            row |= {"difference": 0.04, "p_holm": 0.001}
    page = fill_page(results, preset("standard"))
    marked = re.findall(r'(?s)<li class="why">(.*?)</li>', page)
    assert all(text.startswith("<b>Likely explanation.</b>") for text in marked)
    told = [read_text(f"<body>{text}") for text in marked]
    assert any("A convolution looks at neighbouring pixels" in text for text in told)
    del results["mechanisms"]  # as in results from before they were measured
    page = fill_page(results, preset("standard"))
    assert 'class="why"' not in page and 'id="table-blocks"' not in page


def test_networks_are_printed_as_code(results):
    page = fill_page(results, override(preset("standard"), ["cnn.widths=8,16,24"]))
    listings = [html.unescape(text) for text in re.findall(r"(?s)<pre[^>]*><code[^>]*>(.*?)</code>", page)]
    assert len(listings) == len(networks_of_part(1)) + 1 and "for width in (8, 16, 24):" in listings[1]
    assert "applications.VGG16" in listings[-1]


def numbers_of(page, figure):
    """Return the rows of the table of a figure's numbers."""
    found = page.split(f'<figure id="figure-{figure}"')[1].split("</figure>")[0].split("<details")[1]
    rows = [re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row) for row in found.split("<tr")[1:]]
    return [[html.unescape(cell).strip() for cell in row] for row in rows]


def test_figures_have_their_numbers_as_tables(results):
    page = fill_page(results, preset("best"))
    history = results["models"]["cnn"]["history"]
    curves = numbers_of(page, "curves_part1")
    first = curves.index([ENGLISH.model("cnn")]) + 1
    assert curves[first + 1] == [
        "2", ENGLISH.percent(history["accuracy"][1], 2), ENGLISH.percent(history["val_accuracy"][1], 2),
        ENGLISH.number(history["val_loss"][1], 3),
    ]  # fmt: skip
    confusion = numbers_of(page, "confusion_part2")
    expected = results["models"]["vgg_finetuned"]["confusion"][3]
    assert [row for row in confusion if row[0] == ENGLISH.class_name(3)][-1][1:] == list(map(str, expected))
    rows = results["inputs"]["rows"]
    ways = numbers_of(page, "inputs")[1:]
    assert [row[1] for row in ways] == [ENGLISH.percent(row["val_accuracy"], 2) for row in rows]
    assert ways[0][2].startswith(ENGLISH.number(100 * rows[0]["ci95"][0], 2))
    steps = results["study"]["ablations"]["part1"]
    shown = numbers_of(page, "ablation_part1")[1:]
    assert [row[1] for row in shown] == [ENGLISH.percent(row["val_accuracy"], 2) for row in steps]
    assert shown[1][2] == ENGLISH.points(steps[1]["gain"], 2) and shown[0][2] == "–"
    studied = [row for row in results["study"]["rows"] if row["network"] == "cnn" and not row["chosen"]]
    values = [row for row in numbers_of(page, "study_part1")[1:] if len(row) == 3]
    assert [row[1:] for row in values] == [
        [ENGLISH.number(row["val_loss"], 3), ENGLISH.difference(row["effect"])] for row in studied
    ]


def test_the_table_of_blocks_has_both_states(results):
    page = fill_page(results, preset("standard"))
    rows = results["mechanisms"]["blocks"]["rows"]
    cells = re.findall(r'<td class="n">([\d.]+%)</td>', page.split('id="table-blocks"')[1].split("</table>")[0])
    assert cells == [ENGLISH.percent(row[state], 2) for row in rows for state in ("frozen", "tuned")]
