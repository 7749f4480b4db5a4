"""Trainings on a subset: what they read, and that every network trains for real."""

import dataclasses

import numpy as np
import pytest

from fmnist_report.experiments import trials
from fmnist_report.experiments.study import list_variations
from fmnist_report.models.base import POOLED
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, MLPSettings
from fmnist_report.training.prediction import predict_views, view_features

SMALL = {
    "mlp": MLPSettings(widths=(8,), batch_size=16, precision="float32"),
    "cnn": CNNSettings(stem=4, widths=(4, 4, 4), batch_size=16, precision="float32"),
    "head": HeadSettings(width=8, batch_size=16),
    "finetune": FineTuneSettings(batch_size=16, precision="float32"),
}


def test_subset_is_the_beginning_of_each_part(subset):
    assert len(subset.pictures["train"]) == len(subset.labels["train"]) == len(subset.views["train"][0]) == 32
    assert len(subset.pictures["val"]) == len(subset.labels["val"]) == len(subset.views["val"][1]) == 20


def test_head_reads_only_the_selected_layers(subset):
    full = subset.views["train"][1]
    assert np.array_equal(subset.select_layers(("block4_gap",)).views["train"][1], full[:, 1024:1536])
    outer = subset.select_layers(("block3_grid", "block5_gap")).views["val"][0]
    assert np.array_equal(outer, np.delete(subset.views["val"][0], np.s_[1024:1536], axis=1))
    assert subset.select_layers(POOLED) is subset


@pytest.mark.parametrize("network", trials.NETWORKS)
def test_every_network_trains_for_real(network, subset):
    picked = {v.factor: v for v in list_variations(network, trials.shorten(SMALL[network], 1)) if not v.chosen}
    for factor in ("learning_rate", "optimizer" if network != "finetune" else "unfreeze"):
        assert 0 <= trials.train_settings(network, picked[factor].settings, subset, 0) <= 1


@pytest.mark.parametrize(("unfreeze", "trained"), [(1, 13), (3, 9)])
def test_lower_blocks_are_trained_from_pixels(subset, unfreeze, trained):
    settings = dataclasses.replace(SMALL["finetune"], unfreeze=unfreeze)
    model = trials.PREPARE["finetune"](settings, subset, 0).network
    names = [layer.name for layer in model.layers if layer.name in subset.base and layer.trainable]
    assert (
        len(names) == trained and min(names).startswith(f"block{unfreeze}") and model.input_shape == (None, 28, 28, 1)
    )


@pytest.mark.parametrize("unfreeze", [pytest.param(1, marks=pytest.mark.slow), 4, 6])
def test_fine_tuning_starts_from_the_head_of_the_subset(subset, unfreeze):
    settings = dataclasses.replace(SMALL["finetune"], epochs=1, learning_rate=1e-12, unfreeze=unfreeze)
    head = subset.start
    before = [weights.copy() for weights in head.get_weights()]
    accuracy = trials.train_settings("finetune", settings, subset, 0)
    predicted = predict_views(head, view_features(subset.views["val"])).mean(axis=0)
    assert accuracy == pytest.approx(trials.score(predicted, subset.labels["val"])[1])
    assert all(np.array_equal(a, b) for a, b in zip(before, head.get_weights(), strict=True))


def test_only_the_last_epoch_is_validated_unless_someone_asks(subset):
    seen = []
    settings = dataclasses.replace(SMALL["head"], epochs=3)
    accuracy = trials.train_settings("head", settings, subset, 0, lambda epoch, value: seen.append((epoch, value)))
    assert [epoch for epoch, _ in seen] == [0, 1, 2] and seen[-1][1] == accuracy
    assert trials.train_settings("head", settings, subset, 0) == pytest.approx(accuracy)


def test_short_trainings_use_adamw_and_small_batches():
    short = trials.shorten(MLPSettings(optimizer="muon", learning_rate=0.01, batch_size=1024, epochs=16), 3, 128)
    assert (short.optimizer, short.learning_rate, short.batch_size, short.epochs) == ("adamw", 0.004, 128, 3)
    kept = trials.shorten(SMALL["head"], 2, 128)
    assert kept == dataclasses.replace(SMALL["head"], epochs=2)
