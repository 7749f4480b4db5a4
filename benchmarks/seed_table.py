"""Means and standard deviations over runs with different seeds, from their results.json.

    python benchmarks/seed_table.py RESULTS...     writes benchmarks/seeds.json and prints the table of the README

Each run is the line with another --seed and nothing else, for example

    for seed in 0 1 2; do python run_all.py --seed $seed --out report-$seed; done
"""

import argparse
import statistics
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.evaluation.networks import COMPARED  # noqa: E402
from fmnist_report.pipeline.files import read_json, write_json  # noqa: E402

FILE = ROOT / "benchmarks" / "seeds.json"


def gather(results: list[dict[str, typing.Any]]) -> dict[str, typing.Any]:
    """Return what the runs reached: seeds, minutes, hardware, and by model and part the accuracies in per cent."""
    models = {
        name: {part: [100 * row["models"][name][f"{part}_accuracy"] for row in results] for part in ("val", "test")}
        for name in COMPARED
    }
    minutes = [sum(stage["seconds"] for stage in row["stages"]) / 60 for row in results]
    described = {"preset": results[0]["run"]["preset"], "seeds": [row["run"]["settings"]["seed"] for row in results]}
    started = [row["run"]["started"][:10] for row in results]
    hardware = results[0]["run"]["hardware"]
    return described | {"minutes": minutes, "started": started, "hardware": hardware, "models": models}


def write_rows(found: dict[str, typing.Any]) -> str:
    """Write one row a model: mean ± standard deviation of validation and of test."""
    rows = []
    for name, parts in found["models"].items():
        cells = [f"{statistics.fmean(part):.2f} ± {statistics.stdev(part):.2f}" for part in parts.values()]
        rows.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS")
    results = [read_json(path) for path in parser.parse_args().results]
    if len({row["run"]["preset"] for row in results}) > 1:
        parser.error("the runs have different presets")
    found = gather(results)
    write_json(FILE, found)
    print(write_rows(found))
    print("minutes of computation:", ", ".join(f"{minutes:.1f}" for minutes in found["minutes"]))


if __name__ == "__main__":
    main()
