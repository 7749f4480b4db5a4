"""Short training runs on a subset: their inputs, and real training of every network."""

import dataclasses

import keras
import numpy as np
import pytest

from fmnist_report.experiments import trials
from fmnist_report.experiments.study import list_variations
from fmnist_report.networks import make_trial_specs
from fmnist_report.settings import POOLED, CNNSettings, FineTuneSettings, HeadSettings, Settings, StudySettings
from fmnist_report.training.metrics import measure_accuracy, score_scaled
from fmnist_report.training.prediction import predict_views, view_features

SMALL = {
    "cnn": CNNSettings(stem=4, widths=(4, 4, 4), batch_size=16, precision="float32"),
    "head": HeadSettings(width=8, batch_size=16),
    "finetune": FineTuneSettings(batch_size=16, precision="float32"),
}
SPECS = make_trial_specs(Settings(**SMALL))
TRIED = {"cnn": "optimizer", "head": "dropout", "finetune": "unfreeze"}


def test_subset_is_the_beginning_of_each_split(subset):
    assert len(subset.images["train"]) == len(subset.labels["train"]) == len(subset.views["train"][0]) == 32
    assert len(subset.images["val"]) == len(subset.labels["val"]) == len(subset.views["val"][1]) == 20


def test_head_reads_only_the_selected_layers(subset):
    full = subset.views["train"][1]
    assert np.array_equal(subset.select_layers(("block4_gap",)).views["train"][1], full[:, 1024:1536])
    outer = subset.select_layers(("block3_grid", "block5_gap")).views["val"][0]
    assert np.array_equal(outer, np.delete(subset.views["val"][0], np.s_[1024:1536], axis=1))
    assert subset.select_layers(POOLED) is subset


def test_blocks_can_be_read_by_their_means(subset):
    grid = subset.views["train"][0][:, :1024].reshape(-1, 2, 2, 256)
    found = subset.select_layers((trials.BLOCK3_MEAN, "block5_gap")).views["train"][0]
    assert found[:, :256] == pytest.approx(grid.mean(axis=(1, 2)), abs=1e-5)
    assert np.array_equal(found[:, 256:], subset.views["train"][0][:, 1536:])


@pytest.mark.parametrize("network", SPECS)
def test_every_network_trains_for_real(network, subset):
    settings = dataclasses.replace(SMALL.get(network, SPECS[network].settings), epochs=1)
    picked = {v.factor: v for v in list_variations(SPECS[network], settings, mirror=True)}
    for factor in (TRIED[network],) if network in TRIED else picked:
        reached = trials.train_settings(SPECS[network], picked[factor].settings, 2, subset, 0)
        assert 0 <= reached.val_accuracy <= 1 and 0 <= reached.val_accuracy_one_view <= 1


def test_networks_that_read_pixels_need_no_features(data_folder):
    subset = trials.SubsetSource(data_folder, 10**6, 12).open()
    assert len(subset.labels["train"]) == 40 and len(subset.labels["val"]) == 12 and subset.store is None
    reached = trials.train_settings(SPECS["cnn"], dataclasses.replace(SMALL["cnn"], epochs=1), 3, subset, 0)
    assert 0 <= reached.val_accuracy <= 1


def test_a_training_takes_its_steps_whatever_the_batch(subset, monkeypatch):
    seen = []
    monkeypatch.setattr(trials, "fit", lambda network, batches, *rest: seen.append(
        [len(batches)] + [len(labels) for _, labels in batches.epoch(0)]
    ))  # fmt: skip
    for batch_size in (8, 16):
        settings = dataclasses.replace(SMALL["cnn"], epochs=2, batch_size=batch_size)
        trials.train_settings(SPECS["cnn"], settings, 9, subset, 0)
    assert seen == [[4] + [8] * 4, [4] + [16] * 4]


def test_statistics_are_those_of_the_last_weights(subset):
    prepared = trials.prepare_trial(SPECS["cnn"], SMALL["cnn"], subset, 0)
    norm = prepared.network.get_layer("block1a_norm")
    trials.refresh_statistics(prepared.network, prepared.batches, 2)
    read = keras.Model(prepared.network.inputs, norm.input)
    inputs = [np.asarray(read(x)) for x, _ in prepared.batches.epoch(0)]
    assert len(inputs) == 2 and norm.momentum == 0.9
    expected = np.mean([x.mean(axis=(0, 1, 2)) for x in inputs], axis=0)
    assert np.asarray(norm.moving_mean) == pytest.approx(expected, abs=1e-4)


def test_narrow_networks_have_widths_that_processors_like():
    chosen = CNNSettings(stem=32, widths=(64, 192, 192))

    def narrow(divisor):
        settings = Settings(cnn=chosen, head=SMALL["head"], study=StudySettings(width_divisor=divisor))
        return {name: spec.settings for name, spec in make_trial_specs(settings).items()}

    assert (narrow(3)["cnn"].stem, narrow(3)["cnn"].widths) == (8, (16, 64, 64))
    assert narrow(1)["cnn"] == dataclasses.replace(chosen, epochs=1) and narrow(100)["cnn"].widths == (8, 8, 8)
    assert narrow(3)["head"] == dataclasses.replace(SMALL["head"], epochs=1)


@pytest.mark.parametrize(("unfreeze", "trained"), [(1, 13), (3, 9)])
def test_lower_blocks_are_trained_from_pixels(subset, unfreeze, trained):
    settings = dataclasses.replace(SMALL["finetune"], unfreeze=unfreeze)
    model = trials.prepare_trial(SPECS["finetune"], settings, subset, 0).network
    names = [layer.name for layer in model.layers if layer.name in subset.base and layer.trainable]
    assert (
        len(names) == trained and min(names).startswith(f"block{unfreeze}") and model.input_shape == (None, 28, 28, 1)
    )


@pytest.mark.parametrize("unfreeze", [pytest.param(1, marks=pytest.mark.slow), 4, 6])
def test_fine_tuning_starts_from_the_head_of_the_subset(subset, unfreeze):
    settings = dataclasses.replace(SMALL["finetune"], epochs=1, learning_rate=1e-12, unfreeze=unfreeze)
    head = subset.start
    before = [weights.copy() for weights in head.get_weights()]
    accuracy = trials.train_settings(SPECS["finetune"], settings, 2, subset, 0).val_accuracy
    predicted = predict_views(head, view_features(subset.views["val"])).mean(axis=0)
    assert accuracy == pytest.approx(measure_accuracy(predicted, subset.labels["val"]))
    assert all(np.array_equal(a, b) for a, b in zip(before, head.get_weights(), strict=True))


def test_one_view_is_judged_apart_and_statistics_are_taken_afresh(subset, monkeypatch):
    labels, real, refreshed = subset.labels["val"], trials.prepare_trial, []
    views = np.stack([np.eye(10)[labels], 3 * np.eye(10)[(labels + 1) % 10]])  # the mean is wrong, the first right
    monkeypatch.setattr(
        trials, "prepare_trial", lambda *args: dataclasses.replace(real(*args), predict=lambda model, split: views)
    )
    monkeypatch.setattr(trials, "refresh_statistics", lambda *args: refreshed.append(args))
    reached = trials.train_settings(SPECS["head"], dataclasses.replace(SMALL["head"], epochs=1), 2, subset, 0)
    assert (reached.val_accuracy, reached.val_accuracy_one_view, len(refreshed)) == (0.0, 1.0, 1)
    assert reached.val_loss == score_scaled(views.mean(axis=0), labels) > reached.val_loss_one_view
