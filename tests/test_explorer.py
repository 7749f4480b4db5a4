"""The explorer of individual predictions: data kept from a run, and input of the page's script."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from fmnist_report.evaluation import examples
from fmnist_report.networks import COMPARED
from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.report.explorer import build_explorer
from fmnist_report.report.language import Language

N, CLASSES = 40, 3
RNG = np.random.default_rng(0)


@pytest.fixture
def run(tmp_path, quiet):
    """An entry of examples, with its inputs."""
    labels = np.arange(N) % CLASSES
    predictions = {name: RNG.dirichlet(np.ones(CLASSES), N).astype("float32") for name in COMPARED}
    for values in predictions.values():  # the first are right for all
        values[:12] = 0.8 * np.eye(CLASSES)[labels[:12]] + 0.2 / CLASSES
    images = {
        "train": RNG.integers(0, 256, (30, 28, 28), "uint8"),
        "test": RNG.integers(0, 256, (N, 28, 28), "uint8"),
    }
    neighbours = RNG.integers(0, 30, N)
    for name, arrays in {
        "evaluation/predictions.npz": {"y_test": labels.astype("uint8"), **predictions},
        "data/images.npz": images,
        "data/labels.npz": {"train": (np.arange(30) % CLASSES).astype("uint8")},
        "duplicates/duplicates.npz": {"neighbours": neighbours, "rms": np.arange(N, dtype="float64")},
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_arrays(tmp_path / name, **arrays)
    places = {name: tmp_path / name for name in ("data", "duplicates", "evaluation")}
    examples.gather_examples(tmp_path, quiet, **places)
    return load_arrays(tmp_path / "examples.npz"), labels, predictions, images, neighbours


def tiles(sprite, layout, n):
    """Return the images of a sprite."""
    height, width, columns = layout
    sheet = np.asarray(Image.open(io.BytesIO(sprite.tobytes())).convert("L"))
    return np.stack([sheet[i // columns * height :, i % columns * width :][:height, :width] for i in range(n)])


def test_every_wrong_image_is_kept_with_what_all_models_say_of_it(run):
    kept, labels, predictions, images, neighbours = run
    chosen = kept["index"]
    wrong = np.any([values.argmax(axis=1) != labels for values in predictions.values()], axis=0)
    assert set(np.flatnonzero(wrong)) <= set(chosen) and kept["n_wrong"] == wrong.sum() and kept["n_missing"] == 0
    assert (kept["label"] == labels[chosen]).all()
    for number, name in enumerate(COMPARED):
        assert (kept["predicted"][:, number] == predictions[name][chosen].argmax(axis=1)).all()
        assert np.abs(kept["probabilities"][:, number] / 255 - predictions[name][chosen]).max() <= 0.5 / 255 + 1e-6
    assert (tiles(kept["images"], kept["layout"], len(chosen)) == images["test"][chosen]).all()
    assert (tiles(kept["neighbours"], kept["layout"], len(chosen)) == images["train"][neighbours[chosen]]).all()
    assert (kept["neighbour_labels"] == neighbours[chosen] % CLASSES).all() and (kept["rms"] == chosen).all()


def test_what_is_left_out_is_counted(tmp_path, quiet, run, monkeypatch):
    monkeypatch.setattr(examples, "MOST", CLASSES + 3)  # room for one right image of each class, and three wrong ones
    examples.gather_examples(
        tmp_path, quiet, **{name: tmp_path / name for name in ("data", "duplicates", "evaluation")}
    )
    kept, (_, labels, predictions, *_) = load_arrays(tmp_path / "examples.npz"), run
    wrong = np.any([values.argmax(axis=1) != labels for values in predictions.values()], axis=0).sum()
    assert kept["n_wrong"] == wrong > 3 and kept["n_missing"] == wrong - 3


def test_of_too_many_those_are_kept_that_most_models_get_wrong(monkeypatch):
    monkeypatch.setattr(examples, "MOST", 3)
    labels = np.zeros(6, int)
    predicted = np.array([[0, 0], [1, 1], [0, 1], [1, 1], [1, 0], [0, 0]])
    probabilities = np.full((6, 2, 2), 0.5)
    probabilities[3] = [[0.1, 0.9]] * 2
    probabilities[2] = [[0.6, 0.4], [0.4, 0.6]]
    assert examples.choose(labels, predicted, probabilities).tolist() == [0, 1, 3]  # and room is left for a right one


def test_some_right_images_are_kept_of_every_class_the_least_sure_ones(monkeypatch):
    monkeypatch.setattr(examples, "RIGHT", 1)
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[[0.9, 0.1]], [[0.6, 0.4]], [[0.3, 0.7]], [[0.2, 0.8]]])
    assert examples.choose(labels, labels[:, None], probabilities).tolist() == [1, 2]


def test_large_images_are_made_smaller():
    assert examples.shrink(np.zeros((2, 64, 128), "uint8")).shape == (2, 16, 32)
    assert examples.shrink(np.zeros((2, 28, 20), "uint8")).shape == (2, 28, 20)


def test_the_script_is_given_the_same_numbers(run):
    kept = run[0]
    results = {"models": {name: {"confusion": [[number]]} for number, name in enumerate(COMPARED)}}
    language = Language("uk", ["а", "</script>", "в"])
    document = json.loads(json.dumps(build_explorer(kept, ({"fits": False}, {}), results, language)))
    assert document["classes"][1] == "</script>" and [row["name"] for row in document["models"]] == list(COMPARED)
    assert [row["confusion"] for row in document["models"]] == [[[number]] for number in range(len(COMPARED))]
    for name, kind in (
        ("index", "<i4"),
        ("label", "<u2"),
        ("predicted", "<u2"),
        ("probabilities", "u1"),
        ("rms", "<f4"),
    ):
        assert (np.frombuffer(base64.b64decode(document[name]), kind) == kept[name].ravel()).all(), name
    assert document["images"].startswith("data:image/webp;base64,UklGR")
    assert document["network"] is None
    told = {"fits": True, "operations": [{"op": "input"}], "mirror": True}
    arrays = {"whole": np.array([-1, 5], "int8"), "fine": np.array([0.5], "float32")}
    network = build_explorer(kept, (told, arrays), results, language)["network"]
    assert network["operations"] == told["operations"] and network["mirror"]
    assert base64.b64decode(network["whole"]) == b"\xff\x05"
    assert "{n}" in document["words"]["cell"] and "{true}" in document["words"]["cell"]
