"""results.json: the evaluation, the run and its stages in one document with a stable format."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

from fmnist_report.cache import read_json
from fmnist_report.settings import Settings
from fmnist_report.sources import data_digest

FORMAT = 1
ORDER = (
    "data", "weights", "mlp", "cnn", "features", "classifiers", "head", "finetune", "seeds", "study", "tuning",
    "inputs", "overlap", "evaluation",
)  # fmt: skip


def describe_evaluation(folder: Path) -> tuple[dict[str, typing.Any], list[dict[str, typing.Any]]]:
    """Read an evaluation entry.

    Returns:
        Its evaluation.json, and its stages in order: name, key, seconds, created, and
        "computed" for those of the run that evaluated, "cached" for older ones.
    """
    provenance = read_json(folder / "manifest.json")["provenance"]
    run = provenance["evaluation"]["run"]
    stages = [
        {"name": name, **{k: row[k] for k in ("key", "seconds", "created")},
         "status": "computed" if row["run"] == run else "cached"}
        for name, row in provenance.items()
    ]  # fmt: skip
    stages.sort(key=lambda row: ORDER.index(row["name"].partition("-")[0]))
    return read_json(folder / "evaluation.json"), stages


def assemble_results(
    evaluation: Path, settings: Settings, run: dict[str, typing.Any], stages: list[dict[str, typing.Any]] | None = None
) -> dict[str, typing.Any]:
    """Put one results document together.

    Args:
        evaluation: the evaluation entry.
        run: id, started and seconds of the run.
        stages: this run's stages; those that the evaluation knows of by default.
    """
    document, known = describe_evaluation(evaluation)
    description = {
        **run,
        "preset": settings.preset,
        "seed": settings.seed,
        "hardware": document.pop("hardware"),
        "versions": document.pop("versions"),
        "settings": dataclasses.asdict(settings),
    }
    document["data"] |= {"sha256": data_digest()}
    return {"format": FORMAT, "run": description, "stages": known if stages is None else stages, **document}
