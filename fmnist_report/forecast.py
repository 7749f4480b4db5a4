"""About how long a run will take: what each stage took on a known machine, over how much faster this one multiplies."""

import typing
from pathlib import Path

from fmnist_report.pipeline.files import read_json
from fmnist_report.pipeline.stage import Execution, Step
from fmnist_report.presets import PRESETS
from fmnist_report.settings import Settings

KNOWN = Path(__file__).with_name("forecast.json")  # that benchmarks/stage_times.py writes
WORTH_TELLING = 60.0  # seconds
TRAINED = ("mlp", "cnn", "head", "finetune")  # stages whose section of the settings has their epochs


def forecast(settings: Settings, steps: typing.Iterable[Step]) -> dict[str, float]:
    """Say how many seconds each of some stages took on the known machine, begun anew, by its name.

    A stage takes as long as with its preset, times the share of its epochs and of the training images; that other
    settings can make it slower or faster is not told. Stages that nobody has timed are left out.
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
    if stage in TRAINED:
        share *= getattr(settings, stage).epochs / getattr(preset, stage).epochs
    return share


def add_up(seconds: dict[str, float], steps: typing.Iterable[Step]) -> float:
    """Return how long stages take together, of which some are computed side by side.

    Those were timed side by side too, so that the longest of them tells for all.
    """
    beside = [
        step.stage.name for step in steps if step.stage.execution is Execution.PARALLEL and step.stage.name in seconds
    ]
    return sum(seconds.values()) - sum(seconds[name] for name in beside) + max((seconds[n] for n in beside), default=0)


def known_speed(preset: str) -> float:
    """Return the 10⁹ operations a second of the machine on which a preset was timed."""
    return read_json(KNOWN)["presets"][preset]["gflops"]


def write_duration(seconds: float) -> str:
    """Write a duration as a person would say it."""
    if seconds < 90:
        return f"{max(1, round(seconds)):d} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def describe_plan(seconds: dict[str, float], total: float, precision: str, gflops: float) -> str:
    """Say in a sentence how long stages will take, those of less than a minute together.

    Args:
        seconds: by stage, on this machine.
        total: of all, as add_up counts.
        precision, gflops: this machine's, as measured.
    """
    long = [f"{name} {write_duration(value)}" for name, value in seconds.items() if value >= WORTH_TELLING]
    rest = sum(value for value in seconds.values() if value < WORTH_TELLING)
    parts = ", ".join([*long, f"the rest {write_duration(rest)}"] if rest else long)
    return (
        f"Planned at {gflops:,.0f} GFLOP/s in {precision}, as measured now: {parts}; "
        f"about {write_duration(total)} in all. A run that is stopped goes on where it was."
    )
