"""Part 2: frozen features of the base, and fine-tuning."""

import dataclasses

from fmnist_report.networks import stages_of_part
from fmnist_report.report.conclusions.mechanisms import measured
from fmnist_report.report.conclusions.wording import Sentence
from fmnist_report.report.document import Document
from fmnist_report.report.language import Name
from fmnist_report.report.listings import Listing, list_code
from fmnist_report.report.sections.runs import Parameters, describe_parameters
from fmnist_report.report.tables import (
    Cell,
    Column,
    Row,
    Table,
    classifier_rows,
    count_components,
    entered_ranges,
    first_epoch_shown,
    tabulate_training,
)
from fmnist_report.settings import starts_at_pixels

MEANS = ((103.939, 3), (116.779, 3), (123.68, 2))  # of ImageNet, and their decimals: blue, green, red


@dataclasses.dataclass(frozen=True)
class Part2:
    """Values of part 2.

    size: side of the base's input; means: ImageNet's, as text; entered: the ranges of another base's input.
    inputs_train, inputs_val, inputs_epochs: of the comparison of preprocessing variants.
    views: whether mirror images are read too; time: of the extraction.
    blocks: classifiers on single blocks, None if not measured; blocks_train, blocks_val: their images.
    slower: whether the learning rate is lower than the head's.
    first_trained: first unfrozen block; from_pixels: whether fine-tuning reads pixels; shifted, cut: its augmentation.
    block_decay: factor of the rate of each earlier block, empty if 1.
    batch_normalised: whether the base has batch normalisation.
    easy_left_out: whether easy images are left out of every other epoch.
    before, after: validation accuracy of the head and of the fine-tuned network, as text.
    """

    vgg16: bool
    size: int
    means: list[str]
    entered: str
    inputs_train: Name
    inputs_val: Name
    inputs_epochs: Name
    views: bool
    time: str
    grid_cells: str
    n_features: Name
    n_components: str
    classifiers: Table
    blocks: Table | None
    blocks_train: Name
    blocks_val: Name
    slower: bool
    epochs: Name
    first_trained: int
    from_pixels: bool
    shifted: bool
    cut: bool
    block_decay: str
    batch_normalised: bool
    easy_left_out: bool
    training: Table
    listings: list[Listing]
    first_epoch: int
    before: str
    after: str
    parameters: Parameters
    conclusions: list[Sentence]


def describe(document: Document) -> Part2:
    """Gather the values of part 2."""
    language, results, settings = document.language, document.results, document.settings
    inputs, features, own, head = results["inputs"], results["features"], settings.finetune, settings.head
    from_pixels, n_components = starts_at_pixels(own), count_components(results)
    layers = document.models["vgg_finetuned"]["layers"]
    blocks = measured(results).get("blocks")
    return Part2(
        vgg16=document.vgg16,
        size=settings.features.size,
        means=[language.number(*mean) for mean in MEANS],
        entered=entered_ranges(results, language),
        inputs_train=language.count("training image", inputs["n_train"]),
        inputs_val=language.count("validation image", inputs["n_val"]),
        inputs_epochs=language.count("epoch", inputs["conversion_epochs"]),
        views=results["data"]["mirror"],
        time=language.duration(features["seconds"]),
        grid_cells=f"{features['n_cells']} × {features['n_cells']}",
        n_features=language.count("feature", features["n_features"]),
        n_components=language.integer(n_components) if n_components else "",
        classifiers=tabulate_classifiers(document),
        blocks=tabulate_blocks(document) if blocks else None,
        blocks_train=language.count("training image", blocks["n_train"] if blocks else 0),
        blocks_val=language.count("validation image", blocks["n_val"] if blocks else 0),
        slower=own.learning_rate < head.learning_rate and own.optimizer == head.optimizer,
        epochs=language.count("epoch", own.epochs),
        first_trained=own.unfreeze,
        from_pixels=from_pixels,
        shifted=bool(own.shift),
        cut=bool(own.cutout),
        block_decay=language.number(own.block_decay, 2) if own.block_decay < 1 else "",
        batch_normalised=any(row["type"] == "BatchNormalization" for row in layers),
        easy_left_out=own.easy_sample_interval == 2 and not from_pixels,
        training=tabulate_training(settings, results["data"]["n_train"], stages_of_part(2), 2, language),
        listings=list_code(document, ("vgg_finetuned",)),
        first_epoch=first_epoch_shown([document.models["vgg_head"]["history"]]),
        before=language.percent(document.models["vgg_head"]["val_accuracy"]),
        after=language.percent(document.models["vgg_finetuned"]["val_accuracy"]),
        parameters=describe_parameters(document, 2),
        conclusions=document.conclusions["part2"],
    )


def tabulate_classifiers(document: Document) -> Table:
    """Tabulate the classifiers on frozen features, best on validation first."""
    t, language = document.language.text, document.language
    columns = [
        Column(t("Classifier"), False), Column(t("Chosen parameter"), False), Column(t("Validation accuracy")),
        Column(t("Test accuracy")), Column(t("Training")),
    ]  # fmt: skip
    rows = []
    for row in classifier_rows(document.results, language):
        model = document.models[row["name"]]
        rows.append(Row([
            language.model(row["name"]), row["parameter"] or "–", language.percent(model["val_accuracy"], 2),
            language.percent(model["test_accuracy"], 2),
            Cell(language.duration(model["train_seconds"]), model["train_seconds"]),
        ], "chosen" if row["chosen"] else ""))  # fmt: skip
    return Table("classifiers", columns, rows, "sortable numbers")


def tabulate_blocks(document: Document) -> Table:
    """Tabulate the accuracy of a linear classifier on each block, before and, if measured, after fine-tuning."""
    t, language, found = document.language.text, document.language, document.results["mechanisms"]["blocks"]
    most = max(row["frozen"] for row in found["rows"])
    columns = [Column(t("Block"), False), Column(t("Before fine-tuning"))]
    tuned = [Column(t("After fine-tuning"))] if found["tuning"] else []
    rows = [
        Row(
            [
                language.integer(row["block"]),
                *(language.percent(row[key], 2) for key in ("frozen", "tuned") if key in row),
            ],
            "chosen" if row["frozen"] == most else "",
        )
        for row in found["rows"]
    ]
    return Table("blocks", [*columns, *tuned], rows, "numbers narrow")
