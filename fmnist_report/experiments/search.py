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

from fmnist_report.experiments.trials import Subset, SubsetSource, train_settings
from fmnist_report.machine import settle_precision
from fmnist_report.networks import Range, TrialSpec
from fmnist_report.pipeline.files import UNFINISHED, load_arrays, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.workers import WorkerPool, Workers
from fmnist_report.settings import HeadSettings, SearchSettings, TrainingSettings

JOURNAL = "trials.log"
LEAST_FOR_IMPORTANCE = 30  # finished trials; with fewer, importances are mostly noise


def run_search(
    out: Path,
    progress: Progress,
    *,
    search: SearchSettings,
    networks: dict[str, TrialSpec],
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
    workers: Workers,
) -> None:
    """Stage `search`: search each network's space and write search.json.

    Args:
        networks: the networks to search, by stage.

    For each network: n_trials, n_pruned, best (its hyperparameters and val_accuracy), importance (fANOVA,
    Hutter et al., 2014: fractions that sum to 1; empty if fewer than 30 trials finished) and trials. The trials are in
    a journal of JSON lines, so that an interrupted search resumes with the next trial. search.parallel_trials trials
    are sampled together and then trained, sequentially here or in parallel by workers; the number of workers does not
    affect the result.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    n_trials, n_steps = ({name: getattr(search, f"{name}_{what}") for name in networks} for what in ("trials", "steps"))
    start = replace(typing.cast(HeadSettings, networks["head"].settings), epochs=1)
    total, done, found = sum(n_trials.values()), 0, {}
    journal = repair_journal(out / UNFINISHED / JOURNAL)
    source = SubsetSource(data, search.n_train, search.n_val, features, weights, start, max(1, search.head_steps))
    with workers.open(open_processes) as pool:
        in_memory = None if pool.is_local else source.open().to_memory(bool(search.finetune_trials))
        shared = pool.share(in_memory) if in_memory else source
        for network, count in n_trials.items():
            if not count:
                continue
            optuna_study = open_search(journal, network, seed)
            spec = replace(networks[network], settings=settle_precision(networks[network].settings))
            while (number := len(_finished_trials(optuna_study))) < count:
                progress.update(
                    done + number, total, f"{network}: trial {number + 1}/{count}{_best_so_far(optuna_study)}"
                )
                optuna_study.sampler = make_sampler(seed + number)
                n_together = min(search.parallel_trials, count - number)
                run_trials(optuna_study, spec, n_steps[network], shared, seed, n_together, pool)
            done += count
            found[network] = summarise(optuna_study)
    labels = load_arrays(data / "labels.npz")
    counts = {f"n_{split}": min(getattr(search, f"n_{split}"), len(labels[split])) for split in ("train", "val")}
    counts |= {"n_steps": n_steps}
    write_json(out / "search.json", {**counts, "networks": found})


def repair_journal(path: Path) -> Path:
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
    spec: TrialSpec,
    n_steps: int,
    subset: SubsetSource | Subset,
    seed: int,
    n: int,
    pool: WorkerPool,
) -> None:
    """Sample n trials, train them, and report their outcomes to the search, in the order of sampling.

    Each is compared with the trials that were finished before all n, so the workers and their timing do not matter.

    Args:
        spec: the network, with the settings that a trial modifies.
        subset: the subset, its source, or a reference returned by the pool's share.
    """
    former = search.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    trials = [search.ask() for _ in range(n)]
    drawn = [replace(spec.settings, **draw(trial, spec.varied)) for trial in trials]
    tasks = [(spec, settings, n_steps, subset, seed, former) for settings in drawn]
    for trial, outcome in in_order(pool.compute(train_trial, tasks), trials):
        for epoch, accuracy in enumerate(outcome.accuracies):
            trial.report(accuracy, epoch)
        trial.set_user_attr("seconds", outcome.seconds)
        if outcome.pruned:
            search.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            search.tell(trial, outcome.accuracies[-1])


def draw(trial: optuna.Trial, space: dict[str, Range | tuple]) -> dict[str, typing.Any]:
    """Sample a value of each setting of a space."""
    found = {}
    for name, span in space.items():
        if isinstance(span, tuple):
            found[name] = trial.suggest_categorical(name, span)
        elif isinstance(span.low, int) and isinstance(span.high, int):
            found[name] = trial.suggest_int(name, span.low, span.high)
        else:
            found[name] = trial.suggest_float(name, span.low, span.high, step=span.step, log=span.log)
    return found


def in_order(results: typing.Iterable[tuple[int, typing.Any]], names: list) -> typing.Iterator[tuple]:
    """Yield (name, result) in the order of the names, each as soon as all earlier ones have arrived."""
    waiting, next_one = {}, 0
    for number, result in results:
        waiting[number] = result
        while next_one in waiting:
            yield names[next_one], waiting.pop(next_one)
            next_one += 1


def train_trial(
    spec: TrialSpec,
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
        train_settings(spec, settings, n_steps, subset.open(), seed, after_epoch)
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
