"""Hyperparameter search: Optuna's TPE with a median pruner, on a subset, by validation accuracy."""

import dataclasses
import json
import os
import time
import typing
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fmnist_report.experiments.trials import NETWORKS, Subset, SubsetSource, narrow, train_settings
from fmnist_report.machine import settle_precision
from fmnist_report.pipeline.files import UNFINISHED, load_arrays, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.workers import WorkerPool, Workers
from fmnist_report.settings import NetworkSettings, SearchSettings, TrainingSettings

JOURNAL = "trials.log"
N_PARTS = 4  # per trial, which may be pruned after each
LEAST_FOR_IMPORTANCE = 30  # finished trials; with fewer, importances are mostly noise
Space = typing.Callable[[optuna.Trial], dict[str, typing.Any]]


def _suggest_training(trial: optuna.Trial) -> dict[str, typing.Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 2e-4, 1e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (64, 128, 256)),
        "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.5, log=True),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2, step=0.05),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.1),
    }


def _suggest_cnn(trial: optuna.Trial) -> dict[str, typing.Any]:
    return {
        **_suggest_training(trial),
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


SPACES: dict[str, Space] = dict(zip(NETWORKS, (_suggest_cnn, _suggest_head, _suggest_finetune), strict=True))


def run_search(
    out: Path,
    progress: Progress,
    *,
    search: SearchSettings,
    networks: NetworkSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
    workers: Workers,
) -> None:
    """Stage `search`: search each network's space and write search.json.

    Args:
        networks: the chosen settings.

    For each network: n_trials, n_pruned, best (its hyperparameters and val_accuracy), importance (fANOVA,
    Hutter et al., 2014: fractions that sum to 1; empty if fewer than 30 trials finished) and trials. The trials are in
    a journal of JSON lines, so that an interrupted search resumes with the next trial. search.parallel_trials trials
    are sampled together and then trained, sequentially here or in parallel by workers; the number of workers does not
    affect the result.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    n_trials = {name: getattr(search, f"{name}_trials") for name in NETWORKS}
    n_steps = {name: getattr(search, f"{name}_steps") for name in NETWORKS}
    start = replace(networks["head"], epochs=1)
    total, done, found = sum(n_trials.values()), 0, {}
    journal = mend_journal(out / UNFINISHED / JOURNAL)
    source = SubsetSource(data, search.n_train, search.n_val, features, weights, start, max(1, search.head_steps))
    with workers.open(open_processes) as pool:
        browser_model = None if pool.is_local else source.open().to_memory(bool(search.finetune_trials))
        shared = pool.share(browser_model) if browser_model else source
        for network, count in n_trials.items():
            if not count:
                continue
            optuna_study = open_search(journal, network, seed)
            chosen = settle_precision(replace(narrow(networks[network], search.width_divisor), epochs=N_PARTS))
            while (number := len(_finished_trials(optuna_study))) < count:
                progress.update(
                    done + number, total, f"{network}: trial {number + 1}/{count}{_best_so_far(optuna_study)}"
                )
                optuna_study.sampler = make_sampler(seed + number)
                n_together = min(search.parallel_trials, count - number)
                run_trials(optuna_study, network, chosen, n_steps[network], shared, seed, n_together, pool)
            done += count
            found[network] = summarise(optuna_study)
    labels = load_arrays(data / "labels.npz")
    counts = {f"n_{split}": min(getattr(search, f"n_{split}"), len(labels[split])) for split in ("train", "val")}
    counts |= {"n_steps": n_steps}
    write_json(out / "search.json", {**counts, "networks": found})


def mend_journal(path: Path) -> Path:
    """Remove an incomplete last line, left by a kill or a full disk, and the lock of a killed process.

    A journal with other damage is moved away. The entry's kernel lock is held, so no other process is writing.
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
    """Create one network's search, or resume it from the journal."""
    storage = JournalStorage(JournalFileBackend(str(journal)))
    sampler, pruner = make_sampler(seed), make_pruner()
    search = optuna.create_study(
        study_name=network, storage=storage, direction="maximize", load_if_exists=True, sampler=sampler, pruner=pruner
    )
    for trial in search.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # left by an interrupted run
        search.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return search


def make_sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Return a TPE sampler (Bergstra et al., 2011) that avoids similar trials among those sampled together."""
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=6, constant_liar=True)


def make_pruner() -> optuna.pruners.BasePruner:
    """Return the pruner of trials whose accuracy is below the median of earlier ones."""
    return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)


def _finished_trials(search: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the completed and pruned trials, without interrupted ones."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return [trial for trial in search.trials if trial.state in ended]


def _best_so_far(search: optuna.Study) -> str:
    values = [trial.value for trial in search.trials if trial.value is not None]
    return f", best {max(values):.4f}" if values else ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a trial.

    accuracies: validation accuracy by epoch, up to the epoch of pruning.
    pruned: whether the trial was pruned.
    """

    accuracies: tuple[float, ...]
    pruned: bool
    seconds: float


def run_trials(
    search: optuna.Study,
    network: str,
    chosen: TrainingSettings,
    n_steps: int,
    subset: SubsetSource | Subset,
    seed: int,
    n: int,
    pool: WorkerPool,
) -> None:
    """Sample n trials, train them, and report their outcomes to the search, in the order of sampling.

    Each is compared with the trials that were finished before all n, so the workers and their timing do not matter.

    Args:
        chosen: the settings that a trial modifies.
        subset: the subset, its source, or a reference returned by the pool's share.
    """
    former = search.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    trials = [search.ask() for _ in range(n)]
    drawn = [replace(chosen, **SPACES[network](trial)) for trial in trials]
    tasks = [(network, settings, n_steps, subset, seed, former) for settings in drawn]
    for trial, outcome in in_order(pool.compute(train_trial, tasks), trials):
        for epoch, accuracy in enumerate(outcome.accuracies):
            trial.report(accuracy, epoch)
        trial.set_user_attr("seconds", outcome.seconds)
        if outcome.pruned:
            search.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            search.tell(trial, outcome.accuracies[-1])


def in_order(results: typing.Iterable[tuple[int, typing.Any]], names: list) -> typing.Iterator[tuple]:
    """Yield (name, result) in the order of the names, each as soon as all earlier ones have arrived."""
    waiting, next_one = {}, 0
    for number, result in results:
        waiting[number] = result
        while next_one in waiting:
            yield names[next_one], waiting.pop(next_one)
            next_one += 1


def train_trial(
    network: str,
    settings: TrainingSettings,
    n_steps: int,
    subset: SubsetSource | Subset,
    seed: int,
    former: list[optuna.trial.FrozenTrial],
) -> Outcome:
    """Train one trial on the subset, here or on a worker; Optuna's pruner may stop it after an epoch.

    Args:
        former: the finished trials to compare it with.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    judge = optuna.create_study(direction="maximize", pruner=make_pruner())
    judge.add_trials(former)
    trial, started, accuracies = judge.ask(), time.monotonic(), []

    def after_epoch(epoch: int, accuracy: float) -> None:
        accuracies.append(accuracy)
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        train_settings(network, settings, n_steps, subset.open(), seed, after_epoch)
    except optuna.TrialPruned:
        return Outcome(tuple(accuracies), True, time.monotonic() - started)
    return Outcome(tuple(accuracies), False, time.monotonic() - started)


def summarise(search: optuna.Study) -> dict[str, typing.Any]:
    """Summarise a finished search in JSON-serialisable values."""
    complete = [trial for trial in search.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    finished = _finished_trials(search)
    importance = {}
    if len(complete) >= LEAST_FOR_IMPORTANCE and len({trial.value for trial in complete}) >= 3:
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
