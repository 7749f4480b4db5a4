"""From cached features to an assembled network, with small random input."""

import numpy as np
import pytest

from fmnist_report.models.base import BaseInput
from fmnist_report.models.transfer import build_assembled, decay_rates
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.pipeline.workers import LOCAL
from fmnist_report.settings import ClassifierSettings, FineTuneSettings, HeadSettings, starts_at_pixels
from fmnist_report.training import classifiers, finetune
from fmnist_report.training.head import fit_head, train_control
from fmnist_report.training.prediction import predict_views, view_images
from tests.conftest import random_base

pytestmark = pytest.mark.backend

HEAD = HeadSettings(width=16, epochs=3, batch_size=8)


@pytest.mark.parametrize("feature_folder", [4, pytest.param(5, marks=pytest.mark.slow)], indirect=True)
def test_assembled_artefact_gives_the_stored_test_probabilities(
    tmp_path, data_folder, feature_folder, random_weights, quiet
):
    unfreeze = read_json(feature_folder / "index.json")["unfreeze"]
    head, out = tmp_path / "head", tmp_path / "finetune"
    head.mkdir()
    out.mkdir()
    fit_head(head, quiet, head=HEAD, seed=0, data=data_folder, features=feature_folder)
    settings = FineTuneSettings(epochs=2, batch_size=8, unfreeze=unfreeze, precision="float32")
    finetune.fine_tune(
        out, quiet, finetune=settings, head_settings=HEAD, seed=0,
        data=data_folder, weights=random_weights, features=feature_folder, head=head,
    )  # fmt: skip
    assembled = build_assembled(BaseInput("VGG16", 32), HEAD, unfreeze)
    assembled.load_weights(out / "network.weights.h5")
    images = load_arrays(data_folder / "images.npz")
    from_pixels = predict_views(assembled, view_images(images["test"])).mean(axis=0)
    stored = load_arrays(out / "probabilities.npz")

    def error(found, split):  # the cached boundary is float16, and the logits of these random kernels are hundreds
        return np.abs(found - stored[split]).mean()

    both = predict_views(assembled, view_images(images["val"]))
    assert error(from_pixels, "test") < 2e-3
    assert error(both[0], "val_original") < 2e-3 < error(both[1], "val_original")
    assert error(both.mean(axis=0), "val") < 2e-3
    assert read_json(out / "summary.json")["n_trainable"] < read_json(out / "summary.json")["n_params"]


@pytest.mark.parametrize(
    ("changes", "trained"),
    [({"shift": 1, "cutout": 4}, (4, 5)), ({"unfreeze": 3}, (3, 4, 5)), ({"shift": 2, "unfreeze": 5}, (5,))],
)
def test_pixels_are_trained_on_where_the_cache_cannot_stand_for_them(
    tmp_path, data_folder, feature_folder, random_weights, quiet, changes, trained
):
    out, head = tmp_path / "finetune", tmp_path / "head"
    for folder in (out, head):
        folder.mkdir()
    fit_head(head, quiet, head=HEAD, seed=0, data=data_folder, features=feature_folder)
    settings = FineTuneSettings(epochs=1, batch_size=40, learning_rate=1e-2, precision="float32", **changes)
    assert starts_at_pixels(settings) and not starts_at_pixels(FineTuneSettings())
    finetune.fine_tune(
        out, quiet, finetune=settings, head_settings=HEAD, seed=0,
        data=data_folder, weights=random_weights, features=feature_folder, head=head,
    )  # fmt: skip
    network = build_assembled(BaseInput("VGG16", 32), HEAD, settings.unfreeze)
    network.load_weights(out / "network.weights.h5")
    before = random_base()
    moved = {name for name in before if np.abs(network.get_layer(name).get_weights()[0] - before[name][0]).max() > 1e-6}
    assert {int(name[5]) for name in moved} == set(trained)


def test_blocks_learn_more_slowly_the_earlier_they_are():
    rates = decay_rates(BaseInput("VGG16", 32), 0.5)
    assert rates["block4_conv1"] == 0.5 and rates["block1_conv2"] == 0.5**4 and "block5_conv1" not in rates
    assert decay_rates(BaseInput("VGG16", 32), 1.0) == {}


@pytest.mark.slow
def test_workers_fit_the_same_classifiers(tmp_path, data_folder, feature_folder, quiet, two_workers):
    settings, found = ClassifierSettings(neighbours=(1, 3), neighbour_components=8), {}
    for name, workers in (("here", LOCAL), ("there", two_workers)):
        (tmp_path / name).mkdir()
        call = {"classifiers": settings, "seed": 0, "data": data_folder, "features": feature_folder}
        classifiers.fit_classifiers(tmp_path / name, quiet, **call, workers=workers)
        found[name] = load_arrays(tmp_path / name / "probabilities.npz")
    for name, values in found[
        "here"
    ].items():  # arrays that were sent may have another memory layout: different last bits
        assert values == pytest.approx(found["there"][name], abs=1e-3)


def test_classifiers_choose_on_validation(tmp_path, data_folder, feature_folder, quiet):
    settings = ClassifierSettings(neighbours=(1, 3), neighbour_components=8)
    classifiers.fit_classifiers(
        tmp_path, quiet, classifiers=settings, seed=0, data=data_folder, features=feature_folder, workers=LOCAL
    )
    found = read_json(tmp_path / "classifiers.json")
    assert set(found) == {"logistic_regression", "lda", "k_neighbours"}
    for summary in found.values():
        tried = dict(map(tuple, summary["tried"]))
        assert tried[summary["parameter"]] == max(tried.values()) == summary["val_accuracy"] and summary["n_views"] == 2
    arrays = load_arrays(tmp_path / "probabilities.npz")
    assert arrays["lda/test"].shape == (20, 10)


def test_the_control_trains_the_head_alone_as_fine_tuning_does(tmp_path, data_folder, feature_folder, quiet):
    head, out = tmp_path / "head", tmp_path / "control"
    head.mkdir()
    out.mkdir()
    fit_head(head, quiet, head=HEAD, seed=0, data=data_folder, features=feature_folder)
    call = {"head_settings": HEAD, "seed": 0, "data": data_folder, "features": feature_folder, "head": head}
    train_control(out, quiet, finetune=FineTuneSettings(epochs=2, batch_size=8, learning_rate=1e-12), **call)
    assert len(read_json(out / "history.json")["val_loss"]) == 2
    before, after = (load_arrays(folder / "probabilities.npz") for folder in (head, out))
    assert after["test"] == pytest.approx(before["test"], abs=1e-5)  # it begins where the head ended
    clean = read_json(out / "train_eval.json")
    assert clean["n"] == 20 and 0 <= clean["train_accuracy"] <= 1 and clean["train_loss"] > 0
