"""The planner: keys of stages, what a run would compute, and why."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import typing

from fmnist_report.cache import Cache
from fmnist_report.errors import UsageError
from fmnist_report.files import canonical_json
from fmnist_report.fingerprint import Module, source_digests
from fmnist_report.progress import Progress
from fmnist_report.settings import unknown
from fmnist_report.stages import Stage, Step


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

    def __getstate__(self) -> dict[str, typing.Any]:
        return {"root": self.cache.root, "steps": self.steps, "targets": self.targets}

    def __setstate__(self, state: dict[str, typing.Any]) -> None:
        self.cache = Cache(state["root"], Progress(quiet=True).warn)
        self.steps, self.targets, self._modules = state["steps"], state["targets"], {}


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
