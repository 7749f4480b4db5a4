"""Benchmarks of whole commands, the cached run of standard, and growth with the number of images."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from standard_cache import ROOT, STANDARD, Entries, Figures, in_turn, seconds

from fmnist_report.machine import peak_memory_bytes
from fmnist_report.pipeline.files import read_json
from fmnist_report.training.batches import one_hot
from fmnist_report.training.classifiers import fit_components, list_classifiers, project
from fmnist_report.training.optimizers import compile_network
from fmnist_report.training.stores import BoundaryBatches, FeatureStore


def commands(entries: Entries) -> Figures:
    """Time whole commands on a linked copy of the full cache: cached, rendering only, head only."""
    with tempfile.TemporaryDirectory(dir=entries.root.parent) as folder:
        root = Path(folder) / "cache"
        shutil.copytree(entries.root, root, copy_function=os.link)  # entries are replaced as a whole, never modified

        cached = [sys.executable, str(ROOT / "run_all.py"), "--cache-dir", str(root), "--out", f"{folder}/out"]

        def run(*arguments: str) -> None:
            subprocess.run([*cached, *arguments], check=True, capture_output=True)

        run()
        imports = subprocess.run(
            [sys.executable, "-X", "importtime", *cached[1:]], check=True, capture_output=True, text=True
        ).stderr
        times = in_turn(
            start_up=lambda: run("--version"),
            cached=run,
            pages=lambda: run("--force", "html"),
            figures_and_pages=lambda: run("--force", "figures"),
        )
        head = seconds(lambda: run("--only", "head", "--force", "head"))
    heavy = [
        name for name in ("tensorflow", "keras", "matplotlib") if re.search(rf"\| +{name}$", imports, re.MULTILINE)
    ]
    return {**times, "head": head, "heavy": heavy}


def standard(entries: Entries) -> Figures:
    """Return seconds and peak memory of the cached run of standard, by stage, from its manifests."""
    stages: Figures = {}
    for stage in entries.plan.steps:
        stages |= entries.entry(stage).manifest["provenance"]
    return {
        "seconds": {name: row["seconds"] for name, row in stages.items()},
        "peak_bytes": {name: row["peak_memory_bytes"] for name, row in stages.items()},
        "rows": _shard_times(entries),
    }


def _shard_times(entries: Entries) -> list[tuple[int, float]]:
    """Return (images, seconds) of the run's extraction after each shard, from the dates of its files."""
    paths = sorted(entries["features"].glob("shard-*.h5"))
    index = read_json(entries["features"] / "index.json")
    moments = [path.stat().st_mtime for path in paths]
    first = read_json(entries["features"] / "measured.json")["seconds"] / len(paths)
    return [((i + 1) * index["shard"], first + moment - moments[0]) for i, moment in enumerate(moments)]


def growth(entries: Entries) -> Figures:
    """Measure seconds of classifiers and of an epoch of fine-tuning by number of images; peak memory after each."""
    labels = entries.labels()
    counts = [10_000, 20_000, 40_000, len(labels["train"])]
    found: Figures = {"fine-tuning": [], "classifiers": []}
    with FeatureStore(entries["features"]) as store:
        top, _ = entries.fine_tuned()
        compile_network(top, STANDARD.finetune, 10_000)
        for n in [count // 4 for count in counts]:
            batches = BoundaryBatches(store, one_hot(labels["train"][:n], 10), 128, 0, np.ones(n, int))
            top.train_on_batch(*next(batches.epoch(1)))  # compiles
            spent = seconds(lambda: [top.train_on_batch(*batch) for batch in batches.epoch(0)])  # noqa: B023
            found["fine-tuning"].append((n, spent, peak_memory_bytes()))
        train = store.pooled("train", "original")
    train = project(fit_components(train, STANDARD.classifiers.components, 0), train)
    for n in counts:

        def fit(n: int = n) -> None:
            for kind in list_classifiers(STANDARD.classifiers).values():
                kind.build(kind.values[0]).fit(train[:n, : kind.width], labels["train"][:n])

        found["classifiers"].append((n, seconds(fit), peak_memory_bytes()))
    return found
