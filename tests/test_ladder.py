"""Ladders begin with what is usual, end with what was chosen, and change one thing a rung."""

import dataclasses

import pytest

from fmnist_report.experiments import ladder
from fmnist_report.experiments.noise import step_factor
from fmnist_report.models.base import POOLED
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings

BASE = CNNSettings(stem=16, widths=(32, 64, 64), cutout=8)


def test_lowest_rung_is_what_introductions_hand_in():
    first = ladder.climb_cnn(BASE, True)[0]
    settings = first.settings
    assert (first.network, first.ingredient, first.n_views) == ("cnn", "start", 1)
    assert (settings.architecture, settings.stem, settings.widths) == ("plain", 8, (16, 32, 32))
    assert (settings.optimizer, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 0)
    assert (settings.schedule, settings.label_smoothing) == ("constant", 0)
    assert not (settings.normalised or settings.residual or settings.shift or settings.cutout or settings.mirror)


def test_every_rung_adds_one_ingredient_up_to_the_base():
    rungs = ladder.climb_cnn(BASE, True)
    assert [rung.ingredient for rung in rungs] == ["start", *ladder.INGREDIENTS, "views"]
    for below, rung in zip(rungs, rungs[1:-1], strict=False):
        changed = {f.name for f in dataclasses.fields(BASE)
                   if getattr(below.settings, f.name) != getattr(rung.settings, f.name)}  # fmt: skip
        expected = set(ladder.INGREDIENTS[rung.ingredient])
        assert changed == expected and rung.n_views == 1
    assert ladder.climb_cnn(dataclasses.replace(BASE, stem=1, widths=(1, 1, 3)), True)[0].settings.widths == (1, 1, 1)
    assert ladder.climb_cnn(dataclasses.replace(BASE, stem=1), True)[0].settings.stem == 1
    assert isinstance(rungs[0].settings.stem, int)
    assert rungs[-2].settings == rungs[-1].settings == BASE and rungs[-1].n_views == 2


def test_what_was_not_chosen_is_no_rung():
    plain = dataclasses.replace(BASE, residual=False, cutout=0)
    names = {rung.ingredient for rung in ladder.climb_cnn(plain, True)}
    assert not names & {"residual", "cutout"} and {"mirror", "views"} <= names
    assert not {"mirror", "views"} & {rung.ingredient for rung in ladder.climb_cnn(BASE, False)}
    alone = dataclasses.replace(BASE, mirror=False)
    assert not {"mirror", "views"} & {rung.ingredient for rung in ladder.climb_cnn(alone, True)}


def test_rungs_on_the_base():
    head, finetune = HeadSettings(width=64), FineTuneSettings()
    rungs = ladder.climb_base(head, finetune)
    assert [(r.network, r.ingredient, r.settings.width if r.network == "head" else None, r.layers) for r in rungs] == [
        ("head", "start", 0, ("block5_gap",)), ("head", "blocks", 0, ("block3_gap", "block4_gap", "block5_gap")),
        ("head", "grid", 0, POOLED), ("head", "width", 64, POOLED), ("finetune", "unfreeze", None, POOLED),
    ]  # fmt: skip
    assert rungs[-1].settings is finetune and ladder.climb_base(head, None) == rungs[:-1]
    assert {rung.n_views for rung in rungs} == {2}
    linear = ladder.climb_base(HeadSettings(width=0), finetune)  # whose head adds no layer
    assert [rung.ingredient for rung in linear] == ["start", "blocks", "grid", "unfreeze"]


def test_gains_have_an_interval_that_holds_for_all_rungs():
    rungs = ladder.climb_base(HeadSettings(), FineTuneSettings())[:3]
    rows = ladder.describe_ladder(rungs, [0.80, 0.90, 0.905], 0.004, 5, 2_000)
    half = 0.004 * step_factor(5, 2)
    assert rows[0] == {"network": "head", "ingredient": "start", "val_accuracy": 0.80}
    assert (rows[1]["gain"], rows[1]["low"], rows[1]["high"]) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert rows[1]["beyond"] and not rows[2]["beyond"] and rows[2]["gain"] == pytest.approx(0.005)
    certain = ladder.describe_ladder(rungs, [0.5, 0.508, 0.49], 0.0, 5, 100)  # one image of 100 is the least
    assert [row.get("high", 0) - row.get("gain", 0) for row in certain] == pytest.approx([0, 0.01, 0.01])
    assert [row.get("beyond") for row in certain] == [None, False, True]
    assert "gain" not in ladder.describe_ladder(rungs[:1], [0.5], 0.1, 5, 100)[0]
