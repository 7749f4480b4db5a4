"""Network architectures, and equivalence of fine-tuning from the cache and from pixels."""

import dataclasses

import keras
import numpy as np
import pytest
from conftest import random_base

from fmnist_report.models import base, transfer
from fmnist_report.models.base import BaseInput
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.summary import describe_layers
from fmnist_report.settings import CNNSettings, HeadSettings

pytestmark = pytest.mark.backend

GIVEN, HEAD = BaseInput("VGG16", 32), HeadSettings(width=16, dropout=0.0)
SIZE = GIVEN.size


@pytest.fixture(scope="module")
def networks():
    """Extractor, top and assembled network with the same weights, dropout off."""
    kernels = random_base()
    extractor, top = base.build_extractor(GIVEN), transfer.build_top(GIVEN, HEAD)
    assembled = transfer.build_assembled(GIVEN, HEAD)
    for network in (extractor, top, assembled):
        base.set_base_weights(network, kernels)
    base.copy_layers(top, assembled)
    return extractor, top, assembled


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (6, 28, 28, 1)).astype("float32"), np.eye(10, dtype="float32")[rng.integers(0, 10, 6)]


def step(network, x, y):
    """Take a gradient step with learning rate 1; return the change of every trainable weight, minus its gradient."""
    before = [np.array(w) for w in network.get_weights()]
    start = [w.numpy() for w in network.trainable_weights]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(1.0), loss, jit_compile=False)
    network.train_on_batch(x, y)
    change = [w.numpy() - s for w, s in zip(network.trainable_weights, start, strict=True)]
    network.set_weights(before)
    return change


def read_boundary(extractor, x, unfreeze):
    found = extractor.predict_on_batch(x)
    return {layer: found[layer] for layer in base.boundary_layers(extractor, unfreeze)}


@pytest.mark.parametrize(("unfreeze", "first", "n_convolutions"), [(4, 4, 6), (5, 4, 3), (5, 5, 3)])
def test_gradients_from_the_cache_are_those_from_pixels(batch, unfreeze, first, n_convolutions):
    kernels = random_base()
    extractor = base.build_extractor(GIVEN, first)
    top = transfer.build_top(GIVEN, HEAD, unfreeze, first)
    assembled = transfer.build_assembled(GIVEN, HEAD, unfreeze)
    for network in (extractor, top, assembled):
        base.set_base_weights(network, kernels)
    base.copy_layers(top, assembled)
    x, y = batch
    from_pixels = step(assembled, x, y)
    from_cache = step(top, read_boundary(extractor, x, first), y)
    assert len(from_pixels) == len(from_cache) == 2 * n_convolutions + 4
    for pixels, cache in zip(from_pixels, from_cache, strict=True):
        assert np.abs(pixels).max() > 0
        np.testing.assert_allclose(cache, pixels, rtol=1e-3, atol=1e-4 * float(np.abs(pixels).max()))


def test_assembled_network_gives_the_same_predictions(networks, batch):
    extractor, top, assembled = networks
    boundary = read_boundary(extractor, batch[0], 4)
    assert assembled.predict_on_batch(batch[0]) == pytest.approx(top.predict_on_batch(boundary), abs=1e-4)


def test_blocks_one_to_three_are_frozen(networks):
    trainable = {layer.name for layer in networks[2].layers if layer.trainable_weights}
    assert trainable == {"block4_conv1", "block4_conv2", "block4_conv3", "block5_conv1", "block5_conv2",
                         "block5_conv3", "head"}  # fmt: skip


def test_extractor_is_keras_vgg16(batch):
    """Same weights in keras.applications.VGG16 give the same block5_pool, pooled."""
    extractor = base.build_extractor(GIVEN)
    base.set_base_weights(extractor, random_base())
    reference = keras.applications.VGG16(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    base.set_base_weights(reference, random_base())
    resized = keras.ops.image.resize(batch[0], (SIZE, SIZE), interpolation="bilinear")
    colour = np.repeat(np.array(resized), 3, axis=-1)
    expected = reference.predict_on_batch(keras.applications.vgg16.preprocess_input(colour)).mean(axis=(1, 2))
    found = extractor.predict_on_batch(batch[0])["block5_gap"]
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3 * float(np.abs(expected).max()))


def test_macs_are_counted_by_layer():
    rows = {row["name"]: row for row in describe_layers(build_cnn(CNNSettings(stem=4, widths=(8, 16, 32))))}
    assert rows["stem_conv"]["macs"] == 28 * 28 * 9 * 1 * 4
    assert rows["block2a_conv"]["macs"] == 14 * 14 * 9 * 8 * 16
    assert rows["block2b_conv"]["macs"] == 7 * 7 * 9 * 16 * 16
    assert rows["logits"]["macs"] == 320
    assert rows["logits"]["n_params"] == 330


def test_vgg16_base_has_its_published_parameters(networks):
    assert sum(row["n_params"] for row in describe_layers(networks[0])) == 14_714_688


def test_a_layer_whose_operations_nobody_counts_is_an_error():
    network = keras.Sequential([keras.layers.Input((4, 4, 2)), keras.layers.Conv2DTranspose(3, 2, name="up")])
    with pytest.raises(TypeError, match="operations of a Conv2DTranspose .up. are not known"):
        describe_layers(network)


def test_a_plain_network_has_two_convolutions_and_a_dense_layer():
    network = build_cnn(CNNSettings(architecture="plain", batch_norm=False, stem=4, widths=(8, 1, 1)))
    rows = [(row["type"], row["output_shape"]) for row in describe_layers(network) if row["n_params"]]
    assert rows == [("Conv2D", [28, 28, 4]), ("Conv2D", [14, 14, 8]), ("Dense", [128]), ("Dense", [10])]


@pytest.mark.parametrize(
    ("changes", "lacks"), [({"batch_norm": False}, "BatchNormalization"), ({"residual": False}, "Add")]
)
def test_components_can_be_left_out(changes, lacks):
    small = CNNSettings(stem=4, widths=(4, 4, 4))
    whole, without = (
        {layer.__class__.__name__ for layer in build_cnn(settings).layers}
        for settings in (small, dataclasses.replace(small, **changes))
    )
    assert whole - without == {lacks}
    layers = build_cnn(dataclasses.replace(small, **changes)).layers
    biased = {layer.use_bias for layer in layers if layer.name.startswith("block") and layer.name.endswith("_conv")}
    assert biased == {lacks == "BatchNormalization"}


def test_a_head_without_a_hidden_layer_is_linear():
    assert [layer.name for layer in transfer.build_head(HeadSettings(width=0), 7).layers] == [
        "features", "standardise", "head_dropout_in", "logits"
    ]  # fmt: skip
