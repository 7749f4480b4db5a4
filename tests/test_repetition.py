"""A stage is computed again beside its entry; what differs is said, and nothing is replaced."""

import json
import os

import h5py
import numpy as np
import pytest

from fmnist_report.errors import UsageError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import write_json
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.repetition import SAME, TIMES, _describe_difference, repeat_stage
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Stage


def drift(out, progress, *, shards):
    """A stage whose results depend on the process, and that measures its time."""
    write_json(out / "numbers.json", {"same": [1, 2], "other": os.getpid()})
    write_json(out / "measured.json", {"seconds": 1})


@pytest.fixture
def plan(tmp_path, quiet):
    cache = Cache(tmp_path)
    cache.prepare()
    shards = Stage("shards", "benchmarks.crash:make_shards", {"n": 2}, resumes=True)
    joined = Stage("joined", "benchmarks.crash:join_shards", {}, {"shards": shards})
    drifting = Stage("drifting", "tests.test_repetition:drift", {}, {"shards": shards})
    stages = [shards, joined, drifting]
    run_plan(Plan(stages, cache), quiet, "first")
    return Plan(stages, cache)


def test_a_stage_that_gives_the_same_agrees_and_nothing_is_left(plan, quiet, tmp_path):
    def list_files():
        files = (path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {path: path.stat().st_mtime_ns for path in files}

    before = list_files()
    files = repeat_stage(plan, "shards", quiet)
    assert [file.state for file in files] == [SAME, SAME] and all(file.agrees for file in files)
    assert [file.state for file in repeat_stage(plan, "joined", quiet)] == [SAME]
    assert list_files() == before


def test_a_stage_that_gives_something_else_is_described(plan, quiet):
    files = {file.name: file for file in repeat_stage(plan, "drifting", quiet)}
    assert files["measured.json"].state == TIMES and files["measured.json"].agrees
    assert files["numbers.json"].state.startswith("1 of 3 numbers differ, by at most ")
    assert files["numbers.json"].state.endswith("(other)") and not files["numbers.json"].agrees


def test_what_is_not_cached_or_damaged_is_refused(plan, quiet, tmp_path):
    with pytest.raises(UsageError, match="Unknown stage 'x'; choose from: shards, joined, drifting"):
        repeat_stage(plan, "x", quiet)
    shard = next(tmp_path.glob("shards/*/shard-0.bin"))
    shard.write_bytes(bytes(len(shard.read_bytes())))
    with pytest.raises(UsageError, match="The stage shards is not cached under these settings, or damaged"):
        repeat_stage(plan, "joined", quiet)


def write(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[f"layer/{name}"] = values
    else:
        path.write_text(json.dumps({name: np.asarray(values).tolist() for name, values in arrays.items()}))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".json"])
def test_differences_are_counted_and_measured(tmp_path, suffix):
    a, b = np.arange(6.0), np.arange(4)
    first = write(tmp_path / f"a{suffix}", a=a, b=b)
    changed = a.copy()
    changed[2] += 0.25
    sentence = _describe_difference(first, write(tmp_path / f"b{suffix}", a=changed, b=b))
    assert sentence.startswith("1 of 10 numbers differ, by at most 0.25 (")
    assert _describe_difference(first, first) == "other bytes, the same numbers"
    assert "other arrays or shapes" in _describe_difference(first, write(tmp_path / f"c{suffix}", a=a[:5], b=b))


def test_files_without_numbers_differ_in_bytes(tmp_path):
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_text(name)
    assert _describe_difference(tmp_path / "a.bin", tmp_path / "b.bin") == "other bytes"


def test_the_command_says_whether_bytes_are_the_same(capsys, tmp_path):
    from fmnist_report.cli import main
    from run_all import build_pipeline

    code = main(build_pipeline, ["cache", "verify", "--recompute", "mlp", "--cache-dir", str(tmp_path)])
    assert code == 2 and "The stage mlp is not cached" in capsys.readouterr().err
