"""Diagrams follow the layers that they are given."""

from fmnist_report.report.figures.diagrams import condense, plot_architecture
from fmnist_report.report.language import Language

LAYERS = [
    {"name": "pixels", "type": "InputLayer", "output_shape": [28, 28, 1]},
    {"name": "rescale", "type": "Rescaling", "output_shape": [28, 28, 1]},
    {"name": "a", "type": "Conv2D", "output_shape": [28, 28, 64]},
    {"name": "b", "type": "Conv2D", "output_shape": [28, 28, 64]},
    {"name": "c", "type": "Conv2D", "output_shape": [28, 28, 32]},
    {"name": "pool", "type": "MaxPooling2D", "output_shape": [14, 14, 32]},
    {"name": "logits", "type": "Dense", "output_shape": [10]},
]


def test_equal_neighbours_are_joined_and_what_does_not_compute_is_left_out():
    rows = condense(LAYERS)
    assert [(row["kind"], row["shape"], row["count"]) for row in rows] == [
        ("input", (28, 28, 1), 1), ("convolution", (28, 28, 64), 2), ("convolution", (28, 28, 32), 1),
        ("pooling", (14, 14, 32), 1), ("dense", (10,), 1),
    ]  # fmt: skip


def test_every_box_tells_its_shape_and_lower_pictures_make_lower_boxes():
    axes = plot_architecture({"cnn": LAYERS}, Language("uk")).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "28\n64" in texts and "× 2" in texts and "10" in texts
    heights = [box.get_height() for box in axes.patches]
    assert len(heights) == 5 and heights[3] < heights[0] and heights[4] < heights[3]


def test_deep_networks_are_drawn_by_resolution():
    shapes = [(side, side, channels) for side in (24, 12, 6) for channels in (16, 64) * 10]
    layers = [{"name": str(number), "type": "Conv2D", "output_shape": shape} for number, shape in enumerate(shapes)]
    rows = condense([LAYERS[0], *layers, LAYERS[-1]])
    assert [(row["shape"], row["count"]) for row in rows[1:-1]] == [((s, s, 64), 20) for s in (24, 12, 6)]


def test_averages_of_several_blocks_are_one_pooling():
    layers = [
        *LAYERS[:-1],
        {"name": "gap", "type": "GlobalAveragePooling2D", "output_shape": [32]},
        {"name": "joined", "type": "Concatenate", "output_shape": [96]},
        {"name": "features", "type": "InputLayer", "output_shape": [96]},
        LAYERS[-1],
    ]
    assert [(row["kind"], row["shape"]) for row in condense(layers)[-2:]] == [("pooling", (96,)), ("dense", (10,))]
