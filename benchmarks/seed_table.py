"""Accuracies of finished runs for the README, from their results.json.

    python benchmarks/seed_table.py RESULTS...     writes benchmarks/seeds.json and prints the rows of the README

All runs have the same preset. Several runs must differ only in --seed, for example

    for seed in 0 1 2; do python run_all.py --seed $seed --out report-$seed; done

and give mean ± standard deviation; a single run gives its accuracies.
"""

import argparse
import statistics
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.networks import COMPARED, network_of_stage, stages_of_part  # noqa: E402
from fmnist_report.pipeline.files import read_json, write_json  # noqa: E402
from fmnist_report.report.language import Language  # noqa: E402

FILE = ROOT / "benchmarks" / "seeds.json"


def gather(results: list[dict[str, typing.Any]]) -> dict[str, typing.Any]:
    """Summarise the runs: seeds, minutes, hardware, accuracies in per cent and costs by model, comparisons."""
    models = {
        name: {
            **{part: [100 * row["models"][name][f"{part}_accuracy"] for row in results] for part in ("val", "test")},
            **{cost: results[0]["models"][name][cost] for cost in ("n_params", "macs_per_prediction")},
        }
        for name in COMPARED
    }
    comparisons = [
        {"a": rows[0]["a"], "b": rows[0]["b"], "points": [round(100 * row["difference"], 2) for row in rows],
         "p_holm": [row["p_holm"] for row in rows]}
        for rows in zip(*(row["comparisons"] for row in results), strict=True)
    ]  # fmt: skip
    minutes = [sum(stage_seconds(row).values()) / 60 for row in results]
    described = {"seeds": [row["run"]["settings"]["seed"] for row in results]}
    started = [row["run"]["started"][:10] for row in results]
    hardware = results[0]["run"]["hardware"]
    found = {"minutes": minutes, "started": started, "hardware": hardware, "models": models, "comparisons": comparisons}
    return described | found


def stage_seconds(results: dict[str, typing.Any]) -> dict[str, float]:
    """Return the seconds of each stage; for training stages only the epochs, as in results.json."""
    seconds = {stage["name"]: stage["seconds"] for stage in results["stages"]}
    for stage in (*stages_of_part(1), *stages_of_part(2)):
        seconds[stage] = results["models"][network_of_stage(stage)]["train_seconds"]
    return seconds


def write_rows(found: dict[str, typing.Any]) -> str:
    """Format one row per model: validation, test, parameters, multiply-accumulate operations per prediction."""
    language, rows = Language("en"), []
    for name, model in found["models"].items():
        cells = [write_accuracies(model[part]) for part in ("val", "test")]
        macs = model["macs_per_prediction"] / 1e6
        cells += [f"{model['n_params'] / 1e6:.2f} M", f"{macs:,.0f} M" if macs >= 10 else f"{macs:.1f} M"]
        rows.append(f"| {language.model(name)} (`{name}`) | {' | '.join(cells)} |")
    return "\n".join(rows)


def write_accuracies(values: list[float]) -> str:
    """Format one accuracy, or the mean of several and their standard deviation."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS")
    results = [read_json(path) for path in parser.parse_args().results]
    presets = {row["run"]["preset"] for row in results}
    if len(presets) > 1:
        parser.error("the runs have different presets")
    found = gather(results)
    write_json(FILE, (read_json(FILE) if FILE.is_file() else {}) | {presets.pop(): found})
    print(write_rows(found))
    print("minutes of computation:", ", ".join(f"{minutes:.1f}" for minutes in found["minutes"]))


if __name__ == "__main__":
    main()
