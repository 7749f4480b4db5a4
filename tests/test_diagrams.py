"""Diagrams show the given layers."""

from fmnist_report.report.figures.diagrams import condense, plot_architecture
from fmnist_report.report.language import Language


def layer(name, kind, *shape, trained=True):
    """Return the row of a layer; convolutions and dense layers have weights."""
    n_params = 9 if kind in ("Conv2D", "Dense") else 0
    counts = {"n_params": n_params, "n_trainable": n_params if trained else 0}
    return {"name": name, "type": kind, "output_shape": list(shape), **counts}


LAYERS = [
    layer("pixels", "InputLayer", 28, 28, 1),
    layer("rescale", "Rescaling", 28, 28, 1),
    layer("a", "Conv2D", 28, 28, 64),
    layer("b", "Conv2D", 28, 28, 64),
    layer("c", "Conv2D", 28, 28, 32),
    layer("pool", "MaxPooling2D", 14, 14, 32),
    layer("logits", "Dense", 10),
]


def test_equal_neighbours_are_joined_and_what_does_not_compute_is_left_out():
    rows = condense(LAYERS)
    assert [(row["kind"], row["shape"], row["count"]) for row in rows] == [
        ("input", (28, 28, 1), 1), ("convolution", (28, 28, 64), 2), ("convolution", (28, 28, 32), 1),
        ("pooling", (14, 14, 32), 1), ("dense", (10,), 1),
    ]  # fmt: skip


def test_every_box_reports_its_shape_and_lower_images_make_lower_boxes():
    axes = plot_architecture({"cnn": LAYERS}, Language("uk")).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "28\n64" in texts and "× 2" in texts and "10" in texts
    heights = [box.get_height() for box in axes.patches]
    assert len(heights) == 5 and heights[3] < heights[0] and heights[4] < heights[3]


def test_shortcuts_lead_over_what_they_skip():
    def row(kind, *shape):
        return layer(kind, kind, *shape)

    wide, small = ("Conv2D", 14, 14, 8), (3, 3, 16)
    layers = [
        LAYERS[0], row("Conv2D", 28, 28, 8), row("MaxPooling2D", 14, 14, 8), row(*wide), row("Add", 14, 14, 8),
        row(*wide), row(*wide), row("Add", 14, 14, 8), row("MaxPooling2D", *small), row("Conv2D", *small),
    ]  # fmt: skip
    rows = condense(layers)
    assert [(row["count"], row["adds"]) for row in rows] == [
        (1, None), (1, None), (1, None), (1, 2), (2, 3), (1, None), (1, None)
    ]  # fmt: skip
    axes = plot_architecture({"cnn": layers}, Language("en")).axes[0]
    assert len(axes.lines) == 2 and all(min(line.get_ydata()) == 0 for line in axes.lines)
    starts, ends = zip(*((min(line.get_xdata()), max(line.get_xdata())) for line in axes.lines), strict=True)
    boxes = [(box.get_x(), box.get_x() + box.get_width()) for box in axes.patches]
    assert boxes[2][1] < starts[0] < boxes[3][0] and boxes[3][1] < ends[0] == starts[1] < boxes[4][0]
    assert boxes[4][1] < ends[1] < boxes[5][0]
    assert all(row["adds"] is None for row in condense([row for row in layers if row["type"] != "Add"]))
    many = [{**row, "output_shape": [14, 14, 8 + i]} for i in range(13) for row in (layers[3], layers[3], layers[4])]
    assert all(row["adds"] is None for row in condense([layers[0], *many]))


def test_deep_networks_are_drawn_by_resolution():
    shapes = [(side, side, channels) for side in (24, 12, 6) for channels in (16, 64) * 10]
    layers = [layer(str(number), "Conv2D", *shape) for number, shape in enumerate(shapes)]
    rows = condense([LAYERS[0], *layers, LAYERS[-1]])
    assert [(row["shape"], row["count"]) for row in rows[1:-1]] == [((s, s, 64), 20) for s in (24, 12, 6)]


def test_frozen_layers_are_pale_and_reported():
    frozen = [*LAYERS[:2], layer("a", "Conv2D", 28, 28, 64, trained=False), *LAYERS[3:]]
    assert [row["frozen"] for row in condense(frozen)] == [False, True, False, False, False, False]  # not joined
    for layers, told in ((frozen, True), (LAYERS, False)):
        figure = plot_architecture({"cnn": layers}, Language("en"))
        assert len({box.get_facecolor() for box in figure.axes[0].patches}) == 4 + told  # a colour of each kind
        assert ("frozen" in [text.get_text() for text in figure.legends[0].get_texts()]) is told


def test_averages_of_several_blocks_are_one_pooling():
    layers = [
        *LAYERS[:-1],
        layer("gap", "GlobalAveragePooling2D", 32),
        layer("joined", "Concatenate", 96),
        layer("features", "InputLayer", 96),
        LAYERS[-1],
    ]
    assert [(row["kind"], row["shape"]) for row in condense(layers)[-2:]] == [("join", (96,)), ("dense", (10,))]
