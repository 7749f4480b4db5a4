"""Interpretation: choice of images, and correctness of heat maps."""

import keras
import numpy as np
import pytest
from keras import layers

from fmnist_report.experiments import interpretation as explain
from fmnist_report.networks import BY_STAGE
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.settings import CNNSettings, ExplainSettings, FineTuneSettings, HeadSettings
from fmnist_report.training import finetune
from fmnist_report.training.head import fit_head
from fmnist_report.training.pixels import train_from_pixels
from fmnist_report.training.stores import VIEWS, FeatureStore

pytestmark = pytest.mark.backend


def test_chosen_images_are_the_surest_right_and_wrong_ones():
    labels = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])
    answers = np.array([0, 0, 1, 2, 3, 4, 9, 9, 9])
    sure = np.array([0.6, 0.9, 0.8, 0.8, 0.8, 0.8, 0.5, 0.9, 0.7])
    probabilities = np.zeros((9, 10))
    probabilities[np.arange(9), answers] = sure
    chosen = explain.choose_images(probabilities, labels)
    assert chosen.tolist() == [1, 2, 3, 4, 7, 8, 6]
    assert (answers[chosen[: explain.N_RIGHT]] == labels[chosen[: explain.N_RIGHT]]).all()


def test_heat_map_marks_the_place_that_speaks_for_the_answer():
    pixels = layers.Input((28, 28, 1))
    x = layers.AveragePooling2D(7, name="places")(pixels)
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(pixels, logits)
    network.get_layer("logits").set_weights([np.array([[0.0, 1.0]]), np.zeros(2)])
    image = np.zeros((1, 28, 28), "uint8")
    image[0, 7:14, 21:28] = 200
    answers, heat = explain.heat_maps(network, network.get_layer("places").output, [], image)
    assert answers.tolist() == [1] and heat.shape == (1, 4, 4)
    assert heat[0, 1, 3] == 1 and heat.sum() == 1
    network.get_layer("logits").set_weights([np.array([[0.0, -1.0]]), np.array([-9e3, 0.0])])
    answers, heat = explain.heat_maps(network, network.get_layer("places").output, [], image)
    assert answers.tolist() == [1] and heat.max() == 0  # no positive evidence for it


def test_every_heat_map_has_its_own_scale():
    pixels = layers.Input((28, 28, 1))
    x = layers.AveragePooling2D(7, name="places")(pixels)
    network = keras.Model(pixels, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)))
    network.get_layer("logits").set_weights([np.array([[0.0, 1.0]]), np.zeros(2)])
    images = np.zeros((2, 28, 28), "uint8")
    images[0, 7:14, 21:28], images[1, 7:14, 21:28] = 200, 50
    heat = explain.heat_maps(network, network.get_layer("places").output, [], images)[1]
    assert heat.max(axis=(1, 2)).tolist() == [1, 1]


def test_filters_of_vgg16_are_shown_red_first():
    kernel = np.arange(3.0).reshape(1, 1, 3, 1)
    assert explain.first_filters({"a": (kernel, np.zeros(1))}, "VGG16").ravel().tolist() == [2, 1, 0]


def test_activation_maps_are_the_strongest_channels():
    pixels = layers.Input((28, 28, 1))
    network = keras.Model(pixels, layers.Conv2D(12, 1, use_bias=False, name="scaled")(pixels))
    network.get_layer("scaled").set_weights([np.arange(12, dtype="float32").reshape(1, 1, 1, 12)])
    maps, numbers = explain.activation_maps(network, {"scaled": network.output}, np.ones((28, 28), "uint8"))["scaled"]
    assert numbers == [11, 10, 9, 8, 7, 6, 5, 4] and maps[0, 0].tolist() == numbers


def test_embedding_keeps_groups_apart():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(size=(30, 60)), rng.normal(size=(30, 60)) + 6])
    points = explain.embed(features, 0)
    middles = points[:30].mean(axis=0), points[30:].mean(axis=0)
    assert points.shape == (60, 2)
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * points[:30].std()


@pytest.mark.parametrize("unfreeze", [4, pytest.param(5, marks=pytest.mark.slow)])
def test_stage_explains_trained_networks(
    tmp_path, data_folder, feature_folder, random_weights, quiet, unfreeze, monkeypatch
):
    monkeypatch.setattr(explain, "embed", lambda features, seed: features[:, [0, -1]])
    folders = {name: tmp_path / name for name in ("cnn", "head", "finetune", "explain")}
    for folder in folders.values():
        folder.mkdir()
    cnn = CNNSettings(stem=4, widths=(4, 4, 8), epochs=1, batch_size=8, precision="float32")
    head = HeadSettings(width=8, epochs=1, batch_size=8)
    tune = FineTuneSettings(epochs=1, batch_size=8, unfreeze=unfreeze, precision="float32")
    train_from_pixels(folders["cnn"], quiet, network=cnn, build=BY_STAGE["cnn"].build, seed=0, data=data_folder)
    fit_head(folders["head"], quiet, head=head, seed=0, data=data_folder, features=feature_folder)
    finetune.fine_tune(
        folders["finetune"], quiet, finetune=tune, head_settings=head, seed=0,
        data=data_folder, weights=random_weights, features=feature_folder, head=folders["head"],
    )  # fmt: skip
    explain.explain(
        folders["explain"], quiet, explain=ExplainSettings(n_map=60),
        networks={"cnn": cnn, "head": head, "finetune": tune}, seed=0,
        data=data_folder, weights=random_weights, features=feature_folder,
        cnn=folders["cnn"], head=folders["head"], finetune=folders["finetune"],
    )  # fmt: skip
    seen = load_arrays(folders["explain"] / "explain.npz")
    assert seen["cnn/filters"].shape == (3, 3, 1, 4) and seen["base/filters"].shape == (3, 3, 3, 64)
    assert seen["map/before"].shape == seen["map/after"].shape == (20, 2)
    for part, (networks, _) in explain.PARTS.items():
        for name in networks:
            assert len(seen[f"{name}/predicted"]) == len(seen[f"{name}/heat"]) == len(seen[f"{part}/images"])
    found = load_arrays(folders["finetune"] / "probabilities.npz")
    images = load_arrays(data_folder / "images.npz")["val"]
    first = next(i for i, image in enumerate(images) if np.array_equal(image, seen["part2/images"][0]))
    assert seen["vgg_finetuned/predicted"][0] == found["val_original"][first].argmax()
    assert read_json(folders["explain"] / "explain.json")["n_map"] == 20
    rows = [next(i for i, own in enumerate(images) if np.array_equal(own, one)) for one in seen["part2/images"]]
    head_alone = load_arrays(folders["head"] / "probabilities.npz")["val_original"].argmax(axis=1)
    with FeatureStore(feature_folder) as store:
        frozen = store.pooled("val", VIEWS[0], 20)[:, [0, -1]]
    assert np.array_equal(seen["vgg_head/predicted"], head_alone[rows])
    assert np.allclose(seen["map/before"], frozen, rtol=1e-3)
    assert np.allclose(seen["map/after"][:, 0], frozen[:, 0], rtol=1e-2)  # block 3 is not trained
    assert not np.allclose(seen["map/after"][:, 1], frozen[:, 1], rtol=1e-5)


def test_features_that_hardly_differ_are_not_embedded():
    """t-SNE is given only points that differ."""
    same = np.repeat(np.random.default_rng(0).random((2, 8)), 40, axis=0)
    assert (explain.embed(same, 0) == 0).all() and explain.embed(same, 0).shape == (80, 2)


def test_infinite_features_end_in_a_sentence(monkeypatch):
    from fmnist_report.errors import ReportError
    from fmnist_report.training.prediction import check_finite

    with pytest.raises(ReportError, match="The training of finetune diverged.*--set finetune.learning_rate"):
        check_finite(np.array([1.0, np.inf]), "finetune")
    assert check_finite(np.ones(2), "finetune").sum() == 2
