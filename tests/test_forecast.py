"""Run-time estimates from reference timings and machine speed."""

import pytest

from fmnist_report import forecast as module
from fmnist_report.cli import main
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.forecast import KNOWN, add_up, describe_plan, forecast
from fmnist_report.pipeline.files import read_json, write_json
from fmnist_report.pipeline.stage import Execution, Stage, Step
from fmnist_report.presets import override, preset
from fmnist_report.report.title_page import read_document
from run_all import build_pipeline

SECONDS = {"mlp": 100.0, "cnn": 400.0, "head": 30.0, "study": 50.0}


@pytest.fixture
def known(tmp_path, monkeypatch):
    write_json(tmp_path / "known.json", {"presets": {"standard": {"gflops": 200.0, "seconds": SECONDS}}})
    monkeypatch.setattr(module, "KNOWN", tmp_path / "known.json")


def steps(*names, execution=Execution.INLINE):
    return [Step(Stage(name, "package.module:function", execution=execution), {}) for name in names]


def test_epochs_and_images_count_and_unknown_stages_are_left_out(known):
    standard = preset("standard")
    assert forecast(standard, steps("mlp", "cnn", "study", "weights")) == {"mlp": 100, "cnn": 400, "study": 50}
    half = override(standard, ["data.n_train=27500"])
    assert forecast(half, steps("cnn", "study")) == {"cnn": 200, "study": 25}
    longer = override(standard, ["cnn.epochs=21"])
    assert forecast(longer, steps("mlp", "cnn", "study")) == {"mlp": 100, "cnn": 1_200, "study": 50}
    assert forecast(standard, steps("mlp-1", "cnn-2")) == {"mlp-1": 100, "cnn-2": 400}
    assert forecast(preset("quick"), steps("mlp")) == {}


def test_of_stages_side_by_side_the_longest_counts():
    both = [*steps("mlp"), *steps("mlp-1", "head-1", execution=Execution.PARALLEL)]
    assert add_up({"mlp": 100, "mlp-1": 120, "head-1": 30}, both) == 220
    assert add_up({"mlp": 100}, both) == 100 and add_up({}, both) == 0


def test_short_stages_are_reported_together():
    seconds = {"data": 2.0, "mlp": 61.0, "cnn": 600.0, "study": 5_400.0, "x": 3.4}
    told = describe_plan(seconds, 6_066.4, "float32", 199.6)
    assert "at 200 GFLOP/s in float32" in told
    assert "mlp 61 s, cnn 10 min, study 1.5 h, the rest 5 s; about 1.7 h in all" in told
    assert "the rest" not in describe_plan({"mlp": 61.0}, 61.0, "float32", 200.0)


def tell(capsys, monkeypatch, tmp_path, *arguments, rates=None):
    """Start a run that computes nothing; return its output."""
    measured = {"float32": 100.0} if rates is None else rates
    monkeypatch.setattr("fmnist_report.request.run_plan", lambda *arguments: None)
    monkeypatch.setattr("fmnist_report.request.publish", lambda *arguments: [])
    monkeypatch.setattr("fmnist_report.request.measure_precision", lambda: ("float32", measured))
    folders = ["--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    main(build_pipeline, [*folders, "--only", "cnn", *arguments])
    return capsys.readouterr().err


def test_a_run_begins_with_its_plan_at_the_speed_of_this_machine(capsys, monkeypatch, tmp_path, known):
    assert "Planned at 100 GFLOP/s in float32, as measured now: cnn 13 min; about 13 min in all" in tell(
        capsys, monkeypatch, tmp_path
    )
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, rates={})
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--quiet")
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--set", "cnn.epochs=1")  # less than a minute there
    assert "Planned" not in tell(capsys, monkeypatch, tmp_path, "--preset", "quick")  # without a reference timing


@pytest.mark.parametrize("name", sorted(read_json(KNOWN)["presets"]))
def test_what_was_timed_of_a_preset_are_its_stages(name):
    line = build_pipeline(preset(name), read_document([], None), find_data_set(None), KNOWN.parent)
    known = read_json(KNOWN)["presets"][name]["seconds"]
    assert {"mlp", "cnn", "features", "finetune", "study"} <= set(known) <= {stage.name for stage in line}
    assert known["cnn"] > known["data"] > 0
