"""What `try` trains, and how it is compared; a real one trains a tiny perceptron."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from test_journal import run_of

from fmnist_report.attempts import (
    check_note,
    find_concerned,
    list_attempts,
    list_journal,
    make_rows,
    sign_stages,
    write_changes,
)
from fmnist_report.errors import UsageError
from fmnist_report.journal import Journal, measure_validation
from fmnist_report.pipeline.stage import Stage
from fmnist_report.presets import override, preset


def request(only=None, assignments=()):
    settings = override(preset("quick"), assignments)
    progress = SimpleNamespace(warn=lambda sentence: None)
    return SimpleNamespace(settings=settings, only=only, progress=progress, data_set=SimpleNamespace(is_custom=False))


def changes_of(*words, grid=False, **options):
    return [attempt.changes for attempt in list_attempts(request(**options), words, grid)]


def test_the_baseline_comes_first_and_every_value_once():
    assert changes_of("cnn.dropout=0.1,0.2,0.3,0.1") == [{}, {"cnn.dropout": "0.1"}, {"cnn.dropout": "0.3"}]
    assert changes_of("cnn.dropout=0.1,0.3", assignments=["cnn.dropout=0.3"]) == [{}, {"cnn.dropout": "0.1"}]


def test_settings_are_changed_one_at_a_time_or_in_a_grid():
    words = ("cnn.dropout=0.1,0.3", "cnn.shift=0")
    assert changes_of(*words) == [{}, {"cnn.dropout": "0.1"}, {"cnn.dropout": "0.3"}, {"cnn.shift": "0"}]
    grid = changes_of(*words, grid=True)
    assert len(grid) == 6 and {"cnn.dropout": "0.3", "cnn.shift": "0"} in grid and grid[0] == {}


def test_changes_that_belong_together_and_lists_are_one_value():
    words = ("cnn.widths=8,16,32+cnn.stem=8", "cnn.widths=64,64,64", "cnn.learning_rate=1e-3")
    first, second, third = changes_of(*words)[1:]
    assert first == {"cnn.widths": "8,16,32", "cnn.stem": "8"} and second == {"cnn.widths": "64,64,64"}
    assert third == {"cnn.learning_rate": "1e-3"}
    settings = list_attempts(request(), words, False)[1].settings
    assert settings.cnn.widths == (8, 16, 32) and settings.cnn.stem == 8 and settings.mlp == preset("quick").mlp


@pytest.mark.parametrize(
    ("names", "stages"),
    [(["cnn.dropout"], ("cnn",)), (["head.width"], ("head",)), (["finetune.dropout"], ("finetune",)),
     (["features.size"], ("head", "finetune")), (["data.n_train"], ("mlp", "cnn", "head", "finetune")),
     (["mlp.epochs", "cnn.epochs"], ("mlp", "cnn"))],
)  # fmt: skip
def test_a_setting_concerns_the_networks_that_read_it(names, stages):
    assert find_concerned(names) == stages


def test_one_of_several_networks_can_be_chosen():
    attempts = list_attempts(request(only="finetune"), ["head.dropout=0.1"], False)
    assert [attempt.stages for attempt in attempts] == [("finetune",)] * 2
    both = list_attempts(request(), ["mlp.dropout=0.3", "cnn.dropout=0.3"], False)
    assert [attempt.stages for attempt in both] == [("mlp", "cnn"), ("mlp",), ("cnn",)]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("lenet.epochs=3", "Unknown network or section of the settings 'lenet'; choose from: data, mlp, cnn"),
        ("cnn.droput=0.3", "did you mean 'cnn.dropout'"),
        ("cnn.dropout=1.5", "cnn.dropout expects a number less than 1, not '1.5'"),
        ("cnn.dropout=", "for example cnn.dropout=0.1,0.3"),
        ("cnn.dropout", "for example cnn.dropout=0.1,0.3"),
        ("report.accent=red", "report.accent changes no network"),
        ("data.n_val=400", "data.n_val changes the images on which runs are judged"),
        ("data.split_seed=1", "could not be compared"),
        ("study.seeds=4", "study.seeds changes no network"),
        ("cnn.dropout=0.2", "the chosen values already"),
        ("cnn.widths=8,16", "cnn.widths expects 3"),
        ("cnn.dropout=0.3+cnn.droput=1", "did you mean"),
        ("features.size=30", "features.size expects"),
    ],
)
def test_wrong_words_are_one_sentence(word, sentence):
    with pytest.raises(UsageError) as raised:
        list_attempts(request(), [word], False)
    assert sentence in str(raised.value)


def test_an_unknown_network_is_one_sentence():
    with pytest.raises(UsageError, match="Unknown network 'classifiers'"):
        list_attempts(request(only="classifiers"), ["cnn.dropout=0.3"], False)


def test_a_note_is_one_line_of_bounded_length():
    assert check_note(" більше\n dropout\t— краще ") == "більше dropout — краще"
    with pytest.raises(UsageError, match="at most 500 characters, not 501"):
        check_note("x" * 501)


def test_equal_stages_of_two_plans_are_recognised():
    def stages(size, seed):
        data = Stage("data", "f", {})
        features = Stage("features", "f", {"size": size}, {"data": data})
        return [data, features, Stage("head", "f", {"seed": seed}, {"features": features})]

    first, seed, size = (sign_stages(stages(*given)) for given in ((32, 0), (32, 1), (48, 0)))
    assert first["features"] == seed["features"] and first["head"] != seed["head"]
    assert size["features"] != first["features"] and size["head"] != first["head"] and size["data"] == first["data"]


def rows_of(**found):
    attempts = list_attempts(request(), ["cnn.dropout=0.1,0.5"], False)
    names = ["", "cnn.dropout=0.1", "cnn.dropout=0.5"]
    runs = {
        name: [run_of(seed=seed, val_accuracy=accuracy, val_loss=loss) for seed, (accuracy, loss) in enumerate(own)]
        for name, own in zip(names, found.values(), strict=False)
    }
    return make_rows(runs, attempts, "cnn")


def test_the_table_compares_every_value_with_the_baseline():
    base = [(0.90, 0.30), (0.91, 0.31)]
    own, same, worse = rows_of(base=base, same=[(0.904, 0.304), (0.908, 0.306)], worse=[(0.80, 0.5), (0.81, 0.51)])
    assert own[:4] == ("baseline (cnn.dropout=0.2)", "2", "90.50 ± 0.71 %", "") and own[6] == ""
    assert same[0] == "cnn.dropout=0.1" and same[3].startswith("+0.10 (-") and same[6] == "no"
    assert worse[6] == "yes, accuracy and cross-entropy" and worse[3].startswith("-10.00 (-")
    assert worse[4] == "0.5050 ± 0.0071" and worse[5].startswith("+0.2000 (+") and worse[7] == "24 s"


def test_without_a_second_seed_nothing_is_called_beyond_chance():
    rows = rows_of(base=[(0.90, 0.30)], same=[(0.95, 0.20)])
    assert rows[1][3] == "+5.00" and rows[1][6] == "unknown; repeat with --seeds 2 or more"


def test_a_diverged_training_is_named():
    rows = rows_of(base=[(0.90, 0.30), (0.91, 0.31)], diverged=[(0.1, None), (0.1, None)])
    assert rows[1][4:6] == ("diverged", "") and rows[1][6] == "yes, accuracy"


def test_the_journal_lists_the_chosen_settings_first():
    settings = override(preset("quick"), ["cnn.dropout=0.5"])
    chosen = run_of(settings=run_of().settings | {"cnn.dropout": 0.5}, note="keep")
    rows = list_journal([run_of("b" * 64, val_loss=None), chosen], settings)
    assert [row[1] for row in rows] == ["baseline", "cnn.dropout=0.2"] and rows[0][-1] == "keep"
    assert rows[1][4] == "diverged" and write_changes({"a.b": 1, "a.c": 2}) == "a.b=1+a.c=2"


def read_journal(run):
    return Journal(run.cache / "journal.jsonl", run.cache / "locks").read()


def test_a_run_records_what_it_trained_and_the_cache_agrees(real_run):
    runs = read_journal(real_run)
    assert {run.stage for run in runs} >= {"mlp", "cnn", "head", "finetune"}
    data = next((real_run.cache / "data").glob("*/manifest.json")).parent
    for run in runs:
        entry = real_run.cache / run.stage / run.key
        if entry.is_dir():
            assert (run.val_accuracy, run.val_loss, run.n_val) == measure_validation(entry, data)
            manifest = json.loads((entry / "manifest.json").read_text("utf-8"))
            assert run.date == manifest["created"][:10] and run.seconds > 0
    trained = {(path.parent.parent.name, path.parent.name) for name in ("mlp", "cnn", "head", "finetune")
               for path in (real_run.cache / name).glob("*/manifest.json")}  # fmt: skip
    assert trained <= {(run.stage, run.key) for run in runs}


def test_a_value_is_tried_in_full_without_the_test_labels_and_only_once(real_run, tmp_path):
    before = {path for path in real_run.cache.glob("evaluation/*")}
    words = ("try", "mlp.dropout=0.4", "--seeds", "2", "--note", "Більше dropout", "--journal", str(tmp_path / "j"))
    first = real_run(*words)
    assert first.returncode == 0, first.stderr
    assert "Training runs: 4, of which 1 are in the cache" in first.stderr and "4/4 mlp" in first.stderr
    assert "baseline (mlp.dropout=0.0)" in first.stdout and "mlp.dropout=0.4" in first.stdout
    runs = Journal(tmp_path / "j", tmp_path / "locks").read()
    assert [(run.seed, run.settings["mlp.dropout"], run.note) for run in runs] == [
        (0, 0.0, ""), (1, 0.0, ""), (0, 0.4, "Більше dropout"), (1, 0.4, "Більше dropout")]  # fmt: skip
    assert {path for path in real_run.cache.glob("evaluation/*")} == before
    again = real_run(*words)
    assert "of which 4 are in the cache" in again.stderr
    assert not {"keras", "tensorflow"} & set(again.stdout.split("imported:")[1].split())
    assert again.stdout.partition("imported")[0] == first.stdout.partition("imported")[0]
    listed = real_run("tried", "--json", "--journal", str(tmp_path / "j"))
    found = json.loads(listed.stdout.partition("imported")[0])
    assert found == json.loads(json.dumps([dataclasses.asdict(run) for run in runs]))
    accuracies = [np.mean([run.val_accuracy for run in runs if run.settings["mlp.dropout"] == value])
                  for value in (0.0, 0.4)]  # fmt: skip
    assert f"{100 * (accuracies[1] - accuracies[0]):+.2f}" in first.stdout


def test_the_report_counts_evaluations_on_the_test_set(real_run, tmp_path):
    before = set(real_run.cache.glob("*/*"))
    path = tmp_path / "j"
    journal, words = Journal(path, tmp_path / "locks"), ("--journal", str(path), "--out", str(tmp_path / "report"))
    for n, more in ((1, ()), (1, ()), (2, ("--set", "classifiers.neighbours=7")), (2, ())):
        run = real_run(*words, *more, "--lang", "en")
        assert run.returncode == 0, run.stderr
        assert (
            len(
                {
                    entry
                    for line in path.read_text("utf-8").splitlines()
                    if (entry := json.loads(line).get("evaluation"))
                }
            )
            == n
        )
        page = " ".join((tmp_path / "report" / "report.en.html").read_text("utf-8").split())
        assert ("these settings and this seed alone" if n == 1 else f"these included: {n}.") in page
        assert ("A choice among them" in page) == (n > 1)
    assert len(journal.read_evaluations(journal.read()[0].data)) == 2
    for made in set(real_run.cache.glob("*/*")) - before:  # other tests damage the only evaluation
        shutil.rmtree(made) if made.is_dir() else made.unlink()


def test_pruning_the_cache_keeps_the_journal(real_run, tmp_path):
    (tmp_path / "cache").mkdir()
    path = tmp_path / "cache" / "journal.jsonl"
    Journal(path, tmp_path / "cache" / "locks").add([run_of()])
    pruned = real_run("cache", "prune", "--max-size", "0", "--cache-dir", str(tmp_path / "cache"))
    assert pruned.returncode == 0 and len(path.read_text("utf-8").splitlines()) == 1
