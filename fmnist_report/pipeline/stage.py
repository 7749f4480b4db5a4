"""Stages of a pipeline, where they are executed, and their state in a run."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import typing
from dataclasses import dataclass, field

from fmnist_report.machine import settle_keras, silent_imports
from fmnist_report.pipeline.cache import Entry


class Execution(enum.Enum):
    """How a stage is executed; not part of the key.

    INLINE: in the run's own process.
    SUBPROCESS: in a separate process, which frees all the memory that TensorFlow keeps for the networks that it has
        compiled.
    PARALLEL: in a separate process, in parallel with other such stages that are ready.
    WORKERS: on the workers of a cluster, in parallel with other such stages that are ready; for stages that write few
        files and read small entries, unless the workers share the cache folder.
    """

    INLINE = enum.auto()
    SUBPROCESS = enum.auto()
    PARALLEL = enum.auto()
    WORKERS = enum.auto()


@dataclass(frozen=True, eq=False)
class Stage:
    """A step of the pipeline, from settings and upstream artefacts to an artefact folder.

    The function is called as function(out, progress, **settings, **places, **upstream folders).

    Args:
        name: the stage's name in the cache and on the command line.
        function: "package.module:name"; imported only when the stage is computed.
        settings: values that are part of the key, by parameter name; functions are given as "package.module:name",
            and their source counts in the key too.
        upstream: stages whose folders the function reads, by parameter name.
        digests: digests of external content that is part of the key: data, weights, templates.
        places: values that are not part of the key: folders to search, workers.
        execution: execution mode.
        resumes: an interrupted computation resumes from its unfinished folder.
        published: its files are copied to the report folder, so every run verifies them.
        measures: it also reads measurements of upstream computations (cache.MEASURED), which are not part of other
            stages' keys.
    """

    name: str
    function: str
    settings: dict[str, typing.Any] = field(default_factory=dict)
    upstream: dict[str, Stage] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    places: dict[str, typing.Any] = field(default_factory=dict)
    execution: Execution = Execution.INLINE
    resumes: bool = False
    published: bool = False
    measures: bool = False


class Pipeline(list[Stage]):
    """The stages of a run, in order.

    Args:
        package: the package that contains the stages' functions.
    """

    def __init__(self, package: str) -> None:
        super().__init__()
        self.package = package

    def stage(
        self,
        name: str,
        function: str,
        *,
        digests: dict[str, str] | None = None,
        places: dict[str, typing.Any] | None = None,
        execution: Execution = Execution.INLINE,
        resumes: bool = False,
        published: bool = False,
        measures: bool = False,
        **reads: typing.Any,
    ) -> Stage:
        """Add a stage and return it.

        Args:
            function: "module:name", inside the package.
            reads: the function's arguments: stages whose folders it reads, and settings.
        """
        upstream = {name: value for name, value in reads.items() if isinstance(value, Stage)}
        settings = {name: value for name, value in reads.items() if name not in upstream}
        stage = Stage(
            name, f"{self.package}.{function}", settings, upstream, digests or {}, places or {},
            execution, resumes, published, measures,
        )  # fmt: skip
        self.append(stage)
        return stage

    def repeat(
        self, name: str, function: str, times: typing.Sequence[tuple[Stage, int]], execution: Execution
    ) -> dict[str, Stage]:
        """Add repetitions of stages with seeds increased by 1 … n - 1, and a stage that gathers them.

        A repetition is named <stage>-<number>, and reads the repetitions of the stage's inputs, if there are any.

        Args:
            times: (stage, n) pairs; n is the total number of runs.
            execution: execution mode of the repetitions.

        Returns:
            The gathering stage by its name; empty if every n is 1.
        """
        repeated: dict[str, typing.Any] = {}
        for number in range(1, max(n for _, n in times)):
            for stage in (stage for stage, n in times if number < n):
                upstream = {key: repeated.get(f"{up.name}_{number}", up) for key, up in stage.upstream.items()}
                settings = {**stage.settings, "seed": stage.settings["seed"] + number}
                repeated[f"{stage.name}_{number}"] = dataclasses.replace(
                    stage, name=f"{stage.name}-{number}", settings=settings, upstream=upstream, execution=execution
                )
        self.extend(repeated.values())
        return {name: self.stage(name, function, **repeated)} if repeated else {}


def import_function(name: str) -> typing.Callable[..., typing.Any]:
    """Import a function by its name, "package.module:name"."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def call_stage(function: str, arguments: dict[str, typing.Any]) -> None:
    """Import a stage's function, "package.module:name", and call it."""
    with silent_imports():
        imported = import_function(function)
        settle_keras()
    imported(**arguments)


@dataclass
class Step:
    """The state of a stage in a run.

    own: components of its key that do not depend on other stages.
    components, key: known once the content of all inputs is known.
    contents: digests of its entry, without and with measurements; known even if the entry has been removed.
    status: "cached", "computed"; before the run also "compute", "undecided" (depends on the result of an upstream
        stage) and "skip" (nothing needs it).
    peak_memory_bytes: peak memory of the process that computed it.
    """

    stage: Stage
    own: dict[str, str]
    forced: str = ""
    components: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    entry: Entry | None = None
    contents: tuple[str, str] | None = None
    reason: str = ""
    status: str = "cached"
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
