"""The document results.json: the evaluation, the run and its stages, in a versioned format."""

import dataclasses
import typing
from pathlib import Path

from fmnist_report.messages import N_
from fmnist_report.networks import BY_STAGE, CONTROL, NETWORKS
from fmnist_report.pipeline.cache import join_provenance
from fmnist_report.pipeline.files import read_json
from fmnist_report.settings import Settings

FORMAT = 3
# The stages that lead to results, in pipeline order, with their labels in the report.
STAGES = {
    "data": N_("Data and split"),
    "weights": N_("{backbone} weights"),
    **{row.stage: row.label for row in NETWORKS if row.part == 1},
    "features": N_("{backbone} features of all images"),
    "classifiers": N_("Classifiers on the features"),
    "head": BY_STAGE["head"].label,
    "finetune": N_("Fine-tuning of the upper blocks"),
    "control": CONTROL.label,
    "seeds": N_("Further seeds"),
    "study": N_("Hyperparameter study"),
    "inputs": N_("Ways of input to {backbone}"),
    "duplicates": N_("Duplicates"),
    "permutation": N_("Training with permuted pixels"),
    "blocks": N_("Classifiers on single blocks"),
    "reference": N_("Classifier without any choice"),
    "explain": N_("What the networks see"),
    "browser_model": N_("Network for the page"),
    "evaluation": N_("Evaluation"),
    "examples": N_("Single predictions"),
}
RENDERING = ("figures", "html", "pdf")


def stages_behind(*folders: Path) -> list[dict[str, typing.Any]]:
    """List the stages that led to entries of one run, in pipeline order.

    Returns:
        Name, key, seconds, created, and status: "computed" for stages of the run that evaluated, "cached" for
        older ones.

    Raises:
        KeyError: a stage is not in STAGES.
    """
    provenance = join_provenance(read_json(folder / "manifest.json")["provenance"] for folder in folders)
    run, order = provenance["evaluation"]["run"], list(STAGES)
    kinds = {name: name.partition("-")[0] for name in provenance}  # for a repetition, the repeated stage
    if missing := {kind for kind in kinds.values() if kind not in (*order, *RENDERING)}:
        raise KeyError(f"the stages {', '.join(sorted(missing))} have no label; add them to evaluation/results.py")
    stages = [
        {"name": name, **{k: row[k] for k in ("key", "seconds", "created")},
         "status": "computed" if row["run"] == run else "cached"}
        for name, row in provenance.items()
        if kinds[name] not in RENDERING
    ]  # fmt: skip
    return sorted(stages, key=lambda row: (order.index(kinds[row["name"]]), row["name"]))


def assemble_results(
    evaluation: Path, settings: Settings, run: dict[str, typing.Any], stages: list[dict[str, typing.Any]]
) -> dict[str, typing.Any]:
    """Assemble the results document.

    Args:
        evaluation: the evaluation entry.
        run: id, started and seconds of the run.
        stages: as listed by stages_behind, or those of this run.
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
