"""What the page says follows from the run: the same results, told for other presets, seeds and settings."""

import copy
import dataclasses
import html
import re
from pathlib import Path

import pytest

from fmnist_report.evaluation.results import RENDERING
from fmnist_report.pipeline.files import read_json
from fmnist_report.presets import override, preset
from fmnist_report.report.assets import FULL_TRAININGS
from fmnist_report.report.html import fill_template
from fmnist_report.report.language import Language
from fmnist_report.report.tables import average_seeds

SAMPLE = Path(__file__).resolve().parent.parent / "docs" / "sample" / "results.json"
FASHION = {"name": "Fashion-MNIST", "classes": None}
EXPLORER = {"n_missing": 0}


class Drawn(dict):
    """Every figure there is, without its drawing."""

    def __missing__(self, name):
        return {"box": "0 0 10 10", "body": ""}

    def __contains__(self, name):
        return True


@pytest.fixture(scope="module")
def sample():
    results = read_json(SAMPLE)
    stages = [stage for stage in results["stages"] if stage["name"].split("-")[0] not in RENDERING]
    return {**results, "stages": stages, "full_trainings": average_seeds(read_json(FULL_TRAININGS))}


@pytest.fixture
def results(sample):
    return copy.deepcopy(sample)


def read_page(results, settings):
    """Return the text of the English page."""
    results["run"] |= {"preset": settings.preset, "settings": dataclasses.asdict(settings)}
    page = fill_template(results, settings, {}, FASHION, Drawn(), EXPLORER, Language("en"))
    body = re.sub(r"(?s)<script.*?</script>", "", page.split("<body", 1)[1])
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", body)))


KEPT = "the settings were kept"
DIFFER = "the settings of this run, of the preset {}, differ from those"
ONE_RUN = "All test results come from one run"
DEVIATIONS = "the standard deviations over the seeds tell"
ONCE = "the convolutional and the fine-tuned network were trained once"


@pytest.mark.parametrize(
    ("name", "said", "unsaid"),
    [("standard", [KEPT], ["differ from those"]), ("best", [DIFFER.format("best")], [KEPT]),
     ("quick", [DIFFER.format("quick")], [KEPT])],
)  # fmt: skip
def test_full_trainings_speak_of_the_preset_that_they_were_made_with(results, name, said, unsaid):
    page = read_page(results, preset(name))
    assert all(text in page for text in said) and not any(text in page for text in unsaid)


@pytest.mark.parametrize(
    ("seeded", "said"),
    [((), [ONE_RUN]), (("mlp", "vgg_features"), [DEVIATIONS, ONCE]),
     (("mlp", "cnn", "vgg_features", "vgg_finetuned"), [DEVIATIONS])],
)  # fmt: skip
def test_deviations_are_told_of_the_networks_that_have_some(results, seeded, said):
    row = {"accuracies": [0.89, 0.9, 0.91], "mean": 0.9, "sd": 0.01}
    results["seeds"] = {name: {"val": row, "test": row} for name in seeded}
    page = read_page(results, preset("best"))
    assert [text for text in (ONE_RUN, DEVIATIONS, ONCE) if text in page] == said
    assert page.count("over trainings with different seeds") == bool(seeded)


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        ([], ""),
        (["mlp.cutout=4"], "In every training image of the perceptron a square"),
        (["cnn.cutout=4"], "In every training image of the convolutional network a square"),
        (["mlp.cutout=4", "cnn.cutout=4"], "In every training image a square"),
    ],
)
def test_cutout_is_told_of_the_networks_that_have_it(results, assignments, said):
    page = read_page(results, override(preset("standard"), assignments))
    assert page.count("a square at a random place is blacked out") == bool(said) and said in page


@pytest.mark.parametrize("mirror", [True, False])
def test_mirroring_is_told_where_there_is_some(results, mirror):
    results["data"]["mirror"] = mirror
    page = read_page(results, preset("standard"))
    assert ("every image mirrored in every other epoch" in page) is mirror
    assert ("Nothing is mirrored" in page) is not mirror


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_repetition_is_promised_only_where_operations_were_deterministic(results, deterministic):
    page = read_page(results, dataclasses.replace(preset("standard"), deterministic=deterministic))
    assert ("the probabilities are the same bit for bit" in page) is deterministic
    assert ("The order of sums was not fixed" in page) is not deterministic


@pytest.mark.parametrize(("name", "marked"), [("quick", 1), ("standard", 0), ("best", 0)])
def test_a_quick_run_bears_its_mark(results, name, marked):
    settings = preset(name)
    page = fill_template(results, settings, {}, FASHION, Drawn(), EXPLORER, Language("en"))
    assert page.count('data-mark="Quick run"') == marked


def test_what_was_not_searched_or_studied_is_not_told(results):
    assert "Optuna’s tree-structured Parzen estimator" in read_page(results, preset("best"))
    results["study"] |= {"search": {**results["study"]["search"], "networks": {}}, "ladders": {}}
    page = read_page(results, preset("best"))
    assert "Optuna’s tree-structured" not in page and "ladder" not in page.lower()


def test_the_command_reproduces_the_settings(results):
    settings = override(preset("best"), ["cnn.epochs=3"])
    assert "python run_all.py --preset best --seed 0 --set cnn.epochs=3" in read_page(results, settings)
