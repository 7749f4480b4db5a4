"""Compare designs of the study: short runs of the CNN held against full training runs, by cross-entropy.

    python benchmarks/study_design.py --cache-dir DIR --images 2000 --steps 200 --rate 2

Adds the design to benchmarks/study_design.json: the losses of every value over the seeds, after temperature scaling on
the first N_VAL validation images. docs/tuning.md shows their rank correlations with templates/full_runs.json.
"""

import argparse
import dataclasses
import statistics
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.pipeline.files import read_json, write_json  # noqa: E402
from fmnist_report.report.full_runs import average_seeds, rank_correlation  # noqa: E402

FILE = ROOT / "benchmarks" / "study_design.json"
FULL_RUNS = ROOT / "templates" / "full_runs.json"
N_VAL, N_SEEDS = 2_500, 2


def train_design(
    cache_dir: Path, n_train: int, n_steps: int, rate: float, divisor: int, batch: int
) -> dict[str, list[float]]:
    """Return the losses of the baseline and of every ranked value of the CNN, one per seed."""
    from fmnist_report.experiments.study import HORIZON, list_variations
    from fmnist_report.experiments.trials import SubsetSource, train_settings
    from fmnist_report.networks import make_trial_specs
    from fmnist_report.presets import override, preset

    spec = make_trial_specs(override(preset("standard"), [f"study.width_divisor={divisor}"]))["cnn"]
    rate *= spec.settings.learning_rate
    baseline = dataclasses.replace(spec.settings, learning_rate=rate, batch_size=batch)
    data = max((cache_dir / "data").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime).parent
    subset = SubsetSource(data, n_train, N_VAL).open()
    varied = [one for one in list_variations(spec, baseline, mirror=True) if one.factor not in HORIZON]
    named = {"": baseline, **{f"{one.factor}={one.value}": one.settings for one in varied}}
    losses: dict[str, list[float]] = {}
    for seed in range(N_SEEDS):
        for name, settings in named.items():
            losses.setdefault(name, []).append(train_settings(spec, settings, n_steps, subset, seed).val_loss)
            print(seed, name or "baseline", losses[name][-1], flush=True)
    return losses


def correlate(losses: dict[str, list[float]]) -> dict[str, typing.Any]:
    """Correlate a design with the full runs: of the mean over the seeds, and of each seed; n values."""
    full = {
        "=".join(*row["changes"].items()) if row["changes"] else "": row["val_loss"]
        for row in average_seeds(read_json(FULL_RUNS))
        if row["stage"] == "cnn"
    }
    both = [name for name in losses if name in full]
    reference = [full[name] for name in both]
    seeds = [rank_correlation(reference, [losses[name][seed] for name in both]) for seed in range(N_SEEDS)]
    means = rank_correlation(reference, [statistics.fmean(losses[name]) for name in both])
    return {"n": len(both), "mean": means, "seeds": seeds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "cache")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2.0, help="multiple of the learning rate of standard")
    parser.add_argument("--divisor", type=int, default=3, help="of the widths of standard")
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    design = {name: getattr(options, name) for name in ("images", "steps", "rate", "divisor", "batch")}
    losses = train_design(options.cache_dir, *design.values())
    known = [row for row in read_json(FILE) if {name: row[name] for name in design} != design]
    write_json(FILE, [*known, {**design, "losses": losses}])
    print(correlate(losses))


if __name__ == "__main__":
    main()
