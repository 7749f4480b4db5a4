"""Rebuild the documents of docs/sample/ with the current text, from the content of the sample itself.

    python benchmarks/reword_sample.py

`make sample` rebuilds everything from the cache of standard, which takes an hour to compute if missing. This script
reads the numbers from the sample's results.json, redraws the charts, and copies image figures and the explorer's data
from its HTML; so it is only for changes of text, charts and styles.
"""

import dataclasses
import json
import re
import shutil
import sys
import tempfile
import typing
from pathlib import Path

from pydantic import TypeAdapter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.evaluation.results import STAGES  # noqa: E402
from fmnist_report.pipeline.files import load_arrays, read_json, write_json  # noqa: E402
from fmnist_report.pipeline.progress import Progress  # noqa: E402
from fmnist_report.presets import preset  # noqa: E402
from fmnist_report.report.document import Document  # noqa: E402
from fmnist_report.report.explorer import list_words  # noqa: E402
from fmnist_report.report.figures.charts import build_charts, in_style  # noqa: E402
from fmnist_report.report.figures.vector import figure_to_svg  # noqa: E402
from fmnist_report.report.full_runs import read_full_runs  # noqa: E402
from fmnist_report.report.html import render_page, split_svg  # noqa: E402
from fmnist_report.report.language import Language  # noqa: E402
from fmnist_report.report.pdf.writer import write_pdf  # noqa: E402
from fmnist_report.report.record import pack_predictions  # noqa: E402
from fmnist_report.report.title_page import read_document  # noqa: E402
from fmnist_report.settings import LANGUAGES, Settings  # noqa: E402

SAMPLE = ROOT / "docs" / "sample"
FIGURE = re.compile(r'<figure id="figure-(\w+)">\s*(<svg [^>]*>)\s*<title[^>]*>.*?</title>(.*?</svg>)', re.DOTALL)
EXAMPLES = re.compile(r'<script type="application/json" id="examples">(.*?)</script>', re.DOTALL)


def take_figures(page: str) -> dict[str, dict[str, typing.Any]]:
    """Return the figures of a page by name, as in Document."""
    return {name: split_svg(head + rest) for name, head, rest in FIGURE.findall(page)}


def draw_charts(results: dict[str, typing.Any], language: Language) -> dict[str, dict[str, typing.Any]]:
    """Draw the figures that depend only on results.json, by name."""
    with in_style():
        charts = build_charts(results, language)
        return {name: split_svg(figure_to_svg(figure, name)) for name, figure in charts.items()}


def make_document(results: dict[str, typing.Any], code: str, former: str) -> Document:
    """Return the document in a language."""
    language = Language(code)
    recorded = dataclasses.asdict(preset(results["run"]["preset"])) | results["run"]["settings"]  # which lack new ones
    settings = TypeAdapter(Settings).validate_python(recorded)
    title_page = read_document([code], ROOT / "title_page.example.toml").title_page(code)
    found = EXAMPLES.search(former)
    if found is None:
        raise SystemExit("The sample's page has no explorer.")
    explorer = json.loads(found[1]) | {"words": list_words(language)}
    figures = take_figures(former) | draw_charts(results, language)
    packed = pack_predictions(load_arrays(SAMPLE / "predictions.npz"))
    return Document(results, settings, language, title_page, "Fashion-MNIST", True, figures, explorer, packed)


def main() -> None:
    results = read_json(SAMPLE / "results.json")
    results["stages"] = [stage for stage in results["stages"] if stage["name"].split("-")[0] in STAGES]
    results |= read_full_runs(fashion=True) | {"n_evaluations": 1}
    for code in LANGUAGES:
        shown = SAMPLE / f"report.{code}.html"
        with tempfile.TemporaryDirectory() as folder:
            html, pdf = Path(folder) / "html", Path(folder) / "pdf"
            html.mkdir()
            pdf.mkdir()
            document = make_document(results, code, shown.read_text("utf-8"))
            (html / "report.html").write_text(render_page(document), "utf-8")
            write_json(html / "results.json", document.record)
            (html / "predictions.npz").write_bytes(document.predictions)
            write_pdf(pdf, Progress(quiet=True), html=html)
            shutil.copyfile(html / "report.html", shown)
            shutil.copyfile(pdf / "report.pdf", shown.with_suffix(".pdf"))


if __name__ == "__main__":
    main()
