"""Stage durations of finished runs, for the estimate that a run prints at its start.

    python benchmarks/stage_times.py RESULTS...     writes fmnist_report/forecast.json
    python benchmarks/stage_times.py --check RESULTS...     compares each run with its estimate
    python benchmarks/stage_times.py --parts CLASS     writes that of standard from builds.json and full_size.json

RESULTS are results.json of runs on this machine, one per preset, with as little other load as possible; the speed of
the machine is measured now. A cached stage counts with its original duration.
"""

import argparse
import datetime
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from seed_table import stage_seconds  # noqa: E402

from fmnist_report.forecast import KNOWN, fastest, forecast  # noqa: E402
from fmnist_report.machine import Speed, describe_hardware, measure_speed, prepare_libraries  # noqa: E402
from fmnist_report.pipeline.files import read_json, write_json  # noqa: E402
from fmnist_report.pipeline.stage import Stage, Step  # noqa: E402
from fmnist_report.presets import PRESETS  # noqa: E402

TRAINED = ("study", "control", "inputs", "explain")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULTS")
    parser.add_argument("--parts", choices=("own", "avx2"), help="class of builds.json")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    prepare_libraries()
    speed = measure_speed() if arguments.results else Speed()
    known = read_json(KNOWN) if KNOWN.is_file() else {"presets": {}}
    for path in arguments.results:
        results = read_json(path)
        preset = results["run"]["preset"]
        seconds = stage_seconds(results)
        if arguments.check:
            compare(preset, seconds, speed)
            continue
        known["presets"].setdefault(preset, {})[speed.precision()] = {
            "speed": {kind: round(rate) for kind, rate in fastest(speed).items()}, "hardware": describe_hardware(),
            "date": results["run"]["started"][:10], "seconds": seconds,
        }  # fmt: skip
    if arguments.parts:
        add_parts(known["presets"]["standard"], arguments.parts)
    if not arguments.check:
        write_json(KNOWN, known)


def add_parts(timings: dict[str, typing.Any], kind: str) -> None:
    """Time standard from the parts that builds.py measured and the stages of full_size.py.

    Stages that neither measured have the seconds of the other class, those that train as many times more as the CNN.
    """
    folder = Path(__file__).resolve().parent
    builds = read_json(folder / "builds.json")[kind]
    speed = Speed(**builds.pop("speed"))
    parts = {stage: sides["new"]["whole"] for stage, sides in builds.items()}
    whole = {stage: sides["new"]["seconds"] for stage, sides in read_json(folder / "full_size.json").items()}
    others = next(iter(timings.values()))["seconds"]
    slower = parts["cnn"] / others["cnn"]
    scaled = {stage: seconds * (slower if stage in TRAINED else 1) for stage, seconds in others.items()}
    timings[speed.precision()] = {
        "speed": {kind: round(rate) for kind, rate in fastest(speed).items()}, "hardware": describe_hardware(),
        "date": f"{datetime.date.today()}", "seconds": scaled | whole | parts,
    }  # fmt: skip


def compare(preset: str, seconds: dict[str, float], speed: Speed) -> None:
    """Print the estimated and the actual duration of each stage, with the ratio, and of all."""
    steps = [Step(Stage(name, "package.module:function"), {}) for name in seconds]
    planned = forecast(PRESETS[preset], steps, speed)
    total = sum(planned.values()), sum(seconds[name] for name in planned)
    for name, plan, took in [*((n, planned[n], seconds[n]) for n in planned), ("all", *total)]:
        print(f"| {name} | {plan:.0f} | {took:.0f} | {plan / took:.2f} |")


if __name__ == "__main__":
    main()
