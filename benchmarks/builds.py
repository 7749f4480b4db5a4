"""Compare two builds of this project stage by stage: seconds and CPU seconds, as a ratio.

    python benchmarks/builds.py FORMER NEW --cache DIR [--class avx2] [--stages mlp cnn …]

FORMER and NEW are checkouts whose .venv has their requirements; DIR has datasets/ and weights/ of a cache. Every
stage is computed by both, one after the other, each from the stages before it in a cache of its own. What a stage
repeats (epochs, shards, steps) is measured on a part of its work, the same on both sides, and counted as often as in
the preset. --class avx2 limits oneDNN to AVX2 and computes in float32; FORMER runs without oneDNN then, as TensorFlow
does by itself on such a processor. MNN has no such limit, so its rows are of the processor itself. The measurement of
the machine, once per run, is made before and printed; it counts in no stage. Writes builds.json next to this file.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import typing
from pathlib import Path

HERE = Path(__file__).resolve().parent
SMALL = {"data.n_val": 500, "data.n_test": 500}
BASE = {**SMALL, "data.n_train": 1_280, "features.shard": 500, "head.epochs": 2}
STUDY = {"study.cnn_steps": 30, "study.head_steps": 16, "study.finetune_steps": 6, "study.feature_train": 1_000}
N_ALL, N_PART = 70_000, 1_280 + 500 + 500


class Part(typing.NamedTuple):
    """The part of a stage's work that is measured.

    settings: what --set changes.
    times: how many times as much a run of `standard` computes.
    of: what is counted: the last epoch, the extraction without its preparation, or the whole stage.
    """

    settings: dict[str, typing.Any]
    times: float
    of: str = "stage"


PARTS = {
    "mlp": Part({**SMALL, "data.n_train": 10_240, "mlp.epochs": 2}, 32 * 55_000 / 10_240, "epoch"),
    "cnn": Part({**SMALL, "data.n_train": 3_840, "cnn.epochs": 2}, 7 * 55_000 / 3_840, "epoch"),
    "features": Part(BASE, N_ALL / N_PART, "extraction"),
    # Some 0.7 of the training images are shown in each of two epochs.
    "finetune": Part(
        {**BASE, "finetune.epochs": 2, "finetune.easy_sample_interval": 1}, 2 * 0.7 * 55_000 / 1_280, "epoch"
    ),
    "inputs": Part(SMALL | {"data.n_train": 1_280}, 1.0),
    "study": Part({**BASE, **STUDY}, 10.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("former", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--class", dest="kind", choices=("own", "avx2"), default="own")
    parser.add_argument("--stages", nargs="+", default=list(PARTS), choices=PARTS)
    arguments = parser.parse_args()
    builds = {"former": arguments.former.resolve(), "new": arguments.new.resolve()}
    environments = {name: environment(arguments.kind, name) for name in builds}
    found: dict[str, typing.Any] = {"speed": settle(environments, builds["new"])}
    with tempfile.TemporaryDirectory() as folder:
        for name in builds:
            for part in ("datasets", "weights"):
                shutil.copytree(arguments.cache / part, Path(folder) / name / part)
        for stage in arguments.stages:
            for name, build in builds.items():
                measured = measure(stage, build, Path(folder) / name, environments[name], arguments.kind)
                found.setdefault(stage, {})[name] = measured
            print(row(stage, found[stage]), flush=True)
            save(arguments.kind, found)
    totals = {name: sum(found[stage][name]["whole"] for stage in arguments.stages) for name in builds}
    print(f"| all | {totals['former']:.0f} | {totals['new']:.0f} | {totals['new'] / totals['former']:.2f} |")


def save(kind: str, found: dict[str, typing.Any]) -> None:
    """Write what was measured, stage by stage, so that nothing is lost if a later stage is interrupted."""
    path = HERE / "builds.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(known | {kind: known.get(kind, {}) | found}, indent=1) + "\n")


def environment(kind: str, build: str) -> dict[str, str]:
    """Return the environment of a build on a class of processors."""
    if kind == "own":
        return dict(os.environ)
    return {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0" if build == "former" else "1"}


def settle(environments: dict[str, dict[str, str]], new: Path) -> dict[str, typing.Any]:
    """Measure the machine once, and hand the choice to both builds, so that no stage contains the measurement."""
    code = "import os; from fmnist_report.machine import MEASURED, measure_speed; " \
           "print(measure_speed().precision(), os.environ[MEASURED])"  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(
        [new / ".venv/bin/python", "-c", code], cwd=new, env=environments["new"], capture_output=True, text=True
    )
    precision, _, speed = done.stdout.strip().partition(" ")
    print(f"measured in {time.monotonic() - started:.0f} s: {speed}", flush=True)
    environments["former"]["FMNIST_REPORT_PRECISION"] = precision
    environments["new"]["FMNIST_REPORT_SPEED"] = speed
    return json.loads(speed)


def measure(stage: str, build: Path, cache: Path, env: dict[str, str], kind: str) -> dict[str, float]:
    """Compute a stage; return its seconds, those of the whole preset, and CPU seconds."""
    forced = {f"{section}.precision": "float32" for section in ("mlp", "cnn", "features", "finetune")}
    part = PARTS[stage]
    settings = part.settings | (forced if kind == "avx2" else {})
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [build / ".venv/bin/python", "run_all.py", "--no-test", "--only", stage, "--cache-dir", cache, *words]
    done = subprocess.run([*map(str, command), "--out", str(cache / "out")], cwd=build, env=env, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode()[-2_000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    entry = max((cache / stage).iterdir(), key=lambda path: path.stat().st_mtime)
    seconds = json.loads((entry / "manifest.json").read_text())["seconds"]
    unit = seconds
    if part.of != "stage":
        measured = json.loads((entry / "measured.json").read_text())
        unit = measured["epoch_seconds"][-1] if part.of == "epoch" else measured["seconds"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "whole": part.times * unit, "cpu": cpu}


def row(stage: str, sides: dict[str, dict[str, float]]) -> str:
    former, new = sides["former"], sides["new"]
    return f"| {stage} | {former['whole']:.0f} | {new['whole']:.0f} | {new['whole'] / former['whole']:.2f} |"


if __name__ == "__main__":
    main()
