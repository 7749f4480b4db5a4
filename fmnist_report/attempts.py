"""The command `try`: full training runs with other settings, compared with the baseline on validation data."""

import dataclasses
import datetime
import itertools
import re
import statistics
import typing
from dataclasses import dataclass

from fmnist_report.errors import UsageError, unknown
from fmnist_report.evaluation.effects import N_MEASURES, Effect, judge_effects
from fmnist_report.forecast import add_up, forecast, write_duration
from fmnist_report.journal import MOST_NOTE, OF_VALIDATION, STAGES, Run, record_plan
from fmnist_report.machine import measure_speed
from fmnist_report.networks import BY_STAGE
from fmnist_report.pipeline.files import digest_json
from fmnist_report.pipeline.output import print_line, print_table
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.stage import Execution, Stage
from fmnist_report.presets import list_values, override, setting_names, validate, write_value
from fmnist_report.renamed import rename_assignments
from fmnist_report.request import Request, compute_plan, name_run, prepare_computation
from fmnist_report.settings import Settings

MOST_RUNS = 200  # of one command
COLUMNS = (
    "value", "seeds", "accuracy", "difference, points", "cross-entropy", "difference", "exceeds seed-to-seed variation",
    "time",
)  # fmt: skip
JOURNAL_COLUMNS = (
    "network", "changes", "seed", "accuracy", "cross-entropy", "time", "date", "processor", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """Settings to train, and the networks that they concern.

    changes: "section.name": value, as --set accepts it; empty for the baseline.
    settings: all settings, with the first seed.
    stages: the stages that train the networks.
    """

    changes: dict[str, str]
    settings: Settings
    stages: tuple[str, ...]


def list_attempts(request: Request, words: typing.Sequence[str], grid: bool) -> list[Attempt]:
    """Return the attempts of a command, the baseline first; equal ones once.

    Args:
        request: its settings are the baseline; its option --only names the one network to train, instead of all that
            the settings concern.
        words: "section.name=value,value…", in which "+section.name=value" changes a further setting at the same time;
            for a setting that is a list, each word has one value.
        grid: combine every value of every setting with those of the others.

    Raises:
        UsageError: a setting is unknown, has no such value, or concerns no network.
    """
    settings, only = request.settings, request.only
    alternatives: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for word in words:
        for changes in read_word(word, settings, request.progress.warn):
            alternatives.setdefault(tuple(changes), []).append(changes)
    if only is not None and only not in STAGES:
        raise UsageError(unknown("network", only, STAGES))
    chosen = [{}, *itertools.chain(*alternatives.values())]
    if grid:
        combined = itertools.product(*([{}, *values] for values in alternatives.values()))
        chosen = [{name: value for part in parts for name, value in part.items()} for parts in combined]
    found: dict[str, Attempt] = {}
    for changes in chosen:
        own = override(settings, [f"{name}={value}" for name, value in changes.items()])
        validate(own, request.data_set.is_custom)
        stages = (only,) if only else find_concerned(list(changes))
        found.setdefault(digest_json(dataclasses.asdict(own)), Attempt(changes, own, stages))
    baseline, *others = found.values()
    if not others:
        raise UsageError("These are the chosen values already; give others to compare with them.")
    concerned = [stage for stage in STAGES if any(stage in attempt.stages for attempt in others)]
    return [dataclasses.replace(baseline, stages=tuple(concerned)), *others]


def read_word(word: str, settings: Settings, warn: typing.Callable[[str], None]) -> list[dict[str, str]]:
    """Return the values that a word of the command lists, each with the settings that change with it."""
    first, *further = re.split(r"\+(?=\w+\.\w+=)", word)
    first, *further = rename_assignments([first, *further], warn)
    name, equals, text = first.partition("=")
    if not equals or not text.strip():
        raise UsageError(f"try expects section.name=value,value…, for example cnn.dropout=0.1,0.3, not {word!r}.")
    section, sections = name.partition(".")[0], dict.fromkeys(one.partition(".")[0] for one in setting_names())
    if section not in sections:
        raise UsageError(f"Unknown network or section of the settings {section!r}; choose from: {', '.join(sections)}.")
    if name not in setting_names():
        raise UsageError(unknown("setting", name, setting_names(), "`python run_all.py settings` lists all of them"))
    is_list = isinstance(list_values(settings)[name], tuple)
    values = [text] if is_list else [value for value in text.split(",") if value.strip()]
    pairs = dict(part.split("=", 1) for part in further)
    return [{name: value.strip(), **pairs} for value in values]


def find_concerned(names: list[str]) -> tuple[str, ...]:
    """Return the stages that train the networks whose settings change.

    A setting of a network concerns that network, and one of the data or the features all networks that read them.

    Raises:
        UsageError: a setting concerns no network, or the images on which networks are judged.
    """
    concerned: set[str] = set()
    for name in names:
        if name in (*OF_VALIDATION, "data.n_test"):
            raise UsageError(f"{name} changes the images on which runs are judged, so they could not be compared.")
        section = name.partition(".")[0]
        reading = [stage for stage in STAGES if section in BY_STAGE[stage].determined_by]
        if not reading:
            sections = dict.fromkeys(part for stage in STAGES for part in BY_STAGE[stage].determined_by)
            raise UsageError(f"{name} changes no network; try a setting of {', '.join(sections)}.")
        concerned |= {section} if section in STAGES else set(reading)
    return tuple(stage for stage in STAGES if stage in concerned)


def check_note(note: str) -> str:
    """Return a note on one line; raise UsageError if it is too long."""
    note = " ".join(note.split())
    if len(note) > MOST_NOTE:
        raise UsageError(f"--note expects at most {MOST_NOTE} characters, not {len(note)}.")
    return note


def run_attempts(request: Request, attempts: list[Attempt], n_seeds: int, note: str) -> None:
    """Train every attempt with every seed, or find it in the cache, record it in the journal, and print the tables."""
    planned = plan_attempts(request, attempts, n_seeds)
    if len(planned) > MOST_RUNS:
        raise UsageError(f"That is {len(planned)} training runs; at most {MOST_RUNS} are accepted in one command.")
    request.cache().prepare()
    run_id = name_run(datetime.datetime.now(datetime.timezone.utc))
    pending = [step for _, _, plan in planned for step in plan.pending]
    prepare_computation(request, planned[0][2], pending)
    _report_forecast(request, planned)
    found: dict[tuple[str, str], list[Run]] = {}
    took: list[float] = []
    for number, (attempt, stage, plan) in enumerate(planned, 1):
        fresh = _make_plan(request, plan.steps[stage].stage.settings["seed"], attempt, stage)
        is_new = bool(fresh.pending)
        compute_plan(request, fresh, run_id)
        [run] = record_plan(fresh, attempt.settings, request.data_set.sha256, note if attempt.changes else "", stage)
        request.journal.add([run])
        found.setdefault((stage, write_changes(attempt.changes)), []).append(run)
        took += [run.seconds] if is_new else []
        _report_run(request, run, attempt, f"{number}/{len(planned)}", (len(planned) - number) * _mean(took))
    for stage in attempts[0].stages:
        rows = {name: runs for (own, name), runs in found.items() if own == stage}
        print_line(f"{stage}: {rows[''][0].n_val} validation images")
        print_table(COLUMNS, make_rows(rows, attempts, stage))


def plan_attempts(request: Request, attempts: list[Attempt], n_seeds: int) -> list[tuple[Attempt, str, Plan]]:
    """Plan every training run: attempt, stage and plan, by stage, the baseline first."""
    seeds = range(request.settings.seed, request.settings.seed + n_seeds)
    return [
        (attempt, stage, _make_plan(request, seed, attempt, stage))
        for stage in attempts[0].stages
        for attempt in attempts
        if stage in attempt.stages
        for seed in seeds
    ]


def _make_plan(request: Request, seed: int, attempt: Attempt, stage: str) -> Plan:
    """Plan one training run, in a process of its own, which frees the memory that TensorFlow keeps."""
    settings = dataclasses.replace(attempt.settings, seed=seed)
    plan = request.plan_training(request.cache(), settings, stage)
    step = plan.steps[stage]
    step.stage = dataclasses.replace(step.stage, execution=Execution.SUBPROCESS)
    return plan


def _mean(values: list[float]) -> float:
    return statistics.fmean(values) if values else 0.0


def _report_forecast(request: Request, planned: list[tuple[Attempt, str, Plan]]) -> None:
    """Report the number of training runs, and their estimated time if the size of the data is known."""
    n_new = sum(bool(plan.pending) for _, _, plan in planned)
    sentence = f"Training runs: {len(planned)}, of which {len(planned) - n_new} are in the cache."
    if n_new and not request.data_set.is_custom:
        speed, known, seconds = measure_speed(), set(), 0.0
        for attempt, _, plan in planned:
            signatures = sign_stages([step.stage for step in plan.steps.values()])
            steps = [step for step in plan.pending if signatures[step.stage.name] not in known]
            known |= {signatures[step.stage.name] for step in steps}
            seconds += add_up(forecast(attempt.settings, steps, speed), steps)
        sentence += f" They take about {write_duration(seconds)}; an interrupted command resumes where it stopped."
    request.progress.say(sentence)


def sign_stages(stages: typing.Iterable[Stage]) -> dict[str, str]:
    """Return a digest of each stage's settings and of those of its inputs, to recognise equal stages of two plans."""
    signatures: dict[str, str] = {}
    for stage in stages:
        settings = {name: repr(value) for name, value in stage.settings.items()}
        inputs = [signatures.get(up.name, up.name) for up in stage.upstream.values()]
        signatures[stage.name] = digest_json([stage.name, settings, inputs])
    return signatures


def _report_run(request: Request, run: Run, attempt: Attempt, position: str, left: float) -> None:
    name = write_changes(attempt.changes) or "baseline"
    sentence = f"{position} {run.stage}, {name}, seed {run.seed}: {100 * run.val_accuracy:.2f} % on validation"
    request.progress.say(f"{sentence}; about {write_duration(left)} left." if left else f"{sentence}.")


def write_changes(changes: dict[str, typing.Any]) -> str:
    """Format changed settings as on the command line."""
    return "+".join(f"{name}={value}" for name, value in changes.items())


def make_rows(found: dict[str, list[Run]], attempts: list[Attempt], stage: str) -> list[tuple[str, ...]]:
    """Return the rows of one network's table, the baseline first.

    Args:
        found: the runs of every attempt, by its changes as text.
    """
    accuracies = judge_effects(
        {name: [run.val_accuracy for run in runs] for name, runs in found.items()},
        "",
        1 / found[""][0].n_val,
        N_MEASURES,
    )
    finite = {name: [loss for run in runs if (loss := run.val_loss) is not None] for name, runs in found.items()}
    finite = {name: own for name, own in finite.items() if own or not name}
    losses = judge_effects(finite, "", n_measures=N_MEASURES) if finite[""] else {}
    varied = dict.fromkeys(name for attempt in attempts if stage in attempt.stages for name in attempt.changes)
    own = list_values(attempts[0].settings)
    chosen = ", ".join(f"{name}={write_value(own[name])}" for name in varied)
    return [
        (
            name or f"baseline ({chosen})",
            str(accuracy.n_seeds),
            _write_mean(accuracy, 100, 2, " %"),
            _write_difference(accuracy, 100, 2),
            _write_mean(losses[name], 1, 4) if name in losses else "diverged",
            _write_difference(losses[name], 1, 4) if name in losses else "",
            _write_verdict(accuracy, losses.get(name)),
            write_duration(sum(run.seconds for run in found[name])),
        )
        for name, accuracy in accuracies.items()
    ]


def _write_mean(effect: Effect, scale: float, digits: int, unit: str = "") -> str:
    spread = "" if effect.sd is None else f" ± {scale * effect.sd:.{digits}f}"
    return f"{scale * effect.mean:.{digits}f}{spread}{unit}"


def _write_difference(effect: Effect, scale: float, digits: int) -> str:
    if effect.difference is None:
        return ""
    interval = ""
    if effect.low is not None and effect.high is not None:
        interval = f" ({scale * effect.low:+.{digits}f} to {scale * effect.high:+.{digits}f})"
    return f"{scale * effect.difference:+.{digits}f}{interval}"


def _write_verdict(accuracy: Effect, loss: Effect | None) -> str:
    if accuracy.difference is None:
        return ""
    if accuracy.exceeds_noise is None:
        return "unknown; repeat with --seeds 2 or more"
    named = [
        name for name, effect in (("accuracy", accuracy), ("cross-entropy", loss)) if effect and effect.exceeds_noise
    ]
    return f"yes, {' and '.join(named)}" if named else "no"


def list_journal(runs: list[Run], settings: Settings) -> list[tuple[str, ...]]:
    """Return the rows of the command `tried`, by network: those with the chosen settings first, then the newest."""
    rows: list[tuple[str, ...]] = []
    for stage in STAGES:
        own = [run for run in runs if run.stage == stage]
        for run in sorted(own, key=lambda run: (bool(run.differences(settings)), run.date)):
            changes = {name: write_value(value) for name, value in run.differences(settings).items()}
            loss = "diverged" if run.val_loss is None else f"{run.val_loss:.4f}"
            rows.append(
                (stage, write_changes(changes) or "baseline", str(run.seed), f"{100 * run.val_accuracy:.2f} %", loss,
                 write_duration(run.seconds), run.date, run.processor, run.note)
            )  # fmt: skip
    return rows
