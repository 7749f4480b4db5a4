"""Ablations start with a typical network, end with the chosen one, and change one component per step."""

import dataclasses

import pytest

from fmnist_report.experiments import ablation
from fmnist_report.experiments.noise import step_factor
from fmnist_report.settings import POOLED, CNNSettings, FineTuneSettings, HeadSettings

BASE = CNNSettings(stem=16, widths=(32, 64, 64), cutout=8)


def test_lowest_step_is_what_introductions_hand_in():
    first = ablation.list_cnn_steps(BASE, True)[0]
    settings = first.settings
    assert (first.network, first.component, first.n_views) == ("cnn", "start", 1)
    assert (settings.architecture, settings.stem, settings.widths) == ("plain", 8, (16, 32, 32))
    assert (settings.optimizer, settings.learning_rate, settings.weight_decay) == ("adamw", 1e-3, 0)
    assert (settings.schedule, settings.label_smoothing) == ("constant", 0)
    assert not (settings.batch_norm or settings.residual or settings.shift or settings.cutout or settings.mirror)


def test_every_step_adds_one_component_up_to_the_base():
    steps = ablation.list_cnn_steps(BASE, True)
    assert [step.component for step in steps] == ["start", *ablation.COMPONENTS, "views"]
    for below, step in zip(steps, steps[1:-1], strict=False):
        changed = {f.name for f in dataclasses.fields(BASE)
                   if getattr(below.settings, f.name) != getattr(step.settings, f.name)}  # fmt: skip
        expected = set(ablation.COMPONENTS[step.component])
        assert changed == expected and step.n_views == 1
    assert ablation.list_cnn_steps(dataclasses.replace(BASE, stem=1, widths=(1, 1, 3)), True)[0].settings.widths == (
        1,
        1,
        1,
    )
    assert ablation.list_cnn_steps(dataclasses.replace(BASE, stem=1), True)[0].settings.stem == 1
    assert isinstance(steps[0].settings.stem, int)
    assert steps[-2].settings == steps[-1].settings == BASE and steps[-1].n_views == 2


def test_what_was_not_chosen_is_no_step():
    plain = dataclasses.replace(BASE, residual=False, cutout=0)
    names = {step.component for step in ablation.list_cnn_steps(plain, True)}
    assert not names & {"residual", "cutout"} and {"mirror", "views"} <= names
    assert not {"mirror", "views"} & {step.component for step in ablation.list_cnn_steps(BASE, False)}
    alone = dataclasses.replace(BASE, mirror=False)
    assert not {"mirror", "views"} & {step.component for step in ablation.list_cnn_steps(alone, True)}


def test_steps_on_the_base():
    head, finetune = HeadSettings(width=64), FineTuneSettings()
    steps = ablation.list_transfer_steps(head, finetune)
    assert [(r.network, r.component, r.settings.width if r.network == "head" else None, r.layers) for r in steps] == [
        ("head", "start", 0, ("block5_gap",)), ("head", "blocks", 0, ("block3_gap", "block4_gap", "block5_gap")),
        ("head", "grid", 0, POOLED), ("head", "width", 64, POOLED), ("finetune", "unfreeze", None, POOLED),
    ]  # fmt: skip
    assert steps[-1].settings is finetune and ablation.list_transfer_steps(head, None) == steps[:-1]
    assert {step.n_views for step in steps} == {2}
    linear = ablation.list_transfer_steps(HeadSettings(width=0), finetune)  # whose head adds no layer
    assert [step.component for step in linear] == ["start", "blocks", "grid", "unfreeze"]


def test_gains_have_an_interval_that_holds_for_all_steps():
    steps = ablation.list_transfer_steps(HeadSettings(), FineTuneSettings())[:3]
    rows = ablation.describe_ablation(steps, [0.80, 0.90, 0.905], 0.004, 5, 2_000)
    half = 0.004 * step_factor(5, 2)
    assert rows[0] == {"network": "head", "component": "start", "val_accuracy": 0.80}
    assert (rows[1]["gain"], rows[1]["low"], rows[1]["high"]) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert rows[1]["exceeds_noise"] and not rows[2]["exceeds_noise"] and rows[2]["gain"] == pytest.approx(0.005)
    certain = ablation.describe_ablation(steps, [0.5, 0.508, 0.49], 0.0, 5, 100)  # one image of 100 is the least
    assert [row.get("high", 0) - row.get("gain", 0) for row in certain] == pytest.approx([0, 0.01, 0.01])
    assert [row.get("exceeds_noise") for row in certain] == [None, False, True]
    assert "gain" not in ablation.describe_ablation(steps[:1], [0.5], 0.1, 5, 100)[0]
