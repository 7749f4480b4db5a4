"""Stage durations of finished runs, for the estimate that a run prints at its start.

    python benchmarks/stage_times.py RESULTS...     writes fmnist_report/forecast.json
    python benchmarks/stage_times.py --check RESULTS...     compares each run with its estimate

RESULTS are results.json of runs on this machine, one per preset, with as little other load as possible; the speed of
the machine is measured now. A cached stage counts with its original duration.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from seed_table import stage_seconds  # noqa: E402

from fmnist_report.forecast import KNOWN, fastest, forecast  # noqa: E402
from fmnist_report.machine import Speed, describe_hardware, measure_speed, prepare_libraries  # noqa: E402
from fmnist_report.pipeline.files import read_json, write_json  # noqa: E402
from fmnist_report.pipeline.stage import Stage, Step  # noqa: E402
from fmnist_report.presets import PRESETS  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    prepare_libraries()
    speed = measure_speed()
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
    if not arguments.check:
        write_json(KNOWN, known)


def compare(preset: str, seconds: dict[str, float], speed: Speed) -> None:
    """Print the estimated and the actual duration of each stage, with the ratio, and of all."""
    steps = [Step(Stage(name, "package.module:function"), {}) for name in seconds]
    planned = forecast(PRESETS[preset], steps, speed)
    total = sum(planned.values()), sum(seconds[name] for name in planned)
    for name, plan, took in [*((n, planned[n], seconds[n]) for n in planned), ("all", *total)]:
        print(f"| {name} | {plan:.0f} | {took:.0f} | {plan / took:.2f} |")


if __name__ == "__main__":
    main()
