"""Estimate run time from reference timings and measured machine speed."""

import math
import typing
from pathlib import Path

from fmnist_report.machine import MNN, Speed
from fmnist_report.pipeline.files import read_json
from fmnist_report.pipeline.stage import Execution, Step
from fmnist_report.presets import PRESETS
from fmnist_report.settings import Settings, TrainingSettings

KNOWN = Path(__file__).with_name("forecast.json")  # written by benchmarks/stage_times.py
WORTH_TELLING = 60.0  # seconds
WORTH_SHORTENING = 3_600.0


BY_INFERENCE = ("features",)  # stages scaled by forward passes; the others train, or use the processor alike


def forecast(settings: Settings, steps: typing.Iterable[Step], speed: Speed | None = None) -> dict[str, float]:
    """Return the estimated seconds of each stage from a fresh start, by stage name.

    Timings are those of the preset on a machine of the same class: one that trains in the same precision. They are
    scaled by the measured speeds, and by the number of epochs and of training images; the effect of other settings is
    not modelled. Stages without a timing are left out.

    Args:
        speed: that of this machine; by default, the timed machine itself.
    """
    timing = find_timing(settings.preset, speed)
    return {
        step.stage.name: seconds * _share_of_preset(base, settings) * (_slowness(base, timing, speed) if speed else 1)
        for step in steps
        for base in [step.stage.name.rpartition("-")[0] or step.stage.name]  # a repetition takes as long as the first
        if (seconds := timing["seconds"].get(step.stage.name, timing["seconds"].get(base)))
    }


def preset_seconds(name: str, speed: Speed) -> float:
    """Return the estimated seconds of a whole preset on this machine; infinite if it was not timed."""
    timing = find_timing(name, speed)
    return sum(seconds * _slowness(stage, timing, speed) for stage, seconds in timing["seconds"].items()) or math.inf


def _slowness(stage: str, timing: dict[str, typing.Any], speed: Speed) -> float:
    kind = "inference" if stage in BY_INFERENCE else "training"
    rate = fastest(speed)[kind]
    return timing["speed"][kind] / rate if math.isfinite(rate) else 1.0


def fastest(speed: Speed) -> dict[str, float]:
    """Return the GFLOP/s of inference and of training with automatic settings; infinite if not measured."""
    runtime, policy = speed.choose()
    inference = speed.mnn if runtime == MNN else speed.inference.get(policy.removeprefix("mixed_"), float("inf"))
    return {"inference": inference, "training": speed.training.get(speed.precision(), float("inf"))}


def find_timing(preset: str, speed: Speed | None) -> dict[str, typing.Any]:
    """Return a preset's timing on a machine of the same class, or of another; without seconds if there is none."""
    timings = read_json(KNOWN)["presets"].get(preset, {})
    same = timings.get(speed.precision()) if speed else None
    return same or next(iter(timings.values()), {"seconds": {}})


def _share_of_preset(stage: str, settings: Settings) -> float:
    preset = PRESETS[settings.preset]
    share = settings.data.n_train / preset.data.n_train
    own, reference = (getattr(each, stage, None) for each in (settings, preset))
    if isinstance(own, TrainingSettings) and isinstance(reference, TrainingSettings):
        share *= own.epochs / reference.epochs
    return share


def add_up(seconds: dict[str, float], steps: typing.Iterable[Step]) -> float:
    """Return the total seconds of stages, some of which run in parallel.

    Parallel stages were timed in parallel, so only the longest of them counts.
    """
    steps = list(steps)
    beside = [
        step.stage.name for step in steps if step.stage.execution is Execution.PARALLEL and step.stage.name in seconds
    ]
    alone = [step.stage.name for step in steps if step.stage.name in seconds and step.stage.name not in beside]
    return sum(seconds[name] for name in alone) + max((seconds[name] for name in beside), default=0)


def write_duration(seconds: float) -> str:
    """Format a duration in rounded seconds, minutes or hours."""
    if seconds < 90:
        return f"{max(1, round(seconds)):d} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def describe_plan(seconds: dict[str, float], total: float, shorter: dict[str, float]) -> str:
    """Describe the estimated duration of the stages, with those under a minute combined.

    Args:
        seconds: duration by stage on this machine.
        total: total duration, as returned by add_up.
        shorter: total duration of shorter presets, by name; they are named if more than an hour is planned.
    """
    long = [f"{name} {write_duration(value)}" for name, value in seconds.items() if value >= WORTH_TELLING]
    rest = sum(value for value in seconds.values() if value < WORTH_TELLING)
    parts = ", ".join([*long, f"the rest {write_duration(rest)}"] if rest else long)
    ways = [f"--preset {name} takes about {write_duration(value)}" for name, value in shorter.items()]
    shortcut = [f"{'; '.join(ways)}."] if ways and total > WORTH_SHORTENING else []
    planned = f"Planned: {parts}; about {write_duration(total)} in all."
    return " ".join([planned, *shortcut, "An interrupted run resumes where it stopped."])


class Remaining:
    """The time left of a run, corrected by the stages that are done.

    Args:
        planned: seconds by stage, as returned by forecast.
        steps: the pending steps.
    """

    def __init__(self, planned: dict[str, float], steps: typing.Sequence[Step]) -> None:
        self.planned, self.steps = planned, [step for step in steps if step.stage.name in planned]
        self.took: dict[str, float] = {}

    def describe(self, stage: str, seconds: float) -> str:
        """Return a sentence about the time left after a stage that took so many seconds; empty if not worth telling."""
        if stage in self.planned:
            self.took[stage] = seconds
        done = sum(self.planned[name] for name in self.took)
        left = add_up(self.planned, [step for step in self.steps if step.stage.name not in self.took])
        if not done or seconds < WORTH_TELLING:
            return ""
        left *= sum(self.took.values()) / done
        return f"About {write_duration(left)} left." if left >= WORTH_TELLING else ""
