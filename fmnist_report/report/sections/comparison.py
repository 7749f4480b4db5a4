"""Comparison of all models: accuracy, costs, classes and images."""

import dataclasses

from fmnist_report.networks import MAIN
from fmnist_report.report.document import Document
from fmnist_report.report.language import HARDEST, Name
from fmnist_report.report.tables import Column, Row, Table, comparison_rows, confused_pairs, mirror_list


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Values of the comparison.

    seeds: accuracies over seeds, None if each network was trained once.
    mirror_gains: what averaging with the mirror image adds, as a list in words; empty if nothing is mirrored.
    n_hardest: number of classes that the figure shows if it does not show all; else empty.
    mistakes_shown, missed_shown: whether there are images of errors, of one network and of all.
    """

    pairs: Table
    seeds: Table | None
    mirror_gains: str
    n_hardest: str
    n_test: Name
    n_missed: str
    n_agreed: str
    mistakes_shown: bool
    missed_shown: bool
    confused: Table


def describe(document: Document) -> Comparison:
    """Gather the values of the comparison."""
    language, results, n_shown = document.language, document.results, document.settings.report.mistakes
    return Comparison(
        pairs=tabulate_pairs(document),
        seeds=tabulate_seeds(document) if results["seeds"] else None,
        mirror_gains=mirror_list(results, language) if results["data"]["mirror"] else "",
        n_hardest=language.integer(HARDEST) if len(language.classes) > HARDEST else "",
        n_test=language.count("test image", results["data"]["n_test"]),
        n_missed=language.integer(results["missed_by_all"]["n"]),
        n_agreed=language.integer(results["missed_by_all"]["n_agreed"]),
        mistakes_shown=bool(results["mistakes"] and n_shown),
        missed_shown=bool(results["missed_by_all"]["shown"] and n_shown > 1),
        confused=tabulate_confused(document),
    )


def tabulate_pairs(document: Document) -> Table:
    """Tabulate the paired comparisons of models."""
    t, language = document.language.text, document.language
    labels = (t("Only first correct"), t("Only second correct"), t("Difference (pp)"),
              t("Interval at Holm’s level"), "p")  # fmt: skip
    rows = [
        Row([
            language.model(row["a"]), language.model(row["b"]), language.integer(row["only_a"]),
            language.integer(row["only_b"]), language.points(row["difference"], 2),
            f"{language.points(row['holm_low'], 2)} … {language.points(row['holm_high'], 2)}",
            language.p_value(row["p_holm"]),
        ])
        for row in comparison_rows(document.results)
    ]  # fmt: skip
    columns = [Column(t("First"), False), Column(t("Second"), False), *map(Column, labels)]
    return Table("pairs", columns, rows, "sortable numbers wide pairs")


def tabulate_seeds(document: Document) -> Table:
    """Tabulate mean and deviation of the accuracy over seeds."""
    t, language = document.language.text, document.language
    rows = [
        Row([
            language.model(name), language.integer(len(splits["val"]["accuracies"])),
            *(f"{language.number(100 * splits[split]['mean'], 2)} ± {language.percent(splits[split]['sd'], 2)}"
              for split in ("val", "test")),
        ])
        for name, splits in document.results["seeds"].items()
    ]  # fmt: skip
    labels = (t("Runs"), t("Validation accuracy"), t("Test accuracy"))
    return Table("seeds", [Column(t("Network"), False), *map(Column, labels)], rows)


def tabulate_confused(document: Document) -> Table:
    """Tabulate the errors between the pairs of classes that are confused most, by network."""
    t, language = document.language.text, document.language
    rows = [
        Row([
            f"{language.class_name(row['first'])} – {language.class_name(row['second'])}",
            *(language.integer(row["counts"][name]) for name in MAIN),
        ])
        for row in confused_pairs(document.results)
    ]  # fmt: skip
    columns = [Column(t("Pair"), False), *(Column(language.model(name)) for name in MAIN)]
    return Table("confused", columns, rows, "sortable numbers")
