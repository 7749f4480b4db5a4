"""How the networks of a run and of its study were trained."""

import dataclasses
import json
import typing

from fmnist_report.evaluation.schema import Model, Results, StudyRow, TrainEval
from fmnist_report.networks import BY_NAME, network_of_stage
from fmnist_report.presets import preset
from fmnist_report.settings import FineTuneSettings

TELLING_STEPS = 100  # minimum length of runs in a conclusive study: shorter ones show only the initial speed


def read_finetune(results: Results) -> FineTuneSettings:
    """Return the fine-tuning settings recorded in the results."""
    return FineTuneSettings(**results["run"]["settings"]["finetune"])


def evaluated_on_train(model: Model) -> TrainEval:
    """Return how a trained network does on training images."""
    found = model["train_eval"]
    assert found is not None, "classifiers of scikit-learn are not evaluated on training images"
    return found


def is_named(row: StudyRow, results: Results) -> bool:
    """Return whether an effect of the study is concluded: confirmed in longer runs, contradicted by no full run."""
    full = [*results["journal"], *results["full_runs"]]
    same = [one for one in full if one["stage"] == row["network"] and one["changes"] == {row["factor"]: row["value"]}]
    effects = [one["loss_effect"] if one["loss_effect"] is not None else -(one["effect"] or 0.0) for one in same]
    return row["confirmed"] and all(effect * row["effect"] >= 0 for effect in effects)


def is_too_short(network: str, results: Results) -> bool:
    """Return whether the study trained a network for too few steps to be conclusive."""
    return results["study"]["n_steps"].get(network, 0) < TELLING_STEPS


def is_trained_as(name: str, results: Results, stage: str) -> bool:
    """Return whether a stage trained its network with the settings of the preset that earlier full runs vary."""
    sections = BY_NAME[network_of_stage(stage)].determined_by
    own = {section: results["run"]["settings"][section] for section in sections}
    return agrees(json.loads(json.dumps(own)), json.loads(json.dumps(dataclasses.asdict(preset(name)))))


def agrees(recorded: dict[str, typing.Any], settings: dict[str, typing.Any]) -> bool:
    """Return whether all recorded settings are the same; one that is newer than the record is not compared.

    Args:
        recorded, settings: values by section and name, as in JSON, with lists.
    """
    return all(settings[section].get(name) == value for section, own in recorded.items() for name, value in own.items())
