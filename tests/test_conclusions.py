"""No sentence contradicts the numbers, in either language."""

import copy

import pytest

from fmnist_report.evaluation.networks import COMPARED, ON_FEATURES
from fmnist_report.report.advice import advise
from fmnist_report.report.conclusions import conclude, find_comparison, most_confused
from fmnist_report.report.language import Language


def make_results(accuracies=(0.90, 0.93, 0.92, 0.945), p_value=1e-6, ensemble=0.95):
    """Invent results: accuracies of mlp, cnn, vgg_features and vgg_finetuned, one p-value for all pairs."""
    accuracies = (*accuracies, ensemble)
    confusion = [[90 if i == j else 1 for j in range(10)] for i in range(10)]
    confusion[6][0] = 12
    models = {}
    for name, accuracy in zip(COMPARED, accuracies, strict=True):
        models[name] = {
            "test_accuracy": accuracy, "test_accuracy_ci95": [accuracy - 0.005, accuracy + 0.005],
            "val_accuracy": accuracy, "macs": 10**6, "n_params": 10**6, "train_seconds": 60.0,
            "ece": 0.02, "ece_scaled": 0.01,
            "confusion": copy.deepcopy(confusion),
            "per_class": [{"f1": 0.8 if label == 6 else 0.95} for label in range(10)],
            "history": {"accuracy": [0.9], "val_accuracy": [0.9]},
        }  # fmt: skip
    models |= {row.name: models["vgg_features"] for row in ON_FEATURES}
    comparisons = [
        {"a": a, "b": b, "only_a": 5, "only_b": 3, "difference": x - y, "ci95_low": x - y - 0.004,
         "ci95_high": x - y + 0.004, "p_value": p_value / 10, "p_holm": p_value}
        for j, (b, y) in enumerate(zip(COMPARED, accuracies, strict=True))
        for a, x in list(zip(COMPARED, accuracies, strict=True))[j + 1 :]
    ]  # fmt: skip
    factors = [
        {"network": "cnn", "group": "structure", "factor": factor, "best": "3", "spread": spread, "gain": 0.0}
        for factor, spread in (("learning_rate", 0.041), ("kernel", 0.002))
    ]
    return {"data": {"n_test": 10_000}, "models": models, "comparisons": comparisons, "chosen_classifier": "vgg_head",
            "study": {"factors": factors}}  # fmt: skip


def say(results, code, section=None):
    found = conclude(results, Language(code)) | {"next": advise(results, Language(code))}
    return "\n".join(found[section] if section else [s for sentences in found.values() for s in sentences])


@pytest.mark.parametrize(
    ("accuracies", "p_value", "english", "ukrainian"),
    [
        ((0.90, 0.93, 0.92, 0.945), 1e-6, "(93.00%) is more accurate than", "Згорткова мережа (93,00\u00a0%) точніша"),
        ((0.93, 0.90, 0.92, 0.945), 1e-6, "(90.00%) is less accurate than", "(90,00\u00a0%) менш точна"),
        ((0.93, 0.931, 0.92, 0.945), 0.4, "cannot be told apart", "розрізнити не можна"),
    ],
)
def test_cnn_against_mlp(accuracies, p_value, english, ukrainian):
    results = make_results(accuracies, p_value)
    for code, words in (("en", english), ("uk", ukrainian)):
        said = say(results, code, "part1")
        others = {"is more accurate", "is less accurate", "cannot be told apart", "точніша", "менш точна", "розрізнити"}
        assert words in said
        assert not any(other in said for other in others if other not in words and words not in other)


@pytest.mark.parametrize(
    ("accuracies", "p_value", "english", "ukrainian"),
    [
        ((0.90, 0.93, 0.92, 0.945), 1e-6, "Fine-tuning paid", "Донавчання виправдало себе"),
        ((0.90, 0.93, 0.92, 0.900), 1e-6, "Fine-tuning did harm", "Донавчання тут зашкодило"),
        ((0.90, 0.93, 0.92, 0.921), 0.3, "Fine-tuning changed", "статистично незначуща"),
    ],
)
def test_what_fine_tuning_brought(accuracies, p_value, english, ukrainian):
    results = make_results(accuracies, p_value)
    assert english in say(results, "en", "part2") and ukrainian in say(results, "uk", "part2")


def test_interval_points_the_way_of_the_sentence():
    results = make_results((0.93, 0.90, 0.92, 0.945))
    assert "by 3.00 percentage points (95% interval +2.60 to +3.40" in say(results, "en", "part1")


def test_tie_at_the_top_names_no_winner():
    results = make_results((0.90, 0.944, 0.92, 0.945), 0.5)
    assert "No single winner" in say(results, "en", "overall")
    assert "best network" not in say(results, "en", "summary") + say(results, "uk", "summary")
    assert "Найкраща" not in say(results, "uk", "summary") and "статистично незначуща" in say(results, "uk", "summary")
    assert "Transfer learning gave no certain gain" in say(results, "en", "overall")
    assert "Єдиного переможця назвати не можна" in say(results, "uk", "overall")


@pytest.mark.parametrize(
    ("ensemble", "p_value", "english", "ukrainian"),
    [
        (0.95, 1e-6, "The networks err on different pictures", "Мережі помиляються на різних зображеннях"),
        (0.947, 0.3, "gave no certain gain over “VGG16, fine-tuned”", "не дало статистично значущого"),
        (0.94, 1e-6, "answers did harm", "Усереднення відповідей мереж зашкодило"),
    ],
)
def test_what_the_ensemble_brought(ensemble, p_value, english, ukrainian):
    results = make_results(p_value=p_value, ensemble=ensemble)
    assert english in say(results, "en", "overall") and ukrainian in say(results, "uk", "overall")


def test_what_mattered_in_the_study_is_named():
    said = say(make_results(), "en", "part1")
    assert "“learning rate” moved the validation accuracy most, by 4.1" in said and "“kernel” moved it least" in said
    assert "чинник «швидкість навчання»" in say(make_results(), "uk", "part1")
    without = make_results()
    without["study"]["factors"] = []
    assert "study" not in say(without, "en", "part1")


def test_overfitting_is_said_only_where_it_is():
    results = make_results()
    results["models"]["cnn"]["history"] = {"accuracy": [0.99], "val_accuracy": [0.93]}
    assert "“Convolutional network” overfits" in say(results, "en", "part1")
    assert "“Multilayer perceptron” hardly overfits" in say(results, "en", "part1")
    assert "«Згорткова мережа» перенавчається" in say(results, "uk", "part1")


def test_collapsed_class_is_named():
    results = make_results()
    results["models"]["cnn"]["per_class"][2]["f1"] = 0.0
    assert "limited by the class “Pullover” (F1 0.000)" in say(results, "en", "part1")
    assert "знижується через клас «Пуловер» (F1 0,000)" in say(results, "uk", "part1")


def test_most_confused_pair_counts_both_directions():
    assert most_confused([[5, 2, 0], [3, 5, 0], [4, 0, 5]]) == (0, 1, 5)


def test_comparison_can_be_asked_either_way():
    results = make_results()
    one, other = find_comparison(results, "mlp", "cnn"), find_comparison(results, "cnn", "mlp")
    assert one["difference"] == -other["difference"] < 0
    assert (one["only_a"], one["ci95_low"]) == (other["only_b"], -other["ci95_high"])


def test_numbers_are_written_as_the_language_writes_them():
    assert "93.00%" in say(make_results(), "en") and "93,00\u00a0%" in say(make_results(), "uk")
    assert "93.00" not in say(make_results(), "uk")


@pytest.mark.parametrize(
    ("train", "val", "english", "ukrainian"),
    [
        ([0.90, 0.93], [0.91, 0.935], "Train “Convolutional network” longer: ", "довше"),
        ([0.90, 0.99], [0.93, 0.94], "Regularise “Convolutional network” more strongly", "регуляризацію"),
        ([0.90, 0.93], [0.94, 0.935], "Enlarge “Convolutional network”", "Збільшити"),
    ],
)
def test_what_to_try_next_follows_from_the_curves(train, val, english, ukrainian):
    results = make_results()
    results["models"]["cnn"]["history"] = {"accuracy": train, "val_accuracy": val}
    assert english in say(results, "en", "next")
    assert ukrainian in next(line for line in say(results, "uk", "next").split("\n") if "Згорткова" in line)


def test_the_study_is_quoted_only_where_something_beat_the_chosen_value():
    results = make_results()
    assert "study" not in say(results, "en", "next")
    results["study"]["factors"][1] |= {"gain": 0.013, "best": "5"}
    assert "“kernel” = 5 for “Convolutional network”, there 1.3 percentage points" in say(results, "en", "next")
    assert "1,3" in say(results, "uk", "next")


def test_one_epoch_says_nothing_of_the_next():
    results = make_results()
    results["models"]["cnn"]["history"] = {"accuracy": [0.90], "val_accuracy": [0.94]}
    assert "“Convolutional network”" not in say(results, "en", "next")


@pytest.mark.parametrize(("best", "said"), [("5", True), ("3", False), ("none", False)])
def test_advice_names_only_what_can_be_set(best, said):
    results = make_results()
    row = {"network": "finetune", "group": "structure", "factor": "unfreeze", "best": best, "spread": 0.1, "gain": 0.1}
    results["study"] = {**results["study"], "factors": [row]}
    assert ("Repeat in a full training" in say(results, "en", "next")) == said
