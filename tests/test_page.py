"""The text of the page follows from the run: the same results with other presets, seeds and settings."""

import copy
import dataclasses
import json
import pickle
import re

import numpy as np
import pytest
from invented import invent_journal
from pages import EXPLORER, fill_page, read_table, read_text, render

from fmnist_report.networks import NETWORKS, networks_of_part, stages_of_part
from fmnist_report.presets import override, preset
from fmnist_report.report import full_runs
from fmnist_report.report import html as page_of_report
from fmnist_report.report.conclusions.verdicts import verdict
from fmnist_report.report.full_runs import average_seeds
from fmnist_report.report.language import Language


@pytest.fixture
def results(invented_run):
    return copy.deepcopy(invented_run.document)


def read_page(results, settings):
    """Return the text of the English page."""
    results["run"] |= {"preset": settings.preset, "settings": dataclasses.asdict(settings)}
    return read_text(fill_page(results, settings))


KEPT = "Better than the chosen settings, beyond seed-to-seed variation, were"
DIFFER = "Those runs had other settings"
ONE_RUN = "All test results come from one training of each network"
DEVIATIONS = "the standard deviations over the seeds reflect"
ONCE = "for the multilayer perceptron and the dense head alone; the other networks were trained once"


@pytest.mark.parametrize(
    ("name", "assignments", "kept"),
    [("standard", [], True), ("standard", ["mlp.epochs=4"], True), ("standard", ["cnn.stem=16"], False),
     ("best", [], False), ("quick", [], False)],
)  # fmt: skip
def test_settings_were_kept_only_where_they_are_those_that_were_varied(results, name, assignments, kept):
    varied = [row for row in results["full_runs"] if row["stage"] == "cnn" and row["factor"]]
    for row in varied:
        row |= {"effect": -0.001, "exceeds_noise": False, "loss_exceeds_noise": False}
    for effect, n_better in ((0.001, 1), (-0.001, 0)):
        varied[0] |= {"effect": effect, "exceeds_noise": True}
        page = read_page(results, override(preset(name), assignments))
        assert (f"{KEPT} {n_better} of {len(varied)} changes" in page, DIFFER in page) == (kept, not kept)


@pytest.mark.parametrize(
    ("seeded", "said"),
    [((), [ONE_RUN]), (("mlp", "vgg_head"), [DEVIATIONS, ONCE]),
     ((*networks_of_part(1), "vgg_head", "vgg_finetuned"), [DEVIATIONS])],
)  # fmt: skip
def test_deviations_are_reported_of_the_networks_that_have_some(results, seeded, said):
    row = {"accuracies": [0.89, 0.9, 0.91], "mean": 0.9, "sd": 0.01}
    results["seeds"] = {name: {"val": row, "test": row} for name in seeded}
    page = read_page(results, preset("best"))
    assert [text for text in (ONE_RUN, DEVIATIONS, ONCE) if text in page] == said
    assert page.count("over training runs with different seeds") == bool(seeded)


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        ([], ""),
        (["mlp.cutout=4"], "In every training image of the multilayer perceptron a square"),
        (["cnn.cutout=4"], "In every training image of the convolutional network a square"),
        ([f"{stage}.cutout=4" for stage in stages_of_part(1)], "In every training image a square"),
    ],
)
def test_cutout_is_reported_of_the_networks_that_have_it(results, assignments, said):
    page = read_page(results, override(preset("standard"), assignments))
    assert page.count("a square at a random place is blacked out") == bool(said) and said in page


MIRRORED = {
    "both": "Each image is mirrored in alternate epochs; at prediction, the",
    "one": "Only for the multilayer perceptron every image",
    "neither": "Nothing is mirrored.",
    "forbidden": "Nothing is mirrored, because",
}


@pytest.mark.parametrize(
    ("mirror", "mlp", "cnn", "expected"),
    [(True, True, True, "both"), (True, True, False, "one"), (True, False, False, "neither"),
     (False, True, True, "forbidden")],
)  # fmt: skip
def test_mirroring_is_reported_of_the_networks_that_have_it(results, mirror, mlp, cnn, expected):
    results["data"]["mirror"] = mirror
    others = [f"{stage}.mirror={cnn}" for stage in stages_of_part(1)[1:]]
    page = read_page(results, override(preset("standard"), [f"mlp.mirror={mlp}", *others]))
    assert [name for name, text in MIRRORED.items() if text in page] == [expected]


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (1, "shifted at random by at most 1 pixel."),
        (2, "pixels: the multilayer perceptron – 1; the convolutional network – 2"),
    ],
)
def test_equal_shifts_are_reported_once(results, shift, said):
    page = read_page(results, override(preset("standard"), [f"cnn.shift={shift}"]))
    assert said.rstrip(".") in page and ("so many pixels" in page) == (shift > 1)


@pytest.mark.parametrize("smoothing", [0.1, 0.0])
def test_labels_are_smoothed_where_both_networks_smooth_them(results, smoothing):
    page = read_page(results, override(preset("standard"), [f"cnn.label_smoothing={smoothing}"]))
    assert ("Labels are smoothed: a small part" in page) == (smoothing > 0)


@pytest.mark.parametrize(("smoothing", "warned"), [(0.05, True), (0.1, False)])
def test_calibration_is_not_ranked_over_different_smoothing(results, smoothing, warned):
    results["chosen_classifier"] = "vgg_head"  # trained with the same smoothing
    page = read_page(results, override(preset("standard"), [f"mlp.label_smoothing={smoothing}"]))
    assert ("calibration errors are not to be ranked" in page) is warned


@pytest.mark.parametrize(("rate", "lower"), [(1e-3, True), (2e-3, False), (4e-3, False)])
def test_the_rate_of_fine_tuning_is_called_lower_where_it_is(results, rate, lower):
    page = read_page(results, override(preset("standard"), [f"finetune.learning_rate={rate}"]))
    assert ("at a lower learning rate than the head before" in page) is lower and "low learning rate" not in page


def test_the_ablation_leads_to_fine_tuning_only_where_that_was_studied(results):
    page = read_page(results, preset("best"))
    assert "the last block to fine-tuning" in page and "Fine-tuning starts from a head" in page
    study = results["study"]
    study["n_steps"]["finetune"] = 0
    study["baselines"].pop("finetune")
    study["rows"] = [row for row in study["rows"] if row["network"] != "finetune"]
    study["factors"] = [row for row in study["factors"] if row["network"] != "finetune"]
    study["ablations"]["part2"] = [row for row in study["ablations"]["part2"] if row["network"] != "finetune"]
    page = read_page(results, preset("best"))
    assert "the last block to the dense head, as fine-tuning was not studied" in page
    assert "Fine-tuning starts from a head" not in page and "The dense head, one setting at a time" in page


def test_steps_of_too_short_training_runs_are_left_out_of_account(results):
    results["study"]["n_steps"]["finetune"] = 60
    rows = results["study"]["ablations"]["part2"]
    rows[-1] |= {"val_accuracy": 0.5, "gain": -0.4, "exceeds_noise": True}
    results["run"] |= {"preset": "best", "settings": dataclasses.asdict(preset("best"))}
    html = re.sub(r"(?s)<details.*?</details>", "", fill_page(results, preset("best")))  # which have the measurements
    page = read_text(html)
    assert "because so short a training (60 steps) tells little: fine-tuning of the upper blocks" in page
    assert "50.00%" not in page.split("Conclusions of part 2")[-1]


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_repetition_is_promised_only_where_operations_were_deterministic(results, deterministic):
    page = read_page(results, dataclasses.replace(preset("standard"), deterministic=deterministic))
    assert ("the probabilities are the same bit for bit" in page) is deterministic
    assert ("The order of summation was not fixed" in page) is not deterministic


@pytest.mark.parametrize(("name", "marked"), [("quick", 1), ("standard", 0), ("best", 0)])
def test_a_quick_run_bears_its_mark(results, name, marked):
    settings = preset(name)
    page = fill_page(results, settings)
    assert page.count('data-mark="Quick run"') == marked


def test_what_was_not_studied_is_not_reported(results):
    assert "ablation" in read_page(results, preset("best")).lower()
    results["study"] |= {"ablations": {}}
    assert "ablation" not in read_page(results, preset("best")).lower()


@pytest.mark.parametrize(("n", "shown"), [(12, ["mistakes", "missed_by_all"]), (1, ["mistakes"]), (0, [])])
def test_mistakes_are_shown_as_many_as_requested(results, n, shown):
    settings = override(preset("best"), [f"report.mistakes={n}"])
    page = fill_page(results, settings)
    assert results["mistakes"] and results["missed_by_all"]["shown"]
    assert [name for name in ("mistakes", "missed_by_all") if f'id="figure-{name}"' in page] == shown
    assert [name for name in ("mistakes", "missed_by_all") if f'href="#figure-{name}"' in page] == shown


def test_the_command_reproduces_the_settings(results):
    settings = override(preset("best"), ["cnn.epochs=3"])
    assert "python run_all.py --preset best --seed 0 --set cnn.epochs=3" in read_page(results, settings)


FEW = "a few others were compared"


def test_rows_of_earlier_forms_of_best_are_not_read(tmp_path, monkeypatch):
    rows = [
        {"stage": "mlp", "changes": {}, "settings": full_runs.set_as("mlp", {}), "val_accuracy": 0.92},
        {"stage": "mlp", "changes": {"epochs": "3"}, "settings": full_runs.set_as("mlp", {"epochs": "3"}),
         "val_accuracy": 0.91},
        {"stage": "mlp", "changes": {"epochs": "4"}, "settings": {}, "val_accuracy": 0.9},
        {"stage": "cnn", "changes": {"epochs": "3"}, "settings": full_runs.set_as("cnn", {"epochs": "3"}),
         "val_accuracy": 0.9},  # of which the chosen settings are not there
        {"stage": "head", "changes": {}, "settings": full_runs.set_as("head", {}), "val_accuracy": 0.95},
        {"stage": "head", "changes": {}, "settings": full_runs.set_as("head", {"features.size": "32"}),
         "val_accuracy": 0.93},  # of another form in what its features are
    ]  # fmt: skip
    path = tmp_path / "best_runs.json"
    path.write_text(json.dumps(rows))
    monkeypatch.setattr(full_runs, "TRIED_IN_BEST", path)
    tried = full_runs.read_full_runs(fashion=True)["tried"]
    assert tried["preset"] == "best" and [row["changes"] for row in tried["rows"]] == [{}, {"epochs": "3"}, {}]
    assert [row["effect"] for row in tried["rows"]] == [0.0, pytest.approx(-0.01), 0.0]
    other_data = {"journal": [], "full_runs": [], "tried": {"preset": "best", "rows": []}}
    assert full_runs.read_full_runs(fashion=False) == other_data


@pytest.mark.parametrize(
    ("name", "assignments", "told"),
    [("best", [], True), ("best", ["mlp.epochs=4"], False), ("best", ["data.n_train=50000"], False),
     ("standard", [], False)],
)  # fmt: skip
def test_what_was_tried_is_reported_of_the_settings_with_which_it_was(results, name, assignments, told):
    rows = [("mlp", {}, 0.91), ("mlp", {"dropout": "0.2", "cutout": "8"}, 0.92), ("finetune", {}, 0.95)]
    results["tried"]["rows"] = [{"stage": stage, "changes": changes, "val_accuracy": val, "effect": val - 0.91}
                                for stage, changes, val in rows]  # fmt: skip
    page = read_page(results, override(preset(name), assignments))
    assert (FEW in page) == told == ("92.00% (dropout = 0.2, cutout (pixels) = 8), 91.00% (baseline)." in page)


@pytest.mark.parametrize(("assignments", "told"), [([], True), (["features.size=40"], False)])
def test_what_was_tried_may_change_what_the_head_reads(results, assignments, told):
    rows = [("head", {}, 0.95), ("head", {"features.size": "32"}, 0.94)]
    results["tried"]["rows"] = [{"stage": stage, "changes": changes, "val_accuracy": val, "effect": val - 0.95}
                                for stage, changes, val in rows]  # fmt: skip
    page = read_page(results, override(preset("best"), assignments))
    assert told == ("95.00% (baseline), 94.00% (side (pixels) = 32)." in page)


@pytest.mark.parametrize(
    ("name", "orders", "said"),
    [("standard", 1, "of 1.00."), ("standard", -1, "of −1.00."), ("standard", 0, ""), ("best", 1, "of 1.00."),
     ("best", None, "of 0.90 (95% interval")],
)  # fmt: skip
@pytest.mark.parametrize("where", ["full_runs", "journal"])
def test_the_study_is_held_against_full_runs(results, name, orders, said, where):
    own = [row for row in results["study"]["rows"] if row["network"] == "cnn" and row["ranked"]]
    studied = [row for row in own if not row["chosen"]][:4]
    common = {"stage": "cnn", "seed": 0, "val_accuracy": 0.9, "date": "2026-01-02"}
    changes = [{}, *({row["factor"]: row["value"]} for row in studied)]
    rows = [common | {"changes": each, "val_loss": 0.3 + number / 100} for number, each in enumerate(changes)]
    results |= {"full_runs": [], "journal": [], where: average_seeds(rows)}
    for row in own:
        number = studied.index(row) + 1 if row in studied else 0
        row["val_loss"] = 0.5 + (orders or 0) * number / 100
        if orders is None:
            row["val_loss"] = 0.5 + [0, 1, 3, 2, 4][number] / 100
    if said:
        short = copy.deepcopy(results)
        short["study"]["n_steps"]["cnn"] = 60  # which allow no conclusion
        assert "tried both ways" not in read_page(short, preset(name))
    page = read_page(results, preset(name))
    assert ("Of 5 values that were tried both ways" in page) == bool(said)
    assert f"a rank correlation (Spearman’s) {said}" in page or not said


def test_the_interval_of_a_rank_correlation_holds_in_95_percent_of_cases():
    rng, held = np.random.default_rng(0), 0
    true = 6 / np.pi * np.arcsin(0.8 / 2)  # of normal values with a correlation of 0.8
    for _ in range(1_000):
        first = rng.normal(size=15)
        second = 0.8 * first + 0.6 * rng.normal(size=15)
        low, high = full_runs.rank_interval(full_runs.rank_correlation(list(first), list(second)), 15)
        held += low <= true <= high
    assert 0.92 < held / 1_000 < 0.98
    assert full_runs.rank_interval(0.5, 3) == (-1.0, 1.0) and full_runs.rank_interval(1.0, 9) == (1.0, 1.0)


@pytest.mark.parametrize(("changes", "limited"), [({"split_seed": "1"}, True), ({"dropout": "0.3"}, False)])
def test_the_perceptron_counts_as_studied_only_if_one_of_its_settings_was_changed(results, changes, limited):
    for row in results["full_runs"]:
        if row["stage"] == "mlp" and row["changes"]:
            row["changes"] = changes
    assert any(row["stage"] == "mlp" and row["changes"] for row in results["full_runs"])
    page = read_page(results, preset("standard"))
    assert ("The settings of the perceptron were not studied" in page) is limited


@pytest.mark.parametrize("known", [True, False])
def test_few_runs_say_what_they_can_miss(results, known):
    for row in results["full_runs"]:
        if row["stage"] == "cnn":
            row |= {"low": -0.01, "high": 0.01} if known else {"low": None, "high": None}
    next(row for row in results["full_runs"] if row["stage"] == "cnn" and row["changes"])["high"] = (
        0.015 if known else None
    )
    page = read_page(results, preset("standard"))
    assert ("differences of up to 1.25 percentage points can be missed" in page) is known


@pytest.mark.parametrize("effect", [0.0022, -0.0022, 0.0, None])
def test_the_head_in_place_of_fine_tuning_is_reported_as_it_was(results, effect):
    for row in results["full_runs"]:
        if (row["stage"], row["factor"], row["value"]) == ("finetune", "unfreeze", "none"):
            row["effect"] = effect
    assert "trained further in place of fine-tuning" not in read_page(results, preset("best"))  # whose settings differ
    page = read_page(results, preset("standard"))
    assert ("trained further in place of fine-tuning" in page) is (effect is not None)
    assert effect is None or f"differed from it by {Language('en').points(effect, 2)} percentage points" in page


@pytest.mark.parametrize(("n_epochs", "first"), [(6, None), (7, 3), (36, 3)])
def test_learning_curves_say_where_their_axes_begin(results, n_epochs, first):
    for name in networks_of_part(1):
        history = results["models"][name]["history"]
        history |= {measure: [0.2] * n_epochs for measure in history}
    page = read_page(results, preset("best"))
    assert (f"The axes cover the values from epoch {first} on" in page) == bool(first)
    assert ("The axes cover" in page) == bool(first)


def test_hyperparameters_of_part_2_are_named_without_its_ablation(results):
    results["study"]["ablations"]["part2"] = []
    page = read_page(results, preset("best"))
    assert page.count("The settings that were varied, by group") == 2


@pytest.mark.parametrize(("chosen", "smoothing", "warned"), [("vgg_lda", 0.0, False), ("vgg_lda", 0.1, True),
                                                             ("vgg_head", 0.1, False)])  # fmt: skip
def test_the_note_on_smoothing_agrees_with_the_conclusion(results, chosen, smoothing, warned):
    results["chosen_classifier"] = chosen
    stages = {row.stage for row in NETWORKS if row.stage} - {"classifiers"}
    settings = override(preset("best"), [f"{stage}.label_smoothing={smoothing}" for stage in stages])
    page = read_page(results, settings)
    assert ("calibration errors are not to be ranked" in page) is warned
    assert ("they are not ranked, because label smoothing" in page) is warned


EASY, LOWER, STAGES = (
    "are shown only in alternate epochs", "at a lower learning rate", "is added to what it was given"
)  # fmt: skip


@pytest.mark.parametrize(
    ("assignments", "block", "said"),
    [([], 3, [EASY, LOWER]), (["finetune.unfreeze=5"], 4, [EASY, LOWER]), (["finetune.shift=1"], None, [LOWER]),
     (["finetune.easy_sample_interval=1", "finetune.optimizer=sgd"], 3, []), (["cnn.residual=true"], 3, [EASY, LOWER,
     STAGES]),
     (["cnn.residual=true", "cnn.architecture=plain"], 3, [EASY, LOWER])],
)  # fmt: skip
def test_the_text_of_standard_says_what_its_settings_do(results, assignments, block, said):
    page = read_page(results, override(preset("standard"), assignments))
    assert [text for text in (EASY, LOWER, STAGES) if text in page] == said
    assert re.findall(r"stored output of block (\d) replaces them", page) == ([str(block)] if block else [])


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        ([], "(32 filters) and three blocks (channels: 64, 192, 192); all kernels are 3 × 3. Each block "
             "consists of a convolution, max pooling over 2 × 2, batch normalisation and ReLU, and then of a second "
             "convolution with batch normalisation and ReLU. There are no residual connections around the second"),
        (["cnn.batch_norm=false", "cnn.pooling=average", "cnn.kernel=5"],
         "all kernels are 5 × 5. Each block consists of a convolution, average pooling over 2 × 2 and ReLU, "
         "and then of a second convolution with ReLU."),
        (["cnn.architecture=plain"], "two convolutions (32 and 64 channels, 3 × 3 kernels), each with batch "
                                     "normalisation, ReLU and max pooling over 2 × 2, and a dense layer"),
        (["cnn.architecture=plain", "cnn.batch_norm=false"], "each with ReLU and max pooling over 2 × 2, and a dense"),
    ],
)  # fmt: skip
def test_the_convolutional_network_is_described_as_it_is_set(results, assignments, said):
    assert said in read_page(results, override(preset("standard"), assignments))


def test_the_earlier_accuracy_is_the_students_word(results):
    results["models"]["mlp"]["test_accuracy"] = 0.9
    page = read_text(fill_page(results, preset("best"), title_page={"earlier_accuracy": 0.5}))
    said = (
        "previous assignment had an accuracy of 50.00%, as its author states; the perceptron of this report reaches 90"
    )
    assert said in page


def test_the_appendix_reports_the_numbers(results):
    results["models"]["mlp"]["per_class"][0] |= {"precision": 0.111, "recall": 0.222}
    results["models"]["vgg_finetuned"] |= {"n_params": 5_000, "n_trainable": 2_000, "precision": "bfloat16"}
    results["features"]["precision"] = "float32"
    results["stages"] = [{**row, "seconds": 600, "status": "cached" if row["name"] == "cnn" else "computed"}
                         for row in results["stages"]]  # fmt: skip
    page = fill_page(results, preset("best"))
    assert read_table(page, "per_class")[2][1:3] == ["0.111", "0.222"]
    assert "5.00 k parameters, 2.00 k of them trainable" in page and "features: float32; fine-tuning: bfloat16" in page
    assert {row[0]: row[1] for row in read_table(page, "stages")[1:]}["Convolutional network"] == "cached"
    assert f"Computing took {len(results['stages'])}0.0 min in all." in " ".join(page.split())


def test_tables_tell_the_numbers_that_their_heads_name(results):
    row = results["comparisons"][0]
    row |= {"only_a": 11, "only_b": 22, "holm_low": -0.03, "holm_high": 0.04, "ci95_low": -0.01, "p_holm": 0.0123,
            "p_value": 0.0456}  # fmt: skip
    each = {"accuracies": [1, 1]}
    results["seeds"] = {"mlp": {"val": {**each, "mean": 0.8, "sd": 0.01}, "test": {**each, "mean": 0.7, "sd": 0.02}}}
    results["models"]["mlp"] |= {"val_accuracy": 0.85, "test_accuracy": 0.75, "ece": 0.011, "ece_scaled": 0.022}
    page = fill_page(results, preset("best"))
    assert read_table(page, "pairs")[1][2:4] == ["11", "22"] and read_table(page, "pairs")[1][5] == "−3.00 … +4.00"
    assert "0.012" in " ".join(read_table(page, "pairs")[1]) and "0.046" not in " ".join(read_table(page, "pairs")[1])
    assert read_table(page, "seeds")[1] == ["Multilayer perceptron", "2", "80.00 ± 1.00%", "70.00 ± 2.00%"]


def test_other_data_is_described_by_its_own_numbers(results):
    results["class_counts"] = [7, *[9] * 8, 1_200]
    results["data"] |= {"given": ["train", "val", "test"], "n_train": 1_279, "n_val": 300, "unreadable": 4,
                        "skipped": {".txt": 3}}  # fmt: skip
    settings = preset("standard")
    results["run"] |= {"preset": "standard", "settings": dataclasses.asdict(settings)}
    language = Language("en", list("abcdefghij"))
    page = read_text(render(results, settings, language, data_name="Clothes", explorer=EXPLORER | {"n_missing": 5}))
    for text in (
        "which 1,279 training images and 300 validation images are used", "from 7 to 1,200 training images each",
        ".txt (3)", "cannot be read: 4.", "Of the wrong ones 5 are left out", "The features of 300 validation images",
    ):  # fmt: skip
        assert text in page.replace("\u00a0", " "), text
    assert "Despite its name" not in page and "Zalando" not in page


def test_published_accuracies_of_vgg16_are_not_set_beside_another_base(results):
    settings = override(preset("standard"), ["features.backbone=ResNet50"])
    results["run"] |= {"preset": "standard", "settings": dataclasses.asdict(settings)}
    results["models"]["mlp"]["test_accuracy"], results["data"]["n_test"] = 0.9183, 10_000
    page = render(results, settings, Language("en", None, "ResNet50"))
    ours = {row[0]: row[2] for row in read_table(page, "published")[1:]}
    assert ours["VGG16, 26 million parameters"] == "–" and ours["perceptron, 256-128-64"] == "91.83%"


@pytest.mark.parametrize(("classes", "told"), [(None, True), ([], False), (["a", "b"], False)])
def test_training_runs_on_fashion_mnist_are_not_reported_of_other_data(tmp_path, monkeypatch, quiet, classes, told):
    filled = {}
    known = {"provenance": {"evaluation": {"key": "k", "created": "today"}}}
    for name, given in {
        "read_json": lambda path: known, "load_arrays": lambda path: {}, "stages_behind": lambda *folders: [],
        "assemble_results": lambda *args: {"data": {"names": [], "labels": [0, 1]}, "features": {"backbone": "VGG16"}},
        "read_figures": lambda folder: {}, "build_explorer": lambda *args: {},
        "render_page": lambda document: filled.update(document.results) or "",
    }.items():  # fmt: skip
        monkeypatch.setattr(page_of_report, name, given)
    folders = dict.fromkeys(("evaluation", "figures", "examples", "browser_model"), tmp_path)
    data_set = {"name": "Clothes", "classes": classes}
    page_of_report.render_html(
        tmp_path, quiet, lang="en", settings=preset("quick"), title_page={}, data_set=data_set, **folders
    )
    assert (bool(filled["full_runs"]), bool(filled["tried"]["rows"])) == (told, told)


def test_ones_own_runs_come_first_and_ours_go_to_the_appendix(results):
    settings = preset("standard")
    html = fill_page(results, settings)
    assert read_table(html, "full_part1") and html.index("table-full_part1") < html.index('id="appendix"')
    assert 'id="table-runs_part1"' not in html and "by the authors of the program" in html
    results["journal"] = average_seeds(invent_journal(np.random.default_rng(0), ("cnn", "mlp")))
    html = fill_page(results, settings)
    assert html.index('id="table-full_part1"') > html.index('id="appendix"') > html.index('id="table-runs_part1"')
    rows = read_table(html, "runs_part1")[1:]
    names = [row[0] for row in rows]
    assert names[:2] == ["Convolutional network", "baseline"] and names.count("baseline") == 2
    language = Language("en")
    for row in results["journal"]:
        [shown] = [
            found for found in rows if len(found) > 1 and found[3].startswith(language.percent(row["val_accuracy"], 2))
        ]
        assert shown[0] == language.changes(row["changes"]) and shown[2] == "2"
        assert shown[1] == ("Менше помилок" if row["changes"] else "")
        assert shown[3].endswith(f"± {100 * row['sd']:.2f}")
        if row["changes"]:
            assert shown[4] == f"{language.points(row['effect'], 2)} ({language.points(row['low'], 2)} … " \
                f"{language.points(row['high'], 2)})"  # fmt: skip
            assert shown[5].startswith(language.difference(row["loss_effect"]))
        assert shown[6].split(":")[0] == {"chosen": "kept", "same": "no difference"}.get(verdict(row), verdict(row))


def test_ones_own_runs_are_shown_for_other_data_and_without_notes(results):
    rows = invent_journal(np.random.default_rng(0), ("finetune",), n_seeds=1)
    for row in rows:
        row["note"] = ""
    results["journal"], results["full_runs"] = average_seeds(rows), []
    html = fill_page(results, preset("standard"))
    found = read_table(html, "runs_part2")[1:]
    assert len(found) == 4 and len(found[0]) == 6 and found[1][-1] == "undecided" and "…" not in found[1][3]
    assert 'id="table-runs_part1"' not in html


def test_a_note_is_escaped(results):
    rows = invent_journal(np.random.default_rng(0), ("cnn",))
    rows[-1]["note"] = "<script>alert(1)</script>"
    results["journal"] = average_seeds(rows)
    assert "<script>alert" not in fill_page(results, preset("standard"))


def test_what_readers_tell_stands_in_the_report(results):
    from fmnist_report.data.custom import notes as messages
    from fmnist_report.data.custom.notes import Note

    notes = [
        Note(messages.MASKS, n=1_200, folder="cat", file="<b>_mask.png"),
        Note(messages.CLASSES_FROM, " (hint)", columns=["a", "b"], table="labels.csv"),
        Note(messages.NOT_READ, folder="cat", kinds={".dng": 3}),
        Note(messages.CUT, n=7, ratio=1.5, file="x.png", w=30, h=90),
    ]
    assert [str(note) for note in notes] == [
        "1,200 masks in 'cat' are not used, such as '<b>_mask.png'",
        "the classes are in 'a' and 'b' of 'labels.csv' (hint)",
        "files in formats that are not read in 'cat': .dng (3)",
        "the ends are cut off of 7 images with one side at least 1.5 times the other, such as 'x.png', 30 × 90",
    ]  # fmt: skip
    results["data"] |= {"given": ["train"], "notes": [note.as_json() for note in notes]}
    page = read_text(render(results, preset("quick"), Language("en", list("abcdefghij")), data_name="Pets"))
    assert "1,200 masks in “cat” are not used, such as “&lt;b&gt;_mask.png”." in page.replace("<b>_m", "&lt;b&gt;_m")
    assert "The classes are in “a”, “b” of “labels.csv”." in page and "hint" not in page
    page = read_text(render(results, preset("quick"), Language("uk", list("abcdefghij")), data_name="Pets"))
    assert "принаймні в 1,5 раза більша за іншу, наприклад «x.png», 30 × 90." in page.replace("\u00a0", " ")
    copied = pickle.loads(pickle.dumps(notes[1]))
    assert copied == notes[1] and copied.as_json() == notes[1].as_json()
