"""Evaluation on the test set against values computed by hand on small data."""

import dataclasses

import numpy as np
import pytest

from fmnist_report.data.split import DatasetInfo
from fmnist_report.evaluation import test_set as evaluation
from fmnist_report.evaluation import validation
from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.evaluation.comparison import adjust_holm
from fmnist_report.evaluation.metrics import measure
from fmnist_report.networks import MAIN, NETWORKS, ON_FEATURES, PAIRS, stages_of_part
from fmnist_report.pipeline.files import load_arrays, read_json, write_json

TEST = np.array([0, 0, 1, 1, 2, 2])
VAL = np.array([0, 1, 2, 0])
SUMMARY = {"n_params": 5, "n_trainable": 4, "macs": 7, "train_seconds": 2.0, "predict_ms_per_image": 0.5, "n_views": 2,
           "total_seconds": 9.0, "macs_per_prediction": 14, "ms_per_prediction": 1.0, "layers": [1],
           "precision": "bfloat16",
           "train_eval": {"n": 4}}  # fmt: skip


def sure(predicted, confidence=0.8):
    """Return probabilities of three classes with the given confidence of the prediction."""
    rest = (1 - confidence) / 2
    return np.where(np.eye(3)[predicted] == 1, confidence, rest).astype("float32")


def test_a_model_is_measured():
    predicted = np.array([0, 1, 1, 1, 2, 0])  # four of six right
    near = np.array([True, False, False, False, False, True])
    val, original = sure(np.array([0, 1, 2, 1])), sure(np.array([0, 0, 0, 0]))
    found = measure(
        Candidate(val, sure(predicted), SUMMARY, {"val_loss": [1]}, original), {"val": VAL, "test": TEST}, near
    )
    assert found["test_accuracy"] == pytest.approx(4 / 6) and found["val_accuracy"] == 0.75
    assert found["test_accuracy_ci95"] == pytest.approx([0.3000, 0.9032], abs=1e-4)
    assert found["test_accuracy_without_near"] == pytest.approx(3 / 4)
    assert found["mirror_gain"] == pytest.approx(0.25)
    assert found["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert [row["f1"] for row in found["per_class"]] == pytest.approx([0.5, 0.8, 2 / 3])
    assert found["macro_f1"] == pytest.approx((0.5 + 0.8 + 2 / 3) / 3)
    assert [row["n_errors"] for row in found["per_class"]] == [1, 0, 1]
    assert found["ece"] == pytest.approx(0.8 - 4 / 6, abs=1e-6) and len(found["reliability"]) == 1
    assert found["reliability"][0]["accuracy"] == pytest.approx(4 / 6) and found["reliability"][0]["n"] == 6
    assert found["temperature"] == pytest.approx(np.log(8) / np.log(6), abs=1e-3)  # three of four right at 0.75
    assert found["ece_scaled"] == pytest.approx(0.75 - 4 / 6, abs=1e-3)
    assert found["val_minus_test"]["difference"] == pytest.approx(0.75 - 4 / 6)
    assert found["val_minus_test"]["low"] < 0 < found["val_minus_test"]["high"]
    kept = ("n_params", "n_trainable", "macs", "train_seconds", "predict_ms_per_image", "n_views", "total_seconds",
            "macs_per_prediction", "ms_per_prediction", "layers", "precision", "train_eval")  # fmt: skip
    assert {name: found[name] for name in kept} == SUMMARY and found["history"] == {"val_loss": [1]}
    all_near = measure(Candidate(val, sure(predicted), SUMMARY, {}), {"val": VAL, "test": TEST}, np.ones(6, bool))
    assert all_near["test_accuracy_without_near"] is None and all_near["mirror_gain"] is None


def test_without_a_precision_it_is_float32_and_nothing_is_known_of_training_images():
    summary = {name: value for name, value in SUMMARY.items() if name not in ("precision", "train_eval")}
    found = measure(Candidate(sure(VAL), sure(TEST), summary, {}), {"val": VAL, "test": TEST}, np.zeros(6, bool))
    assert (
        found["precision"] == "float32" and found["train_eval"] is None and found["test_accuracy_without_near"] == 1.0
    )


def test_a_class_without_test_images_keeps_its_row():
    few = {"val": VAL, "test": np.array([0, 0, 1])}
    found = measure(Candidate(sure(VAL), sure(few["test"]), SUMMARY, {}), few, np.zeros(3, bool))
    assert found["confusion"] == [[2, 0, 0], [0, 1, 0], [0, 0, 0]] and len(found["per_class"]) == 3


@pytest.fixture
def models():
    """Networks with different errors, and one image on which all agree; further networks answer as the first."""
    predicted = {"mlp": [1, 1, 1, 1, 1, 0], "cnn": [0, 1, 0, 1, 1, 0], "vgg_features": [0, 0, 1, 1, 1, 1],
                 "vgg_finetuned": [0, 0, 1, 2, 1, 0]}  # fmt: skip
    confidence = {"mlp": 0.5, "cnn": 0.6, "vgg_features": 0.7, "vgg_finetuned": [0.9, 0.9, 0.9, 0.8, 0.7, 0.95]}
    found = {}
    for name in MAIN:
        answers, rows = predicted.get(name, predicted["mlp"]), np.broadcast_to(confidence.get(name, 0.5), 6)
        found[name] = Candidate(
            sure(VAL), np.concatenate([sure(np.array([a]), c) for a, c in zip(answers, rows, strict=True)]), SUMMARY, {}
        )
    return found


def test_mistakes_are_the_fine_tuned_networks_surest_first(models):
    found = evaluation.find_mistakes(models, TEST)
    assert [row["index"] for row in found] == [5, 3, 4] and [row["label"] for row in found] == [2, 1, 2]
    answers = {"mlp": [0, 0.5], "cnn": [0, 0.6], "vgg_features": [1, 0.7], "vgg_finetuned": [0, 0.95]}
    answers = {name: answers.get(name, answers["mlp"]) for name in MAIN}
    assert found[0]["predictions"] == {name: pytest.approx(answer) for name, answer in answers.items()}


def test_missed_by_all_and_agreed_on(models):
    found = evaluation.find_missed_by_all(models, TEST)
    assert (found["n"], found["n_agreed"]) == (2, 1)  # image 5 is misclassified by all, with different predictions
    assert [row["index"] for row in found["shown"]] == [4]


def test_what_all_miss_alike_is_shown_the_surest_first():
    labels, sures = np.array([0, 0, 0, 2]), (0.6, 0.9, 0.7, 0.9)
    answers = np.concatenate([sure(np.array([1 if i < 3 else 2]), each) for i, each in enumerate(sures)])
    alike = {name: Candidate(sure(VAL), answers, SUMMARY, {}) for name in MAIN}
    assert [row["index"] for row in evaluation.find_missed_by_all(alike, labels)["shown"]] == [1, 2, 0]


def test_no_more_mistakes_are_shown_than_there_is_room_for(models, monkeypatch):
    monkeypatch.setattr(evaluation, "N_MISTAKES", 2)
    assert [row["index"] for row in evaluation.find_mistakes(models, TEST)] == [5, 3]


def test_pairs_are_compared_the_first_minus_the_second(models):
    names = {name for pair in PAIRS for name in pair}
    others = {name: models["mlp"] for name in names - set(models)}
    rows = evaluation.compare(models | others, TEST)
    assert [(row["a"], row["b"]) for row in rows] == PAIRS
    (row,) = [row for row in rows if {row["a"], row["b"]} == {"cnn", "mlp"}]
    sign = 1 if row["a"] == "cnn" else -1
    assert row["difference"] == pytest.approx(sign * (2 - 2) / 6)
    (row,) = [row for row in rows if {row["a"], row["b"]} == {"vgg_features", "mlp"}]
    assert row["difference"] == pytest.approx((1 if row["a"] == "vgg_features" else -1) * (4 - 2) / 6)


def test_a_pair_under_two_names_is_tested_once(models):
    names = {name for pair in PAIRS for name in pair}
    found = {name: models.get(name, models["mlp"]) for name in names} | {"vgg_head": models["vgg_features"]}
    rows = {(row["a"], row["b"]): row for row in evaluation.compare(found, TEST)}
    assert list(rows) == PAIRS
    once, again = rows["vgg_finetuned", "vgg_features"], rows["vgg_finetuned", "vgg_head"]
    assert {**once, "b": "vgg_head"} == again and once["b"] == "vgg_features"
    p_values = [row["p_value"] for pair, row in rows.items() if pair != ("vgg_finetuned", "vgg_head")]
    assert [row["p_holm"] for pair, row in rows.items() if pair != ("vgg_finetuned", "vgg_head")] == adjust_holm(
        p_values
    )
    apart = evaluation.compare(found | {"vgg_head": models["mlp"]}, TEST)
    assert [row["p_holm"] for row in apart] == adjust_holm([row["p_value"] for row in apart])


def test_samples_are_the_first_of_each_class():
    images = {"train": np.arange(7)[:, None, None] * np.ones((1, 2, 2), int)}
    found = evaluation.sample_rows(images, {"train": np.array([0, 1, 0, 1, 0, 1, 0])}, 2)
    assert found[:, :, 0, 0].tolist() == [[0, 2], [1, 3]]
    assert evaluation.sample_rows(images, {"train": np.array([0, 1, 0, 1, 0, 1, 0])}).shape == (2, 3, 2, 2)
    many = {"train": np.zeros((40, 2, 2))}
    assert evaluation.sample_rows(many, {"train": np.arange(40) % 2}).shape == (2, 12, 2, 2)


@pytest.fixture
def entries(tmp_path):
    """Entries of a complete run with three classes; the near duplicate is test image 0."""
    found = {name: tmp_path / name for name in (
        "data", "features", "study", "inputs", "duplicates", "browser_model", "reference", "permutation", "blocks",
        "explain", "head", "finetune", "control",
        "classifiers", "seeds", *stages_of_part(1),
    )}  # fmt: skip
    for folder in found.values():
        folder.mkdir()
    images = {"train": np.zeros((3, 4, 4), "uint8"), "val": np.zeros((4, 4, 4), "uint8"),
              "test": np.arange(96).reshape(6, 4, 4).astype("uint8")}  # fmt: skip
    np.savez(found["data"] / "images.npz", **images)
    np.savez(found["data"] / "labels.npz", train=np.array([0, 1, 2]), val=VAL)
    np.savez(found["data"] / "test_labels.npz", test=TEST)
    write_json(found["data"] / "dataset.json", dataclasses.asdict(DatasetInfo(labels=(0, 1, 2), height=4, width=4)))
    base = {"n_params": 100, "macs": 200, "layers": []}
    write_json(found["features"] / "index.json", {
        "base": base, "backbone": "VGG16", "size": 32, "runtime": "mnn", "precision": "float32",
        "pooled": {"block3_grid": [2, 3, 5], "block4_gap": [7]}, "entered": {"scale": [1, 1, 1], "offset": [0, 0, 0]},
    })  # fmt: skip
    write_json(found["features"] / "measured.json", {"seconds": 50.0, "predict_ms_per_image": 1.0, "speed": None})
    write_json(found["study"] / "study.json", {"rows": [1]})
    write_json(found["inputs"] / "inputs.json", {"rows": [2]})
    write_json(found["duplicates"] / "duplicates.json", {"rms": 10.0})
    write_json(found["browser_model"] / "browser_model.json", {"fits": False})
    np.savez(found["reference"] / "reference.npz", val=VAL, test=(TEST + 1) % 3)
    np.savez(found["duplicates"] / "duplicates.npz", test=np.arange(6) == 0, pairs=np.zeros((1, 2, 4, 4), "uint8"))
    numbers = {"cnn": 1, "head": 2, "finetune": 3, "control": 4}
    for stage, number in (dict.fromkeys(stages_of_part(1), 0) | numbers).items():
        answers = np.where(np.arange(6) < number + 2, TEST, (TEST + 1) % 3)
        original = {"val_original": sure((VAL + 1) % 3)} if stage == "cnn" else {}
        np.savez(found[stage] / "probabilities.npz", val=sure(VAL), test=sure(answers).astype(float), **original)
        write_json(found[stage] / "history.json", {"val_loss": [0.3]})
        write_json(found[stage] / "summary.json", {"n_params": 1, "n_trainable": 1, "macs": 1, "layers": []})
        write_json(found[stage] / "train_eval.json", {"n": 4, "train_accuracy": 1.0, "train_loss": 0.1})
        measured = {"train_seconds": 1.0, "epoch_seconds": [1.0], "predict_ms_per_image": 0.1}
        write_json(found[stage] / "measured.json", measured)
    kinds = [row.name.removeprefix("vgg_") for row in ON_FEATURES if row.stage == "classifiers"]
    wrong = {"val": sure((VAL + 1) % 3), "test": sure((TEST + 1) % 3)}
    arrays = {f"{kind}/{split}": values for kind in kinds for split, values in wrong.items()}
    np.savez(found["classifiers"] / "probabilities.npz", **arrays)
    write_json(found["classifiers"] / "classifiers.json",
               dict.fromkeys(kinds, {"parameter": 1, "n_params": 1, "macs": 1, "n_views": 1}))  # fmt: skip
    times = {"train_seconds": 1.0, "predict_ms_per_image": 0.1}
    write_json(found["classifiers"] / "measured.json", dict.fromkeys(kinds, times))
    arms = {"whole": [0.9, 0.92], "permuted": [0.8, 0.82]}
    counts = {"n_train": 3, "n_val": 4, "n_steps": 5}
    write_json(found["permutation"] / "permutation.json", {**counts, "runs": {"mlp": arms, "cnn": arms}})
    each = {f"{state}/{block}": min(block, 2) == VAL for state in ("frozen", "tuned") for block in (4, 5)}
    np.savez(found["blocks"] / "blocks.npz", n_train=3, **each)
    seen = {part: {f"{part}/labels": [2], f"{name}/predicted": [1], f"{name}/heat": np.eye(3)[None, :1] + [[[0]] * 3]}
            for part, name in (("part1", "cnn"), ("part2", "vgg_finetuned"))}  # fmt: skip
    np.savez(found["explain"] / "explain.npz", **seen["part1"], **seen["part2"])
    np.savez(found["seeds"] / "seeds.npz", **{"mlp/val": sure(VAL)[None], "mlp/test": sure(TEST)[None]})
    return found


def test_evaluation_writes_one_document_of_everything(tmp_path, quiet, entries):
    out = tmp_path / "out"
    out.mkdir()
    evaluation.evaluate(out, quiet, data_sha256="abc", **entries)
    found = read_json(out / "evaluation.json")
    accuracy = {name: round(6 * found["models"][name]["test_accuracy"]) for name in ("mlp", "cnn", "vgg_head",
                "vgg_finetuned", "vgg_control", "vgg_features", "vgg_lda")}  # fmt: skip
    assert accuracy == {"mlp": 2, "cnn": 3, "vgg_head": 4, "vgg_finetuned": 5, "vgg_control": 6, "vgg_features": 4,
                        "vgg_lda": 0}  # fmt: skip
    assert found["models"]["cnn"]["test_accuracy_without_near"] == pytest.approx(2 / 5)
    heat = [{"label": 2, "predicted": 1, "thirds": pytest.approx([1 / 3] * 3)}]
    assert found["mechanisms"]["heat"] == {"cnn": heat, "vgg_finetuned": heat}
    assert found["data"]["sha256"] == "abc" and found["class_counts"] == [1, 1, 1]
    assert [found["data"][f"n_{split}"] for split in ("train", "val", "test")] == [3, 4, 6]
    assert found["data"]["labels"] == [0, 1, 2] and found["chosen_classifier"] == "vgg_head"
    assert found["features"] == {"backbone": "VGG16", "size": 32, "runtime": "mnn", "precision": "float32",
                                 "seconds": 50.0, "speed": None,
                                 "n_features": 37, "scale": [1, 1, 1], "offset": [0, 0, 0], "n_cells": 2}  # fmt: skip
    assert found["study"] == {"rows": [1]} and found["inputs"] == {"rows": [2]}
    assert found["duplicates"] == {"rms": 10.0} and set(found["ensemble_weights"]) == set(MAIN)
    assert found["seeds"]["mlp"]["test"]["accuracies"] == pytest.approx([2 / 6, 1.0])
    assert set(found["classifiers"]) == {"logistic_regression", "lda", "k_neighbours"}
    assert found["missed_by_all"]["n"] == 1 and [row["index"] for row in found["mistakes"]] == [5]
    assert (
        found["versions"]["numpy"] == np.__version__
        and "python" in found["versions"]
        and found["hardware"]["cores"] >= 1
    )
    (row,) = [row for row in found["comparisons"] if {row["a"], row["b"]} == {"mlp", "vgg_finetuned"}]
    assert abs(row["difference"]) == pytest.approx(3 / 6) and len(found["comparisons"]) == len(PAIRS)
    arrays = load_arrays(out / "predictions.npz")
    assert np.array_equal(arrays["y_test"], TEST) and set(arrays) == {"y_test", "near_duplicates", *found["models"]}
    assert {arrays[name].dtype for name in found["models"]} == {np.dtype("float32")}
    assert np.array_equal(arrays["vgg_finetuned"].argmax(axis=1) == TEST, np.arange(6) < 5)
    shown = load_arrays(out / "images.npz")
    assert np.array_equal(shown["mistakes"], np.arange(80, 96).reshape(1, 4, 4)) and shown["samples"].shape == (
        3,
        1,
        4,
        4,
    )
    assert shown["pairs"].shape == (1, 2, 4, 4) and len(shown["missed_by_all"]) == len(found["missed_by_all"]["shown"])


def test_validation_reports_no_test_accuracy(tmp_path, quiet, entries):
    (entries["data"] / "test_labels.npz").unlink()
    out = tmp_path / "out"
    out.mkdir()
    given = {name: folder for name, folder in entries.items() if name not in ("duplicates", "browser_model")}
    validation.validate_models(out, quiet, **given)
    found = read_json(out / "validation.json")
    assert found["n_val"] == 4 and found["chosen_classifier"] == "vgg_head"
    cnn = found["models"]["cnn"]
    assert cnn["val_accuracy"] == 1.0 and cnn["val_accuracy_ci95"] == pytest.approx([0.5101, 1.0], abs=1e-4)
    assert found["models"]["vgg_lda"]["val_accuracy"] == 0.0 and not any("test" in key for key in cnn)
    assert (cnn["n_params"], cnn["macs"], cnn["train_seconds"], cnn["mirror_gain"]) == (1, 1, 1.0, 1.0)
    assert cnn["history"] == {"val_loss": [0.3], "seconds": [1.0]}
    assert set(found["seeds"]["mlp"]) == {"val"} and found["study"] == {"rows": [1]}
    assert (
        found["inputs"] == {"rows": [2]}
        and found["hardware"]["cores"] >= 1
        and set(found["ensemble_weights"]) == set(MAIN)
    )


def test_every_network_is_in_the_table_once():
    assert len({row.name for row in NETWORKS}) == len(NETWORKS)
