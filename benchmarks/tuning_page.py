"""Write docs/tuning.md: full training runs over seeds, former and chosen settings, comparison with the study."""

import statistics
import sys
import typing
from pathlib import Path

import jinja2
from study_design import correlate

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.pipeline.files import read_json  # noqa: E402
from fmnist_report.presets import preset  # noqa: E402
from fmnist_report.report.full_runs import (  # noqa: E402
    average_seeds,
    is_current,
    pair_with_study,
    rank_correlation,
    rank_interval,
)

FILE = ROOT / "templates" / "full_runs.json"
TRIED_FILE = ROOT / "templates" / "best_runs.json"
FORMER_FILE = ROOT / "benchmarks" / "former_runs.json"
FIDELITY = ROOT / "benchmarks" / "fidelity.json"
DESIGNS = ROOT / "benchmarks" / "study_design.json"
PAGE = ROOT / "docs" / "tuning.md"


def compare_orders(results: Path) -> dict[str, typing.Any]:
    """Compare the cross-entropies of full runs, means over the seeds, with those of a study; correlate their orders.

    Args:
        results: a results.json, or a validation.json, of standard.

    Returns:
        By stage: pairs of (factor, value, cross-entropy in full, cross-entropy in the study), the best first;
        Spearman's correlation of the two, with its 95% interval low to high.
    """
    full = average_seeds(read_json(FILE))
    studied = read_json(results)["study"]["rows"]
    found = {}
    for stage in dict.fromkeys(row["stage"] for row in full):
        paired = pair_with_study(full, studied, stage)
        pairs = [(row["factor"] or "baseline", row["value"], row["full"], row["studied"]) for row in paired]
        if len(pairs) > 3:
            pairs.sort(key=lambda pair: pair[2])
            correlation = rank_correlation([pair[2] for pair in pairs], [pair[3] for pair in pairs])
            low, high = rank_interval(correlation, len(pairs))
            found[stage] = {"pairs": pairs, "spearman": correlation, "low": low, "high": high}
    return found


def measure_seeds(full: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Describe each variation that has several seeds as describe_seeds does, with its stage, factor and value."""
    names = dict.fromkeys((row["stage"], row["factor"], row["value"]) for row in full)
    groups = {name: find_rows(full, *name) for name in names}
    return [
        {**dict(zip(("stage", "factor", "value"), name, strict=True)), **describe_seeds(rows)}
        for name, rows in groups.items()
        if len(rows) > 1
    ]


def compare_steps(full: list[dict[str, typing.Any]]) -> dict[str, list[dict[str, typing.Any]]]:
    """Describe, for each network, the training runs from the former settings to the chosen ones."""
    former = read_json(FORMER_FILE)
    steps = {
        "cnn": {
            "residual connections, shifts of up to 2 pixels (former)": find_rows(former, "cnn"),
            "no residual connections": find_rows(full, "cnn", "shift", "2"),
            "no residual connections, shifts of up to 1 pixel (chosen)": find_rows(full, "cnn"),
        },
        "mlp": {
            "16 epochs, no dropout (former)": find_rows(former, "mlp"),
            "32 epochs, dropout 0.1 (chosen)": find_rows(full, "mlp"),
        },
        **{
            stage: {
                "images of 48 × 48 pixels (former)": find_rows(full, stage, "size", "48"),
                "images of 64 × 64 pixels (chosen)": find_rows(full, stage),
            }
            for stage in ("head", "finetune")
        },
    }
    return {
        stage: [{"name": name, **describe_seeds(rows)} for name, rows in found.items()]
        for stage, found in steps.items()
    }


def find_rows(
    rows: list[dict[str, typing.Any]], stage: str, factor: str = "", value: str = ""
) -> list[dict[str, typing.Any]]:
    """Return the training runs of one variation; by default those of the baseline."""
    return [row for row in rows if (row["stage"], row["factor"], row["value"]) == (stage, factor, value)]


def describe_seeds(rows: list[dict[str, typing.Any]]) -> dict[str, typing.Any]:
    """Return accuracies, and mean and standard deviation of accuracy and loss, of training runs that differ in seed."""
    accuracies, losses = ([row[key] for row in rows] for key in ("val_accuracy", "val_loss"))
    found: dict[str, typing.Any] = {"accuracies": accuracies}
    for key, values in (("accuracy", accuracies), ("loss", losses)):
        found |= {key: statistics.fmean(values), f"{key}_sd": statistics.stdev(values)}
    return found


def group_tried(rows: list[dict[str, typing.Any]]) -> dict[str, list[dict[str, typing.Any]]]:
    """Return the training runs of best in its present form, by network, the highest accuracy first."""
    groups: dict[str, list[dict[str, typing.Any]]] = {}
    for row in sorted(filter(is_current, rows), key=lambda row: -row["val_accuracy"]):
        groups.setdefault(row["stage"], []).append(row)
    return groups


def write_page() -> None:
    """Fill benchmarks/tuning.md.jinja."""
    loader = jinja2.FileSystemLoader(ROOT / "benchmarks")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False
    )
    full = read_json(FILE)
    page = environment.get_template("tuning.md.jinja").render(
        full=full,
        noise=measure_seeds(full),
        steps=compare_steps(full),
        study=preset("standard").study,
        fidelity=read_json(FIDELITY),
        designs=[row | correlate(row["losses"]) for row in read_json(DESIGNS)],
        tried=group_tried(read_json(TRIED_FILE)),
    )
    PAGE.write_text(page.rstrip() + "\n", "utf-8")
