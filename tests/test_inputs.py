"""Preprocessing variants differ in one factor, and the chosen one is that of the extractor."""

import numpy as np
import pytest
from conftest import random_base

from fmnist_report.experiments import inputs
from fmnist_report.models.base import BaseInput, build_extractor, set_base_weights
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import FeatureSettings, InputSettings
from fmnist_report.training.metrics import wilson_interval


def test_chosen_way_is_the_extractors(data_folder):
    chosen = next(row["way"] for row in inputs.list_variants(32) if row["chosen"])
    images = load_arrays(data_folder / "images.npz")["val"][:4]
    reader, extractor = inputs.build_reader(**chosen), build_extractor(BaseInput("VGG16", 32))
    for network in (reader, extractor):
        set_base_weights(network, random_base())
    expected = extractor.predict_on_batch(images[..., None].astype("float32"))
    found = inputs.read_features(reader, images)
    assert found[:, :1024] == pytest.approx(expected["block3_grid"].reshape(4, -1), rel=1e-4, abs=1e-3)
    assert found[:, 1536:] == pytest.approx(expected["block5_gap"], rel=1e-4, abs=1e-3)


def test_ways_change_one_factor():
    rows = inputs.list_variants(40)
    assert {row["value"] for row in rows if row["factor"] == "size"} == {"32", "40", "48", "56", "64"}
    chosen = next(row["way"] for row in rows if row["chosen"])
    for row in rows:
        changed = {name for name in chosen if row["way"][name] != chosen[name]}
        assert changed == (set() if row["chosen"] else {row["factor"]})


def test_bases_of_large_inputs_are_tried_at_larger_ones():
    tried = {name: [row["value"] for row in inputs.list_variants(80, name) if row["factor"] == "size"]
             for name in ("InceptionV3", "VGG16")}  # fmt: skip
    assert tried == {"InceptionV3": ["80", "96", "112"], "VGG16": ["32", "48", "56", "64", "80"]}
    expected = [row["value"] for row in inputs.list_variants(48, "EfficientNetB0") if row["factor"] == "channels"]
    assert expected == ["expected", "divided", "learned"]  # it scales its input itself


@pytest.mark.parametrize("channels", [*inputs.list_channels("VGG16"), inputs.LEARNED])
def test_channels_are_what_their_names_say(channels):
    reader = inputs.build_reader(channels, 32, "nearest")
    first = reader.get_layer("block1_conv1")
    kernel, bias = np.zeros(first.kernel.shape, "float32"), np.zeros(64, "float32")
    kernel[1, 1, :, :3] = np.eye(3)  # the first three outputs are the three channels
    first.set_weights([kernel, bias])
    import keras

    channels_of = keras.Model(reader.input, first.output)
    white = np.array(channels_of.predict_on_batch(np.full((1, 28, 28, 1), 255, "float32")))[0, 9, 9, :3]
    means = np.array([103.939, 116.779, 123.68])
    expected = {"imagenet_mean": 255 - means, "one_mean": 255 - means.mean().repeat(3), "no_mean": [255.0] * 3,
                "divided": [1.0] * 3, "learned": 255 - means}[channels]  # fmt: skip
    assert white == pytest.approx(expected, rel=1e-4)


def test_what_is_read_follows_the_pooling():
    read = {way: set(inputs.build_reader("divided", 32, "nearest", way).output_names) for way in inputs.POOLING}
    assert read["average"] == {"block3_grid", "block4_gap", "block5_gap"}
    assert read["max"] == {"block3_maxima", "block4_maxima", "block5_maxima"}
    assert read["both"] == read["average"] | read["max"]


def test_conversion_is_learned_and_the_base_stays(data_folder):
    arrays = {name: load_arrays(data_folder / f"{name}.npz")["train"] for name in ("images", "labels")}
    reader = inputs.build_reader("learned", 32, "bilinear")
    set_base_weights(reader, random_base())
    kernel = reader.get_layer("block1_conv1").kernel.numpy()
    before = [weights.copy() for weights in reader.get_layer("conversion").get_weights()]
    inputs.train_conversion(reader, arrays["images"], arrays["labels"], seed=0)
    after = reader.get_layer("conversion").get_weights()
    assert all(0 < np.abs(new - old).max() < 0.1 for new, old in zip(after, before, strict=True))
    assert np.array_equal(reader.get_layer("block1_conv1").kernel.numpy(), kernel)


def test_interrupted_comparison_goes_on(tmp_path, data_folder, quiet, monkeypatch):
    judged = []

    def judge(way, x, y, base, features, seed):
        if len(judged) == 3:
            raise KeyboardInterrupt
        judged.append(way)
        return {"val_accuracy": 0.8, "seconds": 1.0}

    monkeypatch.setattr(inputs, "evaluate_variant", judge)
    call = {"inputs": InputSettings(n_train=30, n_val=20), "features_settings": FeatureSettings(size=32), "seed": 0,
            "data": data_folder, "weights": tmp_path}  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        inputs.compare_inputs(tmp_path, quiet, **call)
    first, judged[:] = list(judged), []
    monkeypatch.setattr(inputs, "evaluate_variant", lambda way, *rest: judged.append(way) or {"val_accuracy": 0.7})
    inputs.compare_inputs(tmp_path, quiet, **call)
    document = read_json(tmp_path / "inputs.json")
    judged_now = {tuple(row["ci95"]) for row in document["rows"] if row["val_accuracy"] == 0.8}
    assert judged_now == {wilson_interval(16, 20)}
    assert not any(way in first for way in judged) and len(document["rows"]) == 5 + 4 + 3 + 3
    assert (document["n_train"], document["n_val"]) == (30, 20)


@pytest.mark.parametrize(("channels", "n_learned"), [("no_mean", 0), (inputs.LEARNED, 1)])
def test_a_way_is_judged_on_validation(monkeypatch, tmp_path, channels, n_learned):
    learned, labels = [], np.arange(40) % 4
    for name in ("build_reader", "set_base_weights", "load_base"):
        monkeypatch.setattr(inputs, name, lambda *args, **kwargs: None)
    monkeypatch.setattr(inputs, "read_features", lambda network, images: images)
    monkeypatch.setattr(inputs, "train_conversion", lambda *args: learned.append(args))
    x = {"train": 1e4 * np.eye(4)[labels] + 1e6, "val": 1e4 * np.eye(4) + 1e6}
    y = {"train": labels, "val": np.array([0, 1, 2, 0])}
    way = {"channels": channels, "size": 32, "resizing": "bilinear", "pooling": "average"}
    found = inputs.evaluate_variant(way, x, y, tmp_path, FeatureSettings(precision="float32"), 0)
    assert found["val_accuracy"] == 0.75 and len(learned) == n_learned
