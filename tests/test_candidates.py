"""Properties of candidates, reading of candidates, and their total costs."""

import numpy as np
import pytest
from invented import invent_candidate

from fmnist_report.errors import ReportError
from fmnist_report.evaluation import candidates
from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.networks import COMPARED, CONTROL, MAIN, NETWORKS, ON_FEATURES, stages_of_part
from fmnist_report.pipeline.files import save_arrays, write_json

LABELS = np.array([0, 1, 2, 3])
RIGHT = np.eye(10, dtype="float32")[LABELS]
HALF = np.eye(10, dtype="float32")[[0, 1, 9, 9]]
BASE = {"n_params": 1_000, "macs": 2_000, "layers": [{"name": "block1_conv1"}], "predict_ms_per_image": 3.0,
        "seconds": 400.0}  # fmt: skip


def test_mirror_gain_is_the_difference_of_accuracies():
    assert Candidate(RIGHT, RIGHT, {}, {}, HALF).mirror_gain(LABELS) == pytest.approx(0.5)
    assert Candidate(HALF, RIGHT, {}, {}, RIGHT).mirror_gain(LABELS) == pytest.approx(-0.5)
    assert Candidate(RIGHT, RIGHT, {}, {}).mirror_gain(LABELS) is None


def test_the_best_classifier_on_validation_is_chosen():
    found = {"bad": Candidate(HALF, RIGHT, {}, {}), "good": Candidate(RIGHT, HALF, {}, {})}
    assert candidates.choose_classifier(found, LABELS) == "good"
    assert candidates.choose_classifier(dict(reversed(found.items())), LABELS) == "good"
    equal = {"one": Candidate(HALF, RIGHT, {}, {}), "two": Candidate(HALF, RIGHT, {}, {})}
    assert candidates.choose_classifier(equal, LABELS) == "one"


@pytest.mark.parametrize(("stage", "section"), [("cnn", "cnn"), ("mlp-1", "mlp"), ("control", "finetune")])
def test_a_training_that_diverged_is_refused_with_what_to_do(tmp_path, stage, section):
    folder = tmp_path / stage / "key"
    folder.mkdir(parents=True)
    save_arrays(folder / "probabilities.npz", val=RIGHT, test=np.where(RIGHT == 1, np.nan, RIGHT))
    write_json(folder / "measured.json", {"epoch_seconds": [1.0]})
    with pytest.raises(ReportError, match=f"diverged: its predictions are NaN.*--set {section}.learning_rate"):
        candidates.load_network(folder)


def test_what_reads_the_base_has_its_costs_too():
    own = invent_candidate(RIGHT, layers=[{"name": "logits"}])
    found = candidates.with_base(own, BASE).summary
    assert (found["n_params"], found["macs"], found["predict_ms_per_image"]) == (1_010, 2_100, 3.5)
    assert [row["name"] for row in found["layers"]] == ["block1_conv1", "logits"]
    assert (found["n_trainable"], found["train_seconds"]) == (5, 2.0) and own.summary["n_params"] == 10


def test_an_ensemble_follows_the_validation_labels_and_calibrates_its_members():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 10
    good = np.full((400, 10), 0.02) + 0.8 * np.eye(10)[np.where(rng.random(400) < 0.9, labels, (labels + 1) % 10)]
    timid = np.full((400, 10), 0.09) + 0.1 * np.eye(10)[np.where(rng.random(400) < 0.9, labels, (labels + 2) % 10)]
    useless = np.full((400, 10), 0.1)
    members = {name: invent_candidate(useless) for name in MAIN}
    members |= {MAIN[1]: invent_candidate(good), MAIN[2]: invent_candidate(timid)}
    for number, member in enumerate(members.values()):
        member.test = np.roll(member.val, number, axis=0)
    together, weights = candidates.combine(members, labels)
    assert weights[MAIN[0]] == pytest.approx(weights[MAIN[-1]], abs=0.02) and weights[MAIN[0]] < 0.05
    assert weights[MAIN[2]] > 0.3  # underconfident, but equally accurate
    assert sum(weights.values()) == pytest.approx(1) and list(weights) == list(MAIN)
    right = {name: (member.val.argmax(axis=1) == labels).mean() for name, member in members.items()}
    assert (together.val.argmax(axis=1) == labels).mean() >= max(right.values())
    assert together.history == {} and together.test.shape == (400, 10) and not np.allclose(together.test, together.val)
    rolled = candidates.combine({name: Candidate(m.val, m.val, m.summary, {}) for name, m in members.items()}, labels)
    assert np.allclose(rolled[0].test, together.val)


WEIGHTS = [0.5, 0.5, *[0.0] * (len(MAIN) - 2)]


def test_an_ensemble_costs_what_its_members_cost(monkeypatch):
    members = {name: invent_candidate(RIGHT, macs=10**number) for number, name in enumerate(MAIN)}
    monkeypatch.setattr(candidates, "fit_weights", lambda val, labels: np.array(WEIGHTS))
    together, weights = candidates.combine(members, LABELS)
    assert weights == dict(zip(MAIN, WEIGHTS, strict=True))
    assert together.summary == {"n_params": 20, "n_trainable": 10, "macs": 11, "train_seconds": 4.0,
                                "predict_ms_per_image": 1.0, "layers": [], "n_views": 1}  # fmt: skip


@pytest.mark.parametrize("chosen", ["vgg_head", "vgg_lda"])
def test_costs_in_all_count_what_a_model_builds_on_and_every_view(chosen):
    seconds = {"mlp": 1, "cnn": 2, "vgg_finetuned": 4, "vgg_logistic_regression": 8, "vgg_lda": 16,
               "vgg_k_neighbours": 32, "vgg_head": 64, CONTROL.name: 128}  # fmt: skip
    others = {name: 256 for name in MAIN if name not in (*seconds, "vgg_features")}
    seconds |= others
    found = {name: invent_candidate(RIGHT, 2, train_seconds=float(n)) for name, n in seconds.items()}
    found["vgg_features"] = found[chosen]
    found["ensemble"] = invent_candidate(RIGHT)
    weights = {"mlp": 0.5, "cnn": 0.0, "vgg_features": 0.2, "vgg_finetuned": 0.3, **dict.fromkeys(others, 0.0)}
    candidates.add_totals(found, weights, chosen, 1_000.0)
    total = {name: candidate.summary["total_seconds"] for name, candidate in found.items()}
    assert total == {
        "mlp": 1, "cnn": 2, "vgg_finetuned": 1_068, "vgg_logistic_regression": 1_008, "vgg_lda": 1_016,
        "vgg_k_neighbours": 1_032, "vgg_head": 1_064, CONTROL.name: 1_192, "vgg_features": 1_000 + seconds[chosen],
        "ensemble": 1 + 1_068 + (0 if chosen == "vgg_head" else 16), **others,
    }  # fmt: skip
    assert found["cnn"].summary["macs_per_prediction"] == 200 and found["cnn"].summary["ms_per_prediction"] == 1.0
    assert (
        found["ensemble"].summary["macs_per_prediction"] == 600
        and found["ensemble"].summary["ms_per_prediction"] == 3.0
    )


@pytest.fixture
def folders(tmp_path):
    """Entries of every stage that trains; vgg_head is the best classifier on validation."""
    found = {}
    for number, stage in enumerate(["mlp", "cnn", "head", "finetune", CONTROL.stage, *stages_of_part(1)[2:]], 1):
        found[stage] = folder = tmp_path / stage
        folder.mkdir()
        val = RIGHT if stage == "head" else HALF
        original = {} if stage == "mlp" else {"val_original": HALF}
        np.savez(folder / "probabilities.npz", val=val, test=val * 0.5, **original)
        write_json(folder / "history.json", {"val_loss": [0.5, 0.4]})
        write_json(
            folder / "summary.json", {"n_params": number, "n_trainable": number, "macs": 10 * number, "layers": []}
        )
        write_json(folder / "train_eval.json", {"n": 4, "train_accuracy": 1.0, "train_loss": 0.1})
        measured = {"train_seconds": 900.0, "epoch_seconds": [number, 2 * number, 900], "predict_ms_per_image": 0.1}
        write_json(folder / "measured.json", measured)
    found["classifiers"] = folder = tmp_path / "classifiers"
    folder.mkdir()
    kinds = ("logistic_regression", "lda", "k_neighbours")
    np.savez(folder / "probabilities.npz", **{f"{kind}/{split}": HALF for kind in kinds for split in ("val", "test")})
    summary = {"parameter": 1, "n_params": 7, "macs": 9, "n_views": 2}
    write_json(folder / "classifiers.json", dict.fromkeys(kinds, summary))
    write_json(folder / "measured.json", dict.fromkeys(kinds, {"train_seconds": 3.0, "predict_ms_per_image": 0.2}))
    return found


def test_every_model_is_read_with_its_costs(folders):
    found, chosen, weights = candidates.gather_candidates(folders, BASE, LABELS)
    assert chosen == "vgg_head" and found["vgg_features"] is found["vgg_head"] and set(weights) == set(MAIN)
    assert set(found) == {*COMPARED, *(row.name for row in ON_FEATURES), CONTROL.name}
    assert list(found)[: len(NETWORKS)] == list(COMPARED)
    mlp, head, lda = (found[name] for name in ("mlp", "vgg_head", "vgg_lda"))
    assert head.mirror_gain(LABELS) == pytest.approx(0.5)
    assert mlp.val_original is None and mlp.summary["n_views"] == 1 and head.summary["n_views"] == 2
    assert mlp.history == {"val_loss": [0.5, 0.4], "seconds": [1, 2, 900]}
    assert mlp.summary["train_seconds"] == 3 * 2  # the third epoch was paused
    assert mlp.summary["train_eval"] == {"n": 4, "train_accuracy": 1.0, "train_loss": 0.1}
    assert np.array_equal(mlp.val, HALF) and np.array_equal(mlp.test, HALF * 0.5)
    assert (mlp.summary["n_params"], head.summary["n_params"]) == (1, 1_003)
    assert found["vgg_finetuned"].summary["n_params"] == 4  # which holds the base itself
    assert found[CONTROL.name].summary["n_params"] == 1_005
    assert (lda.summary["n_params"], lda.summary["n_trainable"], lda.summary["macs"]) == (1_007, 7, 2_009)
    assert lda.summary["total_seconds"] == 403.0 and lda.history == {} and lda.summary["layers"] == BASE["layers"]
    assert found["vgg_finetuned"].summary["total_seconds"] == 400 + 3 * 2 * 3 + 3 * 2 * 4


def test_what_the_base_costs_is_read_from_its_features(tmp_path):
    write_json(tmp_path / "index.json", {"base": {"n_params": 1, "macs": 2, "layers": []}})
    write_json(tmp_path / "measured.json", {"seconds": 3.0, "predict_ms_per_image": 4.0})
    assert candidates.read_base(tmp_path) == {"n_params": 1, "macs": 2, "layers": [], "seconds": 3.0,
                                              "predict_ms_per_image": 4.0}  # fmt: skip
