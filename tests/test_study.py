"""The study varies one factor at a time, estimates seed-to-seed variation, resumes, and ranks the factors."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from fmnist_report.data.split import DatasetInfo
from fmnist_report.experiments import study
from fmnist_report.experiments.noise import Noise, band_factor, step_factor
from fmnist_report.experiments.trials import Subset, SubsetSource, TrialScore
from fmnist_report.networks import make_trial_specs
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, Settings, StudySettings

pytestmark = pytest.mark.backend

NETWORKS = {
    "cnn": CNNSettings(stem=32, widths=(64, 64, 64), batch_size=16, precision="float32"),
    "head": HeadSettings(width=8, batch_size=512),
    "finetune": FineTuneSettings(batch_size=128, precision="float32", easy_sample_interval=2),
}
SETTINGS = StudySettings(n_train=30, n_val=20, feature_train=25, feature_val=20, width_divisor=2, seeds=3,
                         cnn_steps=7, head_steps=5,
                         finetune_steps=2)  # fmt: skip


def specs(divisor):
    own = dataclasses.replace(SETTINGS, width_divisor=divisor)
    found = make_trial_specs(Settings(study=own, **NETWORKS), "study")
    return {name: found[name] for name in NETWORKS}


SPECS = specs(1)


@pytest.mark.parametrize("network", NETWORKS)
def test_each_variation_changes_one_factor(network):
    base = specs(2)[network].settings
    variations = study.list_variations(SPECS[network], base, mirror=True)
    assert {v.group for v in variations} == {"structure", "optimisation", "regularisation"}
    assert {v.network for v in variations} == {network}
    for variation in variations:
        changed = {
            field.name: getattr(variation.settings, field.name) for field in dataclasses.fields(base)
            if getattr(variation.settings, field.name) != getattr(base, field.name)
        }  # fmt: skip
        if variation.factor == "layers":
            assert not changed and variation.layers != study.POOLED
        elif variation.factor == "optimizer":  # each optimiser comes with its own rate and decay
            scale = OPTIMIZERS[variation.value].usual_rate / OPTIMIZERS[base.optimizer].usual_rate
            assert "optimizer" in changed and set(changed) <= {"optimizer", "learning_rate", "weight_decay"}
            assert variation.settings.learning_rate == pytest.approx(base.learning_rate * scale)
            assert variation.settings.weight_decay == pytest.approx(base.weight_decay / scale)
        elif variation.factor == "widths":
            assert changed == {"stem": 8, "widths": (16, 16, 16)} and variation.value == "half"
        else:
            assert set(changed) == {variation.factor}
        assert variation.layers == study.POOLED or variation.factor == "layers"
    for factor in {v.factor for v in variations}:
        tried = [v.value for v in variations if v.factor == factor]
        assert len(set(tried)) == len(tried) and study.own_value(factor, base) not in tried


def list_optimizers(network, own):
    """List the optimisers that the study tries, with the name of the factor."""
    studied = [name for name, optimizer in OPTIMIZERS.items() if network in optimizer.studied_in]
    return [("optimizer", name) for name in studied if name != own]


def test_what_is_tried_of_each_network():
    bases = {name: spec.settings for name, spec in SPECS.items()}
    found = {
        name: [(v.factor, v.value) for v in study.list_variations(SPECS[name], base, mirror=True)]
        for name, base in bases.items()
    }
    without = study.list_variations(SPECS["cnn"], bases["cnn"], mirror=False)  # if images must not be mirrored
    assert [(v.factor, v.value) for v in without] == [pair for pair in found["cnn"] if pair[0] != "mirror"]
    assert len(without) < len(found["cnn"])
    assert found["finetune"] == [
        ("unfreeze", "none"), ("learning_rate", "1.5e-05"), ("learning_rate", "0.00024"),
        ("learning_rate", "0.00096"), ("learning_rate", "0.00384"), ("dropout", "0.5"),
    ]  # fmt: skip
    assert found["head"] == [
        ("layers", "3"), ("layers", "4"), ("layers", "5"), ("layers", "3 + 4"), ("layers", "4 + 5"), ("width", "0"),
        ("width", "2"), *list_optimizers("head", "adamw"), ("learning_rate", "0.0005"), ("learning_rate", "0.008"),
        ("schedule", "constant"), ("batch_size", "128"), ("dropout", "0.5"),
        ("label_smoothing", "0"),
    ]  # fmt: skip
    assert found["cnn"] == [
        ("architecture", "plain"), ("widths", "half"), ("kernel", "5"), ("pooling", "average"), ("batch_norm", "False"),
        ("residual", "False"), *list_optimizers("cnn", "muon"), ("learning_rate", "0.0015"),
        ("learning_rate", "0.024"), ("schedule", "constant"), ("batch_size", "8"), ("dropout", "0.5"),
        ("label_smoothing", "0"), ("shift", "0"), ("mirror", "False"),
    ]  # fmt: skip


def test_the_start_is_narrower_and_takes_small_batches_and_all_images_alike():
    found = {name: spec.settings for name, spec in specs(2).items()}
    assert (found["cnn"].stem, found["cnn"].widths, found["cnn"].batch_size) == (16, (32, 32, 32), 16)
    assert (found["head"].width, found["head"].batch_size) == (8, 256)
    assert (found["finetune"].batch_size, found["finetune"].easy_sample_interval) == (64, 1)
    assert {settings.epochs for settings in found.values()} == {1}


@pytest.fixture
def call(data_folder, tmp_path, monkeypatch):
    """Return the arguments of the stage; features are invented when they are read."""
    shapes = {"block3_grid": (2, 2, 5), "block4_gap": (7,), "block5_gap": (7,)}

    def open_source(source):
        if source.features is not None:
            assert source.weights == tmp_path and (source.head.batch_size, source.head.width) == (256, 8)
        labels = load_arrays(source.data / "labels.npz")
        n = {"train": source.n_train, "val": source.n_val}
        labels = {part: labels[part][: n[part]] for part in n}
        if source.features is None:
            return Subset(DatasetInfo(), {}, labels)
        rng = np.random.default_rng(0)
        views = {part: [rng.normal(size=(n[part], 34)) for _ in range(2)] for part in n}
        return Subset(DatasetInfo(), {}, labels, views, SimpleNamespace(shapes=shapes))

    monkeypatch.setattr(SubsetSource, "open", open_source)
    return {"study": SETTINGS, "seed": 4, "data": data_folder, "features": tmp_path, "networks": specs(2),
            "weights": tmp_path}  # fmt: skip


def pretend(trained, stop=10**6):
    """Simulate training: the accuracy depends on the seed and the learning rate."""

    def train(spec, settings, n_steps, subset, seed):
        network = spec.stage
        if len(trained) == stop:
            raise KeyboardInterrupt
        width = subset.views["train"][0].shape[1] if subset.views else 0
        read = subset.views["train"][0].tobytes() if subset.views else b""
        trained.append(
            (network, settings, n_steps, width, seed, len(subset.labels["train"]), len(subset.labels["val"]), read)
        )
        own = NETWORKS[network].learning_rate
        accuracy = 0.8 + 0.001 * (seed - 4) - (0.1 if settings.learning_rate == own / 4 else 0)
        return TrialScore(accuracy, accuracy - 0.05)

    return train


def test_equal_training_runs_are_done_once_and_finished_ones_not_again(tmp_path, quiet, call, monkeypatch):
    trained = []
    monkeypatch.setattr(study, "train_settings", pretend(trained, stop=5))
    with pytest.raises(KeyboardInterrupt):
        study.run_study(tmp_path, quiet, **call)
    monkeypatch.setattr(study, "train_settings", pretend(trained))
    study.run_study(tmp_path, quiet, **call)
    assert len(trained) == len(set(trained))
    read = {network: {row[5:7] for row in trained if row[0] == network} for network in NETWORKS}
    assert read == {"cnn": {(30, 20)}, "head": {(25, 20)}, "finetune": {(25, 20)}}
    assert {row[2] for row in trained if row[0] == "cnn"} == {7} and {row[4] for row in trained} == {4, 5, 6}
    assert {row[3] for row in trained if row[0] == "head"} == {34, 20, 7, 27, 14, 19}
    kinds = [row[0] for row in trained]
    assert kinds == sorted(kinds, key=["cnn", "finetune", "head"].index)


def test_the_document_reports_noise_effects_and_ablations(tmp_path, quiet, call, monkeypatch):
    monkeypatch.setattr(study, "train_settings", pretend([]))
    study.run_study(tmp_path, quiet, **call)
    document = read_json(tmp_path / "study.json")
    assert document["n_steps"] == {"cnn": 7, "head": 5, "finetune": 2} and document["n_seeds"] == 3
    assert [document[name] for name in ("n_train", "n_val", "feature_train", "feature_val")] == [30, 20, 25, 20]
    base = document["baselines"]["cnn"]
    assert base["accuracies"] == pytest.approx([0.8, 0.801, 0.802]) and base["mean"] == pytest.approx(0.801)
    assert base["sd"] == pytest.approx(0.001) and base["half_width"] == pytest.approx(1 / 20)  # one image of 20
    assert (base["batch_size"], base["optimizer"], base["learning_rate"]) == (16, "muon", 0.006)
    rate = [row for row in document["rows"] if (row["network"], row["factor"]) == ("cnn", "learning_rate")]
    assert [(row["value"], row["chosen"], row["exceeds_noise"]) for row in rate] == [
        ("0.006", True, False), ("0.0015", False, True), ("0.024", False, False)
    ]  # fmt: skip
    assert rate[1]["effect"] == pytest.approx(0.7 - 0.801) and rate[1]["val_accuracy"] == pytest.approx(0.7)
    assert rate[0]["effect"] == 0 and rate[0]["val_accuracy"] == base["mean"] and rate[0]["group"] == "optimisation"
    assert document["factors"][0]["factor"] == "learning_rate" and document["factors"][0]["exceeds_noise"]
    part1, part2 = document["ablations"]["part1"], document["ablations"]["part2"]
    assert [row["component"] for row in part1] == [
        "start", "widths", "batch_norm", "schedule", "optimizer", "architecture", "residual", "label_smoothing",
        "shift", "mirror", "views",
    ]  # fmt: skip
    assert part1[-1]["gain"] == pytest.approx(0.05) and part1[-2]["val_accuracy"] == pytest.approx(0.75)
    assert [(row["network"], row["component"]) for row in part2] == [
        ("head", "start"), ("head", "blocks"), ("head", "grid"), ("head", "width"), ("finetune", "unfreeze")
    ]  # fmt: skip
    assert part2[0]["val_accuracy"] == pytest.approx(0.8)


def test_no_more_images_are_reported_than_there_are():
    labels = {"train": np.zeros(30), "val": np.zeros(10)}
    found = study.fit_to(dataclasses.replace(SETTINGS, n_train=31, n_val=9, feature_train=29, feature_val=11), labels)
    assert (found.n_train, found.n_val, found.feature_train, found.feature_val) == (30, 9, 29, 10)
    assert found.seeds == SETTINGS.seeds


def test_what_is_not_studied_is_left_out(tmp_path, quiet, call, monkeypatch):
    monkeypatch.setattr(study, "train_settings", pretend([]))
    few = dataclasses.replace(SETTINGS, cnn_steps=0, finetune_steps=0)
    study.run_study(tmp_path, quiet, **call | {"study": few})
    document = read_json(tmp_path / "study.json")
    assert set(document["baselines"]) == {row["network"] for row in document["rows"]} == {"head"}
    assert set(document["ablations"]) == {"part2"} and len(document["ablations"]["part2"]) == 4


@pytest.mark.parametrize(("head_steps", "expected"), [(5, 5), (0, 1)])
def test_fine_tuning_starts_from_a_head_of_as_many_steps(tmp_path, quiet, call, monkeypatch, head_steps, expected):
    seen = {}

    def keep(runs, networks, sources, *rest):
        seen.update(sources)
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "train_missing", keep)
    with pytest.raises(KeyboardInterrupt):
        study.run_study(tmp_path, quiet, **call | {"study": dataclasses.replace(SETTINGS, head_steps=head_steps)})
    head = dataclasses.replace(NETWORKS["head"], batch_size=256, epochs=1)
    assert seen["finetune"] == seen["head"]
    assert seen["head"] == SubsetSource(call["data"], 25, 20, call["features"], call["weights"], head, expected)
    assert (seen["cnn"].n_train, seen["cnn"].features) == (30, None)


def test_the_boundary_itself_is_noise():
    base = NETWORKS["head"]
    (one,) = [v for v in study.list_variations(SPECS["head"], base, mirror=True) if v.factor == "schedule"]
    found = {study.describe("head", one.settings, one.layers, 0): {"val_accuracy": 0.75, "seconds": 2.0}}
    assert not study.rows_of([one], base, Noise(0.5, 0.01, 0.25), found, 0)[1]["exceeds_noise"]


def test_values_are_of_the_kind_that_settings_take():
    for spec in SPECS.values():
        base = spec.settings
        for one in study.list_variations(spec, base, mirror=True):
            for name in ("batch_size", "width", "stem", "unfreeze"):
                assert isinstance(getattr(one.settings, name, 0), int), one
            assert all(isinstance(width, int) for width in getattr(one.settings, "widths", ()))
    assert study.own_value("widths", base) == "whole" and study.own_value("layers", base) == "3 + 4 + 5"


def test_progress_counts_training_runs(tmp_path, call, monkeypatch):
    told = []
    monkeypatch.setattr(study, "train_settings", pretend([]))
    progress = SimpleNamespace(update=lambda *words: told.append(words))
    study.run_study(
        tmp_path, progress, **call | {"study": dataclasses.replace(SETTINGS, cnn_steps=0, finetune_steps=0)}
    )
    n = len(told)
    assert told == [(number, n, f"{number}/{n} training runs") for number in range(1, n + 1)]
    assert all(0 <= row["seconds"] < 60 for row in read_json(tmp_path / "study.json")["rows"])


def row(network, factor, value, effect, beyond, group="structure", chosen=False):
    return {"network": network, "group": group, "factor": factor, "value": value, "effect": effect,
            "exceeds_noise": beyond,
            "chosen": chosen}  # fmt: skip


def test_factors_are_ranked_by_their_largest_effect():
    rows = [
        row("cnn", "kernel", "3", 0.0, False, chosen=True), row("cnn", "kernel", "5", 0.01, False),
        row("cnn", "dropout", "0.2", 0.0, False, "regularisation", True),
        row("cnn", "dropout", "0", 0.03, True, "regularisation"),
        row("cnn", "dropout", "0.5", -0.05, True, "regularisation"),
        row("head", "width", "512", 0.0, False, chosen=True), row("head", "width", "0", -0.2, True),
    ]  # fmt: skip
    assert study.rank_factors(rows) == [
        {"network": "cnn", "group": "regularisation", "factor": "dropout", "value": "0.5", "effect": -0.05,
         "exceeds_noise": True, "best": "0", "gain": 0.03},
        {"network": "cnn", "group": "structure", "factor": "kernel", "value": "5", "effect": 0.01,
         "exceeds_noise": False,
         "best": "5", "gain": 0.01},
        {"network": "head", "group": "structure", "factor": "width", "value": "0", "effect": -0.2,
         "exceeds_noise": True,
         "best": "512", "gain": 0.0},
    ]  # fmt: skip


@pytest.mark.parametrize(("accuracy", "beyond"), [(0.82, False), (0.8201, True), (0.78, False), (0.7799, True)])
def test_an_effect_counts_from_the_boundary_of_the_band_on(accuracy, beyond):
    base = NETWORKS["head"]
    (one,) = [v for v in study.list_variations(SPECS["head"], base, mirror=True) if v.factor == "schedule"]
    found = {study.describe("head", one.settings, one.layers, 0): {"val_accuracy": accuracy, "seconds": 2.0}}
    rows = study.rows_of([one], base, Noise(0.8, 0.01, 0.02 + 1e-12), found, 0)
    assert rows[0] == {"network": "head", "group": "optimisation", "factor": "schedule", "value": "one_cycle",
                       "chosen": True, "val_accuracy": 0.8, "effect": 0.0, "exceeds_noise": False,
                       "seconds": 0.0}  # fmt: skip
    assert (rows[1]["exceeds_noise"], rows[1]["seconds"], rows[1]["chosen"]) == (beyond, 2.0, False)


SPREAD = {"cnn": 0.03, "head": 0.02, "finetune": 0.04}


def test_the_band_holds_all_values_and_the_ablation_the_larger_noise(tmp_path, quiet, call, monkeypatch):
    train = pretend([])

    def train_apart(spec, settings, n_steps, subset, seed):
        reached = train(spec, settings, n_steps, subset, seed)
        return dataclasses.replace(reached, val_accuracy=0.8 + SPREAD[spec.stage] * (seed - 4))

    monkeypatch.setattr(study, "train_settings", train_apart)
    study.run_study(tmp_path, quiet, **call)
    document = read_json(tmp_path / "study.json")
    for name, base in document["baselines"].items():
        n = sum(row["network"] == name and not row["chosen"] for row in document["rows"])
        assert base["half_width"] == pytest.approx(SPREAD[name] * band_factor(3, n))
    step = document["ablations"]["part2"][1]
    assert step["high"] - step["gain"] == pytest.approx(0.04 * step_factor(3, 4))
