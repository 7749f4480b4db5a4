"""Stages of a pipeline, where they are executed, and their state in a run."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import typing
from dataclasses import dataclass, field

from fmnist_report.machine import silent_imports
from fmnist_report.pipeline.cache import Entry


class Execution(enum.Enum):
    """Where a stage is computed; it does not count in the key.

    INLINE: in the run's own process.
    SUBPROCESS: in a process of its own, which gives back all the memory that TensorFlow keeps of every network that it
        has compiled.
    PARALLEL: in a process side by side with the other such stages that are ready.
    WORKERS: by the workers of a cluster, side by side with the other such stages that are ready; it writes few files,
        and reads small entries, or workers share the cache folder.
    """

    INLINE = enum.auto()
    SUBPROCESS = enum.auto()
    PARALLEL = enum.auto()
    WORKERS = enum.auto()


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of the pipeline: settings and upstream artefacts in, one artefact folder out.

    The function is called as function(out, progress, **settings, **places, **upstream folders).

    Args:
        name: the stage's name in the cache and on the command line.
        function: "package.module:name"; imported only when the stage is computed.
        settings: values that count in the key, by parameter name.
        upstream: stages whose folders the function takes, by parameter name.
        digests: digests of outside content that counts: data, weights, templates.
        places: values that do not count: folders to look in, workers.
        execution: where it is computed.
        resumes: an interrupted computation goes on from its unfinished folder.
        published: its files are copied into the report folder, so every run verifies them.
        measures: it also reads what upstream stages measured of their own computation (cache.MEASURED), which for
            other stages does not count.
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
        package: package that contains the stages' functions.
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
            reads: the function's arguments: stages whose folders it takes, and settings.
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
        """Add repetitions of stages with the seeds that are higher by 1 … n - 1, and a stage that gathers them.

        A repetition is called <stage>-<number>, and reads the repetitions of what the stage reads, where there are.

        Args:
            times: each stage, and how often it is computed in all, n.
            execution: where the repetitions are computed.

        Returns:
            The gathering stage by its name; nothing where every n is 1.
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


def call_stage(function: str, arguments: dict[str, typing.Any]) -> None:
    """Import a stage's function, "package.module:name", and call it."""
    module, _, name = function.partition(":")
    with silent_imports():
        imported = importlib.import_module(module)
    getattr(imported, name)(**arguments)


@dataclass
class Step:
    """A stage as a run sees it.

    own: components of its key that do not depend on other stages.
    components, key: known once the content of all that it reads is known.
    contents: of its entry, without and with what it measured; known also of an entry that was removed since.
    status: "cached", "computed"; before the run also "compute", "undecided" (it depends on what a stage before it
        will leave) and "skip" (nothing needs it).
    peak_memory_bytes: of the process that computed it, until its end.
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
