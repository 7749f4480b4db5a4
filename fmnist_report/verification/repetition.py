"""A cached stage computed again beside its entry, to see whether the result is the same."""

import contextlib
import dataclasses
import json
import math
import os
import shutil
import typing
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.errors import ReportError, UsageError
from fmnist_report.machine import prepare_libraries
from fmnist_report.pipeline.cache import MEASURED, Entry
from fmnist_report.pipeline.files import UNFINISHED, read_json, sha256_file, write_finished
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.processes import run_in_processes
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.stage import Stage, call_stage
from fmnist_report.settings import FeatureSettings, Precision

SAME, SAME_NUMBERS, TIMES = "same bytes", "same numbers", "measured times, not compared"
HISTORY, SHARDS = "history.json", "shard-*.h5"
CHECKSUM = 64  # characters at the start of a shard


class FileComparison(typing.NamedTuple):
    """A file of an entry and its repetition; state: SAME, SAME_NUMBERS, TIMES, or how they differ."""

    name: str
    state: str

    @property
    def agrees(self) -> bool:
        """Whether the repetition gave the same."""
        return self.state in (SAME, SAME_NUMBERS, TIMES)


class StoppingProgress(Progress):
    """A silent progress that stops a stage as soon as it begins what follows a share of its work."""

    def __init__(self, share: float) -> None:
        super().__init__(quiet=True)
        self.share = share

    def update(self, done: float, total: float, note: str = "", images: int | None = None) -> None:
        if done / total > self.share + 1e-9:
            raise StopStage


class StopStage(Exception):
    """The part of a stage that is computed again is finished."""


def repeat_stage(plan: Plan, name: str, progress: Progress, first: int | None = None) -> list[FileComparison]:
    """Compute a stage again from its cached inputs, in a folder that is removed afterwards; nothing is replaced.

    Args:
        plan: the plan of a run; the stage and its inputs must be cached.
        first: compute only the first shards of a stage that writes shards, or the first epochs of a training.

    Raises:
        UsageError: the stage does not exist, or it or an input is not cached, or has neither shards nor epochs.
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
            arguments = {**step.stage.settings, **step.stage.places, **folders} | _choose_as_before(step.stage, entry)
            if first is None:
                _run(name, _compute, (step.stage.function, arguments, folder))
                return [_compare(entry, file, folder) for file in entry.manifest["files"]]
            if shards := sorted(path.name for path in entry.path.glob(SHARDS)):
                _take_over(entry, shards[first:], folder)
                _run(name, _compute, (step.stage.function, arguments, folder))
                return [_compare(entry, file, folder) for file in shards[:first]]
            if HISTORY in entry.manifest["files"]:
                return [_repeat_epochs(name, (step.stage.function, arguments, folder), entry, first)]
            raise UsageError(f"The stage {name} has neither shards nor epochs; compute all of it, without --first.")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _require(plan: Plan, name: str) -> Entry:
    """Return the sound entry of a stage under the current settings."""
    step = plan.steps[name]
    entry = step.entry or (plan.cache.find(name, step.key, deep=True) if step.key else None)
    if entry is None or entry.damage(deep=True):
        raise UsageError(f"The stage {name} is not cached under these settings, or damaged; run first.")
    return entry


def _run(name: str, function: typing.Callable, arguments: tuple) -> None:
    """Call a function in a process of its own, as for stages that train; its memory is free afterwards."""
    run_in_processes(function, {name: arguments})


def _choose_as_before(stage: Stage, entry: Entry) -> dict[str, typing.Any]:
    """Return the settings of an extraction with the runtime and the precision that it chose; empty for other stages."""
    features = stage.settings.get("features")
    if not isinstance(features, FeatureSettings) or not (entry.path / "index.json").is_file():
        return {}
    index = read_json(entry.path / "index.json")
    precision: Precision = "bfloat16" if index["precision"] == "mixed_bfloat16" else "float32"
    return {"features": dataclasses.replace(features, runtime=index["runtime"], precision=precision)}


def _take_over(entry: Entry, shards: list[str], folder: Path) -> None:
    """Prepare the folder as if an interrupted extraction had left these shards of an entry."""
    index = read_json(entry.path / "index.json")
    checksums = {}
    for name in shards:
        with open(entry.path / name, "rb") as file:
            checksums[name] = file.read(CHECKSUM).decode()
        try:
            os.link(entry.path / name, folder / name)
        except OSError:  # not on every file system
            shutil.copyfile(entry.path / name, folder / name)
    (folder / UNFINISHED).mkdir(exist_ok=True)
    chosen = {"policy": index["precision"], "runtime": index["runtime"]}
    write_finished(folder, {**chosen, "shards": checksums, "seconds": 0.0})


def _repeat_epochs(name: str, arguments: tuple, entry: Entry, first: int) -> FileComparison:
    """Train the first epochs again, and compare loss, accuracies and learning rate after each of them."""
    former = read_json(entry.path / HISTORY)
    first = min(first, len(former["loss"]))
    _run(name, _compute_share, (*arguments, first / len(former["loss"])))
    again = _read_history(arguments[-1])
    if any(len(values) < first for values in (again[measured] for measured in former)):
        raise ReportError(f"The training of {name} did not reach epoch {first} again.")
    pairs = [
        (measured, epoch + 1, former[measured][epoch], again[measured][epoch])
        for measured in former for epoch in range(first)
    ]  # fmt: skip
    label = f"epochs 1 to {first}, {len(pairs)} numbers"
    differing = [pair for pair in pairs if pair[2] != pair[3] and not (math.isnan(pair[2]) and math.isnan(pair[3]))]
    if not differing:
        return FileComparison(label, SAME_NUMBERS)
    most = max(differing, key=lambda pair: abs(pair[2] - pair[3]))
    apart = abs(most[2] - most[3])
    return FileComparison(
        label, f"{len(differing)} numbers differ, by at most {apart:.3g} ({most[0]}, epoch {most[1]})"
    )


def _read_history(folder: Path) -> dict[str, list[float]]:
    """Return the history of a finished training, or that of the checkpoint of an unfinished one."""
    if (folder / HISTORY).is_file():
        return read_json(folder / HISTORY)
    with h5py.File(folder / UNFINISHED / "checkpoint.h5", "r") as file:
        return json.loads(file.attrs["history"])


def _compute_share(function: str, arguments: dict[str, typing.Any], out: Path, share: float) -> None:
    prepare_libraries()
    with contextlib.suppress(StopStage):
        call_stage(function, {**arguments, "out": out, "progress": StoppingProgress(share)})


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
