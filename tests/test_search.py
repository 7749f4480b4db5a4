"""The search resumes after an interruption, prunes trials, and reports its results."""

from dataclasses import replace

import pytest

from fmnist_report.experiments import search
from fmnist_report.networks import make_trial_specs
from fmnist_report.pipeline.files import UNFINISHED, read_json
from fmnist_report.pipeline.workers import LOCAL, WorkerPool, Workers, start_workers
from fmnist_report.settings import CNNSettings, FineTuneSettings, SearchSettings, Settings

SETTINGS = SearchSettings(
    n_train=30, n_val=20, cnn_trials=2, head_trials=32, parallel_trials=2, cnn_steps=4, head_steps=4
)

SPECS = make_trial_specs(
    Settings(search=SETTINGS, cnn=CNNSettings(precision="float32"), finetune=FineTuneSettings(precision="float32")),
    "search",
)


@pytest.fixture
def call(data_folder, feature_folder, random_weights):
    return {
        "search": SETTINGS,
        "networks": SPECS,
        "seed": 0,
        "data": data_folder,
        "weights": random_weights,
        "features": feature_folder,
        "workers": LOCAL,
    }


def pretend(trained, stop=10**6):
    """Simulate training: accuracy grows with less dropout, and by epoch."""

    def train(spec, settings, n_steps, subset, seed, after_epoch):
        if len(trained) == stop:
            raise KeyboardInterrupt
        trained.append((spec.stage, settings))
        for epoch in range(settings.epochs):
            after_epoch(epoch, 0.5 + 0.1 * epoch - 0.3 * settings.dropout)

    return train


def test_search_finds_what_matters_and_prunes(tmp_path, quiet, call, monkeypatch):
    trained = []
    monkeypatch.setattr(search, "train_settings", pretend(trained))
    search.run_search(tmp_path, quiet, **call)
    document = read_json(tmp_path / "search.json")
    head = document["networks"]["head"]
    assert len(trained) == 34 and head["n_trials"] == 32 and set(document["networks"]) == {"cnn", "head"}
    assert head["best"]["dropout"] == min(trial["params"]["dropout"] for trial in head["trials"])
    assert head["n_pruned"] == sum(trial["state"] == "pruned" for trial in head["trials"]) > 2
    assert head["importance"] == {}  # fewer than 30 ended
    assert (document["n_train"], document["n_val"], document["n_steps"]["head"]) == (30, 20, 4)


@pytest.mark.parametrize(("n_ended", "told"), [(29, False), (30, True)])
def test_importances_are_reported_of_thirty_trials_and_more(tmp_path, n_ended, told):
    trials = search.open_search(tmp_path / "trials.log", "head", 0)
    for number in range(n_ended):
        trial = trials.ask()
        dropout = trial.suggest_float("dropout", 0, 1)
        trial.suggest_float("weight_decay", 0, 1)
        trials.tell(trial, dropout + number * 1e-9)
    found = search.summarise(trials)
    assert bool(found["importance"]) == told and found["n_pruned"] == 0
    if told:
        assert max(found["importance"], key=found["importance"].get) == "dropout"
        assert sum(found["importance"].values()) == pytest.approx(1)


@pytest.mark.parametrize("left", ["nothing", "half a line and a lock"])
def test_interrupted_search_goes_on(tmp_path, quiet, call, monkeypatch, left):
    trained = []
    monkeypatch.setattr(search, "train_settings", pretend(trained, stop=5))
    with pytest.raises(KeyboardInterrupt):
        search.run_search(tmp_path, quiet, **call)
    if left != "nothing":
        journal = tmp_path / UNFINISHED / search.JOURNAL
        journal.write_bytes(journal.read_bytes() + b'{"op_code": 4, "wor')
        journal.with_name(journal.name + ".lock").symlink_to(journal)
    monkeypatch.setattr(search, "train_settings", pretend(trained))
    search.run_search(tmp_path, quiet, **call)
    assert [network for network, _ in trained] == ["cnn"] * 2 + ["head"] * 32
    assert read_json(tmp_path / "search.json")["networks"]["head"]["n_trials"] == 32


def test_damaged_journal_is_moved_aside(tmp_path, quiet, call, monkeypatch):
    journal = tmp_path / UNFINISHED / search.JOURNAL
    journal.parent.mkdir()
    journal.write_bytes(b'{"op_code": 0,\n{"op_code": 1}\n')
    monkeypatch.setattr(search, "train_settings", pretend([]))
    search.run_search(tmp_path, quiet, **call)
    assert journal.with_suffix(".damaged").is_file()
    assert read_json(tmp_path / "search.json")["networks"]["head"]["n_trials"] == 32


@pytest.mark.parametrize("network", SPECS)
def test_proposed_settings_are_valid_and_train(tmp_path, network, subset):
    spec = replace(SPECS[network], settings=replace(SPECS[network].settings, epochs=1))
    trials = search.open_search(tmp_path / "trials.log", network, 0)
    search.run_trials(trials, spec, 3, subset, 0, 1, WorkerPool())
    assert 0 <= trials.best_value <= 1


@pytest.mark.slow
def test_it_does_not_matter_how_many_workers_search(tmp_path, quiet, call, two_workers):
    few = replace(SETTINGS, parallel_trials=3, cnn_trials=3, head_trials=4, finetune_trials=1, finetune_steps=2)
    found, one_worker = [], Workers()
    with start_workers(one_worker):
        for name, workers in (("one", one_worker), ("two", two_workers)):
            out = tmp_path / name
            out.mkdir()
            search.run_search(out, quiet, **call | {"search": few, "workers": workers})
            found.append(read_json(out / "search.json")["networks"])
            for network in found[-1].values():
                for trial in network["trials"]:
                    del trial["seconds"]
    assert found[0] == found[1]
