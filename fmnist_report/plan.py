"""The planner: keys of stages, what a run would compute and why, and running it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import os
import re
import time
import typing
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_report.cache import Cache, Entry
from fmnist_report.cluster import HERE, Workers
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.files import canonical_json
from fmnist_report.fingerprint import Module, source_digests
from fmnist_report.hardware import peak_memory_bytes, silence_tensorflow
from fmnist_report.lanes import run_side_by_side
from fmnist_report.progress import Progress
from fmnist_report.remote import Entries, Left, call_stage, compute_stage, store
from fmnist_report.settings import unknown


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of the line: settings and upstream artefacts in, one artefact folder out.

    The function is called as function(out, progress, **settings, **places, **upstream folders).

    Args:
        name: the stage's name in the cache and on the command line.
        function: "package.module:name"; imported only when the stage is computed.
        settings: values that count in the key, by parameter name.
        upstream: stages whose folders the function takes, by parameter name.
        packages: distributions whose version counts in the key.
        digests: digests of outside content that counts: data, weights, templates.
        places: values that do not count: folders to look in.
        resumes: an interrupted computation goes on from its unfinished folder.
        published: its files are copied into the report folder, so every run verifies them.
        apart: computed in a process of its own, which gives back all the memory that TensorFlow keeps of every network
            that it has compiled.
        remote: where there are workers, they compute it, side by side with other such stages; so it writes few files,
            and reads small entries, or workers share the cache folder.
        lane: stages at the end of the line that have different lanes do not need one another, and are computed
            side by side.
    """

    name: str
    function: str
    settings: dict[str, typing.Any] = field(default_factory=dict)
    upstream: dict[str, Stage] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    places: dict[str, typing.Any] = field(default_factory=dict)
    resumes: bool = False
    published: bool = False
    apart: bool = False
    remote: bool = False
    lane: str = ""


def repeat(stage: Stage, number: int, **upstream: Stage) -> Stage:
    """Return the stage as its repetition with the seed that is higher by number; upstream stages may be exchanged."""
    return dataclasses.replace(
        stage,
        name=f"{stage.name}-{number}",
        remote=True,
        settings={**stage.settings, "seed": stage.settings["seed"] + number},
        upstream={**stage.upstream, **upstream},
    )


@dataclass
class Step:
    """A stage as a run sees it."""

    stage: Stage
    key: str
    components: dict[str, str]
    entry: Entry | None
    reason: str
    status: str = "cached"  # "cached", "computed", or "compute" before it is
    seconds: float = 0.0
    peak_memory_bytes: int | None = None  # of the process that computed it, until its end


class Plan:
    """Keys, states and reasons of all stages of one line, in order."""

    def __init__(self, stages: list[Stage], cache: Cache, force: typing.Sequence[str] = (), only: str | None = None):
        names = [stage.name for stage in stages]
        for name in [*force, *([only] if only else [])]:
            if not _named(name, names):
                raise UsageError(unknown("stage", name, names))
        self.cache = cache
        self._modules: dict[str, Module] = {}
        self.steps: dict[str, Step] = {}
        for stage in stages:
            self.steps[stage.name] = self._step(stage, force)
        self._mark_needed(only)

    def _step(self, stage: Stage, force: typing.Sequence[str]) -> Step:
        components = self._components(stage)
        key = hashlib.sha256(canonical_json(components).encode()).hexdigest()
        entry, damage = self.cache.peek(stage.name, key)
        reason = "unchanged"
        if entry is None:
            reason = f"the entry is damaged: {damage}" if damage else self._difference(stage, components)
        forced = [up.name for up in stage.upstream.values() if self.steps[up.name].reason.startswith("forced")]
        if _named(stage.name, force):
            reason, entry = "forced", None
        elif forced:
            reason, entry = f"forced through {forced[0]}", None
        return Step(stage, key, components, entry, reason)

    def _components(self, stage: Stage) -> dict[str, str]:
        components = {"stage": stage.name}
        for name, value in stage.settings.items():
            for path, leaf in _flatten(name, value):
                components[f"setting {path}"] = canonical_json(leaf)
        for up in stage.upstream.values():
            components[f"upstream {up.name}"] = self.steps[up.name].key
        for package in stage.packages:
            components[f"version of {package}"] = _version(package)
        for name, digest in stage.digests.items():
            components[f"content of {name}"] = digest
        for name, digest in source_digests(stage.function, self._modules).items():
            components[f"source of {name}"] = digest
        return components

    def _difference(self, stage: Stage, components: dict[str, str]) -> str:
        former = self.cache.latest(stage.name)
        if former is None:
            return "not in the cache"
        old = former.manifest["components"]
        changes = [
            f"{name}: {_short(old.get(name))} → {_short(components.get(name))}"
            for name in sorted(old.keys() | components.keys())
            if old.get(name) != components.get(name)
        ]
        return "; ".join(changes) or "the former entry is gone"

    def _mark_needed(self, only: str | None) -> None:
        """Mark what must be computed: targets without an entry, and what they in turn need."""
        names = list(self.steps)
        consumed = {up.name for step in self.steps.values() for up in step.stage.upstream.values()}
        targets = [name for name in names if name not in consumed or self.steps[name].stage.published]
        if only:
            targets = [name for name in names if _named(only, [name])]
        self.targets = targets
        needed: set[str] = set(targets)
        for name in reversed(names):
            step = self.steps[name]
            if name in needed and step.entry is None or step.reason.startswith("forced") and not only:
                step.status = "compute"
                needed |= {up.name for up in step.stage.upstream.values()}
            elif step.entry is None:
                step.reason = "not needed" if only else "not needed: what depends on it is cached"
        if only:
            kept: set[str] = set(targets)
            for name in reversed(names):
                if name in kept:
                    kept |= {up.name for up in self.steps[name].stage.upstream.values()}
            self.steps = {name: step for name, step in self.steps.items() if name in kept}

    @property
    def pending(self) -> list[Step]:
        """Steps that a run would compute, in order."""
        return [step for step in self.steps.values() if step.status == "compute"]

    def run(self, progress: Progress, run_id: str, workers: Workers = HERE) -> None:
        """Compute what is pending; each stage's entry is committed before those that need it begin.

        Args:
            workers: who computes the stages that are remote, if there is a scheduler.
        """
        lanes: dict[str, list[Step]] = {}
        for name, step in self.steps.items():
            if step.status == "compute" or name in self.targets:
                lanes.setdefault(step.stage.lane, []).append(step)
        for step in lanes.pop("", []):
            if step.stage.remote and workers.scheduler:
                self._compute_remotely(self._remote(step.stage.lane), progress, run_id, workers)
            self._sound_entry(step, progress, run_id)
        for step in [step for steps in lanes.values() for step in steps if step.status == "compute"]:
            for up in step.stage.upstream.values():
                if not up.lane:  # once for all lanes, and known to this process
                    self._sound_entry(self.steps[up.name], progress, run_id)
        if workers.scheduler:
            remote = [step for lane in lanes for step in self._remote(lane)]
            self._compute_remotely(remote, progress, run_id, workers)
        if sum(any(step.status == "compute" for step in steps) for steps in lanes.values()) > 1:
            self._run_lanes(lanes, progress, run_id)
        for step in [step for steps in lanes.values() for step in steps]:
            self._sound_entry(step, progress, run_id)

    def _remote(self, lane: str) -> list[Step]:
        """Return the pending steps of a lane that workers can compute."""
        return [s for s in self.steps.values() if s.stage.lane == lane and s.stage.remote and s.status == "compute"]

    def _compute_remotely(self, steps: list[Step], progress: Progress, run_id: str, workers: Workers) -> None:
        """Have workers compute steps, in rounds: in each, those whose upstream is there."""
        while ready := [s for s in steps if not s.entry and not any(self._needs(s, other) for other in steps)]:
            with workers.open() as crew, contextlib.ExitStack() as locks:
                entries, tasks, kept = Entries(crew), [], []
                for step in ready:
                    for up in step.stage.upstream.values():
                        self._sound_entry(self.steps[up.name], progress, run_id)
                    locks.enter_context(self.cache.lock(step.stage.name, step.key))
                    step.entry = self.cache.find(step.stage.name, step.key, deep=True)
                    if step.entry and not step.reason.startswith("forced"):
                        step.status, step.reason = "cached", "computed by another run"
                    else:
                        kept.append(step)
                        tasks.append(self._task(step.stage, entries))
                if not kept:
                    continue
                progress.begin(", ".join(step.stage.name for step in kept))
                try:
                    for n_done, (number, left) in enumerate(crew.compute(compute_stage, tasks), 1):
                        self._keep(kept[number], left, run_id)
                        progress.update(n_done, len(kept), kept[number].stage.name)
                finally:
                    progress.close()
                for step in kept:
                    progress.say(f"{step.stage.name}: done in {step.seconds:.1f} s")

    def _needs(self, step: Step, other: Step) -> bool:
        return other.entry is None and other.stage in step.stage.upstream.values()

    def _task(self, stage: Stage, entries: Entries) -> tuple:
        """Return the arguments of compute_stage."""
        offered = [entries.offer(self.steps[up.name].entry.path) for up in stage.upstream.values()]
        numbers = dict(zip(stage.upstream, range(len(offered)), strict=True))
        return stage.function, {**stage.settings, **stage.places}, numbers, *offered

    def _keep(self, step: Step, left: Left, run_id: str) -> None:
        """Commit what a worker computed."""
        with _in_a_sentence(step.stage.name, self.cache.root):
            out = self.cache.work_folder(step.stage.name, step.key, fresh=True)
            store(left, out)
            step.seconds, step.peak_memory_bytes = left.seconds, left.peak_memory_bytes
            step.entry = self.cache.commit(step.stage.name, step.key, self._details(step, run_id))
            step.status = "computed"

    def _run_lanes(self, lanes: dict[str, list[Step]], progress: Progress, run_id: str) -> None:
        """Compute the pending stages of every lane, each lane in a process."""
        names = {lane: [step.stage.name for step in steps] for lane, steps in lanes.items()}
        pending = [step.stage.name for steps in lanes.values() for step in steps if not step.entry]
        progress.begin(", ".join(pending))
        try:
            found = run_side_by_side(_compute_lane, {lane: (self, lane, names[lane], run_id) for lane in lanes})
        finally:
            progress.close()
        for step in [step for steps in found.values() for step in steps]:
            own = self.steps[step.stage.name]
            own.entry, own.status, own.reason, own.seconds = step.entry, step.status, step.reason, step.seconds
            if step.stage.name in pending:
                progress.say(f"{step.stage.name}: done in {step.seconds:.1f} s")

    def __getstate__(self) -> dict[str, typing.Any]:
        return {"root": self.cache.root, "steps": self.steps, "targets": self.targets}

    def __setstate__(self, state: dict[str, typing.Any]) -> None:
        self.cache = Cache(state["root"], Progress(quiet=True).warn)
        self.steps, self.targets, self._modules = state["steps"], state["targets"], {}

    def _compute(self, step: Step, progress: Progress, run_id: str) -> None:
        stage, cache = step.stage, self.cache
        folders = {
            name: self._sound_entry(self.steps[up.name], progress, run_id).path for name, up in stage.upstream.items()
        }
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
                call = (stage.name, stage.function, arguments, progress.quiet)
                step.peak_memory_bytes = run_side_by_side(_call_apart, {stage.name: call})[stage.name]
            else:
                step.peak_memory_bytes = _call(stage.name, stage.function, arguments, progress)
            step.seconds = time.monotonic() - started
            step.entry = cache.commit(stage.name, step.key, self._details(step, run_id))
            step.status = "computed"
            progress.end(stage.name, step.seconds)

    def _sound_entry(self, step: Step, progress: Progress, run_id: str) -> Entry:
        """Return the step's entry, every digest verified; a missing or damaged one is computed."""
        damage = step.entry.damage(deep=True) if step.entry else None
        if damage:  # it is set aside under its lock, where no other run can have mended it meanwhile
            step.entry, step.reason = None, f"the entry is damaged: {damage}"
        if step.entry is None:
            self._compute(step, progress, run_id)
        return step.entry

    def _details(self, step: Step, run_id: str) -> dict[str, typing.Any]:
        provenance = {}
        for up in step.stage.upstream.values():
            provenance |= self.steps[up.name].entry.manifest["provenance"]
        created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        own = {
            "key": step.key,
            "seconds": round(step.seconds, 2),
            "created": created,
            "run": run_id,
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
    for name in names:
        plan._sound_entry(plan.steps[name], Progress(quiet=True), run_id)
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


def _named(name: str, names: typing.Sequence[str]) -> bool:
    """Tell whether name is among names; "html" also stands for "html-uk"."""
    return any(name == other or other.startswith(f"{name}-") or name.startswith(f"{other}-") for other in names)


def _flatten(name: str, value: typing.Any) -> list[tuple[str, typing.Any]]:
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _flatten(f"{name}.{key}", item)]
    return [(name, value)]


def _short(text: str | None) -> str:
    if text is None:
        return "none"
    return text[:12] if len(text) == 64 else text


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"
