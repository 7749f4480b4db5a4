"""Rows of tables hold what the settings hold."""

from fmnist_report.presets import override, preset
from fmnist_report.report.tables import TRAINING_FACTORS, training_rows


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
