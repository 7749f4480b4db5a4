"""Summary: what was asked, done, reached and learned, with the results of all models."""

import dataclasses

from fmnist_report.networks import COMPARED, MAIN
from fmnist_report.report.conclusions.comparisons import find_comparison
from fmnist_report.report.conclusions.wording import Sentence
from fmnist_report.report.document import Document
from fmnist_report.report.language import Name
from fmnist_report.report.tables import Cell, Column, Row, Table, accuracy_list, ensemble_list


@dataclasses.dataclass(frozen=True)
class Summary:
    """Values of the summary.

    n_params: parameters of the convolutional network, as text.
    first_trained: first block of the base that is fine-tuned.
    best, learned: concluding sentences.
    members: the ensemble's weights; accuracies: test accuracies of all models; both as lists in words.
    classifier: the classifier chosen as vgg_features.
    """

    fashion: bool
    data_name: str
    n_train: Name
    n_val: Name
    n_test: Name
    n_params: str
    first_trained: int
    best: list[Sentence]
    learned: list[Sentence]
    members: str
    accuracies: str
    classifier: Name
    results: Table


def describe(document: Document) -> Summary:
    """Gather the values of the summary."""
    results, language, data = document.results, document.language, document.results["data"]
    return Summary(
        fashion=document.fashion,
        data_name=document.data_name,
        n_train=language.count("training image", data["n_train"]),
        n_val=language.count("validation image", data["n_val"]),
        n_test=language.count("test image", data["n_test"]),
        n_params=language.compact(document.models["cnn"]["n_params"]),
        first_trained=document.settings.finetune.unfreeze,
        best=document.conclusions["best"],
        learned=document.conclusions["learned"],
        members=ensemble_list(results, language),
        accuracies=accuracy_list(results, "test_accuracy", language),
        classifier=language.name(results["chosen_classifier"]),
        results=tabulate_results(document),
    )


def tabulate_results(document: Document) -> Table:
    """Tabulate accuracy with its interval, the difference from the perceptron, and costs, of every model."""
    t, language = document.language.text, document.language
    labels = (
        t("Test accuracy"), t("95% CI"), t("Against the perceptron (pp)"), t("Macro-F1"), t("Parameters"),
        t("Training"),
    )  # fmt: skip
    rows = []
    for name in COMPARED:
        model = document.models[name]
        low, high = model["test_accuracy_ci95"]
        against = "–"
        if name != MAIN[0]:
            row = find_comparison(document.results, name, MAIN[0])
            against = f"{language.points(row['difference'], 2)} ({language.p_value(row['p_holm'])})"
        rows.append(Row([
            document.chip(name), language.percent(model["test_accuracy"], 2),
            f"{language.number(100 * low, 2)}–{language.percent(high, 2)}", against,
            language.number(model["macro_f1"], 4), Cell(language.compact(model["n_params"]), model["n_params"]),
            Cell(language.duration(model["total_seconds"]), model["total_seconds"]),
        ]))  # fmt: skip
    columns = [Column(t("Network"), number=False), *map(Column, labels)]
    return Table("results", columns, rows, "sortable numbers wide names")
