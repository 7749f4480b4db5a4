"""A cached stage computed again beside its entry, to see whether the result is the same."""

import json
import os
import shutil
import typing
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.errors import UsageError
from fmnist_report.machine import prepare_libraries
from fmnist_report.pipeline.cache import MEASURED, Entry
from fmnist_report.pipeline.files import sha256_file
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.processes import run_in_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.stage import call_stage

SAME, TIMES = "same bytes", "measured times, not compared"


class FileComparison(typing.NamedTuple):
    """A file of an entry and its repetition; state: SAME, TIMES, or how they differ."""

    name: str
    state: str

    @property
    def agrees(self) -> bool:
        """Whether the repetition gave the same."""
        return self.state in (SAME, TIMES)


def repeat_stage(plan: Plan, name: str, progress: Progress) -> list[FileComparison]:
    """Compute a stage again from its cached inputs, in a folder that is removed afterwards; nothing is replaced.

    Args:
        plan: the plan of a run; the stage and its inputs must be cached.

    Raises:
        UsageError: the stage does not exist, or it or an input is not cached.
    """
    if name not in plan.steps:
        raise UsageError(f"Unknown stage {name!r}; choose from: {', '.join(plan.steps)}.")
    step = plan.steps[name]
    entry = _require(plan, name)
    folders = {parameter: _require(plan, up.name).path for parameter, up in step.stage.upstream.items()}
    own = f"repeated{os.getpid()}"  # instead of a key, so that cache prune removes what a killed repetition leaves
    with plan.cache.lock(name, own):
        folder = plan.cache.work_folder(name, own, fresh=True)
        try:
            progress.begin(name)
            arguments = {**step.stage.settings, **step.stage.places, **folders}
            # In a process of its own, as the stages that train; its memory is free afterwards.
            run_in_processes(_compute, {name: (step.stage.function, arguments, folder)})
            return [_compare(entry, file, folder) for file in entry.manifest["files"]]
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _require(plan: Plan, name: str) -> Entry:
    """Return the sound entry of a stage under the current settings."""
    step = plan.steps[name]
    entry = step.entry or (plan.cache.find(name, step.key, deep=True) if step.key else None)
    if entry is None or entry.damage(deep=True):
        raise UsageError(f"The stage {name} is not cached under these settings, or damaged; run first.")
    return entry


def _compute(function: str, arguments: dict[str, typing.Any], out: Path) -> None:
    prepare_libraries()
    call_stage(function, {**arguments, "out": out, "progress": Progress(quiet=True)})


def _compare(entry: Entry, name: str, folder: Path) -> FileComparison:
    if name == MEASURED:
        return FileComparison(name, TIMES)
    again = folder / name
    if not again.is_file():
        return FileComparison(name, "the repetition did not write it")
    if sha256_file(again) == entry.manifest["files"][name]["sha256"]:
        return FileComparison(name, SAME)
    return FileComparison(name, _describe_difference(entry.path / name, again))


def _describe_difference(former: Path, again: Path) -> str:
    """Say by how much the numbers of two files differ."""
    try:
        a, b = _read_numbers(former), _read_numbers(again)
    except (OSError, ValueError, KeyError):
        return "other bytes"
    if set(a) != set(b) or any(a[name].shape != b[name].shape for name in a):
        return "other bytes: other arrays or shapes"
    n_values = sum(values.size for values in a.values())
    differing = {name: a[name] != b[name] for name in a}
    n_other = sum(int(np.count_nonzero(found)) for found in differing.values())
    if not n_other:
        return "other bytes, the same numbers"
    apart = {name: np.abs(a[name].astype("float64") - b[name].astype("float64")) for name in a}
    where = max(apart, key=lambda name: float(np.nanmax(apart[name], initial=0.0)))
    most = float(np.nanmax(apart[where], initial=0.0))
    return f"{n_other:,} of {n_values:,} numbers differ, by at most {most:.3g} ({where})"


def _read_numbers(path: Path) -> dict[str, np.ndarray]:
    """Return the numeric arrays of an .npz, HDF5 or JSON file by name."""
    found: dict[str, np.ndarray] = {}
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    elif path.suffix == ".h5":
        with h5py.File(path, "r") as file:
            file.visititems(
                lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None
            )
    elif path.suffix == ".json":
        _gather_numbers(json.loads(path.read_text("utf-8")), "", found)
    else:
        raise ValueError(f"{path.suffix} has no numbers")
    return {name: np.asarray(values) for name, values in found.items() if np.asarray(values).dtype.kind in "buif"}


def _gather_numbers(value: typing.Any, name: str, found: dict[str, np.ndarray]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _gather_numbers(inner, f"{name}.{key}".lstrip("."), found)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _gather_numbers(inner, f"{name}.{number}".lstrip("."), found)
    elif isinstance(value, int | float):
        found[name] = np.asarray(value)
