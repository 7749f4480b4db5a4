"""Running a plan: a loop over the stages that are ready, each computed where it says."""

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


def run_plan(plan: Plan, progress: Progress, run_id: str, workers: Workers = LOCAL) -> None:
    """Compute what is pending in a plan, and what turns out to be.

    Args:
        run_id: stands in the manifests of what is computed.
        workers: who computes the stages that are for workers.
    """
    run = _Run(plan, progress, run_id, workers)
    while not run.finish():
        pass


@dataclass(frozen=True)
class Job:
    """All that a process needs to make one stage's entry.

    Args:
        arguments: of the stage's function, apart from out and progress.
        provenance: of what it reads.
        forced: an entry that is there is made again.
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
    """A stage's entry; found: another run had made it meanwhile."""

    entry: Entry
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    found: bool = False


class _Run:
    """One run of a plan, whose steps it brings up to date; arguments as in run_plan."""

    def __init__(self, plan: Plan, progress: Progress, run_id: str, workers: Workers) -> None:
        self.plan, self.progress, self.run_id, self.workers = plan, progress, run_id, workers
        self.steps, self.cache = plan.steps, plan.cache

    def finish(self) -> bool:
        """Compute what is pending, in the order in which stages become ready.

        Returns:
            Whether the end was reached; not where a damaged entry was made anew with other content, so that what had
            been found to be cached before may not be any more.
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
        """Return what is computed next: the first that is ready, with all others that can be computed beside it."""
        execution = ready[0].stage.execution
        together = execution in (Execution.PARALLEL, Execution.WORKERS)
        return [step for step in ready if step.stage.execution is execution] if together else ready[:1]

    def _is_settled(self, step: Step) -> bool:
        """Tell whether a step, all before which are settled, need not be computed now."""
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
            step.status = "skip"  # until something that must be computed reads it
        return step.entry is not None or step.status == "skip"

    def _are_sound(self, step: Step) -> bool:
        """Verify what a step reads, and make anew what is missing or damaged; tell whether its content is the same."""
        for up in step.stage.upstream.values():
            read = self.steps[up.name]
            damage = read.entry.damage(deep=True) if read.entry else None
            if damage:  # it is quarantined under its lock, because another run may have repaired it
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
        """Make the entries of steps that are all computed in the same place."""
        execution, names = steps[0].stage.execution, ", ".join(step.stage.name for step in steps)
        if execution is Execution.INLINE or execution is Execution.PARALLEL and len(steps) == 1:
            self._keep(steps[0], make_entry(self._job(steps[0]), self.progress))
        elif execution is Execution.SUBPROCESS:
            made = run_in_processes(_make_entry_alone, {names: (self._job(steps[0]), self.progress.quiet)})
            self._keep(steps[0], made[names])
        else:
            self.progress.begin(names)
            try:
                (self._compute_by_workers if execution is Execution.WORKERS else self._compute_in_processes)(steps)
            finally:
                self.progress.close()
        for step in steps:
            if step.status == "computed":
                self.progress.end(step.stage.name, step.seconds)

    def _compute_in_processes(self, steps: list[Step]) -> None:
        jobs = {step.stage.name: (self._job(step), True) for step in steps}
        for name, made in run_in_processes(_make_entry_alone, jobs).items():
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
                with _in_a_sentence(step.stage.name, self.cache.root):
                    store(result, self.cache.work_folder(step.stage.name, job.key, fresh=True))
                    entry = _commit(self.cache, job, result.seconds, result.peak_memory_bytes)
                self._keep(step, StageResult(entry, result.seconds, result.peak_memory_bytes))
                self.progress.update(n_done, len(left), step.stage.name)

    def _folder(self, stage: Stage) -> Path:
        entry = self.steps[stage.name].entry
        assert entry is not None, f"{stage.name} has to be made before it is read"
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
    """Make a stage's entry in this process, under its lock."""
    stage, cache = job.stage, Cache(job.root, progress.warn)
    with _in_a_sentence(stage.name, job.root), cache.lock(stage.name, job.key):
        found = None if job.forced else cache.find(stage.name, job.key, deep=True)
        if found:  # another run finished it while we waited
            return StageResult(found, found=True)
        out = cache.work_folder(stage.name, job.key, fresh=job.forced or not stage.resumes)
        started = time.monotonic()
        progress.begin(stage.name)
        call_stage(stage.function, {**job.arguments, "out": out, "progress": progress})
        seconds, peak = time.monotonic() - started, peak_memory_bytes()
        return StageResult(_commit(cache, job, seconds, peak), seconds, peak)


def _make_entry_alone(job: Job, quiet: bool) -> StageResult:
    """Make a stage's entry in a process that does nothing else, with a display of its own."""
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
def _in_a_sentence(stage: str, root: Path) -> typing.Iterator[None]:
    """Word what the machine lacks for the person who can do something about it."""
    try:
        yield
    except Exception as error:
        number = _error_number(error)
        if number:
            raise ReportError(
                f"The stage {stage} could not write to {str(root)!r} ({os.strerror(number)}); "
                "free some space or choose another folder with --cache-dir, then run again."
            ) from error
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
            raise ReportError(
                f"The stage {stage} needs more memory than this machine gives it; close other programs, or take fewer "
                "images with --set data.n_train=…; what was finished is cached."
            ) from error
        raise


def _error_number(error: BaseException) -> int | None:
    """Return the system's number of an OSError, or of one that HDF5 tells of in its own error's text."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    told = re.search(r"errno = (\d+)", str(error)) if isinstance(error, (OSError, RuntimeError)) else None
    return int(told[1]) if told else None
