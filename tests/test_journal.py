"""The journal keeps every run: damage costs one line, and writers at once lose nothing."""

import dataclasses
import json
import multiprocessing
import os
from types import SimpleNamespace

import numpy as np
import pytest

from fmnist_report.errors import ReportError
from fmnist_report.journal import (
    OF_VALIDATION,
    STAGES,
    Evaluation,
    Journal,
    Run,
    digest_settings,
    find_stage,
    measure_validation,
    parse_line,
    record_evaluation,
    record_plan,
    select_runs,
    select_settings,
)
from fmnist_report.pipeline.files import write_json
from fmnist_report.presets import override, preset
from fmnist_report.report.language import Language
from fmnist_report.training.metrics import fit_temperature, scale_temperature


def run_of(key="a" * 64, **changes):
    settings = preset("quick")
    own = select_settings(settings, "cnn")
    known = Run("cnn", key, "5a", "quick", 0, {}, 0.9, 0.3, 500, 12.0, "Invented", "2026-01-02", "", own)
    return dataclasses.replace(known, **changes)


@pytest.fixture
def journal(tmp_path):
    warnings = []
    found = Journal(tmp_path / "journal.jsonl", tmp_path / "locks", warnings.append)
    found.warnings = warnings
    return found


def test_what_is_added_is_read_again(journal):
    first, second = run_of(note="Більше dropout — менше помилок"), run_of("b" * 64, seed=1)
    assert journal.read() == []
    journal.add([first])
    journal.add([second, first])
    assert journal.read() == [first, second] and journal.warnings == []
    lines = journal.path.read_text("utf-8").splitlines()
    assert len(lines) == 2 and "менше помилок" in lines[0]  # readable, each run once


def test_a_new_note_replaces_the_former_and_no_note_does_not(journal):
    for note in ("first", "second", ""):
        journal.add([run_of(note=note)])
    assert [run.note for run in journal.read()] == ["second"]


@pytest.mark.parametrize(
    "damage",
    [b"{", b"\xff\xfe", b"[]", b"17", b'{"stage": "cnn"}', b'{"stage": 3}', b"<<<<<<< HEAD", b"[" * 100_000],
)
def test_a_damaged_line_is_reported_and_costs_nothing_else(journal, damage):
    journal.add([run_of(), run_of("b" * 64)])
    first, second = journal.path.read_bytes().splitlines()
    journal.path.write_bytes(b"\n".join([first, damage, second, b""]))
    assert [run.key[0] for run in journal.read()] == ["a", "b"]
    journal.read()
    [warning] = journal.warnings  # once, however often it is read
    assert "line 2;" in warning
    journal.add([run_of("c" * 64)])
    assert [run.key[0] for run in journal.read()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "changes",
    [{"stage": "lenet"}, {"val_accuracy": "0.9"}, {"val_accuracy": 9.0}, {"seed": True}, {"note": 3}, {"settings": []},
     {"changes": None}, {"key": None}],
)  # fmt: skip
def test_a_line_with_a_wrong_value_is_damaged(changes):
    line = json.loads(json.dumps(dataclasses.asdict(run_of())))
    assert parse_line(json.dumps(line)) == run_of()
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse_line(json.dumps(line | changes))


def test_a_field_of_a_later_version_is_ignored():
    assert parse_line(json.dumps(dataclasses.asdict(run_of()) | {"colour": "red"})) == run_of()


def test_a_line_that_a_killed_process_left_unfinished_does_not_swallow_the_next(journal):
    journal.add([run_of()])
    with open(journal.path, "ab") as file:
        file.write(b'{"stage": "cnn", "ke')
    journal.add([run_of("b" * 64)])
    assert [run.key[0] for run in journal.read()] == ["a", "b"] and len(journal.warnings) == 1


def _add_many(path, locks, letter):
    for number in range(20):
        Journal(path, locks).add([run_of(f"{letter}{number:063d}")])


def test_processes_that_write_at_once_lose_nothing(journal):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_many, args=(journal.path, journal.locks, letter)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(journal.read()) == 60 and journal.warnings == []


def test_a_journal_that_cannot_be_written_or_read_is_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    journal = Journal(tmp_path / "folder", tmp_path / "locks")
    with pytest.raises(ReportError, match="could not be read .*--journal"):
        journal.read()
    with pytest.raises(ReportError, match="--journal"):
        journal.add([run_of()])
    if os.getuid():
        (tmp_path / "folder").chmod(0o500)
        with pytest.raises(ReportError, match="could not be written"):
            Journal(tmp_path / "folder" / "journal", tmp_path / "locks").add([run_of()])


def test_differences_are_those_from_the_given_settings():
    settings = override(preset("quick"), ["cnn.dropout=0.5", "cnn.widths=8,16,32", "mlp.epochs=3"])
    assert run_of().differences(settings) == {"cnn.dropout": 0.2, "cnn.widths": [32, 64, 128]}
    newer = {name: value for name, value in run_of().settings.items() if name != "cnn.dropout"}
    assert run_of(settings=newer).differences(settings) == {"cnn.widths": [32, 64, 128]}


def write_entry(folder, probabilities, labels):
    for name in ("network", "data"):
        (folder / name).mkdir()
    np.savez(folder / "network" / "probabilities.npz", val=probabilities)
    np.savez(folder / "data" / "labels.npz", val=labels)
    write_json(folder / "network" / "measured.json", {"train_seconds": 12.34})
    return folder / "network", folder / "data"


def test_accuracy_and_scaled_cross_entropy_are_those_of_the_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    logits = rng.normal(size=(300, 10)) + 2 * np.eye(10)[labels]
    probabilities = np.exp(5 * logits) / np.exp(5 * logits).sum(axis=1, keepdims=True)  # far too confident
    accuracy, loss, n_val = measure_validation(*write_entry(tmp_path, probabilities.astype("f4"), labels))
    scaled = scale_temperature(probabilities, fit_temperature(probabilities, labels))
    assert accuracy == np.mean(probabilities.argmax(1) == labels) and n_val == 300
    assert loss == pytest.approx(-np.log(scaled[np.arange(300), labels]).mean(), rel=1e-4)
    assert loss < 0.7 * -np.log(probabilities[np.arange(300), labels]).mean()


def test_a_diverged_training_is_recorded_without_a_loss(tmp_path, journal):
    entry, data = write_entry(tmp_path, np.full((20, 10), np.nan), np.arange(20) % 10)
    assert measure_validation(entry, data) == (0.1, None, 20)
    journal.add([run_of(val_loss=None)])
    assert journal.read()[0].val_loss is None


def test_of_a_plan_the_networks_with_an_entry_are_recorded(tmp_path):
    labels = np.arange(20) % 10
    network, data = write_entry(tmp_path, np.eye(10)[labels], labels)
    settings = override(preset("quick"), ["cnn.dropout=0.5"])

    def step(path, status="cached", seed=0):
        entry = path and SimpleNamespace(path=path, key=f"{seed}" * 64, created="2026-01-02T03:04:05+00:00")
        return SimpleNamespace(entry=entry, status=status, stage=SimpleNamespace(settings={"seed": seed}))

    steps = {"data": step(data), "mlp": step(None), "cnn": step(network, "computed"), "cnn-1": step(network, seed=1)}
    steps |= {"control": step(network), "study": step(network), "figures-uk": step(network)}
    first, second = record_plan(SimpleNamespace(steps=steps), settings, "5a", "a note")
    assert (first.stage, first.seed, first.changes) == ("cnn", 0, {"cnn.dropout": 0.5}) and second.seed == 1
    assert first.val_accuracy == 1.0 and first.seconds == 12.3 and first.date == "2026-01-02" and first.note == "a note"
    assert first.processor and not second.processor  # where a cached entry was computed is not known
    assert first.settings == select_settings(settings, "cnn") and "mlp.epochs" not in first.settings
    assert record_plan(SimpleNamespace(steps={**steps, "data": step(None)}), settings, "5a") == []


def evaluation_of(*assignments, data="5a", date="2026-01-02", **changes):
    settings = dataclasses.replace(override(preset("quick"), list(assignments)), **changes)
    return Evaluation(digest_settings(settings), data, "quick", settings.seed, date)


def test_evaluations_with_equal_settings_count_once(journal):
    first, other, seed = evaluation_of(), evaluation_of("cnn.dropout=0.5"), evaluation_of(seed=1)
    same, elsewhere = evaluation_of("report.mistakes=7", date="2026-02-03"), evaluation_of(data="6b")
    journal.add([run_of()])
    for entry in (first, other, same, seed, first, elsewhere):
        journal.add_evaluation(entry)
    assert list(journal.read_evaluations("5a").values()) == [first, other, seed]
    assert list(journal.read_evaluations("6b").values()) == [elsewhere]
    assert journal.read() == [run_of()] and journal.warnings == []
    assert len(journal.path.read_text("utf-8").splitlines()) == 5


@pytest.mark.parametrize("changes", [{"date": None}, {"evaluation": 3}, {"data": []}])
def test_an_evaluation_with_a_wrong_value_is_damaged(changes):
    line = dataclasses.asdict(evaluation_of())
    assert parse_line(json.dumps(line | {"colour": "red"})) == evaluation_of()
    with pytest.raises(ValueError):
        parse_line(json.dumps(line | changes))
    del line["data"]
    with pytest.raises(KeyError):
        parse_line(json.dumps(line))


def test_of_a_plan_a_finished_evaluation_is_recorded():
    entry = SimpleNamespace(created="2026-01-02T03:04:05+00:00")
    plan = SimpleNamespace(steps={"evaluation": SimpleNamespace(entry=entry)})
    assert record_evaluation(plan, preset("quick"), "5a") == evaluation_of()
    plan.steps["evaluation"].entry = None
    assert record_evaluation(plan, preset("quick"), "5a") is None
    assert record_evaluation(SimpleNamespace(steps={}), preset("quick"), "5a") is None


@pytest.mark.parametrize(
    ("name", "stage"),
    [("cnn", "cnn"), ("cnn-1", "cnn"), ("head-12", "head"), ("control", ""), ("figures-uk", ""), ("classifiers", "")],
)
def test_steps_that_train_a_network_are_found(name, stage):
    assert find_stage(name) == stage


def select(*runs, settings=None):
    return select_runs(runs, settings or preset("quick"), "5a")


def tried(key, seed=0, **settings):
    return run_of(key * 64, seed=seed, settings=run_of().settings | {f"cnn.{k}": v for k, v in settings.items()})


def test_the_report_compares_runs_of_one_data_set_with_the_chosen_settings():
    base, other = tried("a"), tried("b", dropout=0.5)
    rows = select(base, other, tried("c", 1, dropout=0.5, widths=[8, 16, 32]))
    changes = [{}, {"dropout": "0.5"}, {"dropout": "0.5", "widths": "8-16-32"}]
    assert [row["changes"] for row in rows] == changes and {row["stage"] for row in rows} == {"cnn"}
    assert [row["seed"] for row in rows] == [0, 0, 1]
    assert rows[0]["val_accuracy"] == 0.9 and rows[0]["note"] == ""
    turned = select(base, other, settings=override(preset("quick"), ["cnn.dropout=0.5"]))
    assert [row["changes"] for row in turned] == [{"dropout": "0.2"}, {}]


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [tried("a"), tried("b", 1)],  # nothing was changed
        [tried("b", dropout=0.5)],  # there is nothing to compare with
        [tried("a"), dataclasses.replace(tried("b", dropout=0.5), data="6b")],
        [tried("a"), run_of("b" * 64, settings=run_of().settings | {"cnn.dropout": 0.5, "data.n_val": 400})],
        [tried("a"), run_of("b" * 64, settings=run_of().settings | {"data.n_test": 400})],
    ],
)
def test_runs_that_compare_nothing_are_not_shown(runs):
    assert select(*runs) == []


def test_of_runs_that_differ_only_in_versions_the_last_counts():
    rows = select(tried("a"), tried("b", dropout=0.5), dataclasses.replace(tried("c", dropout=0.5), val_accuracy=0.95))
    assert [row["val_accuracy"] for row in rows] == [0.9, 0.95]


def test_every_setting_that_can_be_tried_has_a_name_in_the_report():
    names = {name for stage in STAGES for name in select_settings(preset("standard"), stage)}
    assert len(names) > 40
    shown = names - set(OF_VALIDATION) - {"data.n_test"}
    assert [Language(code).changes({name: "1" for name in shown}) for code in ("uk", "en")]
