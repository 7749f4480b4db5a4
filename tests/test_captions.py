"""A caption's finding follows from the numbers, in either language."""

import pytest
from test_conclusions import make_results

from fmnist_report.report.captions import find_captions
from fmnist_report.report.language import Language


def caption(results, code="en"):
    return find_captions(results, Language(code))


@pytest.fixture
def results():
    found = make_results()
    row = {"factor": "size", "value": "48", "chosen": True, "val_accuracy": 0.87, "ci95": [0.85, 0.89]}
    return found | {"inputs": {"rows": [row]}}


def test_order_of_the_networks(results):
    assert caption(results)["comparison"].startswith("Highest: “Ensemble” with 95.00%; lowest: “Multilayer perceptron”")
    results["models"]["mlp"]["test_accuracy"] = 0.97
    assert caption(results)["comparison"].startswith("Highest: “Multilayer perceptron” with 97.00%")
    assert "97,00\u00a0%" in caption(results, "uk")["comparison"]


def test_who_is_ahead_after_the_last_epoch(results):
    results["models"]["mlp"]["history"] = {"val_accuracy": [0.95, 0.91]}
    results["models"]["cnn"]["history"] = {"val_accuracy": [0.80, 0.90]}
    assert "“Multilayer perceptron” is ahead on validation: 91.0% against 90.0%" in caption(results)["curves_part1"]


@pytest.mark.parametrize(
    ("accuracy", "english"),
    [
        (0.86, "None of the other ways"),
        (0.88, "cannot be told from it"),
        (0.93, "reaches 93.0%, the chosen way 87.0%."),
    ],
)
def test_ways_of_input(results, accuracy, english):
    other = {"factor": "size", "value": "64", "chosen": False, "val_accuracy": accuracy, "ci95": [0, 1]}
    results["inputs"]["rows"].append(other)
    assert english in caption(results)["inputs"]


def test_hardest_classes_one_or_several(results):
    assert "the hardest class is “Shirt”" in caption(results)["per_class"]
    results["models"]["cnn"]["per_class"][2] = {"f1": 0.1}
    found = caption(results)["per_class"]
    assert "Convolutional network: Pullover" in found and "Multilayer perceptron: Shirt" in found


def test_cost_does_not_praise_a_network_that_is_dear_and_no_better(results):
    results["models"]["cnn"]["macs"] = 10**9
    assert "“Convolutional network” needs 1,000 times as many operations" in caption(results)["cost"]
    assert "more accurate by 3.00 percentage points" in caption(results)["cost"]
    results["models"]["cnn"]["test_accuracy"] = 0.5
    assert caption(results)["cost"].endswith("is not more accurate.")


def test_equals_are_called_equal(results):
    for name in ("mlp", "cnn"):
        results["models"][name]["history"] = {"val_accuracy": [0.9]}
    assert caption(results)["curves_part1"] == "After the last epoch both networks are equal on validation: 90.0%."


def test_nothing_is_said_of_what_was_not_measured(results):
    results["study"]["factors"] = []
    results["inputs"]["rows"] = []
    found = caption(results)
    assert found["study_part1"] == found["study_part2"] == found["inputs"] == ""
