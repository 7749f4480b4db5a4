"""Rows of tables hold what the settings hold."""

from fmnist_report.presets import override, preset
from fmnist_report.report.language import Language
from fmnist_report.report.tables import TRAINING_FACTORS, entered_ranges, network_rows, training_rows


def rows(*assignments, stages=("mlp", "cnn")):
    found = training_rows(override(preset("standard"), assignments), stages)
    return {row["factor"]: row["values"] for row in found}


def test_augmentation_has_a_row_where_a_network_uses_it():
    assert list(rows("mlp.shift=0", "cnn.shift=0")) == list(TRAINING_FACTORS)
    assert rows("cnn.cutout=12", "mlp.shift=0")["cutout"] == [0, 12]
    assert rows("mlp.shift=1", "cnn.shift=3")["shift"] == [1, 3]
    assert rows("cnn.epochs=3", "mlp.epochs=4")["epochs"] == [4, 3]


def test_what_a_network_does_not_know_has_no_value():
    assert "shift" not in rows(stages=("head", "finetune"))
    assert rows("finetune.shift=2", stages=("head", "finetune"))["shift"] == [None, 2]


def layer(name, kind, n, shape):
    return {"name": name, "type": kind, "n_params": n, "n_trainable": n, "macs": 10 * n, "output_shape": shape}


def test_layers_are_joined_with_their_sums():
    pair = [layer("a", "Conv2D", 5, [4, 4, 2]), layer("n", "BatchNormalization", 3, [4, 4, 2])]
    assert network_rows({"models": {"m": {"layers": pair}}}, "m")[0]["n_params"] == 8
    deep = [layer(f"l{i}", "Conv2D", 1, [4 if i < 20 else 2, 4, 2]) for i in range(30)]
    sums = [(row["n_params"], row["macs"]) for row in network_rows({"models": {"m": {"layers": deep}}}, "m")]
    assert sums == [(20, 200), (10, 100)]


def test_ranges_of_the_base_are_those_that_it_is_given():
    features = {"scale": [2] * 3, "offset": [-100, 0, 0]}
    assert entered_ranges({"features": features}, Language("en")) == "−100 … 410; 0 … 510"
