"""Rows of tables and lists in sentences agree with settings and results, in the right order."""

import dataclasses

from fmnist_report.networks import MAIN, ON_FEATURES
from fmnist_report.presets import override, preset
from fmnist_report.report.language import Language
from fmnist_report.report.tables import (
    TRAINING_FACTORS,
    classifier_rows,
    comparison_rows,
    confused_pairs,
    describe_measured_speed,
    ensemble_list,
    entered_ranges,
    list_methods,
    list_settings,
    mirror_list,
    network_rows,
    study_points,
    training_rows,
)


def rows(*assignments, stages=("mlp", "cnn"), n_train=55_000):
    found = training_rows(override(preset("standard"), assignments), n_train, stages)
    return {row["factor"]: row["values"] for row in found}


def test_augmentation_has_a_row_where_a_network_uses_it():
    assert list(rows("mlp.shift=0", "cnn.shift=0")) == list(TRAINING_FACTORS)
    assert rows("cnn.cutout=12", "mlp.shift=0")["cutout"] == [0, 12]
    assert rows("mlp.shift=1", "cnn.shift=3")["shift"] == [1, 3]
    assert rows("cnn.epochs=3", "mlp.epochs=4")["epochs"] == [4, 3]


def test_batches_are_reported_as_small_as_few_images_make_them():
    assert rows()["batch_size"] == [1024, 128]
    assert rows(n_train=8_000)["batch_size"] == [800, 128] and rows(n_train=83)["batch_size"] == [8, 8]


def test_what_a_network_does_not_know_has_no_value():
    assert "shift" not in rows(stages=("head", "finetune"))
    assert rows("finetune.shift=2", stages=("head", "finetune"))["shift"] == [None, 2]


def layer(name, kind, n, shape):
    return {"name": name, "type": kind, "n_params": n, "n_trainable": n, "macs": 10 * n, "output_shape": shape}


def test_layers_are_joined_with_their_sums():
    pair = [layer("a", "Conv2D", 5, [4, 4, 2]), layer("n", "BatchNormalization", 3, [4, 4, 2])]
    assert network_rows({"models": {"m": {"layers": pair}}}, "m")[0]["n_params"] == 8
    deep = [layer(f"l{i}", "Conv2D", 1, [4 if i < 20 else 2, 4, 2]) for i in range(30)]
    sums = [(row["n_params"], row["macs"]) for row in network_rows({"models": {"m": {"layers": deep}}}, "m")]
    assert sums == [(20, 200), (10, 100)]


def test_ranges_of_the_base_are_those_that_it_is_given():
    features = {"scale": [2] * 3, "offset": [-100, 0, 0]}
    assert entered_ranges({"features": features}, Language("en")) == "−100 … 410; 0 … 510"


ENGLISH = Language("en")
HEAD = next(row.name for row in ON_FEATURES if row.stage == "head")


def test_members_of_the_ensemble_stand_by_their_weight():
    found = ensemble_list({"ensemble_weights": {"mlp": 0.1, "cnn": 0.7, "vgg_finetuned": 0.2}}, ENGLISH)
    assert [piece.split("(")[1] for piece in found.split(", ")] == ["70.0%)", "20.0%)", "10.0%)"]


def test_what_the_mirror_image_adds_is_reported_with_its_sign():
    gains = dict.fromkeys(MAIN) | dict(zip(MAIN, (0.001, -0.002, None, 0.0), strict=False))
    found = mirror_list({"models": {name: {"mirror_gain": gain} for name, gain in gains.items()}}, ENGLISH)
    assert [piece.split("(")[1] for piece in found.split(", ")] == ["+0.10)", "−0.20)", "0.00)"]


def test_pairs_are_counted_in_both_directions_the_most_first():
    confusion = [[9, 1, 0], [2, 9, 4], [0, 1, 9]]
    found = confused_pairs({"class_counts": [1, 1, 1], "models": {name: {"confusion": confusion} for name in MAIN}})
    told = [(row["first"], row["second"], row["counts"]["cnn"], row["total"]) for row in found]
    assert told == [(1, 2, 5, 5 * len(MAIN)), (0, 1, 3, 3 * len(MAIN)), (0, 2, 0, 0)]


def test_the_runs_of_the_study_are_described():
    base = {"mean": 0.3, "half_width": 0.05, "accuracies": [0.89, 0.91], "batch_size": 64, "learning_rate": 0.012}
    base["rates"] = [{}] * 4
    study = {"baselines": {"cnn": base}, "n_steps": {"cnn": 300}, "n_train": 20_000, "feature_train": 9}
    study |= {"n_val": 2_500, "feature_val": 7}
    assert "300 steps of 50 images out of 50 training images, at" in study_points(
        {"study": study | {"n_train": 50}}, ("cnn",), ENGLISH
    )
    found = study_points({"study": study}, ("cnn",), ENGLISH)
    assert "300 steps of 64 images out of 20,000 training images, at" in found and "reaches 90.00% on" in found
    assert "judged on 2,500 validation images" in found
    assert "at the learning rate 0.012, the best of 4" in found


def test_a_pair_is_reported_once_where_the_chosen_classifier_is_the_head():
    pairs = [("vgg_finetuned", "vgg_features"), ("vgg_finetuned", "vgg_head"), ("vgg_finetuned", "vgg_control")]
    results = {"comparisons": [{"a": a, "b": b} for a, b in pairs], "chosen_classifier": "vgg_head"}
    assert [row["b"] for row in comparison_rows(results)] == ["vgg_features", "vgg_control"]
    results["chosen_classifier"] = "vgg_lda"
    assert len(comparison_rows(results)) == 3


def test_classifiers_stand_by_their_validation_accuracy_and_the_chosen_one_is_marked():
    accuracies = {row.name: 0.9 + number / 100 for number, row in enumerate(ON_FEATURES)}
    names = ("logistic_regression", "lda", "k_neighbours")
    results = {"models": {name: {"val_accuracy": value} for name, value in accuracies.items()},
               "classifiers": {name: {"parameter": 1, "value": 1, "best": 1, "C": 1} for name in names},
               "chosen_classifier": HEAD}  # fmt: skip
    found = classifier_rows(results, ENGLISH)
    assert [row["name"] for row in found] == sorted(accuracies, key=accuracies.get, reverse=True)
    assert [row["name"] for row in found if row["chosen"]] == [HEAD]


def test_methods_are_those_that_the_run_uses():
    def list_terms(*assignments, tried=()):
        used = dataclasses.asdict(override(preset("standard"), assignments))
        study = {"rows": list(tried)}
        return {method.term for method in list_methods({"run": {"settings": used}, "study": study, "full_runs": []})}

    plain = ["cnn.optimizer=sgd", "mlp.optimizer=sgd", "head.optimizer=sgd", "finetune.optimizer=sgd"]
    plain += [f"{name}.schedule=constant" for name in ("mlp", "cnn", "head", "finetune")]
    left = {"AdamW", "Muon", "Lion", "one cycle", "cutout", "residual connection"}
    assert not list_terms(*plain) & left and "SGD" in list_terms(*plain)
    assert {"AdamW", "Muon", "one cycle"} <= list_terms()  # Muon leaves vectors to AdamW
    assert "residual connection" in list_terms("cnn.residual=true") and "cutout" in list_terms("cnn.cutout=4")
    assert "Lion" in list_terms(*plain, tried=[{"factor": "optimizer", "value": "lion"}])


def test_the_settings_listed_are_those_that_the_run_recorded():
    settings = preset("quick")
    recorded = dataclasses.asdict(settings)
    assert dict(list_settings(settings, recorded))["classifiers.components"] == "256"
    del recorded["classifiers"]["components"]  # a run of an earlier version
    names = [name for name, _ in list_settings(settings, recorded)]
    assert "classifiers.components" not in names and "classifiers.neighbours" in names


def test_measured_speed_is_written_if_there_is_one():
    speed = {"inference": {"float32": 60.4, "bfloat16": 20.0}, "training": {"float32": 110.0}, "mnn": 1300.0}
    results = {"features": {"runtime": "mnn", "speed": speed}}
    assert describe_measured_speed(results, Language("en")) == {
        "forward": "float32 60, bfloat16 20, MNN 1,300", "training": "float32 110", "runtime": "MNN",
    }  # fmt: skip
    results["features"] = {"runtime": "keras", "speed": speed | {"mnn": 0.0}}
    found = describe_measured_speed(results, Language("en"))
    assert found["forward"] == "float32 60, bfloat16 20" and found["runtime"] == "Keras"
    assert describe_measured_speed({"features": {}}, Language("en")) == {}
    failed = {"inference": {}, "training": {}, "mnn": 0.0}
    assert describe_measured_speed({"features": {"runtime": "keras", "speed": failed}}, Language("en")) == {}
