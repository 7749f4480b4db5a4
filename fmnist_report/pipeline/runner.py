"""Execution of a plan: compute the stages that are ready, each in its execution mode."""

import contextlib
import datetime
import graphlib
import os
import re
import time
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError
from fmnist_report.machine import peak_memory_bytes, prepare_libraries
from fmnist_report.pipeline.cache import Cache, Entry, join_provenance
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.processes import run_in_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.remote import Entries, compute_stage, store
from fmnist_report.pipeline.stage import Execution, Stage, Step, call_stage
from fmnist_report.pipeline.workers import LOCAL, Workers

OnEnd = typing.Callable[[str, float], None]


def run_plan(
    plan: Plan,
    progress: Progress,
    run_id: str,
    workers: Workers = LOCAL,
    on_end: OnEnd = lambda stage, seconds: None,
) -> None:
    """Compute the pending steps of a plan, including those that become pending during the run.

    Args:
        run_id: recorded in the manifests of new entries.
        workers: workers for the stages with Execution.WORKERS.
        on_end: called with the name and the seconds of each stage that was computed.
    """
    run = _Run(plan, progress, run_id, workers, on_end)
    while not run.finish():
        pass


@dataclass(frozen=True)
class Job:
    """Everything that a process needs to compute one stage's entry.

    Args:
        arguments: arguments of the stage's function, without out and progress.
        provenance: provenance of its inputs.
        forced: recompute an existing entry.
    """

    stage: Stage
    key: str
    components: dict[str, str]
    arguments: dict[str, typing.Any]
    provenance: dict[str, typing.Any]
    run_id: str
    root: Path
    forced: bool


@dataclass(frozen=True)
class StageResult:
    """A stage's entry; found: another run computed it in the meantime."""

    entry: Entry
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    found: bool = False


class _Run:
    """One run of a plan, which updates its steps; arguments as in run_plan."""

    def __init__(self, plan: Plan, progress: Progress, run_id: str, workers: Workers, on_end: OnEnd) -> None:
        self.on_end = on_end
        self.plan, self.progress, self.run_id, self.workers = plan, progress, run_id, workers
        self.steps, self.cache = plan.steps, plan.cache

    def finish(self) -> bool:
        """Compute pending steps in the order in which they become ready.

        Returns:
            Whether the end was reached; False if a damaged entry was recomputed with different content, so that
            entries found earlier may no longer be valid.
        """
        order = list(self.steps)
        sorter = graphlib.TopologicalSorter(
            {name: [up.name for up in step.stage.upstream.values()] for name, step in self.steps.items()}
        )
        sorter.prepare()
        ready: list[Step] = []
        while sorter.is_active():
            ready += [self.steps[name] for name in sorter.get_ready()]
            ready.sort(key=lambda step: order.index(step.stage.name))
            settled = [step for step in ready if self._is_settled(step)]
            if not settled:
                settled = self._choose(ready)
                if not all(self._are_sound(step) for step in settled):
                    return False
                self._compute(settled)
            ready = [step for step in ready if step not in settled]
            sorter.done(*(step.stage.name for step in settled))
        return True

    def _choose(self, ready: list[Step]) -> list[Step]:
        """Return the steps to compute next: the first that is ready, with all that can run in parallel with it."""
        execution = ready[0].stage.execution
        together = execution in (Execution.PARALLEL, Execution.WORKERS)
        return [step for step in ready if step.stage.execution is execution] if together else ready[:1]

    def _is_settled(self, step: Step) -> bool:
        """Return whether a step, whose upstream steps are all settled, need not be computed now."""
        former = step.status, step.reason, step.key
        self.plan.resolve(step)
        if step.entry and former[0] == "computed" and former[2] == step.key:
            step.status, step.reason = former[:2]
            return True
        is_target = step.stage.name in self.plan.targets
        damage = step.entry.damage(deep=True) if step.entry and (is_target or step.stage.published) else None
        if damage:
            step.entry, step.reason = None, f"the entry is damaged: {damage}"
        elif step.entry:
            step.status = "cached"
        elif step.contents and not is_target:
            step.status = "skip"  # until a step that must be computed reads it
        return step.entry is not None or step.status == "skip"

    def _are_sound(self, step: Step) -> bool:
        """Verify a step's inputs, and recompute missing or damaged ones; return whether their content is unchanged."""
        for up in step.stage.upstream.values():
            read = self.steps[up.name]
            damage = read.entry.damage(deep=True) if read.entry else None
            if damage:  # quarantined under its lock, so that another run cannot repair it at the same time
                read.entry, read.reason = None, f"the entry is damaged: {damage}"
            if read.entry is None:
                former = read.contents
                if not self._are_sound(read):
                    return False
                self._compute([read])
                if former != read.contents:
                    return False
        return True

    def _compute(self, steps: list[Step]) -> None:
        """Compute the entries of steps that have the same execution mode."""
        execution, names = steps[0].stage.execution, ", ".join(step.stage.name for step in steps)
        if execution is Execution.INLINE or execution is Execution.PARALLEL and len(steps) == 1:
            self._keep(steps[0], make_entry(self._job(steps[0]), self.progress))
        elif execution is Execution.SUBPROCESS:
            self._compute_in_processes(steps, self.progress.quiet)
        else:
            self.progress.begin(names)
            try:
                (self._compute_by_workers if execution is Execution.WORKERS else self._compute_in_processes)(steps)
            finally:
                self.progress.close()
        for step in steps:
            if step.status == "computed":
                self.progress.end(step.stage.name, step.seconds)
                self.on_end(step.stage.name, step.seconds)

    def _compute_in_processes(self, steps: list[Step], quiet: bool = True) -> None:
        jobs = {step.stage.name: (self._job(step), quiet) for step in steps}
        for name, made in run_in_processes(_make_entry_in_subprocess, jobs).items():
            self._keep(self.steps[name], made)

    def _compute_by_workers(self, steps: list[Step]) -> None:
        with self.workers.open() as pool, contextlib.ExitStack() as locks:
            entries, tasks, left = Entries(pool), [], []
            for step in steps:
                job = self._job(step)
                locks.enter_context(self.cache.lock(step.stage.name, job.key))
                found = None if job.forced else self.cache.find(step.stage.name, job.key, deep=True)
                if found:
                    self._keep(step, StageResult(found, found=True))
                    continue
                offered = [entries.offer(self._folder(up)) for up in step.stage.upstream.values()]
                numbers = dict(zip(step.stage.upstream, range(len(offered)), strict=True))
                left.append((step, job))
                tasks.append((step.stage.function, {**step.stage.settings, **step.stage.places}, numbers, *offered))
            for n_done, (number, result) in enumerate(pool.compute(compute_stage, tasks), 1):
                step, job = left[number]
                with _explaining_errors(step.stage.name, self.cache.root):
                    store(result, self.cache.work_folder(step.stage.name, job.key, fresh=True))
                    entry = _commit(self.cache, job, result.seconds, result.peak_memory_bytes)
                self._keep(step, StageResult(entry, result.seconds, result.peak_memory_bytes))
                self.progress.update(n_done, len(left), step.stage.name)

    def _folder(self, stage: Stage) -> Path:
        entry = self.steps[stage.name].entry
        assert entry is not None, f"{stage.name} must be computed before it is read"
        return entry.path

    def _job(self, step: Step) -> Job:
        stage = step.stage
        folders = {name: self._folder(up) for name, up in stage.upstream.items()}
        entries = [typing.cast(Entry, self.steps[up.name].entry) for up in stage.upstream.values()]
        provenance = join_provenance(entry.manifest["provenance"] for entry in entries)
        return Job(
            stage, typing.cast(str, step.key), step.components, {**stage.settings, **stage.places, **folders},
            provenance, self.run_id, self.cache.root, bool(step.forced),
        )  # fmt: skip

    def _keep(self, step: Step, made: StageResult) -> None:
        step.entry, step.contents, step.forced = made.entry, made.entry.contents, ""
        step.seconds, step.peak_memory_bytes, step.status = made.seconds, made.peak_memory_bytes, "computed"
        if made.found:
            step.status, step.reason = "cached", "computed by another run"


def make_entry(job: Job, progress: Progress) -> StageResult:
    """Compute a stage's entry in this process, under its lock."""
    stage, cache = job.stage, Cache(job.root, progress.warn)
    with _explaining_errors(stage.name, job.root), cache.lock(stage.name, job.key):
        found = None if job.forced else cache.find(stage.name, job.key, deep=True)
        if found:  # another run finished it while this one waited
            return StageResult(found, found=True)
        out = cache.work_folder(stage.name, job.key, fresh=job.forced or not stage.resumes)
        started = time.monotonic()
        progress.begin(stage.name)
        call_stage(stage.function, {**job.arguments, "out": out, "progress": progress})
        seconds, peak = time.monotonic() - started, peak_memory_bytes()
        return StageResult(_commit(cache, job, seconds, peak), seconds, peak)


def _make_entry_in_subprocess(job: Job, quiet: bool) -> StageResult:
    """Compute a stage's entry in a dedicated process with its own display."""
    prepare_libraries()
    progress = Progress(quiet)
    try:
        return make_entry(job, progress)
    finally:
        progress.close()


def _commit(cache: Cache, job: Job, seconds: float, peak: int | None) -> Entry:
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    own = {"created": created, "seconds": round(seconds, 2), "run": job.run_id, "peak_memory_bytes": peak}
    return cache.commit(job.stage.name, job.key, own, job.components, job.provenance)


@contextlib.contextmanager
def _explaining_errors(stage: str, root: Path) -> typing.Iterator[None]:
    """Convert errors about disk and memory to a ReportError that suggests a fix."""
    try:
        yield
    except Exception as error:
        number = _error_number(error)
        if number:
            raise ReportError(
                f"The stage {stage} could not write to {str(root)!r} ({os.strerror(number)}); "
                "free some space or choose another folder with --cache-dir, then run again."
            ) from error
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # from TensorFlow
            raise ReportError(
                f"The stage {stage} needs more memory than is available; close other programs, or use fewer "
                "images with --set data.n_train=…; finished work is cached."
            ) from error
        raise


def _error_number(error: BaseException) -> int | None:
    """Return the errno of an OSError, or the one quoted in the text of an HDF5 error."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    match = re.search(r"errno = (\d+)", str(error)) if isinstance(error, (OSError, RuntimeError)) else None
    return int(match[1]) if match else None
