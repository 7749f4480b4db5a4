"""The numbers of the charts as tables, for readers who cannot see them."""

import typing

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import CHOSEN, network_of_stage, networks_of_part
from fmnist_report.report.language import Language
from fmnist_report.report.tables import Column, Row, Table

MOST_COLUMNS = 20  # classes of a confusion matrix that is written as a table


def tabulate_figures(results: Results, language: Language) -> dict[str, Table]:
    """Return the table of every chart whose numbers no other table of the report has, by the figure's name."""
    found = {}
    for part in (1, 2):
        names = networks_of_part(part)
        trained = [name for name in names if name != CHOSEN] if part == 1 else ["vgg_head", "vgg_finetuned"]
        found[f"curves_part{part}"] = tabulate_curves(results, trained, language)
        found[f"study_part{part}"] = tabulate_study(results, part, language)
        found[f"ablation_part{part}"] = tabulate_ablation(results, f"part{part}", language)
        if len(language.classes) <= MOST_COLUMNS:
            found[f"confusion_part{part}"] = tabulate_confusions(results, names, language)
    found["inputs"] = tabulate_inputs(results, language)
    return {name: table for name, table in found.items() if table.rows}


def _table(labels: typing.Iterable[str], rows: list[list[str]], kinds: typing.Iterable[str] = ()) -> Table:
    """Return a table whose first column has words and whose others have numbers."""
    columns = [Column(label, number=number > 0) for number, label in enumerate(labels)]
    named = [*kinds, *[""] * len(rows)]
    return Table("", columns, [Row(cells, kind) for cells, kind in zip(rows, named, strict=False)])


def tabulate_curves(results: Results, names: typing.Sequence[str], language: Language) -> Table:
    """Tabulate accuracy on training and validation images, and validation loss, by network and epoch."""
    labels = (N_("Epoch"), N_("Training accuracy"), N_("Validation accuracy"), N_("Validation cross-entropy"))
    rows, kinds = [], []
    for name in names:
        history = results["models"][name]["history"]
        rows.append([language.model(name)])
        kinds.append("group")
        for epoch, values in enumerate(
            zip(history["accuracy"], history["val_accuracy"], history["val_loss"], strict=True), 1
        ):
            rows.append([language.integer(epoch), language.percent(values[0], 2), language.percent(values[1], 2),
                         language.number(values[2], 3)])  # fmt: skip
            kinds.append("")
    return _table(map(language.text, labels), rows, kinds)


def tabulate_confusions(results: Results, names: typing.Iterable[str], language: Language) -> Table:
    """Tabulate the confusion matrices of networks: a row per true class, a column per predicted class."""
    rows, kinds = [], []
    for name in names:
        rows.append([language.model(name)])
        kinds.append("group")
        for label, counts in enumerate(results["models"][name]["confusion"]):
            rows.append([language.class_name(label), *map(language.integer, counts)])
            kinds.append("")
    labels = [language.text(N_("True class")), *map(language.short_name, range(len(language.classes)))]
    return _table(labels, rows, kinds)


def tabulate_study(results: Results, part: int, language: Language) -> Table:
    """Tabulate the cross-entropy of every value of the study, by network."""
    labels = (N_("Change"), N_("Cross-entropy"), N_("Difference"))
    rows, kinds, former = [], [], ""
    for row in results["study"]["rows"]:
        name = network_of_stage(row["network"])
        if (name in networks_of_part(1)) != (part == 1) or row["chosen"]:
            continue
        if name != former:
            rows.append([language.model(name)])
            kinds.append("group")
            former = name
        rows.append([language.changes({row["factor"]: row["value"]}), language.number(row["val_loss"], 3),
                     language.difference(row["effect"])])  # fmt: skip
        kinds.append("")
    return _table(map(language.text, labels), rows, kinds)


def tabulate_ablation(results: Results, part: str, language: Language) -> Table:
    """Tabulate the accuracy of every ablation step, and its gain."""
    labels = (N_("Step"), N_("Validation accuracy"), N_("Gain (pp)"))
    rows = [
        [language.component(row["component"]), language.percent(row["val_accuracy"], 2),
         language.points(row["gain"], 2) if "gain" in row else "–"]
        for row in results["study"]["ablations"].get(part, [])
    ]  # fmt: skip
    return _table(map(language.text, labels), rows)


def tabulate_inputs(results: Results, language: Language) -> Table:
    """Tabulate the validation accuracy of every preprocessing variant with its interval."""
    labels = (N_("Way"), N_("Validation accuracy"), N_("95% CI"))
    rows = [
        [language.changes({row["factor"]: row["value"]}), language.percent(row["val_accuracy"], 2),
         f"{language.number(100 * row['ci95'][0], 2)}–{language.percent(row['ci95'][1], 2)}"]
        for row in results["inputs"]["rows"]
    ]  # fmt: skip
    return _table(map(language.text, labels), rows)
