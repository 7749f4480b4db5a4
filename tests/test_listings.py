"""The code that the report prints runs, and builds the networks that were trained."""

import keras
import numpy as np
import pytest

from fmnist_report.models.base import BaseInput
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.models.transfer import build_assembled
from fmnist_report.presets import PRESETS, override, preset
from fmnist_report.report.listings import write_cnn, write_finetuned, write_mlp

SHAPE, N_CLASSES = (28, 28), 10


def run(code, name):
    """Run printed code; return the network that it builds."""
    names = {}
    exec(code, names)
    return names[name]


def describe(network):
    """Return the shapes of a network's trainable weights, sorted, and its number of layers with weights."""
    return sorted(tuple(weight.shape) for weight in network.trainable_weights)


@pytest.mark.parametrize("assignments", [[], ["mlp.widths=8,9", "mlp.dropout=0"], ["mlp.dropout=0.5"]])
def test_the_perceptron_is_the_one_that_was_trained(assignments):
    settings = override(preset("best"), assignments).mlp
    code = write_mlp(settings, SHAPE, N_CLASSES)
    built = run(code, "mlp")
    assert describe(built) == describe(build_mlp(settings, SHAPE, N_CLASSES)) and len(code.splitlines()) <= 10
    assert ("Dropout" in code) == bool(settings.dropout)
    assert all(np.isclose(layer.rate, settings.dropout) for layer in built.layers
               if isinstance(layer, keras.layers.Dropout))  # fmt: skip


@pytest.mark.parametrize(
    "assignments",
    [[], ["cnn.residual=true"], ["cnn.batch_norm=false"], ["cnn.pooling=average", "cnn.kernel=5"],
     ["cnn.architecture=plain"], ["cnn.architecture=plain", "cnn.batch_norm=false", "cnn.dropout=0"]],
)  # fmt: skip
def test_the_convolutional_network_is_the_one_that_was_trained(assignments):
    settings = override(preset("standard"), ["cnn.stem=4", "cnn.widths=5,6,7", *assignments]).cnn
    code = write_cnn(settings, SHAPE, N_CLASSES)
    built, expected = run(code, "cnn"), build_cnn(settings, SHAPE, N_CLASSES)
    assert describe(built) == describe(expected) and len(code.splitlines()) <= 14
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE, 1)).astype("float32")
    order = {layer.name: layer for layer in expected.layers if layer.weights}
    for layer, other in zip((layer for layer in built.layers if layer.weights), order.values(), strict=True):
        weights = [np.random.default_rng(1).normal(size=array.shape) ** 2 * 0.1 for array in layer.get_weights()]
        layer.set_weights(weights)
        other.set_weights(weights)
    np.testing.assert_allclose(built(images), expected(images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_the_fine_tuned_network_is_the_one_that_was_trained(name, monkeypatch):
    settings, build = preset(name), keras.applications.VGG16
    monkeypatch.setattr(keras.applications, "VGG16", lambda weights, **given: build(weights=None, **given))
    size = 32
    code = write_finetuned(settings.finetune, settings.head, size, SHAPE, N_CLASSES)
    built = run(code, "vgg_finetuned")
    expected = build_assembled(BaseInput("VGG16", size), settings.head, settings.finetune.unfreeze, N_CLASSES)
    assert describe(built) == describe(expected) and 'weights="imagenet"' in code


def test_a_linear_head_has_no_dense_layer():
    settings = override(preset("quick"), ["head.width=0"])
    code = write_finetuned(settings.finetune, settings.head, 32, SHAPE, N_CLASSES)
    assert code.count("layers.Dense(") == 1 and code.count("Dropout") == 1
