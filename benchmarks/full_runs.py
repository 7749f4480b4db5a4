"""Train variations of the chosen settings in full, one change each, and record their validation results.

    python benchmarks/full_runs.py --cache-dir DIR     train the rows missing from templates/full_runs.json
    python benchmarks/full_runs.py --fidelity FILE     compare their order with the study in a results.json
    python benchmarks/full_runs.py --best --cache-dir DIR    the same for the settings tried for best, many hours

The report shows these runs as earlier measurements of the project. Each is a run of the pipeline that does not read the
test labels; the same command resumes an interrupted one. All finally write docs/tuning.md.
"""

import argparse
import datetime
import json
import subprocess
import sys
import typing
from dataclasses import dataclass, replace
from pathlib import Path

from tuning_page import FIDELITY, FILE, FORMER_FILE, ROOT, TRIED_FILE, compare_orders, write_page

from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.machine import describe_hardware
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import load_arrays, read_json, write_json
from fmnist_report.pipeline.plan import Plan
from fmnist_report.presets import override, preset
from fmnist_report.report.full_runs import assign, set_as
from fmnist_report.report.title_page import read_document
from fmnist_report.settings import Settings
from fmnist_report.training.metrics import measure_accuracy, score
from run_all import build_pipeline


@dataclass(frozen=True)
class Row:
    """A full training run for standard.

    Args:
        network: the varied network, named as in the study.
        group, factor, value: as in the study; empty for the chosen settings.
        assignments: the --set assignments.
        trained_by: the stage that trains it; the network's by default.
        seed: seed of the run. Rows with seeds other than 0 show seed-to-seed variation and are not separate variations.
    """

    network: str
    group: str = ""
    factor: str = ""
    value: str = ""
    assignments: tuple[str, ...] = ()
    trained_by: str = ""
    seed: int = 0

    def describe(self) -> dict[str, typing.Any]:
        """Return the fields that identify a row in the file."""
        named = {"stage": self.network, "group": self.group, "factor": self.factor, "value": self.value}
        return named | {"set": list(self.assignments), "seed": self.seed}


@dataclass(frozen=True)
class Tried:
    """A full training run for best.

    Args:
        network: the network, named by its stage.
        changes: (setting, value) pairs that differ from the chosen ones; other sections' settings include the section.
    """

    network: str
    changes: tuple[tuple[str, str], ...] = ()

    def describe(self) -> dict[str, typing.Any]:
        """Return the fields that identify a row in the file."""
        changes = dict(self.changes)
        return {"stage": self.network, "changes": changes, "settings": set_as(self.network, changes)}


SMALLER, MIDDLE = (Row("head", "input", "size", side, (f"features.size={side}",)) for side in ("48", "56"))
SMALLER_TUNED = replace(SMALLER, network="finetune")
INPUTS = (Row("head"), MIDDLE, SMALLER, Row("finetune"), SMALLER_TUNED)
WIDER = Row("cnn", "regularisation", "shift", "2", ("cnn.shift=2",))
ROWS = (
    Row("cnn"),
    Row("cnn", seed=1),
    Row("cnn", seed=2),
    WIDER,
    replace(WIDER, seed=1),
    replace(WIDER, seed=2),
    Row("cnn", "optimisation", "learning_rate", "0.024", ("cnn.learning_rate=0.024",)),
    Row("cnn", "structure", "residual", "True", ("cnn.residual=True",)),
    Row("cnn", "optimisation", "learning_rate", "0.0015", ("cnn.learning_rate=0.0015",)),
    Row("cnn", "structure", "architecture", "plain", ("cnn.architecture=plain",)),
    Row("cnn", "structure", "widths", "half", ("cnn.widths=32,96,96", "cnn.stem=16")),
    Row("cnn", "regularisation", "shift", "0", ("cnn.shift=0",)),
    Row("cnn", "optimisation", "schedule", "constant", ("cnn.schedule=constant",)),
    Row("cnn", "optimisation", "optimizer", "adamw",
        ("cnn.optimizer=adamw", "cnn.learning_rate=0.0024", "cnn.weight_decay=0.125")),
    Row("cnn", "structure", "pooling", "average", ("cnn.pooling=average",)),
    Row("cnn", "regularisation", "mirror", "False", ("cnn.mirror=False",)),
    Row("cnn", "structure", "batch_norm", "False", ("cnn.batch_norm=False",)),
    *(replace(row, seed=seed) for row in INPUTS for seed in range(3)),
    Row("finetune", "structure", "unfreeze", "none", trained_by="control"),
    Row("finetune", "optimisation", "learning_rate", "1.5e-05", ("finetune.learning_rate=1.5e-5",)),
    Row("finetune", "optimisation", "learning_rate", "0.00024", ("finetune.learning_rate=2.4e-4",)),
    Row("finetune", "optimisation", "learning_rate", "0.00096", ("finetune.learning_rate=9.6e-4",)),
    Row("finetune", "optimisation", "learning_rate", "0.00384", ("finetune.learning_rate=3.84e-3",)),
    Row("finetune", "regularisation", "dropout", "0.5", ("finetune.dropout=0.5",)),
    Row("mlp"),
    Row("mlp", seed=1),
    Row("mlp", seed=2),
    Row("mlp", "data", "split_seed", "1", ("data.split_seed=1",)),
    Row("mlp", "data", "split_seed", "2", ("data.split_seed=2",)),
)  # fmt: skip

# The networks of part 1 before their last changes, which docs/tuning.md compares with the current ones.
SHORTER = Row("mlp", assignments=("mlp.epochs=16", "mlp.dropout=0.0"))
SHORTCUTS = Row("cnn", assignments=("cnn.residual=True", "cnn.shift=2"))
FORMER = tuple(replace(row, seed=seed) for row in (SHORTCUTS, SHORTER) for seed in range(3))


# Full training runs for best, seed 0: the chosen settings, and others.
BEST = (
    Tried("mlp"),
    Tried("mlp", (("dropout", "0"),)),
    Tried("mlp", (("dropout", "0.2"), ("cutout", "8"))),
    Tried("cnn"),
    Tried("cnn", (("residual", "True"), ("shift", "2"))),
    Tried("finetune"),
    Tried("finetune", (("epochs", "14"), ("cutout", "8"))),
    Tried("finetune", (("features.size", "64"), ("epochs", "12"))),
)


def train_row(row: Row, cache_dir: Path) -> dict[str, typing.Any]:
    """Train one row of standard; return its results and costs."""
    seed = ["--seed", str(row.seed)] if row.seed else []
    settings = replace(override(preset("standard"), row.assignments), seed=row.seed)
    return train(settings, row.trained_by or row.network, seed, row.assignments, cache_dir)


def train_tried(row: Tried, cache_dir: Path) -> dict[str, typing.Any]:
    """Train one row of best; return its results and costs."""
    assignments = assign(row.network, dict(row.changes))
    settings = override(preset("best"), assignments)
    return train(settings, row.network, ["--preset", "best"], assignments, cache_dir)


def train(
    settings: Settings, stage: str, options: list[str], assignments: tuple[str, ...], cache_dir: Path
) -> dict[str, typing.Any]:
    """Train one network with the command line, or find it in the cache; return its results and costs."""
    options = [*options, "--no-test", "--only", stage]
    options += [word for text in assignments for word in ("--set", text)]
    subprocess.run([sys.executable, "run_all.py", *options, "--cache-dir", str(cache_dir)], cwd=ROOT, check=True)
    line = build_pipeline(settings, read_document([], None), find_data_set(None), cache_dir, no_test=True)
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


def train_missing(
    file: Path, rows: typing.Iterable, cache_dir: Path, train_one: typing.Callable[..., dict[str, typing.Any]]
) -> None:
    """Train the rows missing from a file, and add each as soon as it is finished."""
    found = read_json(file) if file.is_file() else []
    for row in rows:
        if not any(known.items() >= row.describe().items() for known in found):
            found.append({**row.describe(), **train_one(row, cache_dir)})
            write_json(file, found)
            print(json.dumps(found[-1]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "cache")
    parser.add_argument("--stage", action="append", help="only these networks; may be repeated")
    parser.add_argument("--fidelity", type=Path, metavar="RESULTS", help="compare with the study in this results.json")
    parser.add_argument("--best", action="store_true", help="the settings tried for best instead of standard")
    parser.add_argument("--page-only", action="store_true", help="write docs/tuning.md from the recorded results")
    options = parser.parse_args()
    networks = options.stage or [row.network for row in (*ROWS, *BEST)]
    if options.fidelity:
        write_json(FIDELITY, compare_orders(options.fidelity))
    elif options.best:
        tried = [row for row in BEST if row.network in networks]
        train_missing(TRIED_FILE, tried, options.cache_dir.resolve(), train_tried)
    elif not options.page_only:
        for file, rows in ((FILE, ROWS), (FORMER_FILE, FORMER)):
            asked = [row for row in rows if row.network in networks]
            train_missing(file, asked, options.cache_dir.resolve(), train_row)
    if FIDELITY.is_file():
        write_page()


if __name__ == "__main__":
    main()
