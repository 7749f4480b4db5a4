"""The committed sample is the report of standard, and the README agrees with its results.json."""

import re
from pathlib import Path

import numpy as np
import pymupdf
import pypdf
import pytest
from pages import fill_page, prepare_results, read_text

from fmnist_report.networks import COMPARED
from fmnist_report.pipeline.files import read_json
from fmnist_report.presets import preset
from fmnist_report.report.title_page import read_document

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "docs" / "sample"
MARGIN_TOP, MARGIN_BOTTOM = 18 * 72 / 25.4, 17 * 72 / 25.4  # points


@pytest.fixture(scope="module")
def results():
    return read_json(SAMPLE / "results.json")


def test_readme_states_the_accuracies_of_the_sample(results):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert results["run"]["preset"] == "standard"
    for name in (name for name in COMPARED if name in results["models"]):  # a new network is not yet in the sample
        row = next(line for line in readme.splitlines() if f"(`{name}`)" in line)
        model = results["models"][name]
        for part in ("val", "test"):
            assert f"{100 * model[f'{part}_accuracy']:.2f}" in re.split(r"[| ±]+", row), (name, part)


def test_sample_has_every_file_and_no_path_of_a_machine():
    names = {path.name for path in SAMPLE.iterdir()}
    documents = {f"report.{lang}.{form}" for lang in ("uk", "en") for form in ("html", "pdf")}
    assert names == documents | {"results.json", "predictions.npz"}
    for lang in ("uk", "en"):
        assert len(pypdf.PdfReader(SAMPLE / f"report.{lang}.pdf").pages) > 15
        assert "/tmp/" not in re.sub(r"base64,[^\"')]*", "", (SAMPLE / f"report.{lang}.html").read_text("utf-8"))
    assert "/tmp/" not in (SAMPLE / "results.json").read_text("utf-8")


@pytest.mark.parametrize("language", ["uk", "en"])
def test_pages_of_the_sample_are_few_and_full(language):
    """Fourteen pages and six of the appendix, of which about 0.7 are blank below the last ink, the title page aside."""
    with pymupdf.open(SAMPLE / f"report.{language}.pdf") as pdf:
        assert len(pdf) <= 20
        blank = 0.0
        for page in list(pdf)[1:]:
            top, end = MARGIN_TOP, page.rect.height - MARGIN_BOTTOM
            boxes = [box for _, box in page.get_bboxlog() if top <= box[1] and box[3] < end + 1]
            blank += 1 - (max(box[3] for box in boxes) - top) / (end - top)
        assert 0 < blank < 0.75


def test_accuracies_of_the_sample_follow_from_its_predictions(results):
    predictions = np.load(SAMPLE / "predictions.npz")
    for name in (name for name in COMPARED if name in results["models"]):  # a new network is not yet in the sample
        right = predictions[name].argmax(axis=1) == predictions["y_test"]
        assert right.mean() == pytest.approx(results["models"][name]["test_accuracy"], abs=1e-9)


@pytest.mark.slow  # after a change of text, rebuild the sample (make sample), which needs its cache
@pytest.mark.parametrize("language", ["uk", "en"])
def test_sample_says_what_the_templates_say(results, language):
    """The current page, rendered with the sample's results, has the text of the sample, up to its appendix."""
    title_page = read_document([language], ROOT / "title_page.example.toml").title_page(language)
    page = fill_page(prepare_results(results), preset("standard"), language, title_page)
    sample = (SAMPLE / f"report.{language}.html").read_text("utf-8")
    now, then = (read_text(html.split('<section id="appendix"')[0]) for html in (page, sample))
    assert now == then
