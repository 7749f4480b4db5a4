"""The journal: one line of JSON for every full training run and every evaluation; it outlives the cache."""

import contextlib
import dataclasses
import json
import math
import os
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError
from fmnist_report.machine import describe_hardware
from fmnist_report.networks import BY_STAGE, stages_of_part
from fmnist_report.pipeline.cache import MEASURED, Entry
from fmnist_report.pipeline.files import canonical_json, digest_json, load_arrays, read_json
from fmnist_report.pipeline.locks import hold
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.stage import Step
from fmnist_report.presets import list_values, preset
from fmnist_report.settings import Settings

NAME = "journal.jsonl"  # in the cache folder, by default
STAGES = (*stages_of_part(1), *stages_of_part(2))  # that train a network
# Settings that determine the validation images, so that runs with other values cannot be compared.
OF_VALIDATION = (
    "data.n_val", "data.split_seed", "data.side", "data.aspect_ratio", "data.pages", "data.skip_unreadable",
)  # fmt: skip
MOST_NOTE = 500  # characters

Warn = typing.Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A full training run of one network, judged on the validation images.

    stage: the stage that trained it.
    key: key of its cache entry.
    data: SHA-256 of the data set.
    preset, seed: of the run.
    changes: the settings that differ from the preset, "section.name": value.
    val_accuracy: accuracy, a fraction.
    val_loss: cross-entropy after temperature scaling, with the temperature fitted on the same images; None if the
        training diverged.
    n_val: number of validation images.
    seconds: training time.
    processor, date: where and when it was trained; the processor is empty if it is not known.
    note: what its author expected, or wants to remember.
    settings: every setting that determines it, "section.name": value, as in JSON.
    """

    stage: str
    key: str
    data: str
    preset: str
    seed: int
    changes: dict[str, typing.Any]
    val_accuracy: float
    val_loss: float | None
    n_val: int
    seconds: float
    processor: str
    date: str
    note: str
    settings: dict[str, typing.Any]

    def differences(self, settings: Settings) -> dict[str, typing.Any]:
        """Return the settings that differ from the given ones; one that is newer than the run is not compared."""
        own = select_settings(settings, self.stage)
        return {name: value for name, value in self.settings.items() if name in own and own[name] != value}


@dataclass(frozen=True)
class Evaluation:
    """An evaluation on the test set, which counts as one however often it is repeated with equal settings.

    evaluation: digest of the settings, from digest_settings.
    data: SHA-256 of the data set.
    preset, seed: of the run.
    date: of the first.
    """

    evaluation: str
    data: str
    preset: str
    seed: int
    date: str


def digest_settings(settings: Settings) -> str:
    """Return a digest of the settings, the seed included, that can change a prediction."""
    chosen = {name: value for name, value in list_values(settings).items() if not name.startswith("report.")}
    return digest_json(json.loads(json.dumps({**chosen, "seed": settings.seed})))


def select_settings(settings: Settings, stage: str) -> dict[str, typing.Any]:
    """Return the settings that determine how a stage trains its network, "section.name": value, as in JSON."""
    sections = BY_STAGE[stage].determined_by
    chosen = {name: value for name, value in list_values(settings).items() if name.partition(".")[0] in sections}
    return json.loads(json.dumps(chosen))


class Journal:
    """A file with one run or evaluation per line, newest last; a later line about the same cache entry replaces an
    earlier one.

    Args:
        path: the file; it need not exist.
        locks: the folder of its lock.
        warn: called with a sentence about damaged lines.
    """

    def __init__(self, path: Path, locks: Path, warn: Warn = lambda message: None) -> None:
        self.path, self.locks, self.warn = path, locks, warn
        self._reported = ""

    def read(self) -> list[Run]:
        """Return the runs, each cache entry once, with its last note; warn of lines that cannot be read.

        Raises:
            ReportError: the file exists, but cannot be read.
        """
        found: dict[str, Run] = {}
        for run in self._parse():
            if isinstance(run, Run):
                former = found.pop(run.key, None)
                found[run.key] = dataclasses.replace(run, note=run.note or (former.note if former else ""))
        return list(found.values())

    def read_evaluations(self, data: str) -> dict[str, Evaluation]:
        """Return the evaluations on the test set of a data set, by digest of their settings.

        Args:
            data: SHA-256 of the data set.

        Raises:
            ReportError: the file exists, but cannot be read.
        """
        found: dict[str, Evaluation] = {}
        for entry in self._parse():
            if isinstance(entry, Evaluation) and entry.data == data:
                found.setdefault(entry.evaluation, entry)
        return found

    def _parse(self) -> list[Run | Evaluation]:
        """Return the content of all lines, and warn once of those that cannot be read."""
        entries: list[Run | Evaluation] = []
        damaged = []
        for number, line in enumerate(self._read_lines(), 1):
            if not line.strip():
                continue
            try:
                entries.append(parse_line(line))
            except (ValueError, TypeError, KeyError, RecursionError):
                damaged.append(str(number))
        if damaged and (lines := f"line{'s' * (len(damaged) > 1)} {', '.join(damaged)}") != self._reported:
            self._reported = lines  # once, however often the journal is read
            self.warn(f"The journal {str(self.path)!r} is damaged in {lines}; the other lines are used.")
        return entries

    def add(self, runs: typing.Iterable[Run]) -> None:
        """Append the runs that are new, or have a new note; several processes may do so at once.

        Raises:
            ReportError: the file cannot be written.
        """
        runs = list(runs)
        if not runs:
            return
        with _explaining_errors(self.path, "written"), hold(self.locks, "journal", self.warn):
            known = {run.key: run for run in Journal(self.path, self.locks).read()}
            new = [run for run in runs if run.key not in known or run.note not in ("", known[run.key].note)]
            if new:
                self._append([json.dumps(dataclasses.asdict(run), ensure_ascii=False) for run in new])

    def add_evaluation(self, entry: Evaluation) -> None:
        """Append an evaluation on the test set, if it is the first with its settings.

        Raises:
            ReportError: the file cannot be written.
        """
        with _explaining_errors(self.path, "written"), hold(self.locks, "journal", self.warn):
            if entry.evaluation not in Journal(self.path, self.locks).read_evaluations(entry.data):
                self._append([json.dumps(dataclasses.asdict(entry), ensure_ascii=False)])

    def _append(self, lines: list[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as file:
            if file.tell() and not self._ends_line():  # a process was killed while it wrote
                file.write(b"\n")
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def _ends_line(self) -> bool:
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def _read_lines(self) -> list[str]:
        with _explaining_errors(self.path, "read"):
            try:
                return self.path.read_bytes().decode("utf-8", "replace").split("\n")
            except (FileNotFoundError, NotADirectoryError):
                return []


@contextlib.contextmanager
def _explaining_errors(path: Path, done: str) -> typing.Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportError(
            f"The journal {str(path)!r} could not be {done} ({error.strerror}); choose another file with --journal."
        ) from error


def parse_line(line: str) -> Run | Evaluation:
    """Read a line of the journal; fields that this version does not know are ignored.

    Raises:
        ValueError, TypeError, KeyError, RecursionError: the line is damaged.
    """
    values = json.loads(line)
    return parse_evaluation(values) if "evaluation" in values else parse_run(values)


def parse_evaluation(values: dict[str, typing.Any]) -> Evaluation:
    """Return an evaluation from its fields; errors as of parse_line."""
    entry = Evaluation(**{field.name: values[field.name] for field in dataclasses.fields(Evaluation)})
    if not all(isinstance(text, str) for text in (entry.evaluation, entry.data, entry.preset, entry.date)):
        raise ValueError("a text is missing")
    return entry


def parse_run(values: dict[str, typing.Any]) -> Run:
    """Return a run from its fields; errors as of parse_line."""
    run = Run(**{field.name: values[field.name] for field in dataclasses.fields(Run)})
    texts = (run.key, run.data, run.preset, run.processor, run.date, run.note)
    numbers = (run.val_accuracy, run.val_loss or 0, run.seconds, run.seed, run.n_val)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a text is missing")
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers) or not 0 <= run.val_accuracy <= 1:
        raise ValueError("a number is missing")
    if run.stage not in BY_STAGE or not isinstance(run.changes, dict) or not isinstance(run.settings, dict):
        raise ValueError("the network or its settings are unknown")
    return run


def record_plan(
    plan: Plan, settings: Settings, data: str, note: str = "", only: str = "", known: typing.Container[str] = ()
) -> list[Run]:
    """Return a run for every network of a plan that has an entry in the cache, repetitions with other seeds included.

    Args:
        settings: those with which the plan was made.
        data: SHA-256 of the data set.
        only: one step; all by default.
        known: keys of runs to leave out.
    """
    split = plan.steps.get("data")
    if not split or not split.entry:  # the validation labels were removed from the cache
        return []
    steps = {name: step for name, step in plan.steps.items() if only in ("", name)}
    return [
        record_step(step, stage, split.entry, settings, data, note)
        for name, step in steps.items()
        if (stage := find_stage(name)) and step.entry and step.entry.key not in known
    ]


def record_evaluation(plan: Plan, settings: Settings, data: str) -> Evaluation | None:
    """Return the evaluation on the test set of a plan; None if it has no entry in the cache. Arguments: record_plan."""
    step = plan.steps.get("evaluation")
    if not step or not step.entry:
        return None
    return Evaluation(digest_settings(settings), data, settings.preset, settings.seed, step.entry.created[:10])


def find_stage(name: str) -> str:
    """Return the stage of a step that trains a network, or whose repetition with another seed does; "" for others."""
    stage, _, number = name.partition("-")
    return stage if stage in STAGES and (not number or number.isdigit()) else ""


def record_step(step: Step, stage: str, split: Entry, settings: Settings, data: str, note: str) -> Run:
    """Return the run of a step with an entry; arguments as in record_plan.

    Args:
        split: the entry of the data.
    """
    entry = typing.cast(Entry, step.entry)
    accuracy, loss, n_val = measure_validation(entry.path, split.path)
    seconds = read_json(entry.path / MEASURED)["train_seconds"]
    processor = str(describe_hardware()["processor"]) if step.status == "computed" else ""
    own, usual = (select_settings(one, stage) for one in (settings, preset(settings.preset)))
    return Run(
        stage, entry.key, data, settings.preset, step.stage.settings["seed"],
        {name: value for name, value in own.items() if value != usual[name]},
        accuracy, loss, n_val, round(seconds, 1), processor, entry.created[:10], note, own,
    )  # fmt: skip


def measure_validation(network: Path, data: Path) -> tuple[float, float | None, int]:
    """Return accuracy, cross-entropy after temperature scaling, and the number of validation images, as in Run.

    Args:
        network, data: entries of the training and of the data.
    """
    from fmnist_report.training.metrics import measure_accuracy, score_scaled  # imports SciPy, for new runs alone

    probabilities = load_arrays(network / "probabilities.npz")["val"]
    labels = load_arrays(data / "labels.npz")["val"]
    loss = score_scaled(probabilities, labels)
    return measure_accuracy(probabilities, labels), None if math.isnan(loss) else loss, len(labels)


def select_runs(runs: typing.Iterable[Run], settings: Settings, data: str) -> list[dict[str, typing.Any]]:
    """Return the runs that the report compares with the chosen settings, oldest first, as rows.

    They are those on this data set and the same validation images; of runs that differ only in versions, the last. The
    runs of a network are left out if none has the chosen settings, or all have.

    Args:
        settings: the chosen settings.
        data: SHA-256 of the data set.

    Returns:
        Rows of stage, changes (setting: its value as --set accepts it, without the network's own section; empty for the
        chosen settings), seed, val_accuracy, val_loss, seconds, date and note.
    """
    last: dict[str, dict[str, typing.Any]] = {}
    for run in runs:
        changes = run.differences(settings)
        changes.pop("data.n_test", None)  # which no training reads
        if run.data == data and not any(name in changes for name in OF_VALIDATION):
            own = {name.removeprefix(f"{run.stage}."): _join(value) for name, value in changes.items()}
            kept = {
                name: getattr(run, name) for name in ("seed", "val_accuracy", "val_loss", "seconds", "date", "note")
            }
            row = {"stage": run.stage, "changes": own, **kept}
            last[canonical_json([run.stage, own, run.seed])] = row
    kinds: dict[str, set[bool]] = {}
    for row in last.values():
        kinds.setdefault(row["stage"], set()).add(bool(row["changes"]))
    return [row for row in last.values() if len(kinds[row["stage"]]) == 2]


def _join(value: typing.Any) -> str:
    """Format a value as Language.value takes it: lists are joined by hyphens."""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
