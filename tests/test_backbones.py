"""Any network of keras.applications can be the base: its blocks, its preprocessing and its weights are its own."""

import inspect

import keras
import numpy as np
import pytest

from fmnist_report.backbones import MODULES
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.models import base, weights
from fmnist_report.models.base import BaseInput
from fmnist_report.models.digests import weights_content
from fmnist_report.models.layers import GreyToColour
from fmnist_report.models.summary import describe_layers
from fmnist_report.models.transfer import build_assembled, build_top
from fmnist_report.presets import override, preset, validate
from fmnist_report.report.references import PAPERS, find_paper
from fmnist_report.settings import HeadSettings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 28, 28, 1)).astype("float32")


def test_every_network_of_keras_is_there():
    networks = {name for name in dir(keras.applications) if inspect.isfunction(getattr(keras.applications, name))}
    assert set(MODULES) == networks and {find_paper(name) for name in MODULES} == set(PAPERS.values())


def expected_input(name, size):
    grey = np.array(keras.ops.image.resize(IMAGES, (size, size), interpolation="bilinear"))
    preprocess = getattr(keras.applications, MODULES[name]).preprocess_input
    return np.asarray(preprocess(np.repeat(grey, 3, axis=-1)))


@pytest.mark.parametrize("name", {module: name for name, module in MODULES.items()}.values())
def test_images_enter_as_the_network_expects(name):
    expected = base.find_preprocessing(name)
    found = GreyToColour(32, expected.scale, expected.offset)(IMAGES)
    assert np.array(found) == pytest.approx(expected_input(name, 32), abs=1e-4)


def test_order_of_channels_is_found():
    assert not base.find_preprocessing("ResNet50").red_first  # as Caffe had it
    assert base.find_preprocessing("MobileNetV2").red_first and base.find_preprocessing("ConvNeXtTiny").red_first


@pytest.mark.parametrize(
    ("name", "size", "maps", "shapes"),
    [
        ("VGG16", 48, ["block3_conv3", "block4_conv3", "block5_conv3"], [(6, 6, 256), (3, 3, 512), (1, 1, 512)]),
        ("ResNet50", 64, ["conv3_block4_out", "conv4_block6_out", "conv5_block3_out"],
         [(8, 8, 512), (4, 4, 1024), (2, 2, 2048)]),
        ("MobileNetV2", 64, ["block_5_add", "block_12_add", "out_relu"], [(8, 8, 32), (4, 4, 96), (2, 2, 1280)]),
        ("EfficientNetB0", 32, ["block3b_add", "block5c_add", "top_activation"],
         [(4, 4, 40), (2, 2, 112), (1, 1, 1280)]),
        ("DenseNet121", 64, ["pool3_conv", "pool4_conv", "relu"], [(4, 4, 256), (2, 2, 512), (2, 2, 1024)]),
        ("Xception", 72, ["block3", "block4", "block14_sepconv2_act"], [(9, 9, 256), (5, 5, 728), (3, 3, 2048)]),
    ],
)  # fmt: skip
def test_blocks_end_where_the_image_shrinks(name, size, maps, shapes):
    found = base.build_from_pixels(BaseInput(name, size))
    assert [found.maps[block][0] for block in (3, 4, 5)] == maps
    assert [found.outputs[block].shape[1:] for block in (3, 4, 5)] == shapes
    assert all(len(boundary) == 1 for boundary in found.boundaries.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", {module: name for name, module in MODULES.items()}.values())
def test_every_kind_of_network_is_counted(name):
    rows = describe_layers(base.build_from_pixels(BaseInput(name, 96)).network)
    assert sum(row["macs"] for row in rows) > 10**6 and sum(row["n_params"] for row in rows) > 10**5


def shake(network):
    """Set normalisation statistics that differ from those of a new network."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights(
                [w * RNG.uniform(0.8, 1.2, w.shape) + RNG.uniform(0, 0.1, w.shape) for w in layer.get_weights()]
            )


@pytest.mark.parametrize(
    ("name", "unfreeze", "n_boundary"),
    [
        ("MobileNetV2", 4, 1),
        ("MobileNetV2", 5, 2),
        pytest.param("EfficientNetB0", 4, 1, marks=pytest.mark.slow),
        pytest.param("NASNetMobile", 4, 2, marks=pytest.mark.slow),
    ],
)
def test_fine_tuning_from_the_boundary_is_fine_tuning_from_pixels(name, unfreeze, n_boundary):
    given, head = BaseInput(name, 32), HeadSettings(width=8, dropout=0.0)
    extractor = base.build_extractor(given, unfreeze)
    shake(extractor)
    assembled = build_assembled(given, head, unfreeze)
    top = build_top(given, head, unfreeze, unfreeze)
    for network in (assembled, top):
        base.copy_layers(extractor, network)
    base.copy_layers(assembled, top)
    found = extractor.predict_on_batch(IMAGES)
    boundary = {layer: found[layer] for layer in base.boundary_layers(extractor, unfreeze)}
    assert len(boundary) == n_boundary and not extractor.trainable_weights
    expected = assembled.predict_on_batch(IMAGES)
    assert np.ptp(expected) > 1e-3
    assert top.predict_on_batch(boundary) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    answer = assembled(IMAGES, training=True) - assembled(IMAGES, training=False)
    frozen_too = [layer for layer in assembled.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert frozen_too and not any(layer.trainable for layer in frozen_too)
    if name != "EfficientNetB0":  # which drops whole paths of trained blocks
        assert np.abs(answer).max() < 1e-4
    trained = {layer.name for layer in assembled.layers if layer.trainable_weights}
    assert trained == {layer.name for layer in top.layers if layer.trainable_weights} and len(trained) > 5


def own_file(folder, name, network):
    path = folder / "weights" / f"{name}.weights.h5"
    path.parent.mkdir()
    network.save_weights(path)
    return path


@pytest.mark.slow
def test_own_weights_become_the_bases(tmp_path, quiet):
    """InceptionV3's layers have only numbered names, so they must be identified by position."""
    network = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(80, 80, 3))
    shake(network)
    own_file(tmp_path, "InceptionV3", network)
    weights.prepare_weights(tmp_path, quiet, backbone="InceptionV3", cache_dir=tmp_path)
    extractor = base.build_extractor(BaseInput("InceptionV3", 80))
    base.set_base_weights(extractor, weights.load_base(tmp_path))
    expected = network.predict_on_batch(expected_input("InceptionV3", 80)).mean(axis=(1, 2))
    found = extractor.predict_on_batch(IMAGES)["block5_gap"]
    assert np.ptp(expected) > 0 and found == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert sum(row["n_params"] for row in describe_layers(extractor)) == 21_802_784


def test_damaged_weights_are_noticed(tmp_path, quiet):
    import h5py

    network = keras.applications.MobileNetV2(include_top=False, weights=None)
    own_file(tmp_path, "MobileNetV2", network)
    weights.prepare_weights(tmp_path, quiet, backbone="MobileNetV2", cache_dir=tmp_path)
    with h5py.File(tmp_path / "base.h5", "r+") as file:
        file["0000 Conv1/000"][0, 0, 0, 0] += 1
    with pytest.raises(ValueError, match="does not hold the weights"):
        weights.load_base(tmp_path)


@pytest.mark.slow
def test_efficientnet_is_what_keras_makes_of_its_weights(tmp_path, quiet, monkeypatch):
    """With ImageNet's weights, Keras builds one more division into the network than without."""
    from keras.src.utils import file_utils

    plain = keras.applications.EfficientNetB0(include_top=False, weights=None)
    plain.get_layer(next(layer.name for layer in plain.layers if "normalization" in layer.name)).set_weights(
        [np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.21, 0.22]), np.array(1)]
    )
    path = tmp_path / "keras.weights.h5"
    plain.save_weights(path)
    monkeypatch.setattr(file_utils, "get_file", lambda *args, **kwargs: path)
    reference = keras.applications.EfficientNetB0(include_top=False, weights="imagenet")
    weights.prepare_weights(tmp_path, quiet, backbone="EfficientNetB0", cache_dir=tmp_path)
    extractor = base.build_extractor(BaseInput("EfficientNetB0", 32))
    base.set_base_weights(extractor, weights.load_base(tmp_path))
    expected = reference.predict_on_batch(expected_input("EfficientNetB0", 32)).mean(axis=(1, 2))
    assert np.ptp(expected) > 0
    assert extractor.predict_on_batch(IMAGES)["block5_gap"] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_missing_weights_are_reported_in_one_message(tmp_path, quiet, monkeypatch):
    from keras.src.utils import file_utils

    def fail(*args, **kwargs):
        raise Exception("URL fetch failure on\n somewhere")

    monkeypatch.setattr(file_utils, "get_file", fail)
    with pytest.raises(ReportError) as caught:
        weights.prepare_weights(tmp_path, quiet, backbone="MobileNetV2", cache_dir=tmp_path)
    message = str(caught.value)
    assert "MobileNetV2" in message and "fetch failure on somewhere" in message
    assert str(tmp_path / "weights" / "MobileNetV2.weights.h5") in message


def test_own_weights_count_by_their_content(tmp_path):
    assert weights_content("MobileNetV2", tmp_path) == {}
    file = tmp_path / "weights" / "MobileNetV2.weights.h5"
    file.parent.mkdir()
    file.write_bytes(b"a")
    first = weights_content("MobileNetV2", tmp_path)
    file.write_bytes(b"b")
    assert first != weights_content("MobileNetV2", tmp_path) and len(first["MobileNetV2"]) == 64
    assert weights_content("VGG16", tmp_path) == weights_content("VGG16", tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["features.backbone=resnet50"], "did you mean 'ResNet50'"),
        (["features.backbone=InceptionV3"], "InceptionV3 needs a features.size of at least 80, not 64"),
    ],
)
def test_wrong_backbones_are_refused(assignments, message):
    with pytest.raises(UsageError, match=message):
        validate(override(preset("standard"), assignments))
