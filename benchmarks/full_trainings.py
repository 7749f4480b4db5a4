"""Train variations of the chosen settings in full, one change each, and keep what they reach on validation.

    python benchmarks/full_trainings.py --cache-dir DIR     train what templates/full_trainings.json lacks
    python benchmarks/full_trainings.py --fidelity FILE     compare their order with the study in a results.json

The report tells these trainings as earlier measurements of the project. Each is a run of the line that leaves the test
labels closed; one that was interrupted goes on with the same command. All end by writing docs/tuning.md.
"""

import argparse
import datetime
import json
import subprocess
import sys
import typing
from pathlib import Path

import jinja2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.data.detection import find_data_set  # noqa: E402
from fmnist_report.machine import describe_hardware  # noqa: E402
from fmnist_report.pipeline.cache import Cache  # noqa: E402
from fmnist_report.pipeline.files import load_arrays, read_json, write_json  # noqa: E402
from fmnist_report.pipeline.plan import Plan  # noqa: E402
from fmnist_report.report.title_page import read_document  # noqa: E402
from fmnist_report.settings import override, preset  # noqa: E402
from fmnist_report.training.metrics import measure_accuracy, score  # noqa: E402
from run_all import build_line  # noqa: E402

FILE = ROOT / "templates" / "full_trainings.json"
FIDELITY = ROOT / "benchmarks" / "fidelity.json"
PAGE = ROOT / "docs" / "tuning.md"
# Stage, group, factor, its value as the study writes it, and how the command line sets it; no value: as chosen.
ROWS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("cnn", "", "", "", ()),
    ("cnn", "structure", "architecture", "plain", ("cnn.architecture=plain",)),
    ("cnn", "structure", "widths", "half", ("cnn.widths=32,96,96", "cnn.stem=16")),
    ("cnn", "regularisation", "shift", "0", ("cnn.shift=0",)),
    ("cnn", "optimisation", "schedule", "constant", ("cnn.schedule=constant",)),
    ("cnn", "structure", "normalised", "False", ("cnn.normalised=False",)),
    ("cnn", "structure", "residual", "False", ("cnn.residual=False",)),
    ("cnn", "optimisation", "learning_rate", "0.0015", ("cnn.learning_rate=0.0015",)),
    ("cnn", "optimisation", "optimizer", "adamw",
     ("cnn.optimizer=adamw", "cnn.learning_rate=0.0024", "cnn.weight_decay=0.125")),
    ("finetune", "", "", "", ()),
    ("finetune", "optimisation", "learning_rate", "1.5e-05", ("finetune.learning_rate=1.5e-5",)),
    ("finetune", "optimisation", "learning_rate", "0.00024", ("finetune.learning_rate=2.4e-4",)),
    ("finetune", "optimisation", "learning_rate", "0.00096", ("finetune.learning_rate=9.6e-4",)),
    ("finetune", "regularisation", "dropout", "0.5", ("finetune.dropout=0.5",)),
    ("mlp", "", "", "", ()),
    ("mlp", "data", "split_seed", "1", ("data.split_seed=1",)),
    ("mlp", "data", "split_seed", "2", ("data.split_seed=2",)),
    ("cnn", "structure", "pooling", "average", ("cnn.pooling=average",)),
    ("cnn", "regularisation", "mirror", "False", ("cnn.mirror=False",)),
)  # fmt: skip


def train_row(stage: str, assignments: tuple[str, ...], cache_dir: Path) -> dict[str, typing.Any]:
    """Train one row by the command line; returns what it reached and what it took."""
    options = ["--no-test", "--only", stage, *(word for text in assignments for word in ("--set", text))]
    subprocess.run([sys.executable, "run_all.py", *options, "--cache-dir", str(cache_dir)], cwd=ROOT, check=True)
    settings = override(preset("standard"), assignments)
    line = build_line(settings, read_document([], None), find_data_set(None), cache_dir, no_test=True)
    steps = Plan(line, Cache(cache_dir)).steps
    entries = {name: step.entry for name, step in steps.items()}
    arrays = load_arrays(entries[stage].path / "probabilities.npz")
    labels = load_arrays(entries["data"].path / "labels.npz")["val"]
    loss, accuracy = score(arrays["val"], labels)
    return {
        "command": f"python run_all.py {' '.join(options)}",
        "val_accuracy": accuracy,
        "val_accuracy_one_view": measure_accuracy(arrays.get("val_original", arrays["val"]), labels),
        "val_loss": loss,
        "seconds": read_json(entries[stage].path / "measured.json")["train_seconds"],
        "date": datetime.date.today().isoformat(),
        "processor": describe_hardware()["processor"],
    }


def train_missing(cache_dir: Path, stages: list[str]) -> None:
    """Train the rows that the file lacks and add each as soon as it is there."""
    found = read_json(FILE) if FILE.is_file() else []
    for stage, group, factor, value, assignments in ROWS:
        name = {"stage": stage, "group": group, "factor": factor, "value": value, "set": list(assignments)}
        if stage in stages and not any(row.items() >= name.items() for row in found):
            found.append({**name, **train_row(stage, assignments, cache_dir)})
            write_json(FILE, found)
            print(json.dumps(found[-1]), flush=True)


def compare_orders(results: Path) -> dict[str, typing.Any]:
    """Set full accuracies beside those of a study, and correlate their orders.

    Args:
        results: a results.json, or a validation.json, of standard.

    Returns:
        By stage: pairs of (factor, value, full accuracy, accuracy in the study), the best first, and Spearman's
        correlation of the two accuracies.
    """
    from scipy.stats import spearmanr

    full, studied = read_json(FILE), read_json(results)["study"]["rows"]
    found = {}
    for stage in dict.fromkeys(row["stage"] for row in full):
        accuracy = {(row["factor"], row["value"]): row["val_accuracy"] for row in studied if row["network"] == stage}
        own = [row["val_accuracy"] for row in studied if row["network"] == stage and row["chosen"]]
        pairs = [
            (row["factor"], row["value"], row["val_accuracy"], accuracy[row["factor"], row["value"]])
            for row in full
            if row["stage"] == stage and (row["factor"], row["value"]) in accuracy
        ]
        if pairs:
            chosen = next(row["val_accuracy"] for row in full if row["stage"] == stage and not row["factor"])
            pairs.append(("as chosen", "", chosen, own[0]))
            pairs.sort(key=lambda pair: -pair[2])
            correlation = spearmanr([pair[2] for pair in pairs], [pair[3] for pair in pairs]).statistic
            found[stage] = {"pairs": pairs, "spearman": float(correlation)}
    return found


def write_page() -> None:
    """Fill benchmarks/tuning.md.jinja."""
    loader = jinja2.FileSystemLoader(ROOT / "benchmarks")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False
    )
    page = environment.get_template("tuning.md.jinja").render(full=read_json(FILE), fidelity=read_json(FIDELITY))
    PAGE.write_text(page.rstrip() + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "cache")
    parser.add_argument("--stage", action="append", help="only these stages; may be repeated")
    parser.add_argument("--fidelity", type=Path, metavar="RESULTS", help="compare with the study in this results.json")
    parser.add_argument("--page-only", action="store_true", help="write docs/tuning.md from the figures at hand")
    options = parser.parse_args()
    if options.fidelity:
        write_json(FIDELITY, compare_orders(options.fidelity))
    elif not options.page_only:
        train_missing(options.cache_dir.resolve(), options.stage or [row[0] for row in ROWS])
    if FIDELITY.is_file():
        write_page()


if __name__ == "__main__":
    main()
