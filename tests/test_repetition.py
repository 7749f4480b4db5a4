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
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Stage
from fmnist_report.verification import repetition
from fmnist_report.verification.repetition import SAME, TIMES, _describe_difference, repeat_stage


def drift(out, progress, *, shards):
    """A stage whose results depend on the process, and that measures its time."""
    write_json(out / "numbers.json", {"same": [1, 2], "other": os.getpid()})
    write_json(out / "measured.json", {"seconds": 1})


def train(out, progress, *, epochs, drift):
    """A training of epochs of two batches, with a checkpoint after each; with drift, epochs after the first differ."""
    history = {"loss": [], "seconds": []}
    for epoch in range(epochs):
        for batch in (1, 2):
            progress.update(2 * epoch + batch, 2 * epochs, images=1)
        history["loss"].append(1 / (epoch + 1) + drift * (epoch > 0) * os.getpid() / 1e9)
        history["seconds"].append(0.1)
        (out / "unfinished").mkdir(exist_ok=True)
        with h5py.File(out / "unfinished" / "checkpoint.h5", "w") as file:
            file.attrs["history"] = json.dumps(history)
    (out / "finished").write_text("")
    write_json(out / "history.json", {"loss": history["loss"]})


@pytest.fixture
def plan(tmp_path, quiet):
    cache = Cache(tmp_path)
    cache.prepare()
    shards = Stage("shards", "benchmarks.crash:make_shards", {"n": 2}, resumes=True)
    joined = Stage("joined", "benchmarks.crash:join_shards", {}, {"shards": shards})
    drifting = Stage("drifting", "tests.test_repetition:drift", {}, {"shards": shards})
    trained = Stage("trained", "tests.test_repetition:train", {"epochs": 3, "drift": 0})
    unsteady = Stage("unsteady", "tests.test_repetition:train", {"epochs": 3, "drift": 1})
    stages = [shards, joined, drifting, trained, unsteady]
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
    with pytest.raises(UsageError, match="Unknown stage 'x'; choose from: shards, joined, drifting, trained"):
        repeat_stage(plan, "x", quiet)
    shard = next(tmp_path.glob("shards/*/shard-0.bin"))
    shard.write_bytes(bytes(len(shard.read_bytes())))
    with pytest.raises(UsageError, match="The stage shards is not cached under these settings, or damaged"):
        repeat_stage(plan, "joined", quiet)


@pytest.mark.parametrize(("first", "n"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_the_first_epochs_alone_are_trained_again(plan, quiet, first, n, monkeypatch):
    found = []
    monkeypatch.setattr(
        repetition, "_read_history", lambda folder: found.append(sorted(folder.iterdir())) or history(n)
    )
    [file] = repeat_stage(plan, "trained", quiet, first)
    assert file == (f"epochs 1 to {n}, {n} numbers", "same numbers") and file.agrees
    assert [path.name for path in found[0]] == (
        ["finished", "history.json", "unfinished"] if n == 3 else ["unfinished"]
    )


def history(n):
    return {"loss": [1 / (epoch + 1) for epoch in range(n)]}


def test_epochs_that_differ_are_counted_and_the_largest_is_named(plan, quiet):
    assert repeat_stage(plan, "unsteady", quiet, 1)[0].agrees
    [file] = repeat_stage(plan, "unsteady", quiet, 2)
    assert file.state.startswith("1 numbers differ, by at most ") and file.state.endswith("(loss, epoch 2)")
    assert not file.agrees


def test_a_loss_that_is_no_number_again_is_the_same(plan, quiet, monkeypatch):
    monkeypatch.setattr(repetition, "read_json", lambda path: {"loss": [float("nan"), 0.5, 0.3]})
    monkeypatch.setattr(repetition, "_read_history", lambda folder: {"loss": [float("nan"), 0.5]})
    assert repeat_stage(plan, "trained", quiet, 2)[0].agrees


def test_a_stage_without_shards_and_epochs_has_no_first(plan, quiet):
    with pytest.raises(UsageError, match="The stage joined has neither shards nor epochs"):
        repeat_stage(plan, "joined", quiet, 1)


def test_the_first_shard_and_epoch_of_a_real_run_are_the_same(real_run):
    def count():
        return {
            path: path.stat().st_mtime_ns
            for path in real_run.cache.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }

    before = count()
    for stage, rows in (
        ("features", ["shard-00000.h5"]),
        ("finetune", ["epochs 1 to 1, 6 numbers"]),
    ):
        done = real_run("cache", "verify", "--recompute", stage, "--first", "1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("same") == 1 and rows[0] in done.stdout, done.stdout
    assert count() == before


def test_first_needs_a_stage(capsys):
    from fmnist_report.cli import main
    from run_all import build_pipeline

    assert main(build_pipeline, ["cache", "verify", "--first", "1"]) == 2
    assert "--first needs --recompute STAGE" in capsys.readouterr().err


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
