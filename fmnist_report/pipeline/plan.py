"""Planner: stage keys, the stages to compute, and the reasons."""

import dataclasses
import functools
import importlib.metadata
import re
import typing
from pathlib import Path

from fmnist_report.errors import UsageError, unknown
from fmnist_report.machine import find_backend
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import canonical_json, digest_json
from fmnist_report.pipeline.fingerprint import Module, SourceRecords, find_sources
from fmnist_report.pipeline.stage import Stage, Step

# Distributions whose name differs from their import name.
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "MNN": "mnn",
    "PIL": "pillow",
    "google": "protobuf",
    "fontTools": "fonttools",
}


class Plan:
    """Keys, states and reasons of all stages of a pipeline, in order.

    A stage's key depends on the content of its inputs, so it is known only when all upstream stages have entries.
    Until then, the plan shows what is determined, and after which stage the rest will be decided.

    Args:
        force: stages to recompute, with their dependents; "html" stands for "html-uk" and "html-en".
        only: the last stage to compute.
        root: folder that contains the stages' package, as in find_sources.
    """

    def __init__(
        self,
        stages: typing.Sequence[Stage],
        cache: Cache,
        force: typing.Sequence[str] = (),
        only: str | None = None,
        root: Path | None = None,
    ) -> None:
        names = [stage.name for stage in stages]
        forced = {found for name in force for found in find_named(name, names)}
        ends = find_named(only, names) if only else []
        self.cache = cache
        self._deciders: dict[str, list[str]] = {}  # for each undecided step, the upstream steps that will be computed
        modules: dict[str, Module] = {}
        sources = SourceRecords(cache.root / "sources.json")
        self.steps = {stage.name: Step(stage, _own_components(stage, modules, root, sources)) for stage in stages}
        sources.save(module.key for module in modules.values())
        for step in self.steps.values():
            through = [up.name for up in step.stage.upstream.values() if self.steps[up.name].forced]
            step.forced = "forced" if step.stage.name in forced else f"forced through {through[0]}" if through else ""
            self.resolve(step)
        consumed = {up.name for stage in stages for up in stage.upstream.values()}
        self.targets = ends or [stage.name for stage in stages if stage.name not in consumed or stage.published]
        if only:
            self._keep_ancestors(ends)
        self._mark_needed(bool(only))

    def resolve(self, step: Step) -> None:
        """Look up a step's entry if the content of all its inputs is known; record the reason if there is none."""
        components, waiting = dict(step.own), []
        for up in step.stage.upstream.values():
            contents = self.steps[up.name].contents
            if contents is None:
                waiting.append(up.name)
            else:
                components[f"upstream {up.name}"] = contents[step.stage.measures]
        step.components, step.key = components, None if waiting else digest_json(components)
        entry, damage = self.cache.peek(step.stage.name, step.key) if step.key else (None, None)
        if step.forced:
            step.entry, step.contents, step.reason = None, None, step.forced
            return
        step.entry = entry
        step.contents = entry.contents if entry else self.cache.recall(step.stage.name, step.key) if step.key else None
        if damage:
            step.reason = f"the entry is damaged: {damage}"
        elif entry:
            step.reason = "unchanged"
        elif waiting and self._may_be_cached(step):
            roots = dict.fromkeys(root for name in waiting for root in self._deciders.get(name, [name]))
            self._deciders[step.stage.name] = list(roots)
            step.reason, step.status = f"decided after {', '.join(roots)}", "undecided"
        else:
            step.reason = self._difference(step, waiting)

    def _may_be_cached(self, step: Step) -> bool:
        """Return whether an entry matches all known components of the step's key."""
        return any(
            all(entry.manifest["components"].get(name) == value for name, value in step.components.items())
            for entry in self.cache.sound_entries(step.stage.name)
        )

    def _difference(self, step: Step, waiting: list[str]) -> str:
        former = max(self.cache.sound_entries(step.stage.name), key=lambda entry: entry.created, default=None)
        if former is None:
            return "not in the cache"
        old, new = former.manifest["components"], step.components
        changes = [
            f"{name}: {_short(old.get(name))} → {_short(new.get(name))}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name) and name.removeprefix("upstream ") not in waiting
        ]
        return "; ".join(changes) or "the former entry was removed"

    def _keep_ancestors(self, ends: list[str]) -> None:
        kept = set(ends)
        for name in reversed(list(self.steps)):
            if name in kept:
                kept |= {up.name for up in self.steps[name].stage.upstream.values()}
        self.steps = {name: step for name, step in self.steps.items() if name in kept}

    def _mark_needed(self, shortened: bool) -> None:
        """Mark the steps that will or may be computed: targets without an entry, and the steps they need."""
        certain, possible = set(self.targets), set(self.targets)
        for name, step in reversed(self.steps.items()):
            if step.entry:
                continue
            if name not in certain | possible and not step.forced:
                step.status = "skip"
                step.reason = "not needed" if shortened else "not needed: its dependents are cached"
                continue
            if step.status != "undecided":
                step.status = "compute" if name in certain or step.forced else "undecided"
            for up in step.stage.upstream.values():
                decided = step.status == "compute" or self.steps[up.name].contents is None
                (certain if decided else possible).add(up.name)

    @property
    def pending(self) -> list[Step]:
        """The steps that a run will or may compute, in order."""
        return [step for step in self.steps.values() if step.status in ("compute", "undecided")]


def find_named(name: str, names: typing.Sequence[str]) -> list[str]:
    """Return the stages with a name or, for a prefix such as "html", all such stages ("html-uk", "html-en").

    Raises:
        UsageError: there is none; the message suggests the closest name.
    """
    found = [other for other in names if other == name] or [o for o in names if o.rpartition("-")[0] == name]
    if not found:
        raise UsageError(unknown("stage", name, names))
    return found


def _own_components(
    stage: Stage, modules: dict[str, Module], root: Path | None, records: SourceRecords
) -> dict[str, str]:
    components = {"stage": stage.name}
    for name, value in stage.settings.items():
        for path, leaf in _flatten(name, value):
            components[f"setting {path}"] = canonical_json(leaf)
    for name, digest in stage.digests.items():
        components[f"content of {name}"] = digest
    sources = find_sources(list_functions(stage), modules, root, records.records)
    for package in [*sources.packages, *([find_backend()] if "keras" in sources.packages else [])]:
        components[f"version of {DISTRIBUTIONS.get(package, package)}"] = _version(DISTRIBUTIONS.get(package, package))
    for name, digest in sources.digests.items():
        components[f"source of {name}"] = digest
    return components


def list_functions(stage: Stage) -> tuple[str, ...]:
    """Return a stage's function and the functions of its package that its settings name, as "package.module:name"."""
    package = re.escape(stage.function.partition(".")[0])
    leaves = [leaf for name, value in stage.settings.items() for _, leaf in _flatten(name, value)]
    named = [leaf for leaf in leaves if isinstance(leaf, str) and re.fullmatch(rf"{package}(\.\w+)+:\w+", leaf)]
    return tuple(dict.fromkeys([stage.function, *named]))


def _flatten(name: str, value: typing.Any) -> list[tuple[str, typing.Any]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _flatten(f"{name}.{key}", item)]
    return [(name, value)]


def _short(text: str | None) -> str:
    if text is None:
        return "none"
    return text[:12] if len(text) == 64 else text


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"
