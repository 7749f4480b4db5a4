"""HTML report: the results and figures rendered in the template of one language."""

import base64
import functools
import hashlib
import re
import typing
from pathlib import Path

import jinja2
import markupsafe

from fmnist_report import __version__
from fmnist_report.backbones import DEFAULT
from fmnist_report.evaluation.results import assemble_results, stages_behind
from fmnist_report.networks import (
    BY_NAME,
    CHOSEN,
    COMPARED,
    MAIN,
    NETWORKS,
    network_of_stage,
    networks_of_part,
    stages_of_part,
)
from fmnist_report.pipeline.files import load_arrays, read_json, replacing, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.presets import reproduce_command
from fmnist_report.report import full_runs, tables
from fmnist_report.report.assets import FONTS, TEMPLATES
from fmnist_report.report.conclusions.claims import find_comparison, smoothing_of_networks
from fmnist_report.report.conclusions.trained import is_trained_as, verdict
from fmnist_report.report.conclusions.wording import word_captions, word_conclusions
from fmnist_report.report.explorer import build_explorer
from fmnist_report.report.language import HARDEST, Language, name_classes
from fmnist_report.report.numbering import Numbering
from fmnist_report.report.references import HUMAN, PUBLISHED, list_references
from fmnist_report.report.terms import ORIGINAL_CLASS_NAMES
from fmnist_report.report.title_page import TITLE_FIELDS
from fmnist_report.settings import Settings, starts_at_pixels

FACES = {
    "IBMPlexSerif-Regular": ("IBM Plex Serif", 400, "normal"),
    "IBMPlexSerif-Italic": ("IBM Plex Serif", 400, "italic"),
    "IBMPlexSerif-SemiBold": ("IBM Plex Serif", 600, "normal"),
    "IBMPlexSans-Regular": ("IBM Plex Sans", 400, "normal"),
    "IBMPlexSans-SemiBold": ("IBM Plex Sans", 600, "normal"),
}


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
) -> None:
    """Stage `html`: write report.html, a self-contained file that makes no network requests, and its results.

    Args:
        data_set: its name, and classes as in name_classes.
        journal: full training runs with other settings, from journal.select_runs.
    """
    run = read_json(evaluation / "manifest.json")["provenance"]["evaluation"]
    described = {"id": run["key"][:12], "started": run["created"]}
    results = assemble_results(
        evaluation, settings, described, stages_behind(evaluation, examples, browser_model, figures)
    )
    results |= full_runs.read_full_runs(fashion=data_set["classes"] is None, journal=journal)
    language = Language(lang, name_classes(data_set["classes"], results["data"]), results["features"]["backbone"])
    network = read_json(browser_model / "browser_model.json"), load_arrays(browser_model / "browser_model.npz")
    explorer = build_explorer(load_arrays(examples / "examples.npz"), network, results, language)
    html = fill_template(results, settings, title_page, data_set, read_figures(figures), explorer, language)
    with replacing(out / "report.html") as temporary:
        temporary.write_text(html, "utf-8")
    write_json(out / "results.json", results)


def fill_template(
    results,
    settings: Settings,
    title_page: dict,
    data_set: dict,
    figures: dict,
    explorer: dict,
    language: Language,
) -> str:
    """Render the page.

    Args:
        results: as in results.json.
        data_set: as in render_html.
        figures: SVG by name, from read_figures.
        explorer: from build_explorer.

    Returns:
        HTML. Text is escaped; an undefined name in a template is an error.
    """
    environment: typing.Any = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template("report.js").render()
    environment.install_gettext_translations(language.catalogue, newstyle=True)
    own1 = {name: getattr(settings, BY_NAME[name].stage) for name in networks_of_part(1)}
    models1 = {name: results["models"][name] for name in own1}
    fashion, methods = data_set["classes"] is None, tables.list_methods(results)
    sources = list_references(methods, fashion, language.backbone)
    numbering = Numbering(language, sources)
    page = environment.get_template("report.html").render(
        r=results,
        models=results["models"],
        main=MAIN,
        compared=COMPARED,
        settings=settings,
        from_pixels=starts_at_pixels(settings.finetune),
        hardest=HARDEST,
        methods=methods,
        sources=sources,
        see=numbering.see,
        cite=numbering.cite,
        head=numbering.head,
        setting_rows=tables.list_settings(settings, results["run"]["settings"]),
        reproduce=reproduce_command(settings) + (" --data-dir …" if not fashion else ""),
        fashion=fashion,
        data_name=data_set["name"],
        published=PUBLISHED,
        human=HUMAN,
        pair_rows=tables.confused_pairs(results),
        title_page={name: title_page.get(name, "") for name in TITLE_FIELDS},
        figures=figures,
        explorer=explorer,
        conclusions=word_conclusions(results, language),
        findings=word_captions(results, language),
        against_mlp={name: find_comparison(results, name, "mlp") for name in COMPARED if name != "mlp"},
        table=NETWORKS,
        part1=networks_of_part(1),
        own1=own1,
        layer_tables=[f"table-layers_{name}" for name in own1],
        shifts1={name: language.integer(own.shift) for name, own in own1.items()},
        values1={
            "n_params": language.by_model({name: language.compact(one["n_params"]) for name, one in models1.items()}),
            "precision": language.by_model({name: one["precision"] for name, one in models1.items()}),
            "val_accuracy": language.by_model(
                {name: language.percent(one["val_accuracy"]) for name, one in models1.items()}
            ),
        },
        trained={part: stages_of_part(part) for part in (1, 2)},
        layers={name: tables.network_rows(results, name) for name in MAIN if name != CHOSEN},
        stage_name=functools.partial(tables.name_stage, language=language),
        total_seconds=sum(stage["seconds"] for stage in results["stages"]),
        vgg16=language.backbone == DEFAULT,
        entered=tables.entered_ranges(results, language),
        batch_normalised=any(
            row["type"] == "BatchNormalization" for row in results["models"]["vgg_finetuned"]["layers"]
        ),
        n_filters=next(
            row["output_shape"][-1] for row in results["models"]["vgg_finetuned"]["layers"] if row["type"] == "Conv2D"
        ),
        grid_cells=" × ".join([str(results["features"]["n_cells"])] * 2),
        studied={
            part: [network_of_stage(stage) for stage in stages_of_part(part) if stage in results["study"]["baselines"]]
            for part in (1, 2)
        },
        study_points={part: tables.study_points(results, stages_of_part(part), language) for part in (1, 2)},
        as_standard=is_trained_as("standard", results, "cnn"),
        runs={part: full_runs.rows_of_part(results, part) for part in (1, 2)},
        verdict=verdict,
        n_better={part: full_runs.count_better(results, part) for part in (1, 2)},
        smoothing=set(smoothing_of_networks(results).values()),
        earlier_accuracy=title_page.get("earlier_accuracy"),
        ablations={part: tables.ablation_rows(results, f"part{part}") for part in (1, 2)},
        network_of_stage=network_of_stage,
        training_rows=tables.training_rows,
        group_list={part: tables.group_list(results, stages_of_part(part), language) for part in (1, 2)},
        tried_list=full_runs.tried_list(results, language),
        agreement={1: full_runs.study_agreement(results, "cnn"), 2: full_runs.study_agreement(results, "finetune")},
        head_instead=full_runs.head_instead(results),
        curves_from=tables.first_epoch_shown([results["models"][name]["history"] for name in networks_of_part(1)]),
        unfreezing_from=tables.first_epoch_shown([results["models"]["vgg_head"]["history"]]),
        comparison_rows=tables.comparison_rows(results),
        n_components=tables.count_components(results),
        speed_rows=tables.describe_measured_speed(results, language),
        ensemble_list=tables.ensemble_list(results, language),
        mirror_list=tables.mirror_list(results, language),
        skipped_list=tables.list_skipped(results, language),
        classifier_rows=tables.classifier_rows(results, language),
        accuracy_list=tables.accuracy_list(results, "test_accuracy", language),
        without_near_list=tables.accuracy_list(results, "test_accuracy_without_near", language),
        originals=ORIGINAL_CLASS_NAMES,
        t=language.text,
        l=language,
        fonts=font_faces(),
        script_digest="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )
    return numbering.number_all(page)


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
        data = base64.b64encode((FONTS / f"{name}.ttf").read_bytes()).decode()
        faces.append({"family": family, "weight": weight, "style": style, "uri": f"data:font/ttf;base64,{data}"})
    return faces
