"""Compare two builds of this project stage by stage: seconds, CPU seconds and peak memory, as a ratio.

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
from pathlib import Path

HERE = Path(__file__).resolve().parent
N_TRAIN, N_VAL, N_TEST = 11_000, 1_000, 1_000
ALL = 70_000
# Settings of the measured part, and how many times as much a run of `standard` computes.
PART = {
    "data.n_train": N_TRAIN, "data.n_val": N_VAL, "data.n_test": N_TEST, "mlp.epochs": 3, "cnn.epochs": 2,
    "features.shard": 1_000, "head.epochs": 3, "finetune.epochs": 1, "finetune.easy_sample_interval": 1,
    "study.cnn_steps": 30, "study.head_steps": 16, "study.finetune_steps": 6, "study.n_train": 4_000,
    "study.feature_train": 2_000,
}  # fmt: skip
EPOCHS = {
    "mlp": (32, 55_000 / N_TRAIN),
    "cnn": (7, 55_000 / N_TRAIN),
    "head": (12, 55_000 / N_TRAIN),
    "finetune": (2, 0.7 * 55_000 / N_TRAIN),
}  # of which some 0.7 of the images are shown
SHARES = {"features": ALL / (N_TRAIN + N_VAL + N_TEST), "classifiers": 55_000 / N_TRAIN, "study": 10.0}
STAGES = ("mlp", "cnn", "features", "classifiers", "head", "finetune", "study", "search", "inputs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("former", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--class", dest="kind", choices=("own", "avx2"), default="own")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    arguments = parser.parse_args()
    builds = {"former": arguments.former.resolve(), "new": arguments.new.resolve()}
    environments = {name: environment(arguments.kind, name) for name in builds}
    settle(environments, builds["new"])
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in builds:
            for part in ("datasets", "weights"):
                shutil.copytree(arguments.cache / part, Path(folder) / name / part)
        for stage in arguments.stages:
            for name, build in builds.items():
                measured = measure(stage, build, Path(folder) / name, environments[name], arguments.kind)
                found.setdefault(stage, {})[name] = measured
            print(row(stage, found[stage]), flush=True)
    totals = {name: sum(sides[name]["whole"] for sides in found.values()) for name in builds}
    print(f"| all | {totals['former']:.0f} | {totals['new']:.0f} | {totals['new'] / totals['former']:.2f} | |")
    path = HERE / "builds.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(known | {arguments.kind: found}, indent=1) + "\n")


def environment(kind: str, build: str) -> dict[str, str]:
    """Return the environment of a build on a class of processors."""
    if kind == "own":
        return dict(os.environ)
    return {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0" if build == "former" else "1"}


def settle(environments: dict[str, dict[str, str]], new: Path) -> None:
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


def measure(stage: str, build: Path, cache: Path, env: dict[str, str], kind: str) -> dict[str, float]:
    """Compute a stage; return its seconds, those of the whole preset, CPU seconds and peak memory in GB."""
    forced = {f"{section}.precision": "float32" for section in ("mlp", "cnn", "features", "finetune")}
    settings = PART | (forced if kind == "avx2" else {})
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [build / ".venv/bin/python", "run_all.py", "--no-test", "--only", stage, "--cache-dir", cache, *words]
    done = subprocess.run([*map(str, command), "--out", str(cache / "out")], cwd=build, env=env, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode()[-2_000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    entry = max((cache / stage).iterdir(), key=lambda path: path.stat().st_mtime)
    manifest = json.loads((entry / "manifest.json").read_text())
    seconds = manifest["seconds"]
    whole = seconds * SHARES.get(stage, 1.0)
    if stage in EPOCHS:
        epochs, share = EPOCHS[stage]
        whole = epochs * share * json.loads((entry / "measured.json").read_text())["epoch_seconds"][-1]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "whole": whole, "cpu": cpu, "gb": (manifest["peak_memory_bytes"] or 0) / 1e9}


def row(stage: str, sides: dict[str, dict[str, float]]) -> str:
    former, new = sides["former"], sides["new"]
    memory = f"{former['gb']:.1f} → {new['gb']:.1f} GB"
    return f"| {stage} | {former['whole']:.0f} | {new['whole']:.0f} | {new['whole'] / former['whole']:.2f} | {memory} |"


if __name__ == "__main__":
    main()
