"""Do networks use which pixels are neighbours? The same training with the pixels of all images permuted alike."""

import dataclasses
import typing
from pathlib import Path

import numpy as np

from fmnist_report.experiments.trials import Subset, SubsetSource, train_settings
from fmnist_report.networks import TrialSpec
from fmnist_report.pipeline.files import read_finished, write_finished, write_json
from fmnist_report.pipeline.processes import open_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import MechanismSettings

ARMS = ("whole", "permuted")


def compare_permuted(
    out: Path, progress: Progress, *, mechanisms: MechanismSettings, networks: dict[str, TrialSpec], seed: int,
    data: Path,
) -> None:  # fmt: skip
    """Stage `permutation`: train every network on images as they are, and with permuted pixels; write permutation.json.

    All images have their pixels in the same other order, drawn once, so that every pixel keeps its values and loses its
    neighbours (as in Zhang et al., "Understanding deep learning requires rethinking generalization", 2017, section 2).

    Writes n_train, n_val, n_steps, and runs: for each network's stage the validation accuracies of every arm, one per
    seed. Runs that were finished before an interruption are not repeated.
    """
    finished, n_steps = read_finished(out), mechanisms.steps
    source = SubsetSource(data, mechanisms.n_train, mechanisms.n_val)
    seeds = range(seed, seed + mechanisms.seeds)
    runs = [(stage, arm, each) for stage in networks for arm in ARMS for each in seeds]
    missing = [run for run in runs if name_run(*run) not in finished]
    with open_processes() as pool:
        calls = [(networks[stage], source, arm, n_steps, each) for stage, arm, each in missing]
        for n_done, (number, accuracy) in enumerate(pool.compute(train_arm, calls), 1):
            finished[name_run(*missing[number])] = accuracy
            write_finished(out, finished)
            progress.update(n_done, len(missing), f"{n_done}/{len(missing)} training runs")
    found = {
        stage: {arm: [finished[name_run(stage, arm, each)] for each in seeds] for arm in ARMS} for stage in networks
    }
    counts = {"n_train": mechanisms.n_train, "n_val": mechanisms.n_val, "n_steps": n_steps}
    write_json(out / "permutation.json", {**counts, "runs": found})


def name_run(stage: str, arm: str, seed: int) -> str:
    """Return the name of a run among the finished ones."""
    return f"{stage}, {arm}, seed {seed}"


def train_arm(spec: TrialSpec, source: SubsetSource, arm: str, n_steps: int, seed: int) -> float:
    """Train a network on the images of one arm; return its validation accuracy."""
    subset = source.open()
    subset = permute(subset) if arm == "permuted" else subset
    return train_settings(spec, spec.settings, n_steps, subset, seed).val_accuracy


def permute(subset: Subset) -> Subset:
    """Return a subset whose images, (n, height, width), all have their pixels in the same other order."""
    height, width = subset.dataset.shape
    order = np.random.default_rng(0).permutation(height * width)

    def reorder(images: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(images.reshape(len(images), -1)[:, order]).reshape(images.shape)

    images: dict[str, typing.Any] = {split: reorder(found) for split, found in subset.images.items()}
    return dataclasses.replace(subset, images=images)
