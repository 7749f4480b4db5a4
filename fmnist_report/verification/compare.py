"""The command compare: what differs between two reports or results."""

import dataclasses
import typing
from pathlib import Path

import numpy as np

from fmnist_report.evaluation.comparison import compare_pairs
from fmnist_report.networks import BY_NAME
from fmnist_report.report.record import LABELS
from fmnist_report.verification.submission import Submission, limits, read_submission

READING = (
    "Comparing accuracies on the test images is a reading of their labels: a choice between the two by it makes the "
    "chosen accuracy too high."
)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What differs between two runs.

    settings, circumstances: (name, of the first, of the second) of those that differ.
    models: for each model of both: name, test_accuracy of both, and, if the predictions allow it, only_a, only_b,
        difference (the second minus the first), low, high, p_holm of McNemar's test.
    remarks: what could not be compared, and why.
    """

    settings: list[tuple[str, str, str]]
    circumstances: list[tuple[str, str, str]]
    models: list[dict[str, typing.Any]]
    remarks: list[str]


def compare_documents(first: Path, second: Path) -> Comparison:
    """Compare two reports or results; raise ReportError if one cannot be read."""
    read = []
    for path in (first, second):
        with limits(path.name):
            read.append(read_submission(path))
    a, b = read
    runs = a.results["run"], b.results["run"]
    settings = list_differences(runs[0].get("settings", {}), runs[1].get("settings", {}))
    circumstances = [
        *list_differences({"preset": runs[0].get("preset"), "seed": runs[0].get("seed")},
                          {"preset": runs[1].get("preset"), "seed": runs[1].get("seed")}),
        *list_differences({"data": _describe_data(a)}, {"data": _describe_data(b)}),
        *list_differences({"machine": runs[0].get("hardware", {})}, {"machine": runs[1].get("hardware", {})}),
        *list_differences({"versions": runs[0].get("versions", {})}, {"versions": runs[1].get("versions", {})}),
    ]  # fmt: skip
    remarks: list[str] = []
    models = _compare_models(a, b, remarks)
    return Comparison(settings, circumstances, models, [*remarks, READING])


def _describe_data(submission: Submission) -> dict[str, typing.Any]:
    data = submission.results["data"]
    return {name: data.get(name) for name in ("sha256", "n_train", "n_val", "n_test", "height", "width")}


def list_differences(a: typing.Any, b: typing.Any, name: str = "") -> list[tuple[str, str, str]]:
    """List the values that differ between two JSON documents, by their paths."""
    if isinstance(a, dict) and isinstance(b, dict):
        rows = []
        for key in dict.fromkeys((*a, *b)):
            rows += list_differences(a.get(key), b.get(key), f"{name}.{key}" if name else str(key))
        return rows
    return [] if a == b else [(name, _spell(a), _spell(b))]


def _spell(value: typing.Any) -> str:
    text = "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _compare_models(a: Submission, b: Submission, remarks: list[str]) -> list[dict[str, typing.Any]]:
    both = [name for name in a.results["models"] if name in b.results["models"]]
    rows: list[dict[str, typing.Any]] = []
    for name in both:
        backbone = a.results.get("features", {}).get("backbone", "")
        label = BY_NAME[name].label.format(backbone=backbone) if name in BY_NAME else name
        accuracies = [own.results["models"][name]["test_accuracy"] for own in (a, b)]
        rows.append({"name": name, "label": label, "first": accuracies[0], "second": accuracies[1]})
    if only := sorted(set(a.results["models"]) ^ set(b.results["models"])):
        remarks.append(f"Only one of them has {', '.join(only)}.")
    labels = [own.predictions.get(LABELS) for own in (a, b)]
    if labels[0] is None or labels[1] is None:
        remarks.append("Without the predictions of both, no difference can be tested.")
        return rows
    if not np.array_equal(labels[0], labels[1]):
        remarks.append("Their test images differ, so no difference can be tested.")
        return rows
    tested = [name for name in both if name in a.predictions and name in b.predictions]
    correct = {
        f"{which}/{name}": own.predictions[name].argmax(axis=1) == labels[0]
        for which, own in (("first", a), ("second", b))
        for name in tested
    }
    found = compare_pairs(correct, [(f"second/{name}", f"first/{name}") for name in tested])
    tests = dict(zip(tested, found, strict=True))
    for row in rows:
        if test := tests.get(row["name"]):
            row |= {"difference": test["difference"], "low": test["holm_low"], "high": test["holm_high"]}
            row |= {"only_first": test["only_b"], "only_second": test["only_a"], "p_holm": test["p_holm"]}
    return rows
