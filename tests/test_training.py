"""Batches, the schedule, and training that resumes."""

import keras
import numpy as np
import pytest

from fmnist_report import training
from fmnist_report.cache import read_json
from fmnist_report.models.mlp import build_mlp
from fmnist_report.settings import CNNSettings, MLPSettings

MLP = MLPSettings(widths=(16,), dropout=0.1, epochs=3, batch_size=8, shift=1, precision="float32")


def make_batches(batch_size=8, shift=0):
    x = np.arange(20, dtype="uint8")[:, None, None] * np.ones((1, 28, 28), "uint8")
    x[:, :, 0] = 255  # a left edge, so that mirroring shows
    return training.PictureBatches(x, np.eye(20, dtype="float32"), batch_size, shift, cutout=0, seed=0)


def test_epoch_shows_every_picture_once():
    batches = list(make_batches(batch_size=5).epoch(0))
    assert [x.shape for x, _ in batches] == [(5, 28, 28, 1)] * 4
    assert sorted(np.concatenate([y for _, y in batches]).argmax(axis=1)) == list(range(20))


def test_two_epochs_show_both_views():
    views = [{}, {}]
    for epoch in (0, 1):
        for x, y in make_batches(batch_size=5).epoch(epoch):
            views[epoch] |= {int(label): picture[0, 0, 0] == 255 for label, picture in zip(y.argmax(1), x, strict=True)}
    assert all(views[0][label] != views[1][label] for label in range(20))


def test_epoch_repeats_and_epochs_differ():
    batches = make_batches(shift=2)
    first, again, other = (np.concatenate([x for x, _ in batches.epoch(epoch)]) for epoch in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_shift_moves_by_at_most_the_given_pixels():
    picture = np.zeros((1, 28, 28), "uint8")
    picture[0, 14, 14] = 1
    found = [np.argwhere(training.shift_pictures(picture, 2, np.random.default_rng(seed))[0])[0] for seed in range(50)]
    assert np.abs(np.array(found) - 14).max() == 2


def test_cutout_blackens_one_square_and_nothing_else():
    cut = training.cut_out(np.ones((200, 28, 28), "uint8"), 8, np.random.default_rng(0))
    lost = (cut == 0).sum(axis=(1, 2))
    assert lost.max() == 64 and lost.min() >= 16
    whole = np.ones((2, 28, 28), "uint8")
    assert np.array_equal(training.cut_out(whole, 0, np.random.default_rng(0)), whole)


def test_smoothed_labels_sum_to_one():
    smooth = training.smooth_labels(np.array([3]), 0.1)
    assert smooth.sum() == pytest.approx(1) and smooth[0, 3] == pytest.approx(0.91)


def test_one_cycle_rises_and_falls_to_zero():
    schedule = training.OneCycle(1.0, 100)
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-6)


def test_mirror_average_is_the_same_for_a_picture_and_its_mirror():
    network = build_mlp((8,), 0.0)
    x = np.random.default_rng(0).integers(0, 255, (6, 28, 28)).astype("uint8")
    one, other = (training.predict_probabilities(network, view) for view in (x, x[:, :, ::-1]))
    assert one == pytest.approx(other, abs=1e-6)
    assert one.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def train(out, data_folder, quiet, settings=MLP):
    out.mkdir(exist_ok=True)
    training.train_mlp(out, quiet, mlp=settings, seed=0, data=data_folder)
    return training.load_arrays(out / "probabilities.npz")["test"], read_json(out / "history.json")


def test_interrupted_training_ends_with_the_same_network(tmp_path, data_folder, quiet, monkeypatch):
    whole, history = train(tmp_path / "whole", data_folder, quiet)
    save = training.EpochBundle.save

    def save_and_stop(bundle, history):
        save(bundle, history)
        if len(history["loss"]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.EpochBundle, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", data_folder, quiet)
    monkeypatch.setattr(training.EpochBundle, "save", save)
    keras.utils.set_random_seed(99)
    resumed, resumed_history = train(tmp_path / "stopped", data_folder, quiet)
    assert resumed == pytest.approx(whole, abs=1e-5)
    assert resumed_history["loss"] == pytest.approx(history["loss"], abs=1e-5)
    assert not (tmp_path / "stopped" / "bundle.h5").exists()


def test_damaged_bundle_counts_as_none(tmp_path, data_folder, quiet):
    whole, _ = train(tmp_path / "whole", data_folder, quiet)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "bundle.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    again, history = train(tmp_path / "damaged", data_folder, quiet)
    assert len(history["loss"]) == 3
    assert again == pytest.approx(whole, abs=1e-5)


def test_networks_learn_and_leave_their_artefacts(tmp_path, data_folder, quiet):
    settings = CNNSettings(widths=(8, 8, 16), epochs=12, batch_size=8, shift=0, dropout=0.0, precision="float32")
    training.train_cnn(tmp_path, quiet, cnn=settings, seed=0, data=data_folder)
    history, summary = read_json(tmp_path / "history.json"), read_json(tmp_path / "summary.json")
    assert history["loss"][-1] < history["loss"][0] - 0.5
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
    assert summary["macs"] == sum(layer["macs"] for layer in summary["layers"]) > 0
    assert summary["predict_ms_per_image"] > 0 and summary["n_params"] >= summary["n_trainable"] > 0
