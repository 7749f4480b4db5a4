"""Repeated runs with other seeds: gathered results, and their spread in the report."""

import numpy as np
import pytest

from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.evaluation.seeds import gather_seeds, load_seeds, spread_of_seeds
from fmnist_report.networks import count_runs
from fmnist_report.settings import SeedSettings, Settings

LABELS = np.arange(10).repeat(2)


def answers(n_right):
    """Return probabilities that are right for the first n_right of 20 labels."""
    named = np.where(np.arange(20) < n_right, LABELS, (LABELS + 1) % 10)
    return np.eye(10, dtype="float32")[named]


def leave(folder, val, test):
    folder.mkdir()
    np.savez(folder / "probabilities.npz", val=answers(val), test=answers(test), val_original=answers(0))
    return folder


def test_gathers_the_training_runs_of_each_model(tmp_path, quiet):
    head = {f"head_{number}": leave(tmp_path / f"head-{number}", 10 + number, 5 + number) for number in (1, 2)}
    gather_seeds(tmp_path, quiet, **head, finetune_1=leave(tmp_path / "finetune-1", 18, 17))
    shapes = {name: values.shape for name, values in load_seeds(tmp_path).items()}
    assert shapes == {
        "vgg_head/val": (2, 20, 10), "vgg_head/test": (2, 20, 10),
        "vgg_finetuned/val": (1, 20, 10), "vgg_finetuned/test": (1, 20, 10),
    }  # fmt: skip
    right = {name: (v.argmax(axis=2) == LABELS).sum(axis=1).tolist() for name, v in load_seeds(tmp_path).items()}
    assert right == {"vgg_head/val": [11, 12], "vgg_head/test": [6, 7],
                     "vgg_finetuned/val": [18], "vgg_finetuned/test": [17]}  # fmt: skip


def test_what_takes_longest_may_be_repeated_less_often():
    def count(**seeds):
        settings = Settings(seeds=SeedSettings(**seeds))
        return {stage: count_runs(settings, stage) for stage in ("mlp", "cnn", "head", "finetune")}

    assert count(n=3) == {"mlp": 3, "cnn": 3, "head": 3, "finetune": 3}
    assert count(n=3, n_slow=1) == {"mlp": 3, "cnn": 1, "head": 3, "finetune": 1}


def test_every_network_trained_once_has_no_spread():
    assert spread_of_seeds({}, load_seeds(None), {"val": LABELS}) == {}


def test_spread_is_the_sample_deviation_with_the_first_seed_included():
    first = {"mlp": Candidate(answers(16), answers(14), {}, {})}
    others = {"mlp/val": np.stack([answers(18), answers(20)]), "mlp/test": np.stack([answers(14), answers(14)])}
    spread = spread_of_seeds(first, others, {"val": LABELS, "test": LABELS})["mlp"]
    assert spread["val"]["accuracies"] == pytest.approx([0.8, 0.9, 1.0])
    assert spread["val"]["mean"] == pytest.approx(0.9) and spread["val"]["sd"] == pytest.approx(0.1)
    assert spread["test"]["sd"] == pytest.approx(0)


def test_spread_without_test_labels_reports_of_validation_alone():
    first = {"mlp": Candidate(answers(16), answers(14), {}, {})}
    others = {"mlp/test": answers(18)[None], "mlp/val": answers(18)[None]}
    assert set(spread_of_seeds(first, others, {"val": LABELS})["mlp"]) == {"val"}
