"""Running a plan: here, in processes side by side, or by workers."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import time
import typing
from pathlib import Path

from fmnist_report.cache import Entry
from fmnist_report.cluster import HERE, Workers
from fmnist_report.errors import ReportError
from fmnist_report.hardware import peak_memory_bytes, silence_tensorflow
from fmnist_report.lanes import run_side_by_side
from fmnist_report.plan import Plan
from fmnist_report.progress import Progress
from fmnist_report.remote import Entries, Left, call_stage, compute_stage, store
from fmnist_report.stages import Stage, Step


def run_plan(plan: Plan, progress: Progress, run_id: str, workers: Workers = HERE) -> None:
    """Compute what is pending in a plan.

    Args:
        run_id: stands in the manifests of what is computed.
        workers: who computes the stages that are remote, if there is a scheduler.
    """
    _Run(plan, progress, run_id, workers).compute_pending()


class _Run:
    """One run of a plan, whose steps it brings up to date; arguments as in run_plan."""

    def __init__(self, plan: Plan, progress: Progress, run_id: str, workers: Workers = HERE) -> None:
        self.plan, self.progress, self.run_id, self.workers = plan, progress, run_id, workers
        self.steps, self.cache = plan.steps, plan.cache

    def compute_pending(self) -> None:
        """Compute what is pending; each stage's entry is committed before those that need it begin."""
        workers = self.workers
        lanes: dict[str, list[Step]] = {}
        for name, step in self.steps.items():
            if step.status == "compute" or name in self.plan.targets:
                lanes.setdefault(step.stage.lane, []).append(step)
        for step in lanes.pop("", []):
            if step.stage.remote and workers.scheduler:
                self._compute_remotely(self._remote(step.stage.lane))
            self.sound_entry(step)
        for step in [step for steps in lanes.values() for step in steps if step.status == "compute"]:
            for up in step.stage.upstream.values():
                if not up.lane:  # once for all lanes, and known to this process
                    self.sound_entry(self.steps[up.name])
        if workers.scheduler:
            remote = [step for lane in lanes for step in self._remote(lane)]
            self._compute_remotely(remote)
        if sum(any(step.status == "compute" for step in steps) for steps in lanes.values()) > 1:
            self._run_lanes(lanes)
        for step in [step for steps in lanes.values() for step in steps]:
            self.sound_entry(step)

    def _remote(self, lane: str) -> list[Step]:
        """Return the pending steps of a lane that workers can compute."""
        return [s for s in self.steps.values() if s.stage.lane == lane and s.stage.remote and s.status == "compute"]

    def _compute_remotely(self, steps: list[Step]) -> None:
        """Have workers compute steps, in rounds: in each, those whose upstream is there."""
        while ready := [s for s in steps if not s.entry and not any(self._needs(s, other) for other in steps)]:
            with self.workers.open() as crew, contextlib.ExitStack() as locks:
                entries, tasks, kept = Entries(crew), [], []
                for step in ready:
                    for up in step.stage.upstream.values():
                        self.sound_entry(self.steps[up.name])
                    locks.enter_context(self.cache.lock(step.stage.name, step.key))
                    step.entry = self.cache.find(step.stage.name, step.key, deep=True)
                    if step.entry and not step.reason.startswith("forced"):
                        step.status, step.reason = "cached", "computed by another run"
                    else:
                        kept.append(step)
                        tasks.append(self._task(step.stage, entries))
                if not kept:
                    continue
                self.progress.begin(", ".join(step.stage.name for step in kept))
                try:
                    for n_done, (number, left) in enumerate(crew.compute(compute_stage, tasks), 1):
                        self._keep(kept[number], left)
                        self.progress.update(n_done, len(kept), kept[number].stage.name)
                finally:
                    self.progress.close()
                for step in kept:
                    self.progress.say(f"{step.stage.name}: done in {step.seconds:.1f} s")

    def _needs(self, step: Step, other: Step) -> bool:
        return other.entry is None and other.stage in step.stage.upstream.values()

    def _task(self, stage: Stage, entries: Entries) -> tuple:
        """Return the arguments of compute_stage."""
        offered = [entries.offer(self.steps[up.name].entry.path) for up in stage.upstream.values()]
        numbers = dict(zip(stage.upstream, range(len(offered)), strict=True))
        return stage.function, {**stage.settings, **stage.places}, numbers, *offered

    def _keep(self, step: Step, left: Left) -> None:
        """Commit what a worker computed."""
        with _in_a_sentence(step.stage.name, self.cache.root):
            out = self.cache.work_folder(step.stage.name, step.key, fresh=True)
            store(left, out)
            step.seconds, step.peak_memory_bytes = left.seconds, left.peak_memory_bytes
            step.entry = self.cache.commit(step.stage.name, step.key, self._details(step))
            step.status = "computed"

    def _run_lanes(self, lanes: dict[str, list[Step]]) -> None:
        """Compute the pending stages of every lane, each lane in a process."""
        names = {lane: [step.stage.name for step in steps] for lane, steps in lanes.items()}
        pending = [step.stage.name for steps in lanes.values() for step in steps if not step.entry]
        self.progress.begin(", ".join(pending))
        try:
            found = run_side_by_side(
                _compute_lane, {lane: (self.plan, lane, names[lane], self.run_id) for lane in lanes}
            )
        finally:
            self.progress.close()
        for step in [step for steps in found.values() for step in steps]:
            own = self.steps[step.stage.name]
            own.entry, own.status, own.reason, own.seconds = step.entry, step.status, step.reason, step.seconds
            if step.stage.name in pending:
                self.progress.say(f"{step.stage.name}: done in {step.seconds:.1f} s")

    def _compute(self, step: Step) -> None:
        stage, cache = step.stage, self.cache
        folders = {name: self.sound_entry(self.steps[up.name]).path for name, up in stage.upstream.items()}
        with _in_a_sentence(stage.name, cache.root), cache.lock(stage.name, step.key):
            forced = step.reason.startswith("forced")
            found = None if forced else cache.find(stage.name, step.key, deep=True)
            if found:  # another run finished it while we waited
                step.entry, step.status, step.reason = found, "cached", "computed by another run"
                return
            out = cache.work_folder(stage.name, step.key, fresh=forced or not stage.resumes)
            arguments = {"out": out, **stage.settings, **stage.places, **folders}
            started = time.monotonic()
            if stage.apart:
                call = (stage.name, stage.function, arguments, self.progress.quiet)
                step.peak_memory_bytes = run_side_by_side(_call_apart, {stage.name: call})[stage.name]
            else:
                step.peak_memory_bytes = _call(stage.name, stage.function, arguments, self.progress)
            step.seconds = time.monotonic() - started
            step.entry = cache.commit(stage.name, step.key, self._details(step))
            step.status = "computed"
            self.progress.end(stage.name, step.seconds)

    def sound_entry(self, step: Step) -> Entry:
        """Return the step's entry, every digest verified; a missing or damaged one is computed."""
        damage = step.entry.damage(deep=True) if step.entry else None
        if damage:  # it is set aside under its lock, where no other run can have mended it meanwhile
            step.entry, step.reason = None, f"the entry is damaged: {damage}"
        if step.entry is None:
            self._compute(step)
        return step.entry

    def _details(self, step: Step) -> dict[str, typing.Any]:
        provenance = {}
        for up in step.stage.upstream.values():
            provenance |= self.steps[up.name].entry.manifest["provenance"]
        created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        own = {
            "key": step.key,
            "seconds": round(step.seconds, 2),
            "created": created,
            "run": self.run_id,
            "peak_memory_bytes": step.peak_memory_bytes,
        }
        return {
            "components": step.components,
            "created": created,
            "seconds": round(step.seconds, 2),
            "provenance": provenance | {step.stage.name: own},
        }


def _call(stage: str, function: str, arguments: dict[str, typing.Any], progress: Progress) -> int | None:
    """Call a stage's function in this process; returns the most memory that the process has had until then."""
    progress.begin(stage)
    call_stage(function, {**arguments, "progress": progress})
    return peak_memory_bytes()


def _call_apart(stage: str, function: str, arguments: dict[str, typing.Any], quiet: bool) -> int | None:
    """Call a stage's function with a display of its own, in a process that does nothing else."""
    silence_tensorflow()
    progress = Progress(quiet)
    try:
        return _call(stage, function, arguments, progress)
    finally:
        progress.close()


def _compute_lane(plan: Plan, lane: str, names: list[str], run_id: str) -> list[Step]:
    """Compute the named steps in this process, quietly; returns all of the lane, some of which may have been mended."""
    run = _Run(plan, Progress(quiet=True), run_id)
    for name in names:
        run.sound_entry(plan.steps[name])
    return [step for step in plan.steps.values() if step.stage.lane == lane]


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
                "pictures with --set data.n_train=…; what was finished is cached."
            ) from error
        raise


def _error_number(error: BaseException) -> int | None:
    """Return the system's number of an OSError, or of one that HDF5 tells of in its own error's text."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    told = re.search(r"errno = (\d+)", str(error)) if isinstance(error, (OSError, RuntimeError)) else None
    return int(told[1]) if told else None
