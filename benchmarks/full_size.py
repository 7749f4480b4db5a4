"""Seconds and peak memory of the stages that read all features at once, in two builds, from the same finished entries.

    python benchmarks/full_size.py FORMER NEW --data ENTRY --features ENTRY [--stages classifiers head]

FORMER and NEW are checkouts with a .venv. ENTRY are folders of a cache, of a run of `standard`. Each stage runs in a
process of its own. Prints a table, and writes full_size.json next to this file.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

STAGES = {
    "classifiers": "from fmnist_report.training.classifiers import fit_classifiers as stage; "
                   "extra = {'classifiers': settings.classifiers, 'workers': LOCAL}",
    "head": "from fmnist_report.training.head import fit_head as stage; extra = {'head': settings.head}",
}  # fmt: skip
CODE = """
import json, sys, time
from pathlib import Path
from fmnist_report.machine import peak_memory_bytes, prepare_libraries
prepare_libraries()
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.workers import LOCAL
from fmnist_report.presets import preset
settings = preset("standard")
{stage}
out, data, features = map(Path, sys.argv[1:])
started = time.monotonic()
stage(out, Progress(quiet=True), seed=0, data=data, features=features, **extra)
print(json.dumps({{"seconds": time.monotonic() - started, "gb": peak_memory_bytes() / 1e9}}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("former", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    arguments = parser.parse_args()
    found = {}
    for stage in arguments.stages:
        for name in ("former", "new"):
            build = getattr(arguments, name).resolve()
            with tempfile.TemporaryDirectory() as out:
                command = [build / ".venv/bin/python", "-c", CODE.format(stage=STAGES[stage]), out]
                done = subprocess.run(
                    [*map(str, command), str(arguments.data.resolve()), str(arguments.features.resolve())],
                    cwd=build, env=dict(os.environ), capture_output=True, text=True, check=True,
                )  # fmt: skip
                found.setdefault(stage, {})[name] = json.loads(done.stdout.splitlines()[-1])
                found[stage][name]["accuracies"] = read_accuracies(Path(out))
        former, new = found[stage]["former"], found[stage]["new"]
        ratios = [f"{former[key]:.1f} | {new[key]:.1f} | {new[key] / former[key]:.2f}" for key in ("seconds", "gb")]
        print(f"| {stage} | {' | '.join(ratios)} |", former["accuracies"], new["accuracies"], flush=True)
    (Path(__file__).resolve().parent / "full_size.json").write_text(json.dumps(found, indent=1) + "\n")


def read_accuracies(out: Path) -> dict[str, float]:
    """Return the validation accuracies of a stage's results."""
    path = out / "classifiers.json"
    if path.is_file():
        return {name: row["val_accuracy"] for name, row in json.loads(path.read_text()).items()}
    return {"head": json.loads((out / "history.json").read_text())["val_accuracy"][-1]}


if __name__ == "__main__":
    main()
