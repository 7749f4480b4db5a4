"""Estimate run time from reference timings and measured machine speed."""

import typing
from pathlib import Path

from fmnist_report.pipeline.files import read_json
from fmnist_report.pipeline.stage import Execution, Step
from fmnist_report.presets import PRESETS
from fmnist_report.settings import Settings, TrainingSettings

KNOWN = Path(__file__).with_name("forecast.json")  # written by benchmarks/stage_times.py
WORTH_TELLING = 60.0  # seconds


def forecast(settings: Settings, steps: typing.Iterable[Step]) -> dict[str, float]:
    """Return the estimated seconds of each stage on the reference machine, from a fresh start, by stage name.

    Preset timings are scaled by the number of epochs and of training images; the effect of other settings is
    not modelled. Stages without a timing are left out.
    """
    known = read_json(KNOWN)["presets"].get(settings.preset, {}).get("seconds", {})
    found = {}
    for name in (step.stage.name for step in steps):
        base = name.rpartition("-")[0] or name  # a repetition takes as long as the first
        if name in known or base in known:
            found[name] = known.get(name, known.get(base)) * _share_of_preset(base, settings)
    return found


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
    beside = [
        step.stage.name for step in steps if step.stage.execution is Execution.PARALLEL and step.stage.name in seconds
    ]
    return sum(seconds.values()) - sum(seconds[name] for name in beside) + max((seconds[n] for n in beside), default=0)


def known_speed(preset: str) -> float:
    """Return the speed in GFLOP/s of the machine on which a preset was timed."""
    return read_json(KNOWN)["presets"][preset]["gflops"]


def write_duration(seconds: float) -> str:
    """Format a duration in rounded seconds, minutes or hours."""
    if seconds < 90:
        return f"{max(1, round(seconds)):d} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def describe_plan(seconds: dict[str, float], total: float, precision: str, gflops: float) -> str:
    """Describe the estimated duration of the stages, with those under a minute combined.

    Args:
        seconds: duration by stage on this machine.
        total: total duration, as returned by add_up.
        precision, gflops: measured precision and speed of this machine.
    """
    long = [f"{name} {write_duration(value)}" for name, value in seconds.items() if value >= WORTH_TELLING]
    rest = sum(value for value in seconds.values() if value < WORTH_TELLING)
    parts = ", ".join([*long, f"the rest {write_duration(rest)}"] if rest else long)
    return (
        f"Planned at {gflops:,.0f} GFLOP/s in {precision}, as measured now: {parts}; "
        f"about {write_duration(total)} in all. An interrupted run resumes where it stopped."
    )
