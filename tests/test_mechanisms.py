"""The measurements behind the explanations are judged right, and the stages measure what they say."""

import dataclasses

import keras
import numpy as np
import pytest
from conftest import random_base
from scipy import stats

from fmnist_report.evaluation.comparison import mcnemar
from fmnist_report.evaluation.mechanisms import (
    judge_blocks,
    judge_permutation,
    locate_heat,
    relate_likeness,
    share_by_third,
)
from fmnist_report.experiments import blocks, permutation
from fmnist_report.experiments.trials import SubsetSource
from fmnist_report.models.base import build_from_pixels, set_base_weights
from fmnist_report.models.transfer import build_assembled
from fmnist_report.networks import MAIN, make_permutation_specs, stages_of_part
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.presets import override, preset
from fmnist_report.settings import MechanismSettings
from fmnist_report.training.prediction import as_pixels
from fmnist_report.training.stores import FeatureStore

RUNS = {
    "mlp": {"whole": [0.80, 0.82], "permuted": [0.81, 0.83]},
    "cnn": {"whole": [0.90, 0.90], "permuted": [0.7, 0.72]},
}
MEASURED = {"n_train": 40, "n_val": 20, "n_steps": 10, "runs": RUNS}


def test_heat_is_shared_among_thirds_by_area():
    heat = np.zeros((6, 2))
    heat[1], heat[2, 0] = 1, 2
    assert share_by_third(heat) == pytest.approx([0.5, 0.5, 0])
    assert share_by_third(np.ones((4, 5))) == pytest.approx([1 / 3] * 3)
    assert share_by_third(np.diag([0, 3.0, 0, 1])) == pytest.approx([0.25, 0.5, 0.25])  # a third of the second row
    assert share_by_third(np.array([[2.0]])) == pytest.approx([1 / 3] * 3) and share_by_third(np.zeros((4, 4))) == []


def test_heat_is_located_for_the_networks_that_choose_the_images():
    lower = np.zeros((1, 3, 3))
    lower[0, 2] = 0.5
    seen = {"part1/labels": [3], "cnn/predicted": [3], "cnn/heat": lower, "part2/labels": [1],
            "vgg_head/predicted": [1], "vgg_head/heat": lower, "vgg_finetuned/predicted": [2],
            "vgg_finetuned/heat": np.zeros((1, 3, 3))}  # fmt: skip
    assert locate_heat(seen) == {
        "cnn": [{"label": 3, "predicted": 3, "thirds": pytest.approx([0, 0, 1])}],
        "vgg_finetuned": [{"label": 1, "predicted": 2, "thirds": []}],
    }


def test_intervals_of_permuted_pixels_are_those_of_pooled_t_tests():
    found = judge_permutation(MEASURED)
    sd = np.sqrt((3 * 0.0002 + 0) / 4)  # three samples with a variance of 0.0002 and one without any
    half = stats.t.ppf(1 - 0.05 / 2 / 3, 4) * sd  # three intervals
    cnn, mlp = found["networks"]["cnn"], found["networks"]["mlp"]
    assert (cnn["difference"], mlp["difference"]) == (pytest.approx(-0.19), pytest.approx(0.01))
    assert cnn["high"] - cnn["difference"] == pytest.approx(half * np.sqrt(2 / 2))
    against = found["against"]["cnn"]
    assert against["difference"] == pytest.approx(-0.2) and list(found["against"]) == ["cnn"]
    assert against["difference"] - against["low"] == pytest.approx(half * np.sqrt(4 / 2))
    assert found["n_seeds"] == 2 and (cnn["whole"], cnn["permuted"]) == (pytest.approx(0.9), pytest.approx(0.71))


def test_networks_are_compared_with_the_perceptron_in_any_order():
    turned = {**MEASURED, "runs": dict(reversed(RUNS.items()))}
    assert judge_permutation(turned) == judge_permutation(MEASURED)


def test_equal_runs_have_an_interval():
    same = {stage: {arm: [0.5, 0.5] for arm in permutation.ARMS} for stage in ("mlp", "cnn")}
    found = judge_permutation({**MEASURED, "runs": same})["networks"]["cnn"]
    assert found["low"] < found["difference"] == 0 < found["high"]


def test_blocks_are_compared_with_the_last_one():
    rng = np.random.default_rng(0)
    correct = {f"frozen/{block}": rng.random(300) < share for block, share in ((3, 0.9), (4, 0.8), (5, 0.7))}
    found = judge_blocks({"n_train": 9, **correct})
    assert found["n_train"] == 9
    assert found["tuning"] is None and found["rows"][0] == {"block": 3, "frozen": correct["frozen/3"].mean()}
    assert [row["block"] for row in found["against_last"]] == [3, 4]
    difference = correct["frozen/3"].mean() - correct["frozen/5"].mean()
    assert found["against_last"][0]["difference"] == pytest.approx(difference)
    correct |= {name.replace("frozen", "tuned"): found for name, found in correct.items()}
    correct["tuned/5"] = rng.random(300) < 0.95
    found = judge_blocks({"n_train": 9, **correct})
    assert found["tuning"] == mcnemar(correct["tuned/5"], correct["frozen/5"])
    assert found["rows"][-1]["tuned"] == correct["tuned/5"].mean() and found["n_val"] == 300


def make_classes(n_classes=6):
    """Return images of classes whose mean images are the more alike the closer their numbers."""
    labels = np.repeat(np.arange(n_classes), 5)
    x = np.arange(20)
    means = np.array([255 * np.exp(-((x - 3 * label) ** 2) / 20) for label in range(n_classes)])
    return np.repeat(means, 5, axis=0).reshape(-1, 4, 5).astype("uint8"), labels


def confuse(errors):
    return dict.fromkeys(MAIN, np.rint(errors).astype(int).tolist())


def test_likeness_is_related_to_errors():
    images, labels = make_classes()
    distance = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    found = relate_likeness(images, labels, confuse(60 - 10 * distance))
    assert found["spearman"] > 0.9 and found["p_value"] < 0.05 and found["n_pairs"] == 15
    assert found["likeness"][0][1] > found["likeness"][0][3]
    opposite = relate_likeness(images, labels, confuse(10 * distance))
    assert opposite["spearman"] < -0.9 and opposite["p_value"] > 0.9


def test_chance_is_found_as_often_as_the_test_says():
    images, labels = make_classes()
    rng = np.random.default_rng(0)
    found = [relate_likeness(images, labels, confuse(rng.integers(0, 50, (6, 6))))["p_value"] for _ in range(40)]
    assert 0.2 < np.mean(found) < 0.8 and np.mean(np.array(found) < 0.05) < 0.2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_few_classes_have_no_relation(n_classes):
    assert relate_likeness(*make_classes(n_classes), confuse(np.ones((n_classes, n_classes)))) is None


def test_nothing_is_related_to_equal_errors_or_blank_images():
    images, labels = make_classes()
    assert relate_likeness(images, labels, confuse(np.ones((6, 6)))) is None
    assert relate_likeness(np.zeros_like(images), labels, confuse(np.arange(36).reshape(6, 6))) is None


def test_permuting_keeps_every_pixel_and_moves_them_alike(data_folder):
    subset = SubsetSource(data_folder, 30, 20).open()
    found = permutation.permute(subset)
    for split in ("train", "val"):
        before, after = (one.images[split].reshape(len(one.images[split]), -1) for one in (subset, found))
        assert (np.sort(before) == np.sort(after)).all() and (before != after).any()
    order = np.random.default_rng(0).permutation(28 * 28)
    flat = {split: images.reshape(len(images), -1) for split, images in subset.images.items()}
    assert all((found.images[split].reshape(len(own), -1) == own[:, order]).all() for split, own in flat.items())


def test_networks_for_permuted_pixels_are_narrow_and_not_augmented():
    settings = override(preset("standard"), ["cnn.cutout=4", "mlp.shift=2"])
    specs = make_permutation_specs(settings)
    assert tuple(specs) == stages_of_part(1)
    for stage, spec in specs.items():
        own = spec.settings
        assert (own.shift, own.cutout, own.mirror, own.epochs) == (0, 0, False, 1) and own.batch_size <= 128
        assert max(own.widths) < max(getattr(settings, stage).widths)


def test_runs_are_kept_by_arm_and_seed(tmp_path, data_folder, quiet, monkeypatch):
    calls = []

    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def compute(self, function, given):
            for number, (spec, source, arm, n_steps, seed) in enumerate(given):
                calls.append((spec.stage, arm, n_steps, seed, source.n_train))
                yield number, {"whole": 0.9, "permuted": 0.8}[arm] + seed / 100

    monkeypatch.setattr(permutation, "open_processes", Pool)
    mechanisms = MechanismSettings(n_train=30, n_val=20, steps=7, seeds=2)
    given = {"mechanisms": mechanisms, "networks": make_permutation_specs(preset("quick")), "seed": 3}
    for _ in range(2):  # the second time nothing is trained again
        permutation.compare_permuted(tmp_path, quiet, data=data_folder, **given)
    found = read_json(tmp_path / "permutation.json")
    assert found["runs"]["cnn"] == {"whole": pytest.approx([0.93, 0.94]), "permuted": pytest.approx([0.83, 0.84])}
    assert found["n_steps"] == 7
    assert len(calls) == 2 * 2 * len(stages_of_part(1)) and {call[3:] for call in calls} == {(3, 30), (4, 30)}


def test_one_arm_is_trained(data_folder):
    spec = make_permutation_specs(override(preset("quick"), ["cnn.precision=float32"]))["cnn"]
    spec = dataclasses.replace(spec, settings=dataclasses.replace(spec.settings, batch_size=10, stem=8))
    source = SubsetSource(data_folder, 30, 20)
    found = {arm: permutation.train_arm(spec, source, arm, 2, 0) for arm in permutation.ARMS}
    assert all(0 <= accuracy <= 1 for accuracy in found.values())


def test_blocks_differ_only_where_they_were_trained(tmp_path, data_folder, quiet, feature_folder, monkeypatch):
    settings = preset("quick")
    monkeypatch.setattr(blocks, "load_base", lambda folder: random_base())
    with FeatureStore(feature_folder) as store:
        tuned = build_assembled(store.given, settings.head, 5, store.dataset.n_classes)
    set_base_weights(tuned, random_base())
    last = [layer for layer in tuned.layers if layer.name.startswith("block5_conv")]
    for layer in last:
        layer.set_weights([np.roll(array, 1, axis=-1) * 1.5 for array in layer.get_weights()])
    tuned.save_weights(tmp_path / "network.weights.h5")
    networks = {"head": settings.head, "finetune": dataclasses.replace(settings.finetune, unfreeze=5)}
    mechanisms = MechanismSettings(block_train=40, block_val=20)
    blocks.probe_blocks(tmp_path, quiet, mechanisms=mechanisms, networks=networks, seed=0, data=data_folder,
                        weights=tmp_path, features=feature_folder, finetune=tmp_path)  # fmt: skip
    found = load_arrays(tmp_path / "blocks.npz")
    assert found.pop("n_train") == 40
    assert set(found) == {f"{state}/{block}" for state in ("frozen", "tuned") for block in range(1, 6)}
    assert all((found[f"frozen/{block}"] == found[f"tuned/{block}"]).all() for block in range(1, 5))
    assert all(array.shape == (20,) for array in found.values())


def test_means_of_blocks_are_those_of_their_outputs(data_folder, feature_folder):
    with FeatureStore(feature_folder) as store:
        reader = blocks.build_block_reader(store.given)
        base = build_from_pixels(store.given)
    images = load_arrays(data_folder / "images.npz")["val"][:3]
    base.network.set_weights(reader.get_weights())
    whole = keras.Model(base.network.inputs[0], base.outputs[4])
    expected = np.asarray(whole.predict(as_pixels(images), verbose=0)).mean(axis=(1, 2))
    np.testing.assert_allclose(blocks.read_blocks(reader, images)[4], expected, rtol=1e-4, atol=1e-5)
