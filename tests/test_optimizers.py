"""Schedules and optimisers."""

import keras
import numpy as np
import pytest
from keras import layers

from fmnist_report.experiments import study
from fmnist_report.networks import make_trial_specs
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.presets import override, preset
from fmnist_report.report.language import Language
from fmnist_report.settings import CNNSettings
from fmnist_report.training import optimizers

pytestmark = pytest.mark.backend


def test_one_cycle_rises_and_falls_to_zero():
    schedule = optimizers.OneCycle(1.0, 100)
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "well", "least"), [((40, 8), 0, 0.6), ((8, 40), 0, 0.6), ((2, 2, 3, 12), 0, 0.6), ((12, 12), 1, 0.1)]
)
def test_orthogonalised_matrix_keeps_its_directions_and_has_singular_values_near_one(shape, well, least):
    """In a dense layer, directions of very small singular values need more iterations than are used."""
    tensor = np.random.default_rng(0).normal(size=shape).astype("float32")
    network = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
    found = np.asarray(optimizers.KernelMuon(0.1, 0.0, network).zeropower_via_newtonschulz5(tensor, 5))
    matrix, found = tensor.reshape(-1, shape[-1]), found.reshape(-1, shape[-1])
    u, _, v = np.linalg.svd(matrix, full_matrices=False)
    directions = u.T @ found @ v.T
    assert np.abs(directions - np.diag(np.diag(directions))).max() < 1e-3
    values = np.sort(np.diag(directions))
    assert values[well] > 0.6 and values[0] > least and values[-1] < 1.3


def test_dense_layers_take_fewer_iterations_than_convolutions(monkeypatch):
    taken = []
    parent = keras.optimizers.Muon
    monkeypatch.setattr(parent, "zeropower_via_newtonschulz5", lambda self, x, steps: taken.append(steps) or x)
    muon = optimizers.KernelMuon(0.1, 0.0, keras.Sequential([layers.Input((3,)), layers.Dense(2)]))
    for shape in ((4, 4), (3, 3, 4, 4)):
        muon.zeropower_via_newtonschulz5(np.ones(shape, "float32"), muon.ns_steps)
    assert taken == [3, 5]


def test_muon_moves_kernels_by_orthogonal_steps_and_the_rest_by_adamw():
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [layers.Input((6, 6, 4)), layers.Conv2D(4, 3, name="inner"), layers.Flatten(), layers.Dense(3, name="logits")]
    )
    settings = CNNSettings(optimizer="muon", schedule="constant", learning_rate=0.01, weight_decay=0.0)
    optimizers.compile_network(network, settings, 10)
    before = [w.numpy() for w in network.trainable_variables]
    rng = np.random.default_rng(0)
    network.train_on_batch(rng.normal(size=(16, 6, 6, 4)), np.eye(3)[rng.integers(0, 3, 16)])
    kernel, bias, dense, _ = (b - w.numpy() for b, w in zip(before, network.trainable_variables, strict=True))
    values = np.linalg.svd(kernel.reshape(36, 4), compute_uv=False) / (0.01 * 0.2 * 36**0.5)
    assert values.min() > 0.6 and values.max() < 1.3
    for step in (bias, dense):  # AdamW's first step has one size
        assert np.abs(step[step != 0]) == pytest.approx(0.01, rel=0.05)


def test_a_convolution_that_reads_pixels_and_the_last_layer_follow_adamw_whatever_their_names():
    network = keras.Sequential(
        [layers.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)]
    )
    muon = optimizers.KernelMuon(0.1, 0.0, network)
    by_adamw = [muon._should_use_adamw(variable) for variable in network.trainable_variables]
    assert by_adamw == [True, True, False, True, True, True]  # kernel and bias of each


def test_labels_are_smoothed_in_the_loss():
    network = keras.Sequential([layers.Input((2,)), layers.Dense(4, kernel_initializer="zeros")])
    settings = CNNSettings(optimizer="sgd", schedule="constant", label_smoothing=0.2)
    optimizers.compile_network(network, settings, 1)
    logits, target = np.array([[3.0, 0.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0, 0.0]])
    likelihood = np.exp(logits[0]) / np.exp(logits[0]).sum()
    expected = -(np.array([0.85, 0.05, 0.05, 0.05]) * np.log(likelihood)).sum()
    assert float(network.loss(target, logits)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", optimizers.BUILDERS)
def test_every_optimiser_lowers_a_loss_and_survives_its_checkpoint(name, tmp_path):
    from fmnist_report.training.fitting import Checkpoint

    def build():
        keras.utils.set_random_seed(0)
        network = keras.Sequential([layers.Input((5,)), layers.Dense(16, "relu"), layers.Dense(2, name="logits")])
        settings = CNNSettings(optimizer=name, schedule="constant", learning_rate=0.01, weight_decay=0.01)
        optimizers.compile_network(network, settings, 10)
        return network

    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    y = np.eye(2)[(x[:, 0] > 0).astype(int)]
    network = build()
    losses = [network.train_on_batch(x, y)[0] for _ in range(10)]
    assert losses[-1] < losses[0]
    Checkpoint(tmp_path / "checkpoint.h5", network).save({"loss": losses})
    other = build()
    assert Checkpoint(tmp_path / "checkpoint.h5", other).restore() == {"loss": pytest.approx(losses)}
    assert other.train_on_batch(x, y)[0] == pytest.approx(network.train_on_batch(x, y)[0], rel=1e-5)
    assert other.train_on_batch(x, y)[0] == pytest.approx(network.train_on_batch(x, y)[0], rel=1e-4)


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon", "lion"])
def test_slower_layers_move_by_their_fraction_of_the_rate(name):
    def move(slower):
        keras.utils.set_random_seed(0)
        network = keras.Sequential([layers.Input((5,)), layers.Dense(4, name="low"), layers.Dense(3, name="high")])
        settings = CNNSettings(optimizer=name, schedule="constant", learning_rate=0.01, weight_decay=0.0)
        optimizers.compile_network(network, settings, 10, slower)
        before = [weight.numpy() for weight in network.trainable_variables]
        rng = np.random.default_rng(0)
        network.train_on_batch(rng.normal(size=(16, 5)), np.eye(3)[rng.integers(0, 3, 16)])
        return [weight.numpy() - former for weight, former in zip(network.trainable_variables, before, strict=True)]

    usual, slowed = move({}), move({"low": 0.25})
    assert all(np.abs(step).max() > 1e-4 for step in usual)
    for number, (step, slow) in enumerate(zip(usual, slowed, strict=True)):
        assert slow == pytest.approx(step * (0.25 if number < 2 else 1), rel=1e-3, abs=1e-7)


def test_every_optimiser_of_the_settings_has_a_builder_and_can_be_studied():
    """One that settings accept must not fail in the study after the full training runs."""
    assert set(optimizers.BUILDERS) == set(OPTIMIZERS)
    for name, optimizer in OPTIMIZERS.items():
        chosen = override(preset("quick"), [f"cnn.optimizer={name}", f"head.optimizer={name}"])
        specs = make_trial_specs(chosen)
        for network in ("cnn", "head"):
            varied = study.list_variations(specs[network], getattr(chosen, network), True)
            values = {one.value for one in varied if one.factor == "optimizer"}
            assert values == {other for other, one in OPTIMIZERS.items() if network in one.studied_in} - {name}
        assert Language("uk").value(name) == optimizer.label


@pytest.mark.parametrize("name", optimizers.BUILDERS)
def test_slower_layers_also_decay_more_slowly(name):
    network = keras.Sequential(
        [layers.Input((5,)), layers.Dense(4, name="first"), layers.Dense(4, name="second"), layers.Dense(2)]
    )
    settings = CNNSettings(optimizer=name, schedule="constant", learning_rate=0.1, weight_decay=0.5)
    optimizers.compile_network(network, settings, 10, {"first": 0.25, "second": 0.5})
    kernels = [layer.kernel for layer in network.layers]
    before = [keras.ops.convert_to_numpy(kernel) for kernel in kernels]
    network.optimizer.build(network.trainable_variables)
    network.optimizer.apply([keras.ops.zeros(variable.shape) for variable in network.trainable_variables])
    ratios = [np.median(keras.ops.convert_to_numpy(k) / b) for k, b in zip(kernels, before, strict=True)]
    assert ratios == pytest.approx([1 - 0.05 * 0.25, 1 - 0.05 * 0.5, 1 - 0.05], rel=1e-5)
