"""HTML report: the sections, each described by a module and laid out by a template, in one self-contained page."""

import base64
import dataclasses
import gzip
import hashlib
import re
import typing
from pathlib import Path

import jinja2
import markupsafe

from fmnist_report import __version__
from fmnist_report.evaluation.results import assemble_results, stages_behind
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import COLOURS, COMPARED
from fmnist_report.pipeline.files import format_json, load_arrays, read_json, replacing, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.report import full_runs
from fmnist_report.report.assets import FONTS, TEMPLATES, convert_font
from fmnist_report.report.document import Document
from fmnist_report.report.explorer import build_explorer
from fmnist_report.report.language import Language, Name, name_classes
from fmnist_report.report.record import pack_predictions
from fmnist_report.report.sections import (
    appendix,
    comparison,
    conclusions,
    explore,
    part1,
    part2,
    sources,
    summary,
    task,
)
from fmnist_report.report.title_page import TITLE_FIELDS
from fmnist_report.settings import Settings

# In the order of the page; each function describes a section for the template of the section's name. Functions, because
# the key of the stage counts what is named here, and not all of a module.
SECTIONS: dict[str, typing.Callable[[Document], typing.Any]] = {
    "summary": summary.describe, "task": task.describe, "part1": part1.describe, "part2": part2.describe,
    "comparison": comparison.describe, "explore": explore.describe, "conclusions": conclusions.describe,
    "sources": sources.describe, "appendix": appendix.describe,
}  # fmt: skip
FACES = {
    "IBMPlexSerif-Regular": ("IBM Plex Serif", 400, "normal"),
    "IBMPlexSerif-Italic": ("IBM Plex Serif", 400, "italic"),
    "IBMPlexSerif-SemiBold": ("IBM Plex Serif", 600, "normal"),
    "IBMPlexSans-Regular": ("IBM Plex Sans", 400, "normal"),
    "IBMPlexSans-SemiBold": ("IBM Plex Sans", 600, "normal"),
    "ListingMono": ("Listing Mono", 400, "normal"),
}
TITLE = N_("Convolutional networks and transfer learning on Fashion-MNIST")
TITLE_OF_OTHER = N_("Convolutional networks and transfer learning: {name}")


def render_html(
    out: Path,
    progress: Progress,
    *,
    lang: str,
    settings: Settings,
    title_page: dict[str, str],
    data_set: dict[str, typing.Any],
    evaluation: Path,
    figures: Path,
    examples: Path,
    browser_model: Path,
    journal: typing.Sequence[dict[str, typing.Any]] = (),
    n_evaluations: int = 1,
) -> None:
    """Stage `html`: write report.html, self-contained and without network requests, and its results and predictions.

    Args:
        data_set: its name, and classes as in name_classes.
        journal: full training runs with other settings, from journal.select_runs.
        n_evaluations: settings, these included, with which the test set has been evaluated on this machine.
    """
    run = read_json(evaluation / "manifest.json")["provenance"]["evaluation"]
    described = {"id": run["key"][:12], "started": run["created"]}
    stages, fashion = stages_behind(evaluation, examples, browser_model, figures), data_set["classes"] is None
    beside = full_runs.read_full_runs(fashion=fashion, journal=journal) | {"n_evaluations": n_evaluations}
    results = typing.cast(Results, assemble_results(evaluation, settings, described, stages) | beside)
    language = Language(lang, name_classes(data_set["classes"], results["data"]), results["features"]["backbone"])
    network = read_json(browser_model / "browser_model.json"), load_arrays(browser_model / "browser_model.npz")
    explorer = build_explorer(load_arrays(examples / "examples.npz"), network, results, language)
    drawn = read_figures(figures)
    packed = pack_predictions(load_arrays(evaluation / "predictions.npz"))
    document = Document(results, settings, language, title_page, data_set["name"], fashion, drawn, explorer, packed)
    with replacing(out / "report.html") as temporary:
        temporary.write_text(render_page(document), "utf-8")
    write_json(out / "results.json", document.record)
    with replacing(out / "predictions.npz") as temporary:
        temporary.write_bytes(packed)


@dataclasses.dataclass(frozen=True)
class Page:
    """Values of the page around the sections.

    n_train: images of a quick run; date: of the run, if the title page has none.
    colours: of the models in tables; accent: of headings and links.
    script_digest: of the only script that the page may run.
    """

    title: str
    title_page: dict[str, str]
    quick: bool
    n_train: Name
    date: str
    accent: str
    colours: dict[str, str]
    fonts: list[dict[str, typing.Any]]
    script_digest: str
    version: str
    sections: list[markupsafe.Markup]
    explorer: dict[str, typing.Any]
    record: str
    predictions: str


def render_page(document: Document) -> str:
    """Return the page as HTML. Text is escaped; an undefined name in a template is an error."""
    environment = make_environment(document)
    script = environment.get_template("report.js").render()
    language, settings, results = document.language, document.settings, document.results
    named = language.text(TITLE) if document.fashion else language.text(TITLE_OF_OTHER, name=document.data_name)
    page = Page(
        title=document.title_page.get("title") or named,
        title_page={name: document.title_page.get(name, "") for name in TITLE_FIELDS},
        quick=settings.preset == "quick",
        n_train=language.count("training image", results["data"]["n_train"]),
        date=language.day(results["run"]["started"]),
        accent=settings.report.accent,
        colours={name: COLOURS[name] for name in COMPARED},
        fonts=font_faces(),
        script_digest="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        sections=[render_section(environment, name, document) for name in SECTIONS],
        explorer=document.explorer,
        record=_encode(gzip.compress(format_json(document.record).encode(), mtime=0)),
        predictions=_encode(document.predictions),
    )
    return document.numbering.number_all(environment.get_template("report.html").render(s=page))


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def make_environment(document: Document) -> jinja2.Environment:
    """Return the templates, with the texts, drawings and numbers that all of them use."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbering = document.numbering
    environment.globals |= {
        "t": document.language.text, "l": document.language, "see": numbering.see, "cite": numbering.cite,
        "head": numbering.head, "figures": document.figures, "findings": document.findings,
        "numbers": document.numbers,
    }  # fmt: skip
    return environment


def render_section(environment: jinja2.Environment, name: str, document: Document) -> markupsafe.Markup:
    """Render a section: its description in the template of its name."""
    return markupsafe.Markup(environment.get_template(f"sections/{name}.html").render(s=SECTIONS[name](document)))


def read_figures(folder: Path) -> dict[str, dict[str, typing.Any]]:
    """Return the view box and the content of every SVG of a figures entry, by name."""
    return {path.stem: split_svg(path.read_text("utf-8")) for path in sorted(folder.glob("*.svg"))}


def split_svg(svg: str) -> dict[str, typing.Any]:
    """Return the view box and the content of an SVG."""
    head, _, rest = svg.partition(">")
    box = re.findall(r'viewBox="([-\d. ]+)"', head)
    return {"box": box[0], "body": markupsafe.Markup(rest.removesuffix("</svg>"))}


def font_faces() -> list[dict[str, typing.Any]]:
    """Return family, weight, style and data URI of each bundled font."""
    faces = []
    for name, (family, weight, style) in FACES.items():
        data = base64.b64encode(convert_font((FONTS / f"{name}.ttf").read_bytes(), "woff")).decode()
        faces.append({"family": family, "weight": weight, "style": style, "uri": f"data:font/woff;base64,{data}"})
    return faces
