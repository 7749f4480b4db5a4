"""The study varies one factor at a time, goes on after an interruption, and ranks what mattered."""

import dataclasses

import pytest

from fmnist_report.experiments import study
from fmnist_report.pipeline.files import read_json
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, MLPSettings, StudySettings

pytestmark = pytest.mark.backend

SMALL = {
    "networks": {
        "mlp": MLPSettings(widths=(8,), batch_size=16, precision="float32"),
        "cnn": CNNSettings(stem=4, widths=(4, 4, 4), batch_size=16, precision="float32"),
        "head": HeadSettings(width=8, batch_size=16),
        "finetune": FineTuneSettings(batch_size=16, precision="float32"),
    },
}


@pytest.mark.parametrize(
    ("network", "chosen"),
    [("mlp", MLPSettings()), ("cnn", CNNSettings()), ("head", HeadSettings()), ("finetune", FineTuneSettings())],
)
def test_each_variation_changes_one_factor(network, chosen):
    variations = study.list_variations(network, chosen)
    assert {v.group for v in variations} == {"structure", "optimisation", "regularisation"}
    for variation in variations:
        changed = {
            field.name for field in dataclasses.fields(chosen)
            if getattr(variation.settings, field.name) != getattr(chosen, field.name)
        }  # fmt: skip
        if variation.factor == "layers":
            assert not changed and variation.chosen == (variation.layers == study.POOLED)
        elif variation.factor == "optimizer":  # each optimiser comes with its own rate and decay
            assert changed <= {"optimizer", "learning_rate", "weight_decay"}
        else:
            assert changed == (set() if variation.chosen else {variation.factor})
    for factor in {v.factor for v in variations}:
        tried = [v for v in variations if v.factor == factor]
        assert sum(v.chosen for v in tried) == 1 and len({v.value for v in tried}) == len(tried) >= 2


def test_equal_trainings_are_done_once_and_finished_ones_not_again(
    tmp_path, data_folder, feature_folder, random_weights, quiet, monkeypatch
):
    trained, stop = [], 5

    def train(network, settings, subset, seed):
        if len(trained) == stop:
            raise KeyboardInterrupt
        trained.append((network, settings, subset.views["train"][0].tobytes()))
        return 0.9

    monkeypatch.setattr(study, "train_settings", train)
    call = {"study": StudySettings(n_train=30), "seed": 0, "data": data_folder, "features": feature_folder, **SMALL}
    call["weights"] = random_weights
    with pytest.raises(KeyboardInterrupt):
        study.run_study(tmp_path, quiet, **call)
    stop = 10**6
    study.run_study(tmp_path, quiet, **call)
    document = read_json(tmp_path / "study.json")
    assert len(trained) == len(set(trained)) < len(document["rows"])
    assert document["n_train"] == 30
    assert {row["val_accuracy"] for row in document["rows"]} == {0.9}


def test_factors_are_ranked_by_how_far_they_moved_the_accuracy():
    rows = [
        {"network": "cnn", "group": "structure", "factor": "kernel", "value": value, "chosen": value == "3",
         "val_accuracy": accuracy}
        for value, accuracy in (("3", 0.90), ("5", 0.91))
    ] + [
        {"network": "cnn", "group": "regularisation", "factor": "dropout", "value": value, "chosen": value == "0.2",
         "val_accuracy": accuracy}
        for value, accuracy in (("0", 0.85), ("0.2", 0.90), ("0.5", 0.80))
    ]  # fmt: skip
    first, second = study.rank_factors(rows)
    assert (first["factor"], first["best"]) == ("dropout", "0.2") and first["spread"] == pytest.approx(0.10)
    assert first["gain"] == 0 and (second["factor"], second["best"]) == ("kernel", "5")
    assert second["gain"] == pytest.approx(0.01)
