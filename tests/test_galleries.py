"""Galleries show any number of images."""

import matplotlib
import numpy as np
import pytest

from fmnist_report.models.cnn import build_cnn, find_maps
from fmnist_report.networks import MAIN
from fmnist_report.report.figures import explanations, galleries
from fmnist_report.report.figures.canvas import STYLE
from fmnist_report.report.figures.vector import figure_to_svg
from fmnist_report.report.language import Language
from fmnist_report.settings import CNNSettings

ENGLISH = Language("en")
RNG = np.random.default_rng(0)


def draw(function, *arguments):
    with matplotlib.rc_context(STYLE):
        return figure_to_svg(function(*arguments), "x")


def some_images(*shape):
    return RNG.integers(0, 256, (*shape, 28, 28), "uint8")


@pytest.mark.parametrize("n", [0, 1, 7])
def test_mistakes_show_every_image_with_every_answer(n):
    mistakes = [{"label": 6, "predictions": {name: [4 + (name == "mlp"), 0.75] for name in MAIN}} for _ in range(n)]
    svg = draw(galleries.plot_mistakes, mistakes, some_images(max(n, 1)), ENGLISH)
    assert svg.count("<image ") == n and svg.count(">Shirt<") == n
    assert svg.count(">Coat 75%<") == (len(MAIN) - 1) * n and svg.count(">Sandals 75%<") == n
    assert all(f">{ENGLISH.model(name)}<" in svg for name in MAIN)


@pytest.mark.parametrize("n", [1, 6])
def test_duplicates_stand_in_pairs_with_their_distance(n):
    svg = draw(galleries.plot_duplicates, some_images(2, n), {"shown_rms": [9.5] * n}, ENGLISH)
    assert svg.count("<image ") == 2 * n and svg.count(">9.5<") == n


def test_samples_name_their_classes():
    svg = draw(galleries.plot_samples, some_images(10, 3), ENGLISH)
    assert svg.count("<image ") == 2 and svg.count("<text") == 10


def test_heat_lies_over_each_network_s_image_and_wrong_predictions_stand_out():
    networks = {"cnn": (np.array([6, 4]), RNG.random((2, 7, 7)))}
    svg = draw(galleries.plot_heat, some_images(2), np.array([6, 6]), networks, ENGLISH)
    assert svg.count("<image ") == 2 + 2 * 2
    assert svg.count(galleries.WRONG) == 1


def test_activations_show_the_image_and_every_channel():
    maps = {"a": RNG.random((14, 14, 3)), "b": np.zeros((7, 7, 2))}
    svg = draw(galleries.plot_activations, some_images(), maps)
    assert svg.count("<image ") == 1 + 3 + 2


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_shown_one_by_one(channels):
    assert draw(galleries.plot_filters, RNG.normal(size=(3, 3, channels, 5)), 4).count("<image ") == 5


def test_images_keep_their_pixels():
    svg = draw(galleries.plot_filters, RNG.normal(size=(3, 3, 1, 1)), 4)
    assert 'image-rendering="optimizeSpeed"' in svg and 'width="3"' in svg


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (CNNSettings(), ["first layer", "block 1", "block 2", "block 3"]),
        (CNNSettings(residual=False), ["first layer", "block 1", "block 2", "block 3"]),
        (CNNSettings(architecture="plain"), ["layer 1", "layer 2"]),
    ],
)
def test_maps_of_the_cnn_are_titled_by_their_position(settings, expected):
    layers = find_maps(build_cnn(settings))
    assert [explanations._layer_title(f"cnn/{layer}", ENGLISH).replace("\n", " ") for layer in layers] == expected
