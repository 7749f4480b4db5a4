"""The search for hyperparameters: Optuna's TPE with a median pruner, on a subset, judged on validation."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import typing
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fmnist_report.features import FeatureStore
from fmnist_report.files import UNFINISHED, write_json
from fmnist_report.progress import Progress
from fmnist_report.settings import (
    CNNSettings,
    FineTuneSettings,
    HeadSettings,
    MLPSettings,
    TrainingSettings,
    TuningSettings,
)
from fmnist_report.trials import NETWORKS, Subset, load_subset, shorten, train_settings

JOURNAL = "trials.log"
Space = typing.Callable[[optuna.Trial], dict[str, typing.Any]]


def _suggest_training(trial: optuna.Trial) -> dict[str, typing.Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 1e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (64, 128, 256)),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.5, log=True),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2, step=0.05),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.1),
    }


def _suggest_mlp(trial: optuna.Trial) -> dict[str, typing.Any]:
    depth = trial.suggest_int("depth", 1, 3)
    width = trial.suggest_categorical("width", (256, 512, 1024))
    return {**_suggest_training(trial), "widths": (width,) * depth, "shift": trial.suggest_int("shift", 0, 2)}


def _suggest_cnn(trial: optuna.Trial) -> dict[str, typing.Any]:
    first = trial.suggest_categorical("first_width", (32, 64))
    last = trial.suggest_categorical("last_width", (96, 192))
    return {
        **_suggest_training(trial),
        "widths": (first, last, last),
        "kernel": trial.suggest_categorical("kernel", (3, 5)),
        "pooling": trial.suggest_categorical("pooling", ("max", "average")),
        "shift": trial.suggest_int("shift", 0, 3),
        "cutout": trial.suggest_categorical("cutout", (0, 8)),
    }


def _suggest_head(trial: optuna.Trial) -> dict[str, typing.Any]:
    return {**_suggest_training(trial), "width": trial.suggest_categorical("width", (128, 256, 512, 1024))}


def _suggest_finetune(trial: optuna.Trial) -> dict[str, typing.Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-3, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (64, 128)),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.5, log=True),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2, step=0.05),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.1),
        "unfreeze": trial.suggest_categorical("unfreeze", (4, 5)),
    }


SPACES: dict[str, Space] = dict(
    zip(NETWORKS, (_suggest_mlp, _suggest_cnn, _suggest_head, _suggest_finetune), strict=True)
)


def tune(
    out: Path,
    progress: Progress,
    *,
    tuning: TuningSettings,
    mlp_settings: MLPSettings,
    cnn_settings: CNNSettings,
    head_settings: HeadSettings,
    finetune_settings: FineTuneSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
) -> None:
    """Stage `tuning`: search each network's space and write tuning.json.

    For each network: n_trials, n_pruned, best (its hyperparameters and val_accuracy), importance (fANOVA,
    Hutter et al., 2014: shares that sum to 1; empty where fewer than three trials ended) and trials. The trials lie in
    a journal of JSON lines, so that an interrupted search goes on with the next trial.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    settings = dict(zip(NETWORKS, (mlp_settings, cnn_settings, head_settings, finetune_settings), strict=True))
    n_trials = {name: getattr(tuning, f"{name}_trials") for name in NETWORKS}
    n_epochs = {name: getattr(tuning, f"{name}_epochs") for name in NETWORKS}
    start = shorten(head_settings, max(1, tuning.head_epochs))
    total, done, found = sum(n_trials.values()), 0, {}
    journal = mend_journal(out / UNFINISHED / JOURNAL)
    with FeatureStore(features) as store:
        subset = load_subset(data, store, weights, start, tuning.n_train, tuning.n_val)
        for network, count in n_trials.items():
            search = open_search(journal, network, seed)
            chosen = shorten(settings[network], n_epochs[network])
            for number in range(len(_finished_trials(search)), count):
                progress.update(done + number, total, f"{network}: trial {number + 1}/{count}{_best_so_far(search)}")
                search.optimize(lambda trial: _objective(trial, network, chosen, subset, seed), n_trials=1)  # noqa: B023
            done += count
            if count:
                found[network] = summarise(search)
    counts = {f"n_{part}": len(labels) for part, labels in subset.labels.items()}
    write_json(out / "tuning.json", {**counts, "n_epochs": n_epochs, "networks": found})


def mend_journal(path: Path) -> Path:
    """Cut off the line that a kill or a full disk left half-written, and free the lock of a killed process.

    A journal that is damaged elsewhere is moved aside. The entry's kernel lock is held, so nobody else is writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink()
    if path.is_file():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
        try:
            for line in content.split(b"\n")[:-1]:
                json.loads(line)
        except ValueError:
            os.replace(path, path.with_suffix(".damaged"))
    return path


def open_search(journal: Path, network: str, seed: int) -> optuna.Study:
    """Create one network's search, or go on with it from the journal."""
    storage = JournalStorage(JournalFileBackend(str(journal)))
    search = optuna.create_study(
        study_name=network,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )
    search.sampler = optuna.samplers.TPESampler(seed=seed + len(search.trials), n_startup_trials=6)
    return search


def _finished_trials(search: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that ended or were pruned; those that were interrupted do not count."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return [trial for trial in search.trials if trial.state in ended]


def _best_so_far(search: optuna.Study) -> str:
    values = [trial.value for trial in search.trials if trial.value is not None]
    return f", best {max(values):.4f}" if values else ""


def _objective(trial: optuna.Trial, network: str, chosen: TrainingSettings, subset: Subset, seed: int) -> float:
    """Train one trial on the subset; returns its last validation accuracy, or prunes it at an epoch."""
    settings = dataclasses.replace(chosen, **SPACES[network](trial))
    started = time.monotonic()

    def after_epoch(epoch: int, accuracy: float) -> None:
        trial.report(accuracy, epoch)
        trial.set_user_attr("seconds", time.monotonic() - started)
        if trial.should_prune():
            raise optuna.TrialPruned

    return train_settings(network, settings, subset, seed, after_epoch)


def summarise(search: optuna.Study) -> dict[str, typing.Any]:
    """Describe a finished search in plain values."""
    complete = [trial for trial in search.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    finished = _finished_trials(search)
    importance = {}
    if len({trial.value for trial in complete}) >= 3:
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = optuna.importance.get_param_importances(search, evaluator=evaluator)
    return {
        "n_trials": len(finished),
        "n_pruned": len(finished) - len(complete),
        "best": {**search.best_params, "val_accuracy": search.best_value},
        "importance": {name: float(share) for name, share in importance.items()},
        "trials": [
            {"params": trial.params, "state": trial.state.name.lower(), "val_accuracy": trial.value,
             "seconds": trial.user_attrs.get("seconds", 0.0)}
            for trial in finished
        ],
    }  # fmt: skip
