"""The study varies one factor at a time, estimates seed-to-seed variation, resumes, and ranks the factors."""

import dataclasses
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from fmnist_report.data.split import DatasetInfo
from fmnist_report.experiments import study
from fmnist_report.experiments.noise import step_factor
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
SETTINGS = StudySettings(n_train=30, n_val=20, feature_train=25, feature_val=20, width_divisor=2, seeds=3, repeats=1,
                         cnn_steps=7, head_steps=5,
                         finetune_steps=2)  # fmt: skip


def specs(divisor):
    own = dataclasses.replace(SETTINGS, width_divisor=divisor)
    found = make_trial_specs(Settings(study=own, **NETWORKS))
    return {name: found[name] for name in NETWORKS}


SPECS = specs(1)


@pytest.mark.parametrize("network", NETWORKS)
def test_each_variation_changes_one_factor(network):
    base = specs(2)[network].settings
    variations = study.list_variations(SPECS[network], base, mirror=True)
    assert {v.group for v in variations} >= {"structure", "regularisation"}
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
        ("unfreeze", "none"), ("dropout", "0.5"),
    ]  # fmt: skip
    assert found["head"] == [
        ("layers", "3"), ("layers", "4"), ("layers", "5"), ("layers", "3 + 4"), ("layers", "4 + 5"), ("width", "0"),
        ("width", "2"), *list_optimizers("head", "adamw"), ("dropout", "0.5"), ("label_smoothing", "0"),
    ]  # fmt: skip
    assert found["cnn"] == [
        ("architecture", "plain"), ("widths", "half"), ("kernel", "5"), ("pooling", "average"), ("batch_norm", "False"),
        ("residual", "False"), *list_optimizers("cnn", "muon"), ("dropout", "0.5"), ("label_smoothing", "0"),
        ("shift", "0"), ("mirror", "False"),
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


def pretend(trained, stop=10**6, loss_of=lambda network, settings, n_steps, layers, seed: 0.0):
    """Simulate training: the loss depends on the seed and the learning rate, the best of which is twice the usual."""

    def train(spec, settings, n_steps, subset, seed):
        network = spec.stage
        if len(trained) == stop:
            raise KeyboardInterrupt
        width = subset.views["train"][0].shape[1] if subset.views else 0
        read = subset.views["train"][0].tobytes() if subset.views else b""
        trained.append(
            (network, settings, n_steps, width, seed, len(subset.labels["train"]), len(subset.labels["val"]), read)
        )
        away = abs(np.log2(settings.learning_rate / NETWORKS[network].learning_rate) - 1)
        loss = 0.5 + 0.01 * (seed - 4) + 0.1 * away + loss_of(network, settings, n_steps, width, seed)
        accuracy = 0.8 + 0.001 * (seed - 4)
        return TrialScore(accuracy, loss, accuracy - 0.05, loss + 0.1)

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
    study.run_study(tmp_path, quiet, **call)
    assert len(trained) == len(set(trained))


def test_the_rate_is_chosen_for_runs_of_this_length(tmp_path, quiet, call, monkeypatch):
    trained = []
    monkeypatch.setattr(study, "train_settings", pretend(trained))
    study.run_study(tmp_path, quiet, **call)
    base = read_json(tmp_path / "study.json")["baselines"]["cnn"]
    assert [row["value"] for row in base["rates"]] == ["0.003", "0.006", "0.012", "0.024"]
    assert base["learning_rate"] == 0.012 and base["rates"][2]["val_loss"] == pytest.approx(0.5)
    later = {row[1].learning_rate for row in trained if row[0] == "cnn" and row[1].optimizer == "muon" and row[4] > 4}
    assert later == {0.012}
    rates, losses = study.list_rates("cnn", NETWORKS["cnn"]), (0.4, float("nan"), 0.3, float("nan"))
    runs = [study.run_of(one, {"cnn": 7}, 4).describe() for one in rates]
    found = {run: {"val_loss": loss} for run, loss in zip(runs, losses, strict=True)}
    chosen = study.tune_rate(rates, found, {"cnn": 7}, 4)
    assert chosen.learning_rate == 0.012


def half_is_worse(sign_of_longer):
    """Simulate a network whose half width is worse, by noise-free 0.3, and in longer runs by the sign."""

    def loss_of(network, settings, n_steps, width, seed):
        narrow = network == "cnn" and settings.stem < 16 and settings.architecture == "blocks"
        jitter = 0.001 * ((zlib.crc32(f"{settings} {seed}".encode()) % 7) - 3)
        return jitter + (0.3 * (1 if n_steps == 7 else sign_of_longer) if narrow else 0)

    return loss_of


@pytest.mark.parametrize(("sign", "confirmed"), [(1, True), (-1, False)])
def test_only_effects_that_keep_their_sign_in_longer_runs_are_confirmed(
    tmp_path, quiet, call, monkeypatch, sign, confirmed
):
    trained = []
    monkeypatch.setattr(study, "train_settings", pretend(trained, loss_of=half_is_worse(sign)))
    study.run_study(tmp_path, quiet, **call)
    document = read_json(tmp_path / "study.json")
    row = next(row for row in document["rows"] if row["network"] == "cnn" and row["value"] == "half")
    assert row["exceeds_noise"] and row["effect"] == pytest.approx(0.3, abs=0.02) and row["confirmed"] is confirmed
    assert row["longer_effect"] == pytest.approx(0.3 * sign, abs=0.02)
    assert row["val_loss"] == pytest.approx(row["effect"] + document["baselines"]["cnn"]["mean"])
    longer = [one for one in trained if one[0] == "cnn" and one[2] == 28]
    assert len(longer) == 2 and {one[4] for one in longer} == {4}
    others = [one for one in document["rows"] if one["network"] == "cnn" and one is not row]
    assert not any(one["confirmed"] for one in others) and {one["longer_effect"] for one in others} == {None}
    top = document["factors"][0]
    assert (top["factor"], top["value"], top["confirmed"]) == ("widths", "half", confirmed)
    assert top["best"] == "whole" and top["gain"] == 0 and not top["best_confirmed"]


def test_the_document_reports_variation_effects_and_ablations(tmp_path, quiet, call, monkeypatch):
    monkeypatch.setattr(study, "train_settings", pretend([], loss_of=half_is_worse(1)))
    study.run_study(tmp_path, quiet, **call)
    document = read_json(tmp_path / "study.json")
    assert document["n_steps"] == {"cnn": 7, "head": 5, "finetune": 2} and document["n_seeds"] == 3
    assert [document[name] for name in ("n_train", "n_val", "feature_train", "feature_val")] == [30, 20, 25, 20]
    base = document["baselines"]["cnn"]
    assert base["accuracies"] == pytest.approx([0.8, 0.801, 0.802]) and len(base["losses"]) == 3
    assert base["mean"] == pytest.approx(np.mean(base["losses"]))
    assert (base["batch_size"], base["optimizer"]) == (16, "muon")
    rows = [row for row in document["rows"] if row["network"] == "cnn"]
    assert {row["factor"] for row in rows if not row["ranked"]} == {"optimizer"}
    assert not any(row["exceeds_noise"] for row in rows if not row["ranked"])
    first = rows[0]
    assert first["chosen"] and first["effect"] == 0 and first["val_loss"] == base["mean"]
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
    n_ranked = len([row for row in rows if row["ranked"] and not row["chosen"]])
    half = (part1[1]["high"] - part1[1]["low"]) / 2
    assert half == pytest.approx(max(0.001 * step_factor(2 * (n_ranked + 1), len(part1) - 1), 1 / 20))


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

    def keep(runs, specs, sources, **rest):
        seen.update(sources)
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "train_missing", keep)
    with pytest.raises(KeyboardInterrupt):
        study.run_study(tmp_path, quiet, **call | {"study": dataclasses.replace(SETTINGS, head_steps=head_steps)})
    head = dataclasses.replace(NETWORKS["head"], batch_size=256, epochs=1)
    assert seen["finetune"] == seen["head"]
    assert seen["head"] == SubsetSource(call["data"], 25, 20, call["features"], call["weights"], head, expected)
    assert (seen["cnn"].n_train, seen["cnn"].features) == (30, None)


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
    assert told[:4] == [(number, 4, f"{number}/4 training runs") for number in range(1, 5)]  # of the rates
    n = len(told) - 4
    assert told[4:] == [(number, n, f"{number}/{n} training runs") for number in range(1, n + 1)]
    assert all(0 <= row["seconds"] < 60 for row in read_json(tmp_path / "study.json")["rows"])


def row(network, factor, value, effect, beyond, group="structure", chosen=False, ranked=True):
    return {"network": network, "group": group, "factor": factor, "value": value, "effect": effect,
            "exceeds_noise": beyond, "confirmed": beyond, "chosen": chosen, "ranked": ranked}  # fmt: skip


def test_factors_are_ranked_by_their_largest_effect():
    rows = [
        row("cnn", "kernel", "3", 0.0, False, chosen=True), row("cnn", "kernel", "5", -0.01, False),
        row("cnn", "optimizer", "muon", 0.0, False, chosen=True, ranked=False),
        row("cnn", "optimizer", "sgd", 0.7, False, ranked=False),
        row("cnn", "dropout", "0.2", 0.0, False, "regularisation", True),
        row("cnn", "dropout", "0", -0.03, True, "regularisation"),
        row("cnn", "dropout", "0.5", 0.05, True, "regularisation"),
        row("head", "width", "512", 0.0, False, chosen=True), row("head", "width", "0", 0.2, True),
    ]  # fmt: skip
    assert study.rank_factors(rows) == [
        {"network": "cnn", "group": "regularisation", "factor": "dropout", "value": "0.5", "effect": 0.05,
         "exceeds_noise": True, "confirmed": True, "best": "0", "gain": 0.03, "best_confirmed": True},
        {"network": "cnn", "group": "structure", "factor": "kernel", "value": "5", "effect": -0.01,
         "exceeds_noise": False, "confirmed": False, "best": "5", "gain": 0.01, "best_confirmed": False},
        {"network": "head", "group": "structure", "factor": "width", "value": "0", "effect": 0.2,
         "exceeds_noise": True, "confirmed": True, "best": "512", "gain": 0.0, "best_confirmed": False},
    ]  # fmt: skip
