"""Measurements of the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist_report import machine
from fmnist_report.errors import ReportError
from fmnist_report.settings import CNNSettings, FeatureSettings

ROOT = Path(__file__).resolve().parent.parent


def test_only_python_is_heard_while_something_is_imported():
    code = "import os, sys; from fmnist_report.machine import silent_imports\n" \
           "with silent_imports():\n    os.write(2, b'library\\n'); print('python', file=sys.stderr)\n" \
           "    os.write(1, b'library\\n'); print('result')\n" \
           "os.write(2, b'after\\n'); print('end', file=sys.stderr)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.split() == ["python", "after", "end"] and done.stdout.split() == ["result"], done


@pytest.fixture
def probed(monkeypatch):
    """Answer the probe with each of the given outputs in turn; return the environments that it was run with."""
    environments = []

    def answer(*outputs):
        waiting = list(outputs)

        def run(command, env, **options):
            environments.append(dict(env))
            output = waiting.pop(0)
            if isinstance(output, Exception):
                raise output
            return subprocess.CompletedProcess(command, 0, output.encode(), b"")

        monkeypatch.setattr(machine.subprocess, "run", run)
        monkeypatch.delenv(machine.MEASURED, raising=False)
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
        machine.measure_speed.cache_clear()
        return environments

    yield answer
    machine.measure_speed.cache_clear()
    for name in (machine.MEASURED, "ONEDNN_MAX_CPU_ISA"):
        os.environ.pop(name, None)


def lines(inference, training=None, mnn=0.0):
    found = [{"mnn": mnn, "inference": inference}] + ([{"training": training}] if training else [])
    return "a library's message\n" + "".join(json.dumps(line) + "\n" for line in found)


def test_a_precision_is_chosen_for_each_kind_of_work_by_a_clear_margin(probed):
    probed(lines({"float32": 100, "bfloat16": 119}, {"float32": 100, "bfloat16": 121}))
    assert machine.choose_precision("auto", "inference") == "float32"
    assert machine.choose_precision("auto") == "mixed_bfloat16" and machine.choose_precision("float32") == "float32"
    assert machine.settle_precision(CNNSettings()).precision == "bfloat16"
    assert machine.settle_precision(CNNSettings(precision="float32")).precision == "float32"
    assert machine.settle_precision(FeatureSettings(), "inference").precision == "float32"


def test_mnn_is_chosen_if_it_is_clearly_faster_than_keras_in_its_best_precision(probed):
    probed(lines({"float32": 60, "bfloat16": 20}, {"float32": 60, "bfloat16": 5}, mnn=130))
    assert machine.choose_runtime("auto", "auto") == ("mnn", "float32") == machine.choose_runtime("auto", "float32")
    assert machine.choose_runtime("auto", "bfloat16") == ("keras", "mixed_bfloat16")
    assert machine.choose_runtime("keras", "auto") == ("keras", "float32")
    told = machine.describe_speed(machine.measure_speed())
    assert "automatic settings mean MNN in float32 for the features of VGG16, and training in float32" in told
    probed(lines({"float32": 120, "bfloat16": 230}, {"float32": 100, "bfloat16": 200}, mnn=250))
    assert machine.choose_runtime("auto", "auto") == ("keras", "mixed_bfloat16")
    assert machine.choose_runtime("auto", "float32") == machine.choose_runtime("mnn", "auto") == ("mnn", "float32")


def test_a_crash_of_matrix_tiles_limits_the_instructions_and_measures_again(probed):
    environments = probed("", lines({"float32": 100, "bfloat16": 300}, {"float32": 100, "bfloat16": 300}))
    assert machine.choose_precision("auto") == "mixed_bfloat16"
    assert [env.get("ONEDNN_MAX_CPU_ISA") for env in environments] == [None, machine.SAFE_ISA]
    probed("", "")
    assert machine.choose_precision("auto") == "float32" and machine.choose_runtime("auto", "auto")[0] == "keras"
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ  # it did not help
    assert "not measured" in machine.describe_speed(machine.measure_speed())


def test_of_a_measurement_that_takes_too_long_the_lines_before_count(probed):
    output = lines({"float32": 100}, {"float32": 90}).encode()
    probed(subprocess.TimeoutExpired("probe", 1, output))
    assert machine.measure_speed() == machine.Speed({"float32": 100}, {"float32": 90})
    probed(subprocess.TimeoutExpired("probe", 1), subprocess.TimeoutExpired("probe", 1))
    assert machine.measure_speed() == machine.Speed()


def test_a_child_process_inherits_the_measurement(probed):
    environments = probed(lines({"float32": 100}, {"float32": 90}))
    first = machine.measure_speed()
    machine.measure_speed.cache_clear()
    assert machine.measure_speed() == first == machine.Speed({"float32": 100}, {"float32": 90}, 0.0)
    assert machine.known_speed() == {"inference": {"float32": 100}, "training": {"float32": 90}, "mnn": 0.0}
    assert environments[0]["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_candidates_are_measured_in_turns_and_the_hopeless_and_broken_left(monkeypatch):
    from fmnist_report.training import probe

    clock, calls = [0.0], []
    monkeypatch.setattr(probe.time, "perf_counter", lambda: clock[0])

    def call(name, seconds):
        def run(n):
            calls.append((name, n))
            if seconds is None:
                raise RuntimeError("not on this processor")
            clock[0] += n * seconds * (2 if len(calls) % 7 == 0 else 1)  # other load

        return run

    candidates = {"a": call("a", 0.01), "b": call("b", 0.02), "slow": call("slow", 0.1), "broken": call("broken", None)}
    rates = probe.measure_in_turns(candidates, (8, 32))
    assert rates["a"] == pytest.approx(100) and rates["b"] == pytest.approx(50) and rates["slow"] <= 10
    assert "broken" not in rates and ("slow", 32) not in calls and ("a", 32) in calls
    assert [name for name, n in calls if n == 32][2:] == ["a", "b"] * probe.ROUNDS


@pytest.mark.parametrize(("variable", "file", "found"), [
    (None, None, "tensorflow"), ("", None, "tensorflow"), ("jax", {"backend": "torch"}, "jax"),
    ("", {"backend": "torch"}, "torch"), (None, {}, "tensorflow"),
])  # fmt: skip
def test_the_backend_is_found_as_keras_finds_it(tmp_path, monkeypatch, variable, file, found):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if file is not None:
        (tmp_path / "keras.json").write_text(json.dumps(file))
    assert machine.find_backend() == found
    machine.require_backend()


@pytest.mark.parametrize(
    ("variable", "place"), [("theano", "the environment variable KERAS_BACKEND"), ("", "keras.json")]
)
def test_an_unknown_backend_is_named_with_its_place(tmp_path, monkeypatch, variable, place):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", variable)
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "cntk"}))
    name = variable or "cntk"
    with pytest.raises(ReportError, match=f"no backend '{name}', which .*{place} names; change it to tensorflow"):
        machine.require_backend()


def test_settings_of_keras_json_do_not_reach_a_stage(tmp_path):
    (tmp_path / "keras.json").write_text(
        json.dumps(
            {"floatx": "float16", "image_data_format": "channels_first", "backend": "tensorflow", "epsilon": 1e-3}
        )
    )
    (tmp_path / "stages_of_test.py").write_text(
        "import keras\n"
        "def show(out):\n"
        "    layer = keras.layers.Conv2D(2, 3)\n"
        "    print(keras.config.floatx(), keras.config.image_data_format(), layer.compute_dtype, layer.data_format,\n"
        "          keras.config.epsilon())\n"
    )
    code = "from fmnist_report.pipeline.stage import call_stage; call_stage('stages_of_test:show', {'out': 1})"
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["float32", "channels_last", "float32", "channels_last", "1e-07"], done.stderr


@pytest.mark.parametrize(("limits", "found"), [
    (["700000000"], 700_000_000), (["max"], None), (["max", "500000000"], 500_000_000), ([], None),
    (["999999999999999999"], None),
])  # fmt: skip
def test_the_limit_of_a_container_counts_as_memory(tmp_path, monkeypatch, limits, found):
    monkeypatch.setattr(machine, "CGROUP_LIMITS", ())
    physical = machine.memory_bytes()
    files = [tmp_path / str(number) for number in range(2)]
    for file, limit in zip(files, limits, strict=False):
        file.write_text(limit + "\n")
    monkeypatch.setattr(machine, "CGROUP_LIMITS", tuple(map(str, files)))
    assert machine.memory_bytes() == (found or physical)
