"""Settings are changed by name, and an unknown name is reported with the closest valid one."""

import dataclasses

import pytest

from fmnist_report import renamed
from fmnist_report.errors import UsageError
from fmnist_report.presets import (
    PRESETS,
    _read_meanings,
    describe_settings,
    override,
    preset,
    reproduce_command,
    setting_names,
    validate,
)
from fmnist_report.settings import feature_bytes


@pytest.mark.parametrize("former", [*renamed.SETTINGS, "overlap.rms"])
def test_former_names_of_settings_are_aliases_that_are_reported_once(former):
    warnings = []
    found = renamed.rename_assignments([f"{former}=1", f" {former} = 2"], warnings.append)
    assert former not in setting_names() and {text.partition("=")[0].strip() for text in found} <= set(setting_names())
    assert len(warnings) == 1 and f"The setting {former} is now called " in warnings[0]


def test_former_value_of_a_setting_is_an_alias():
    warnings = []
    found = renamed.rename_assignments(["cnn.architecture = stages", "cnn.epochs=2"], warnings.append)
    assert found == ["cnn.architecture=blocks", "cnn.epochs=2"] and warnings == [
        "The value stages is now called blocks."
    ]
    assert override(preset("quick"), found).cnn.architecture == "blocks"


def test_current_names_are_not_reported():
    assert renamed.rename_assignments(["cnn.epochs=2"], pytest.fail) == ["cnn.epochs=2"]
    assert renamed.rename_stages(["cnn", "html"], pytest.fail) == ["cnn", "html"]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    validate(preset(name))
    assert preset(name).preset == name


def test_values_take_the_type_of_the_setting():
    changed = override(preset("quick"), ["cnn.epochs=12", "mlp.widths=64,32", "head.dropout=0.1"])
    assert (changed.cnn.epochs, changed.mlp.widths, changed.head.dropout) == (12, (64, 32), 0.1)


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("cnn.epoch=3", "did you mean 'cnn.epochs'"),
        ("cnn.epochs", "section.name=value"),
        ("cnn.epochs=many", "cnn.epochs expects a valid integer, not 'many'"),
        ("cnn.widths=1,2", "cnn.widths expects 3 comma-separated integers, not '1,2'"),
        ("mlp.widths=a,b", "mlp.widths expects a valid integer, not 'a,b'"),
        ("seed=3", "Unknown setting 'seed'"),
        ("xyzzy=3", "Unknown setting 'xyzzy'; `python run_all.py settings` lists all of them"),
    ],
)
def test_bad_assignment_is_one_sentence(assignment, sentence):
    with pytest.raises(UsageError, match=sentence):
        override(preset("standard"), [assignment])


@pytest.mark.parametrize(
    "assignment",
    ["features.size=50", "features.size=8", "cnn.epochs=0", "data.n_train=60000", "data.n_val=5", "cnn.widths=1,2",
     "cnn.optimizer=adam", "cnn.pooling=min", "study.cnn_epochs=-1", "finetune.easy_sample_interval=3",
     "mlp.dropout=1.5", "mlp.shift=20", "features.precision=float8", "head.batch_size=-1", "mlp.widths=",
     "cnn.kernel=0", "classifiers.neighbours=100000", "explain.n_map=1"],
)  # fmt: skip
def test_values_out_of_range_are_refused_before_a_run(assignment):
    with pytest.raises(UsageError, match=assignment.split("=")[0]):
        validate(override(preset("standard"), [assignment]))


def test_every_setting_says_what_it_takes_and_means():
    rows = {row.name: row for row in describe_settings(preset("best"))}
    assert list(rows) == setting_names()
    assert all(row.value and row.takes and len(row.meaning) > 5 for row in rows.values())
    assert rows["head.dropout"] == ("head.dropout", "0.4", "number ≥ 0, < 1", "Dropout rate after the hidden layer")
    assert rows["head.schedule"].takes == "one_cycle, cosine, constant"  # inherited
    assert rows["features.size"].takes == "integer ≥ 32, ≤ 224, multiple of 8"
    assert rows["cnn.widths"][1:3] == ("96,224,224", "3, each integer > 0")
    assert rows["mlp.widths"].takes == "one or more, each integer > 0"
    assert rows["cnn.mirror"].takes == "true, false"


def test_every_meaning_is_that_of_a_setting():
    for section in {type(getattr(preset("best"), name.partition(".")[0])) for name in setting_names()}:
        assert set(_read_meanings(section)) == {entry.name for entry in dataclasses.fields(section)}


def test_unknown_preset_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'standard'"):
        preset("standart")


def test_reproduce_command_gives_the_settings_back():
    changes = ["cnn.epochs=12", "mlp.widths=1048576,32", "classifiers.logistic_c=0.0012345678",
               "features.precision=float32"]  # fmt: skip
    changed = dataclasses.replace(override(preset("quick"), changes), seed=4, deterministic=True)
    command = reproduce_command(changed)
    assert command.startswith("python run_all.py --preset quick --seed 4 --deterministic --set ")
    assert sorted(command.split(" --set ")[1:]) == sorted(changes)
    assert reproduce_command(preset("standard")) == "python run_all.py --preset standard --seed 0"


def test_feature_bytes_of_standard_are_those_of_the_arrays():
    assert feature_bytes(preset("standard")) == 70_000 * 2 * 2 * (8 * 8 * 256 + 4 * 4 * 256 + 1024)
    block_5_alone = override(preset("standard"), ["finetune.unfreeze=5"])
    assert feature_bytes(block_5_alone) == 70_000 * 2 * 2 * (4 * 4 * 512 + 4 * 4 * 256 + 1024)
