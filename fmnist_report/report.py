"""HTML: the results and figures put into the template of one language."""

from __future__ import annotations

import base64
import collections
import dataclasses
import functools
import hashlib
import itertools
import re
import typing
from pathlib import Path

import jinja2
import markupsafe

from fmnist_report import __version__
from fmnist_report.advice import advise
from fmnist_report.backbones import DEFAULT, find_paper
from fmnist_report.captions import find_captions
from fmnist_report.conclusions import COMPARED, MAIN, conclude, find_comparison
from fmnist_report.document import TITLE_FIELDS
from fmnist_report.files import read_json, replacing, write_json
from fmnist_report.language import GROUPS, N_, ORIGINAL_CLASS_NAMES, TEMPLATES, Language, name_classes
from fmnist_report.progress import Progress
from fmnist_report.published import HUMAN, PUBLISHED
from fmnist_report.results import assemble_results, stages_behind
from fmnist_report.settings import MODEL_OF_NETWORK, Settings, reproduce_command, write_value

FONTS = {
    "IBMPlexSerif-Regular": ("IBM Plex Serif", 400, "normal"),
    "IBMPlexSerif-Italic": ("IBM Plex Serif", 400, "italic"),
    "IBMPlexSerif-SemiBold": ("IBM Plex Serif", 600, "normal"),
    "IBMPlexSans-Regular": ("IBM Plex Sans", 400, "normal"),
    "IBMPlexSans-SemiBold": ("IBM Plex Sans", 600, "normal"),
}

MOST_ROWS = 40  # of a table of layers
TRAINING_FACTORS = (
    "epochs", "batch_size", "optimizer", "schedule", "learning_rate", "weight_decay", "dropout", "label_smoothing",
)  # fmt: skip
STAGE_NAMES = {
    "data": N_("Data and split"),
    "weights": N_("{backbone} weights"),
    "mlp": N_("Multilayer perceptron"),
    "cnn": N_("Convolutional network"),
    "features": N_("{backbone} features of all pictures"),
    "classifiers": N_("Classifiers on the features"),
    "head": N_("Dense head"),
    "finetune": N_("Fine-tuning of the upper blocks"),
    "seeds": N_("Further seeds"),
    "study": N_("Hyperparameter study"),
    "tuning": N_("Hyperparameter search"),
    "inputs": N_("Ways of input to {backbone}"),
    "explain": N_("What the networks see"),
    "overlap": N_("Duplicates"),
    "evaluation": N_("Evaluation"),
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
) -> None:
    """Stage `html`: write report.html, one file that asks for nothing from anywhere, and the results that it shows.

    Args:
        data_set: its name, and classes as name_classes takes them.
    """
    run = read_json(evaluation / "manifest.json")["provenance"]["evaluation"]
    described = {"id": run["key"][:12], "started": run["created"]}
    results = assemble_results(evaluation, settings, described, stages_behind(evaluation, figures))
    language = Language(
        lang, name_classes(data_set["classes"], results["data"]["labels"]), results["features"]["backbone"]
    )
    html = fill_template(results, settings, title_page, data_set, read_figures(figures), language)
    with replacing(out / "report.html") as temporary:
        temporary.write_text(html, "utf-8")
    write_json(out / "results.json", results)


def fill_template(
    results, settings: Settings, title_page: dict, data_set: dict, figures: dict, language: Language
) -> str:
    """Render the page.

    Args:
        results: as in results.json.
        data_set: as render_html takes it.
        figures: SVG by name, as read_figures gives it.

    Returns:
        HTML. Text is escaped; an undefined name in a template is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template("report.js").render()
    environment.install_gettext_translations(language.catalogue, newstyle=True)
    return environment.get_template("report.html").render(
        r=results,
        models=results["models"],
        main=MAIN,
        compared=COMPARED,
        settings=settings,
        setting_rows=list_settings(settings),
        reproduce=reproduce_command(settings) + (" --data-dir …" if data_set["classes"] is not None else ""),
        fashion=data_set["classes"] is None,
        data_name=data_set["name"],
        published=PUBLISHED,
        human=HUMAN,
        pair_rows=confused_pairs(results),
        title_page={name: title_page.get(name, "") for name in TITLE_FIELDS},
        figures=figures,
        conclusions=conclude(results, language),
        advice=advise(results, language),
        findings=find_captions(results, language),
        against_mlp={name: find_comparison(results, name, "mlp") for name in COMPARED if name != "mlp"},
        base_layers=network_rows(results, "vgg_finetuned"),
        cnn_layers=network_rows(results, "cnn"),
        mlp_layers=network_rows(results, "mlp"),
        stage_name=functools.partial(name_stage, language=language),
        total_seconds=sum(stage["seconds"] for stage in results["stages"]),
        vgg16=language.backbone == DEFAULT,
        paper=find_paper(language.backbone),
        entered=entered_ranges(results, language),
        batch_normalised=any(
            row["type"] == "BatchNormalization" for row in results["models"]["vgg_finetuned"]["layers"]
        ),
        n_filters=next(
            row["output_shape"][-1] for row in results["models"]["vgg_finetuned"]["layers"] if row["type"] == "Conv2D"
        ),
        grid_cells=" × ".join([str(results["features"]["n_cells"])] * 2),
        groups=GROUPS,
        study_epochs=study_epochs(results, ("mlp", "cnn"), language),
        study_epochs_part2=study_epochs(results, ("head", "finetune"), language),
        model_of_network=MODEL_OF_NETWORK,
        training_factors=TRAINING_FACTORS,
        search_rows=search_rows(results),
        search_list=search_list(results, language),
        factors_part1=factor_rows(results, ("mlp", "cnn")),
        factors_part2=factor_rows(results, ("head", "finetune")),
        ensemble_list=ensemble_list(results, language),
        mirror_list=mirror_list(results, language),
        classifier_rows=classifier_rows(results, language),
        accuracy_list="; ".join(
            f"{language.model(name)} {language.percent(results['models'][name]['test_accuracy'], 2)}"
            for name in COMPARED
        ),
        without_near_list="; ".join(
            f"{language.model(name)} {language.percent(results['models'][name]['test_accuracy_without_near'] or 0, 2)}"
            for name in COMPARED
        ),
        originals=ORIGINAL_CLASS_NAMES,
        t=language.text,
        l=language,
        fonts=font_faces(),
        script_digest="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )


def name_stage(name: str, language: Language) -> str:
    """Name a stage; a repetition with another seed ends in -1, -2, …, which the name keeps."""
    stage, _, number = name.partition("-")
    return language.text(STAGE_NAMES[stage]) + (f", +{number}" if number else "")


def read_figures(folder: Path) -> dict[str, dict[str, markupsafe.Markup]]:
    """Return the view box and the inside of every SVG of a figures entry, by name."""
    figures = {}
    for path in sorted(folder.glob("*.svg")):
        head, _, rest = path.read_text("utf-8").partition(">")
        box = re.search(r'viewBox="([-\d. ]+)"', head)
        figures[path.stem] = {"box": box[1], "body": markupsafe.Markup(rest.removesuffix("</svg>"))}
    return figures


def font_faces() -> list[dict[str, typing.Any]]:
    """Return the shipped fonts: family, weight, style and a data URI each."""
    faces = []
    for name, (family, weight, style) in FONTS.items():
        data = base64.b64encode((TEMPLATES / "fonts" / f"{name}.ttf").read_bytes()).decode()
        faces.append({"family": family, "weight": weight, "style": style, "uri": f"data:font/ttf;base64,{data}"})
    return faces


def network_rows(results, name: str) -> list[dict[str, typing.Any]]:
    """Return the layers worth a row: those with parameters, and those that change the shape."""
    rows, former = [], None
    for row in results["models"][name]["layers"]:
        if row["type"] == "BatchNormalization" or (row["n_params"] == 0 and row["output_shape"] == former):
            if rows and row["n_params"]:
                rows[-1] = {**rows[-1], "n_params": rows[-1]["n_params"] + row["n_params"]}
            continue
        former = row["output_shape"]
        rows.append({**row, "shape": " × ".join(str(side) for side in row["output_shape"])})
    return rows if len(rows) <= MOST_ROWS else _join_rows(rows)


def _join_rows(rows: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Join the layers of a deep network that work at the same resolution."""
    joined = []
    for _, group in itertools.groupby(
        rows, key=lambda row: row["output_shape"][0] if len(row["output_shape"]) == 3 else 1
    ):
        layers = list(group)
        kinds = collections.Counter(row["type"] for row in layers)
        joined.append(
            {
                **layers[-1],
                "name": " … ".join(dict.fromkeys((layers[0]["name"], layers[-1]["name"]))),
                "type": ", ".join(f"{kind} × {n}" if n > 1 else kind for kind, n in kinds.items()),
                **{count: sum(row[count] for row in layers) for count in ("n_params", "n_trainable", "macs")},
            }
        )
    return joined


def entered_ranges(results, language: Language) -> str:
    """Write into what the greyscale values from 0 to 255 turn in each channel of the base's input; empty if nothing."""
    ways = zip(results["features"]["scale"], results["features"]["offset"], strict=True)
    ranges = [f"{language.signed(offset)} … {language.signed(255 * scale + offset)}" for scale, offset in ways]
    return "; ".join(found for found in dict.fromkeys(ranges) if found != "0 … 255")


def ensemble_list(results, language: Language) -> str:
    """Name the ensemble's members with their weights, heaviest first."""
    weights = sorted(results["ensemble_weights"].items(), key=lambda pair: -pair[1])
    return "; ".join(f"{language.model(name)} {language.percent(weight)}" for name, weight in weights if weight)


def mirror_list(results, language: Language) -> str:
    """Name what averaging with the mirror image adds to each main network, in points of validation accuracy."""
    gains = {name: results["models"][name]["mirror_gain"] for name in MAIN}
    return "; ".join(
        f"{language.model(name)} {language.points(gain, 2)}" for name, gain in gains.items() if gain is not None
    )


def confused_pairs(results, n: int = 6) -> list[dict[str, typing.Any]]:
    """Return the n pairs of classes that the main networks confuse most, in either direction.

    Returns:
        Rows of first and second (classes), counts by model, and total.
    """
    rows = []
    n_classes = len(results["class_counts"])
    for first in range(n_classes):
        for second in range(first + 1, n_classes):
            counts = {}
            for name in MAIN:
                confusion = results["models"][name]["confusion"]
                counts[name] = confusion[first][second] + confusion[second][first]
            rows.append({"first": first, "second": second, "counts": counts, "total": sum(counts.values())})
    return sorted(rows, key=lambda row: -row["total"])[:n]


def factor_rows(results, networks: tuple[str, ...]) -> list[dict[str, typing.Any]]:
    """Return the factors of the study, those that moved the accuracy most first."""
    return [row for row in results["study"]["factors"] if row["network"] in networks]


def study_epochs(results, networks: tuple[str, ...], language: Language) -> str:
    """Name those of the networks that were studied, with their epochs."""
    counts = {MODEL_OF_NETWORK[name]: results["study"]["n_epochs"][name] for name in networks}
    return "; ".join(f"{language.model(name)}: {count}" for name, count in counts.items() if count)


def search_rows(results) -> list[dict[str, typing.Any]]:
    """Return the best values that the search found, the most important hyperparameter of each network first."""
    rows = []
    for network, found in results["study"]["search"]["networks"].items():
        best = {name: value for name, value in found["best"].items() if name != "val_accuracy"}
        for name in sorted(best, key=lambda name: -found["importance"].get(name, 0)):  # noqa: B023
            value = best[name] if isinstance(best[name], str) else f"{best[name]:.3g}"
            rows.append(
                {"network": network, "factor": name, "best": value, "importance": found["importance"].get(name)}
            )
    return rows


def search_list(results, language: Language) -> str:
    """Name each search with its trials and the best validation accuracy."""
    return "; ".join(
        language.text(
            N_("{model}: {n} trials, {pruned} stopped early, best {accuracy}"),
            model=language.model(MODEL_OF_NETWORK[network]),
            n=found["n_trials"],
            pruned=found["n_pruned"],
            accuracy=language.percent(found["best"]["val_accuracy"]),
        )
        for network, found in results["study"]["search"]["networks"].items()
    )


def classifier_rows(results, language: Language) -> list[dict[str, str]]:
    """Return classifiers on frozen features, best on validation first."""
    names = [name for name in results["models"] if name.startswith("vgg_") and name not in MAIN]
    names.sort(key=lambda name: -results["models"][name]["val_accuracy"])
    return [
        {
            "name": name,
            "parameter": results["classifiers"].get(name.removeprefix("vgg_"), {"parameter": ""})["parameter"],
            "chosen": name == results["chosen_classifier"],
        }
        for name in names
    ]


def list_settings(settings: Settings) -> list[tuple[str, str]]:
    """Return (name, value) of every setting, as --set writes them."""
    rows = []
    for section in dataclasses.fields(settings):
        value = getattr(settings, section.name)
        if dataclasses.is_dataclass(value):
            for entry in dataclasses.fields(value):
                item = getattr(value, entry.name)
                rows.append((f"{section.name}.{entry.name}", write_value(item)))
    return rows
