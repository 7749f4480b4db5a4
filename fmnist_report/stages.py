"""The steps of the line: what each one is made of, and how a run sees it."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field

from fmnist_report.cache import Entry


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
