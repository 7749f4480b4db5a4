"""Appendix: methods, short studies, near duplicates, calibration, layers, maps, and the bookkeeping of the run."""

import dataclasses
import typing

import markupsafe

from fmnist_report import __version__
from fmnist_report.networks import CHOSEN, COMPARED, MAIN, network_of_stage, networks_of_part, stages_of_part
from fmnist_report.presets import reproduce_command
from fmnist_report.report import full_runs
from fmnist_report.report.conclusions.kinds.calibration import smoothing_of_networks
from fmnist_report.report.conclusions.wording import Sentence
from fmnist_report.report.document import Document
from fmnist_report.report.language import Name
from fmnist_report.report.references import PUBLISHED, Method
from fmnist_report.report.sections.runs import Parameters, describe_parameters
from fmnist_report.report.tables import (
    Column,
    Row,
    Table,
    accuracy_list,
    describe_measured_speed,
    group_list,
    list_methods,
    list_settings,
    name_stage,
    study_points,
    tabulate_layers,
)
from fmnist_report.settings import starts_at_pixels

OFFICIAL = 10_000  # test images of Fashion-MNIST, for which accuracies were published
LINK = markupsafe.Markup('<a href="{address}">{text}</a>')


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Rank correlation of the study with full runs, as text.

    certain: whether its interval is a point. favoured: whether the study was designed with these runs.
    """

    n: str
    correlation: str
    low: str
    high: str
    certain: bool
    favoured: bool


@dataclasses.dataclass(frozen=True)
class Study:
    """The short runs of one part.

    ablation: name of its figure, empty if there is none; tuned: whether fine-tuning was studied.
    points: how long and from what the runs start, in sentences; groups: the settings that were varied, in words.
    figure: name of the figure, and reference to it.
    """

    part: int
    ablation: str
    tuned: bool
    points: str
    groups: str
    figure: str
    reference: str
    networks: Name
    agreement: Agreement | None
    conclusions: list[Sentence]


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Near duplicates in the test set, as text; without: accuracies without them, as a list in words."""

    n: Name
    n_exact: str
    n_near: str
    n_near_pixels: str
    n_near_features: str
    rms: str
    cosine: str
    without: str


@dataclasses.dataclass(frozen=True)
class Layers:
    """The layers of a network, and its costs as text; n_trainable is empty if all parameters are trainable."""

    model: str
    n_params: str
    n_trainable: str
    macs: str
    table: Table


@dataclasses.dataclass(frozen=True)
class Scores:
    """Precision and recall: names of models, and rows of a class's name and two scores per model."""

    models: list[str]
    rows: list[list[str]]


@dataclasses.dataclass(frozen=True)
class Appendix:
    """Values of the appendix.

    studied: whether settings were varied in short runs; ablated: whether components were added one
    by one; first_studied: first block that the study trains.
    known: the parts whose earlier full runs stand here, because the reader's own stand in the body.
    published: published accuracies; None for other data.
    smoothing_differs: whether label smoothing differs between the networks.
    same_operations: whether both networks on the base do the same operations.
    time: total time of the stages.
    """

    methods: list[Method]
    studies: list[Study]
    studied: bool
    ablated: bool
    n_seeds: Name
    width_divisor: int
    from_pixels: bool
    first_studied: int
    known: list[Parameters]
    duplicates: Duplicates
    published: Table | None
    smoothing_differs: bool
    same_operations: bool
    costs: Table
    scores: Scores
    layers: list[Layers]
    n_filters_cnn: Name
    n_filters_base: Name
    n_map: Name
    version: str
    command: str
    deterministic: bool
    fashion: bool
    n_evaluations: int
    time: str
    processor: str
    cores: Name
    memory: str
    system: str
    versions: str
    precisions: str
    features_precision: str
    finetune_precision: str
    speed: dict[str, str]
    digest: str
    stages: Table
    settings: list[tuple[str, str]]


def describe(document: Document) -> Appendix:
    """Gather the values of the appendix."""
    results, language, settings, models = document.results, document.language, document.settings, document.models
    studies = [study for part in (1, 2) if (study := describe_study(document, part)) is not None]
    parameters = [describe_parameters(document, part) for part in (1, 2)]
    base = next(row for row in models["vgg_finetuned"]["layers"] if row["type"] == "Conv2D")
    hardware, stages = results["run"]["hardware"], results["stages"]
    costs = (models[name]["macs_per_prediction"] for name in (CHOSEN, "vgg_finetuned"))
    return Appendix(
        methods=list_methods(results),
        studies=studies,
        studied=any(study.points for study in studies),
        ablated=any(study.ablation for study in studies),
        n_seeds=language.count("seed", results["study"].get("n_seeds", 0)),
        width_divisor=settings.study.width_divisor,
        from_pixels=starts_at_pixels(settings.finetune),
        first_studied=max(settings.finetune.unfreeze, 4),
        known=[found for found in parameters if found.own and found.known],
        duplicates=describe_duplicates(document),
        published=tabulate_published(document) if document.fashion else None,
        smoothing_differs=len(set(smoothing_of_networks(results).values())) > 1,
        same_operations=len(set(costs)) == 1,
        costs=tabulate_costs(document),
        scores=describe_scores(document),
        layers=[describe_layers(document, name) for name in (*networks_of_part(1), "vgg_finetuned")],
        n_filters_cnn=language.count("filter", settings.cnn.stem),
        n_filters_base=language.count("filter", base["output_shape"][-1]),
        n_map=language.count("validation image", min(settings.explain.n_map, results["data"]["n_val"])),
        version=__version__,
        command=reproduce_command(settings) + ("" if document.fashion else " --data-dir …"),
        deterministic=settings.deterministic,
        fashion=document.fashion,
        n_evaluations=results["n_evaluations"],
        time=language.duration(sum(stage["seconds"] for stage in stages)),
        processor=hardware["processor"],
        cores=language.count("core", hardware["cores"]),
        memory=language.number(hardware["memory_gib"], 1),
        system=hardware["system"],
        versions=", ".join(f"{name} {version}" for name, version in results["run"]["versions"].items()),
        precisions=language.by_model({name: models[name]["precision"] for name in networks_of_part(1)}),
        features_precision=results["features"]["precision"],
        finetune_precision=models["vgg_finetuned"]["precision"],
        speed=describe_measured_speed(results, language),
        digest=results["data"]["sha256"][:32],
        stages=tabulate_stages(document),
        settings=list_settings(settings, results["run"]["settings"]),
    )


def describe_study(document: Document, part: int) -> Study | None:
    """Gather the short runs of a part; None if there were none."""
    results, language, stages = document.results, document.language, stages_of_part(part)
    points, ablation = study_points(results, stages, language), results["study"]["ablations"].get(f"part{part}", [])
    if not points and not ablation:
        return None
    studied = [network_of_stage(stage) for stage in stages if stage in results["study"]["baselines"]]
    return Study(
        part=part,
        ablation=f"ablation_part{part}" if ablation else "",
        tuned=bool(results["study"]["n_steps"].get("finetune")),
        points=points,
        groups=group_list(results, stages, language),
        figure=f"study_part{part}",
        reference=f"figure-study_part{part}",
        networks=language.name_all(studied),
        agreement=describe_agreement(document, "cnn" if part == 1 else "finetune"),
        conclusions=document.conclusions[f"study{part}"],
    )


def describe_agreement(document: Document, stage: str) -> Agreement | None:
    """Gather how well the study agrees with full runs; None if it is not known."""
    found, write = full_runs.study_agreement(document.results, stage), document.language.signed
    if found is None:
        return None
    low, high = found["low"], found["high"]
    n = document.language.integer(found["n"])
    return Agreement(
        n, write(found["spearman"]), write(low), write(high), low == high, stage == "cnn" and not found["own"]
    )


def describe_duplicates(document: Document) -> Duplicates:
    """Gather the near duplicates of the test set."""
    language, found = document.language, document.results["duplicates"]
    test, write = found["test"], language.integer
    without = accuracy_list(document.results, "test_accuracy_without_near", language) if test["n_near"] else ""
    return Duplicates(
        n=language.count("test image", test["n"]),
        n_exact=write(test["n_exact"]),
        n_near=write(test["n_near"]),
        n_near_pixels=write(test["n_near_pixels"]),
        n_near_features=write(test["n_near_features"]),
        rms=language.value(f"{found['rms']:g}"),
        cosine=language.value(f"{found['cosine']:g}"),
        without=without,
    )


def tabulate_costs(document: Document) -> Table:
    """Tabulate what a prediction costs, and its calibration, by model."""
    t, language = document.language.text, document.language
    labels = (
        t("Trainable parameters"), t("Operations (MAC)"), t("Milliseconds per prediction"), t("Calibration error"),
        t("Temperature"), t("Error after scaling"),
    )  # fmt: skip
    rows = []
    for name in COMPARED:
        model = document.models[name]
        rows.append(Row([
            document.chip(name), language.integer(model["n_trainable"]), language.integer(model["macs_per_prediction"]),
            language.number(model["ms_per_prediction"], 3), language.number(model["ece"], 3),
            language.number(model["temperature"], 2), language.number(model["ece_scaled"], 3),
        ]))  # fmt: skip
    return Table("cost", [Column(t("Network"), False), *map(Column, labels)], rows, "sortable numbers wide names")


def describe_scores(document: Document) -> Scores:
    """Gather precision and recall of every class and network."""
    language = document.language
    return Scores(
        [language.model(name) for name in MAIN],
        [
            [language.class_name(label), *(
                language.number(document.models[name]["per_class"][label][score], 3)
                for name in MAIN for score in ("precision", "recall")
            )]
            for label in range(len(language.classes))
        ],
    )  # fmt: skip


def describe_layers(document: Document, name: str) -> Layers:
    """Gather the layers of a network."""
    model, write = document.models[name], document.language.compact
    tuned = name == "vgg_finetuned"
    return Layers(
        model=document.language.model(name),
        n_params=write(model["n_params"]),
        n_trainable=write(model["n_trainable"]) if tuned else "",
        macs=write(model["macs"]),
        table=tabulate_layers(document.results, name, "layers_finetuned" if tuned else f"layers_{name}", tuned,
                              document.language),
    )  # fmt: skip


def tabulate_stages(document: Document) -> Table:
    """Tabulate the stages of the pipeline."""
    t, language = document.language.text, document.language
    states: dict[str, typing.Any] = {"cached": t("cached"), "computed": t("computed")}
    rows = [
        Row([
            name_stage(stage["name"], language), states[stage["status"]], language.date(stage["created"]),
            language.duration(stage["seconds"]), stage["key"][:12],
        ])
        for stage in document.results["stages"]
    ]  # fmt: skip
    columns = [Column(t("Stage"), False), Column(t("State"), False), Column(t("Computed on"), False), Column(t("Time")),
               Column(t("Key"), False)]  # fmt: skip
    return Table("stages", columns, rows, "numbers long")


def tabulate_published(document: Document) -> Table:
    """Tabulate published accuracies beside those of this report, on the official test images and with VGG16 only."""
    t, language = document.language.text, document.language
    whole = document.results["data"]["n_test"] == OFFICIAL
    rows = []
    for row in PUBLISHED:
        comparable = row.ours and whole and (document.vgg16 or row.ours != "vgg_finetuned")
        ours = language.percent(document.models[row.ours]["test_accuracy"], 2) if comparable else "–"
        source = LINK.format(address=row.address, text=row.source)
        rows.append(Row([t(row.network), language.percent(row.accuracy, 2), ours, source]))
    columns = [Column(t("Network"), False), Column(t("Published")), Column(t("This report")),
               Column(t("Source"), False)]  # fmt: skip
    return Table("published", columns, rows, "sortable numbers")
