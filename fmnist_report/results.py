"""results.json: the evaluation, the run and its stages in one document with a stable format."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

from fmnist_report.files import read_json
from fmnist_report.settings import Settings

FORMAT = 1
ORDER = (
    "data", "weights", "mlp", "cnn", "features", "classifiers", "head", "finetune", "seeds", "study", "tuning",
    "inputs", "explain", "overlap", "evaluation",
)  # fmt: skip


def stages_behind(*folders: Path) -> list[dict[str, typing.Any]]:
    """List the stages that led to entries of one run, in order.

    Returns:
        Name, key, seconds, created, and status: "computed" for those of the run that evaluated, "cached" for
        older ones.
    """
    provenance: dict[str, typing.Any] = {}
    for folder in folders:
        provenance |= read_json(folder / "manifest.json")["provenance"]
    run = provenance["evaluation"]["run"]
    stages = [
        {"name": name, **{k: row[k] for k in ("key", "seconds", "created")},
         "status": "computed" if row["run"] == run else "cached"}
        for name, row in provenance.items()
        if name.partition("-")[0] in ORDER
    ]  # fmt: skip
    return sorted(stages, key=lambda row: ORDER.index(row["name"].partition("-")[0]))


def assemble_results(
    evaluation: Path, settings: Settings, run: dict[str, typing.Any], stages: list[dict[str, typing.Any]]
) -> dict[str, typing.Any]:
    """Put one results document together.

    Args:
        evaluation: the evaluation entry.
        run: id, started and seconds of the run.
        stages: as stages_behind lists them, or those of this run.
    """
    document = read_json(evaluation / "evaluation.json")
    description = {
        **run,
        "preset": settings.preset,
        "seed": settings.seed,
        "hardware": document.pop("hardware"),
        "versions": document.pop("versions"),
        "settings": dataclasses.asdict(settings),
    }
    return {"format": FORMAT, "run": description, "stages": stages, **document}
