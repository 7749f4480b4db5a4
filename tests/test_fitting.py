"""Resumable training, and its output files."""

import os

import h5py
import keras
import numpy as np
import pytest

from fmnist_report.models.mlp import build_mlp
from fmnist_report.networks import BY_STAGE
from fmnist_report.pipeline.files import UNFINISHED, load_arrays, read_json
from fmnist_report.settings import CNNSettings, MLPSettings
from fmnist_report.training import fitting as training
from fmnist_report.training import optimizers
from fmnist_report.training.pixels import train_from_pixels
from fmnist_report.training.prediction import predict_views, view_images

pytestmark = pytest.mark.backend

MLP = MLPSettings(widths=(16,), dropout=0.1, epochs=3, batch_size=8, shift=1, precision="float32")


def test_mirror_average_is_the_same_for_a_image_and_its_mirror():
    network = build_mlp(MLPSettings(widths=(8,)))
    x = np.random.default_rng(0).integers(0, 255, (6, 28, 28)).astype("uint8")
    one, other = (predict_views(network, view_images(view)).mean(axis=0) for view in (x, x[:, :, ::-1]))
    assert one == pytest.approx(other, abs=1e-6)
    assert one.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def train(out, data_folder, quiet, settings=MLP):
    out.mkdir(exist_ok=True)
    train_from_pixels(out, quiet, network=settings, build=BY_STAGE["mlp"].build, seed=0, data=data_folder)
    return load_arrays(out / "probabilities.npz")["test"], read_json(out / "history.json")


def test_interrupted_training_ends_with_the_same_network(tmp_path, data_folder, quiet, monkeypatch):
    whole, history = train(tmp_path / "whole", data_folder, quiet)
    save = training.Checkpoint.save

    def save_and_stop(checkpoint, history):
        save(checkpoint, history)
        if len(history["loss"]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", data_folder, quiet)
    monkeypatch.setattr(training.Checkpoint, "save", save)
    keras.utils.set_random_seed(99)
    resumed, resumed_history = train(tmp_path / "stopped", data_folder, quiet)
    assert resumed == pytest.approx(whole, abs=1e-5)
    assert resumed_history["loss"] == pytest.approx(history["loss"], abs=1e-5)


def test_training_stopped_after_its_last_epoch_trains_no_more(tmp_path, data_folder, quiet, monkeypatch):
    whole, _ = train(tmp_path / "whole", data_folder, quiet)
    save = training.save_network
    monkeypatch.setattr(training, "save_network", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", data_folder, quiet)
    monkeypatch.setattr(training, "save_network", save)
    monkeypatch.setattr(training, "_train_epoch", None)
    resumed, _ = train(tmp_path / "stopped", data_folder, quiet)
    assert resumed == pytest.approx(whole, abs=1e-5)


def test_checkpoint_of_another_precision_counts_as_none(tmp_path):
    checkpoints = []
    for policy in ("float32", "mixed_bfloat16"):
        with training.dtype_policy(policy):
            network = build_mlp(MLPSettings(widths=(16,)))
        optimizers.compile_network(network, MLP, 3)
        checkpoints.append(training.Checkpoint(tmp_path / "checkpoint.h5", network))
    checkpoints[0].save({"loss": [1.0]})
    assert checkpoints[0].restore() and not checkpoints[1].restore()


def test_history_is_the_mean_over_the_epoch_and_not_of_its_last_batch(tmp_path, quiet):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(6, 10, 3)).astype("float32")
    y = np.eye(2, dtype="float32")[(x[..., 0] + 2 * np.arange(6)[:, None] > 5).astype(int)]

    class Batches:
        batch_size = 10

        def __len__(self):
            return len(x)

        def epoch(self, number):
            return zip(x, y, strict=True)

    # so small a rate that nothing is learnt
    settings = MLPSettings(epochs=1, learning_rate=1e-12, weight_decay=0.0, label_smoothing=0.0)
    history = training.fit(network, Batches(), lambda network: {"val_accuracy": 0.0}, settings, tmp_path, quiet)
    logits = np.stack([network.predict_on_batch(batch) for batch in x])
    right = logits.argmax(-1) == y.argmax(-1)
    assert history["accuracy"] == [pytest.approx(right.mean())]
    likelihood = np.take_along_axis(np.exp(logits), y.argmax(-1)[..., None], -1)[..., 0] / np.exp(logits).sum(-1)
    losses = -np.log(likelihood).mean(axis=1)  # by batch
    assert losses[-1] != pytest.approx(losses.mean(), rel=1e-2)
    assert history["loss"] == [pytest.approx(losses.mean(), rel=1e-4)]


def flip_a_bit(path):
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


def link_outside(path):
    with h5py.File(path.with_name("outside.h5"), "w") as file:
        file["0"] = np.zeros((784, 16), "float32")
    with h5py.File(path, "r+") as file:
        del file["0"]
        file["0"] = h5py.ExternalLink("outside.h5", "0")


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        link_outside,
        lambda path: os.truncate(path, 96),
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)),
    ],
    ids=["bit", "external link", "96 bytes", "all but one byte", "rubbish"],
)
def test_damaged_checkpoint_counts_as_none(tmp_path, damage):
    network = build_mlp(MLPSettings(widths=(16,)))
    optimizers.compile_network(network, MLP, 3)
    checkpoint = training.Checkpoint(tmp_path / "checkpoint.h5", network)
    checkpoint.save({"loss": [1.0]})
    assert checkpoint.restore() == {"loss": [1.0]}
    damage(tmp_path / "checkpoint.h5")
    assert checkpoint.restore() == {}


def test_training_starts_again_and_says_so_where_the_checkpoint_is_damaged(tmp_path, data_folder, quiet, monkeypatch):
    warnings = []
    monkeypatch.setattr(quiet, "warn", warnings.append)
    (tmp_path / "damaged" / UNFINISHED).mkdir(parents=True)
    (tmp_path / "damaged" / UNFINISHED / "checkpoint.h5").write_bytes(bytes(600))
    _, history = train(tmp_path / "damaged", data_folder, quiet)
    assert len(history["loss"]) == 3 and "damaged" in warnings[0]


def test_networks_learn_and_leave_their_artefacts(tmp_path, data_folder, quiet):
    settings = CNNSettings(widths=(8, 8, 16), epochs=12, batch_size=8, shift=0, dropout=0.0, precision="float32")
    build = BY_STAGE["cnn"].build
    train_from_pixels(tmp_path, quiet, network=settings, build=build, seed=0, data=data_folder)
    history, summary = read_json(tmp_path / "history.json"), read_json(tmp_path / "summary.json")
    assert history["loss"][-1] < history["loss"][0] - 0.5
    measured = read_json(tmp_path / "measured.json")
    assert set(history) == {"loss", "accuracy", "val_loss", "val_scaled_loss", "val_accuracy", "learning_rate"}
    assert measured["train_seconds"] == sum(measured["epoch_seconds"]) > 0
    assert summary["macs"] == sum(layer["macs"] for layer in summary["layers"]) > 0
    assert measured["predict_ms_per_image"] > 0 and summary["n_params"] >= summary["n_trainable"] > 0


def test_other_threads_that_draw_do_not_change_initial_weights():
    import random
    import threading

    stop = threading.Event()

    def draw():
        while not stop.is_set():
            random.randint(1, 10)

    settings = MLPSettings(widths=(16, 16, 16), dropout=0.1)

    def build():
        with training.seeded(3):
            return [np.array(w) for w in build_mlp(settings).get_weights()]

    alone, noise = build(), threading.Thread(target=draw)
    noise.start()
    try:
        assert all((a == b).all() for _ in range(5) for a, b in zip(alone, build(), strict=True))
    finally:
        stop.set()
        noise.join()
    keras.utils.set_random_seed(3)
    assert all((a == b).all() for a, b in zip(alone, build_mlp(settings).get_weights(), strict=True))
