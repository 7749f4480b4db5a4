"""Measure the speed-up from workers on this machine, and write docs/scaling.md with a model for many workers.

    python benchmarks/scaling.py [--cache-dir DIR]      about eight minutes on two idle cores, after any run

The figures are stored in benchmarks/scaling.json. One and two single-threaded workers alternate on the same work.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import statistics
import sys
import tempfile
import time
import typing
from pathlib import Path

import jinja2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.machine import describe_hardware, prepare_libraries  # noqa: E402
from fmnist_report.models.base import BaseInput  # noqa: E402
from fmnist_report.pipeline.files import load_arrays  # noqa: E402
from fmnist_report.pipeline.progress import Progress  # noqa: E402
from fmnist_report.pipeline.workers import Workers, start_workers  # noqa: E402

FIGURES = ROOT / "benchmarks" / "scaling.json"
PERFORMANCE = ROOT / "benchmarks" / "performance.json"
PAGE = ROOT / "docs" / "scaling.md"
QUIET = Progress(quiet=True)
N_IMAGES, SHARD, ROUNDS, N_TRIALS = 3_000, 250, 3, 8

# Assumptions of the model, not measured here; change them for your own prices and links.
LINK_BYTES = 125e6  # per second, link of the collecting machine: 1 Gbit/s
CORE_HOUR, STORE_GB_MONTH = 0.04, 0.023  # dollars
FILES_IN_A_FOLDER = 10_000  # of one folder, above which listing and checking it becomes a separate task
SIZES, CREWS = (10**6, 10**8, 10**9), (1, 10, 100, 1_000)


def loopback_bytes() -> int:
    """Return the bytes that this machine has sent to itself."""
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[0])


def entry(cache: Path, stage: str) -> Path:
    """Return the newest entry of a stage."""
    found = sorted(cache.glob(f"{stage}/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit(f"The cache has no {stage}; run `make report` first.")
    return found[-1].parent


def measure_extraction(workers: Workers, images: np.ndarray, base: dict) -> dict[str, float]:
    """Extract images in two views and collect the shards, after a warm-up; images/s and bytes on the loopback."""
    from fmnist_report.training.features import ExtractorKind, compute_shard

    kind = ExtractorKind(BaseInput("VGG16", 48), 4, "mixed_bfloat16", "measured")
    with workers.open() as pool, tempfile.TemporaryDirectory() as temporary:
        shared = pool.share(base)

        def extract(rows: np.ndarray) -> None:
            parts = (rows[first : first + SHARD] for first in range(0, len(rows), SHARD))
            tasks = ((part, ("original", "mirror"), 100, kind, shared) for part in parts)
            for number, content in pool.compute(compute_shard, tasks):
                (Path(temporary) / str(number)).write_bytes(content)

        extract(images[: 4 * SHARD // 5])
        extract(images[: 4 * SHARD])
        before, started = loopback_bytes(), time.perf_counter()
        extract(images)
        spent, sent = time.perf_counter() - started, loopback_bytes() - before
        stored = sum(path.stat().st_size for path in Path(temporary).iterdir())
    return {"rate": len(images) / spent, "sent": sent / len(images), "stored": stored / len(images)}


def do_nothing(number: int) -> int:
    """Do nothing, to measure the overhead of a task."""
    return number


def measure_overhead(workers: Workers, n: int = 1_000) -> float:
    """Return the seconds that scheduler and client need for an empty task."""
    with workers.open() as pool:
        started = time.perf_counter()
        for _ in pool.compute(do_nothing, ((number,) for number in range(n))):
            pass
        return (time.perf_counter() - started) / n


def measure_store(content: bytes, n: int = 20) -> float:
    """Return the bytes per second at which the collecting machine hashes (twice) and writes shards."""
    import hashlib

    from fmnist_report.pipeline.files import replacing, sha256_file

    with tempfile.TemporaryDirectory() as temporary:
        started = time.perf_counter()
        for number in range(n):
            hashlib.sha256(content).hexdigest()
            with replacing(Path(temporary) / str(number)) as path:
                path.write_bytes(content)
            sha256_file(Path(temporary) / str(number))
        return n * len(content) / (time.perf_counter() - started)


def measure(cache: Path) -> dict[str, typing.Any]:
    """Measure one worker and two workers alternately."""
    from fmnist_report.models.weights import load_base

    images = load_arrays(entry(cache, "data") / "images.npz")["train"][:N_IMAGES]
    base = load_base(entry(cache, "weights"))
    rows: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _, n in itertools.product(range(ROUNDS), rows):
        workers = Workers(n=n)
        with start_workers(workers):
            row = measure_extraction(workers, images, base)
            rows[n].append(row | {"overhead": measure_overhead(workers)})
            print(n, rows[n][-1], flush=True)
    found = {
        n: {name: statistics.median(row[name] for row in listed) for name in listed[0]} for n, listed in rows.items()
    }
    store = measure_store(bytes(int(found[1]["stored"] * 2_500)))
    day = datetime.date.today().isoformat()
    return {"day": day, "hardware": describe_hardware(), "workers": found, "store": store}


def model(figures: dict[str, typing.Any]) -> list[dict[str, typing.Any]]:
    """Estimate an extraction of many images by many workers; each limit in hours, without waiting for the others."""
    one, rows = figures["workers"]["1"], []
    for n, pool in itertools.product(SIZES, CREWS):
        stored, hour = n * one["stored"], 3_600
        hours = {
            "computing": n / (one["rate"] * pool) / hour,
            "link": n * one["sent"] / LINK_BYTES / hour,
            "store": stored / figures["store"] / hour,
            "scheduler": n / 2_500 * one["overhead"] / hour,
        }
        rows.append(
            {
                "n": n, "workers": pool, **hours, "limit": max(hours, key=hours.get), "files": n / 2_500,
                "stored_tb": stored / 1e12, "dollars": n / one["rate"] / hour * CORE_HOUR,
                "store_dollars": stored / 1e9 * STORE_GB_MONTH,
            }
        )  # fmt: skip
    return rows


def write_page(figures: dict[str, typing.Any]) -> None:
    """Fill benchmarks/scaling.md.jinja."""
    loader = jinja2.FileSystemLoader(ROOT / "benchmarks")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False
    )
    one = figures["workers"]["1"]
    environment.filters["hours"] = lambda value: f"{value:,.0f} h" if value >= 10 else f"{value:.2g} h"
    page = environment.get_template("scaling.md.jinja").render(
        **figures, one=one, two=figures["workers"]["2"], rows=model(figures), n_images=N_IMAGES, shard=SHARD,
        n_trials=N_TRIALS, rounds=ROUNDS, link=LINK_BYTES, core_hour=CORE_HOUR, store_month=STORE_GB_MONTH,
        files=FILES_IN_A_FOLDER, link_workers=LINK_BYTES / (one["rate"] * one["sent"]),
        store_workers=figures["store"] / (one["rate"] * one["stored"]),
        scheduler_workers=2_500 / (one["rate"] * one["overhead"]),
        folder_images=FILES_IN_A_FOLDER * 2_500,
        fine_tuning=json.loads(PERFORMANCE.read_text("utf-8"))["minibatches"]["figures"]["file"],
    )  # fmt: skip
    PAGE.write_text(page.rstrip() + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "cache", help="of a finished run")
    parser.add_argument("--page-only", action="store_true", help="write the page from the stored figures")
    options = parser.parse_args()
    prepare_libraries()
    if not options.page_only:
        FIGURES.write_text(json.dumps(measure(options.cache_dir.resolve()), indent=1) + "\n", "utf-8")
    write_page(json.loads(FIGURES.read_text("utf-8")))


if __name__ == "__main__":
    main()
