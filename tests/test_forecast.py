"""Run-time estimates from reference timings and machine speed."""

import pytest

from fmnist_report import forecast as module
from fmnist_report.cli import main
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.forecast import KNOWN, Remaining, add_up, describe_plan, forecast, preset_seconds
from fmnist_report.machine import Speed
from fmnist_report.pipeline.files import read_json, write_json
from fmnist_report.pipeline.stage import Execution, Stage, Step
from fmnist_report.presets import override, preset
from fmnist_report.report.title_page import read_document
from run_all import build_pipeline

SECONDS = {"mlp": 100.0, "cnn": 400.0, "head": 30.0, "study": 50.0}


TIMED = Speed({"float32": 50.0}, {"float32": 200.0})
SLOW = Speed({"float32": 100.0, "bfloat16": 50.0}, {"float32": 100.0, "bfloat16": 10.0})
FAST = Speed({"float32": 100.0, "bfloat16": 400.0}, {"float32": 100.0, "bfloat16": 300.0})


@pytest.fixture
def known(tmp_path, monkeypatch):
    timings = {
        "float32": {"speed": {"inference": 50.0, "training": 200.0}, "seconds": {**SECONDS, "features": 80.0}},
        "bfloat16": {"speed": {"inference": 400.0, "training": 600.0}, "seconds": {"cnn": 70.0, "features": 10.0}},
    }
    write_json(tmp_path / "known.json", {"presets": {"standard": timings}})
    monkeypatch.setattr(module, "KNOWN", tmp_path / "known.json")


def steps(*names, execution=Execution.INLINE):
    return [Step(Stage(name, "package.module:function", execution=execution), {}) for name in names]


def test_epochs_and_images_count_and_unknown_stages_are_left_out(known):
    standard = preset("standard")
    assert forecast(standard, steps("mlp", "cnn", "study", "weights"), TIMED) == {"mlp": 100, "cnn": 400, "study": 50}
    half = override(standard, ["data.n_train=27500"])
    assert forecast(half, steps("cnn", "study"), TIMED) == {"cnn": 200, "study": 25}
    longer = override(standard, ["cnn.epochs=21"])
    assert forecast(longer, steps("mlp", "cnn", "study"), TIMED) == {"mlp": 100, "cnn": 1_200, "study": 50}
    assert forecast(standard, steps("mlp-1", "cnn-2"), TIMED) == {"mlp-1": 100, "cnn-2": 400}
    assert forecast(preset("quick"), steps("mlp"), TIMED) == {}


def test_timings_are_those_of_the_machine_s_class_at_its_own_speeds(known):
    names = ("cnn", "features", "inputs")
    assert forecast(preset("standard"), steps(*names), SLOW) == {"cnn": 800, "features": 40}
    assert forecast(preset("standard"), steps(*names), FAST) == {"cnn": 140, "features": 10}
    by_mnn = Speed({"float32": 100.0}, {"float32": 100.0}, mnn=200.0)
    assert forecast(preset("standard"), steps(*names), by_mnn) == {"cnn": 800, "features": 20}
    assert forecast(preset("standard"), steps(*names), Speed({}, {"float32": 100.0})) == {"cnn": 800, "features": 80}
    assert preset_seconds("standard", FAST) == 150 and preset_seconds("quick", FAST) == float("inf")


def test_of_stages_side_by_side_the_longest_counts():
    both = [*steps("mlp"), *steps("mlp-1", "head-1", execution=Execution.PARALLEL)]
    assert add_up({"mlp": 100, "mlp-1": 120, "head-1": 30}, both) == 220
    assert add_up({"mlp": 100}, both) == 100 and add_up({}, both) == 0


def test_short_stages_are_reported_together():
    seconds = {"data": 2.0, "mlp": 61.0, "cnn": 600.0, "study": 5_400.0, "x": 3.4}
    told = describe_plan(seconds, 6_066.4, {})
    assert "mlp 61 s, cnn 10 min, study 1.5 h, the rest 5 s; about 1.7 h in all. An" in told
    assert "the rest" not in describe_plan({"mlp": 61.0}, 61.0, {})


def test_shorter_presets_are_named_where_more_than_an_hour_is_planned():
    shorter = {"quick": 300.0, "standard": 4_000.0}
    told = describe_plan({"cnn": 3_700.0}, 3_700.0, shorter)
    assert "62 min in all. --preset quick takes about 5 min; --preset standard takes about 67 min." in told
    assert "--preset" not in describe_plan({"cnn": 3_500.0}, 3_500.0, shorter)


def test_time_left_is_corrected_by_the_stages_that_are_done():
    left = Remaining({"mlp": 100.0, "cnn": 400.0, "study": 50.0}, steps("mlp", "cnn", "study"))
    assert left.describe("weights", 3.0) == ""
    assert left.describe("mlp", 200.0) == "About 15 min left."  # twice as slow as planned
    assert left.describe("cnn", 400.0) == "About 60 s left."  # 600 s for 500 planned
    assert left.describe("study", 60.0) == "" and Remaining({}, []).describe("mlp", 200.0) == ""


def tell(capsys, monkeypatch, tmp_path, *arguments, speed=SLOW):
    """Start a run that computes nothing; return its output."""
    monkeypatch.setattr("fmnist_report.request.run_plan", lambda *arguments: None)
    monkeypatch.setattr("fmnist_report.request.publish", lambda *arguments: [])
    monkeypatch.setattr("fmnist_report.request.measure_speed", lambda: speed)
    folders = ["--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    main(build_pipeline, [*folders, "--only", "cnn", *arguments])
    return capsys.readouterr().err


def test_a_run_begins_with_its_plan_at_the_speed_of_this_machine(capsys, monkeypatch, tmp_path, known):
    told = " ".join(tell(capsys, monkeypatch, tmp_path).split())
    assert "VGG16 runs at 100 in float32, 50 in bfloat16 and trains at 100 in float32, 10 in bfloat16 (GFLOP/s)" in told
    assert "automatic settings mean Keras in float32 for the features of VGG16, and training in float32." in told
    assert "Planned: cnn 13 min; about 13 min in all" in told
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, speed=Speed())
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--quiet")
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--set", "cnn.epochs=1")  # less than a minute there
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--preset", "quick")  # without a reference timing


@pytest.mark.parametrize("name", sorted(read_json(KNOWN)["presets"]))
def test_what_was_timed_of_a_preset_are_its_stages(name):
    line = build_pipeline(preset(name), read_document([], None), find_data_set(None), KNOWN.parent)
    for timing in read_json(KNOWN)["presets"][name].values():
        known = timing["seconds"]
        assert {"mlp", "cnn", "features", "finetune", "study"} <= set(known) <= {stage.name for stage in line}
        assert known["cnn"] > known["data"] > 0 and min(timing["speed"].values()) > 0
