"""Kill runs with SIGKILL, run them again, and compare with an undisturbed run.

    python benchmarks/crash.py points                the planner and the cache: a pipeline of three small stages, killed
                                                     before, within and after every durable operation
    python benchmarks/crash.py random --kills 200    the real pipeline on a few real images, killed at random moments

Prints one row of the table in docs/reliability.md; exit code 1 if any run had a different result, accepted incomplete
output, or left files behind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.pipeline.cache import Cache  # noqa: E402
from fmnist_report.pipeline.files import replacing, write_json  # noqa: E402
from fmnist_report.pipeline.plan import Plan  # noqa: E402
from fmnist_report.pipeline.progress import Progress  # noqa: E402
from fmnist_report.pipeline.runner import run_plan  # noqa: E402
from fmnist_report.pipeline.stage import Stage  # noqa: E402

OPERATIONS = (
    (os, "fsync"), (os, "replace"), (os, "unlink"), (os, "mkdir"), (os, "rmdir"), (Path, "write_text"),
    (Path, "write_bytes"),
)  # fmt: skip
MOMENTS = ("before", "within", "after")
TINY = (
    "data.n_train=200", "data.n_val=100", "data.n_test=150", "mlp.epochs=2", "cnn.epochs=1", "cnn.widths=8,16,32",
    "head.epochs=2", "features.shard=100", "classifiers.neighbour_components=16", "study.feature_train=100",
    "study.feature_val=50", "study.cnn_steps=0", "study.head_steps=4", "study.finetune_steps=0",
    "inputs.n_train=100", "inputs.n_val=100",
    "mechanisms.n_train=100", "mechanisms.n_val=50", "mechanisms.steps=4", "mechanisms.block_train=100",
    "mechanisms.block_val=50",
    "features.precision=float32", "cnn.precision=float32", "mlp.precision=float32", "finetune.precision=float32",
)  # fmt: skip


def make_shards(out: Path, progress: Progress, *, n: int) -> None:
    """Write n files, each atomically, like the extraction; keep finished ones."""
    for number in range(n):
        path = out / f"shard-{number}.bin"
        if not path.exists():
            with replacing(path) as temporary:
                temporary.write_bytes(hashlib.sha256(str(number).encode()).digest() * 100)


def join_shards(out: Path, progress: Progress, *, shards: Path) -> None:
    """Digest the shards."""
    write_json(out / "digests.json", {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in shards.glob("*.bin")})


def tell(out: Path, progress: Progress, *, joined: Path) -> None:
    """Write the report."""
    (out / "report.txt").write_text((joined / "digests.json").read_text("utf-8").upper(), "utf-8")


def run_small_line(root: Path) -> str:
    """Run the pipeline of three stages in one cache folder; return the report."""
    cache = Cache(root, lambda message: print(message, file=sys.stderr))
    cache.prepare()
    shards = Stage("shards", "benchmarks.crash:make_shards", {"n": 3}, resumes=True)
    joined = Stage("joined", "benchmarks.crash:join_shards", {}, {"shards": shards})
    report = Stage("report", "benchmarks.crash:tell", {}, {"joined": joined})
    plan = Plan([shards, joined, report], cache)
    run_plan(plan, Progress(quiet=True), "crash")
    return (plan.steps["report"].entry.path / "report.txt").read_text("utf-8")


def arm(number: int, moment: str) -> list[str]:
    """Make this process kill itself at the number-th durable operation; return the list of operations so far."""
    met: list[str] = []

    def wrap(owner, name: str) -> None:
        original = getattr(owner, name)

        def operate(*arguments, **options):
            met.append(name)
            mine = len(met) == number
            if mine and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if mine and moment == "within" and name.startswith("write_"):
                original(arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:], **options)
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return original(*arguments, **options)
            finally:  # also if it failed, as a folder that exists already
                if mine and moment == "after":
                    os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, operate)

    for owner, name in OPERATIONS:
        wrap(owner, name)
    return met


def list_leftovers(root: Path) -> list[str]:
    """List files that no finished run may leave: unfinished or quarantined folders, temporary files."""
    unfinished = [*root.glob("*/.work-*"), *root.glob("quarantine/*"), *root.rglob(".*.tmp"), *root.glob(".probe-*")]
    return sorted(str(path.relative_to(root)) for path in unfinished)


def kill_small_line(root: Path, number: int, moment: str) -> int:
    """Run the small pipeline in a process that kills itself; return its exit status, -9 if it did."""
    command = [sys.executable, __file__, "child", str(root), str(number), moment]
    return subprocess.run(command, capture_output=True, cwd=ROOT).returncode


def check_points(last: int | None = None, step: int = 1) -> dict[str, int]:
    """Kill the small pipeline at every durable operation, run it again, and compare.

    Args:
        last: the last operation; by default, all.
        step: take every step-th operation only.

    Returns:
        kills, recovered, leftovers and operations.
    """
    with tempfile.TemporaryDirectory() as folder:
        expected = run_small_line(Path(folder) / "undisturbed")
        counts = {"kills": 0, "recovered": 0, "leftovers": 0, "operations": 0}
        number = 1
        while last is None or number <= last:
            killed = False
            for moment in MOMENTS:
                root = Path(folder) / f"{number}-{moment}"
                if kill_small_line(root, number, moment) == -signal.SIGKILL:
                    killed = True
                    counts["kills"] += 1
                    counts["recovered"] += run_small_line(root) == expected
                    counts["leftovers"] += len(list_leftovers(root))
                shutil.rmtree(root, ignore_errors=True)
            if not killed:
                break
            counts["operations"] += 1
            number += step
        return counts


def start_real_line(folder: Path) -> subprocess.Popen:
    """Start a tiny run of the real pipeline in a separate process group."""
    command = [sys.executable, str(ROOT / "run_all.py"), "--preset", "quick", "--lang", "uk", "--quiet"]
    command += ["--cache-dir", str(folder / "cache"), "--out", str(folder / "report")]
    for assignment in TINY:
        command += ["--set", assignment]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True)


def digest_results(folder: Path) -> str:
    """Digest the results that must not depend on interruptions: predictions and all accuracies."""
    results = json.loads((folder / "report" / "results.json").read_text("utf-8"))
    names = ("test_accuracy", "val_accuracy", "confusion", "ece")
    kept = {model: {name: values[name] for name in names} for model, values in results["models"].items()}
    text = json.dumps(kept, sort_keys=True).encode()
    return hashlib.sha256(text + (folder / "report" / "predictions.npz").read_bytes()).hexdigest()


def prepare_folder(folder: Path) -> None:
    """Provide data and weights for a run, if the project's own cache has them."""
    for path in [*ROOT.glob("cache/datasets/*.gz"), *ROOT.glob("cache/weights/*.h5")]:
        copy = folder / "cache" / path.relative_to(ROOT / "cache")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def check_random(n_kills: int, seed: int, longest_seconds: float) -> dict[str, float]:
    """Kill runs of the real pipeline at random moments, each until it finishes, until n_kills were sent."""
    rng = random.Random(seed)
    counts: dict[str, float] = {"kills": 0, "runs": 0, "recovered": 0, "leftovers": 0, "warnings": 0}
    lost: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "undisturbed"
        prepare_folder(undisturbed)
        started = time.monotonic()
        process = start_real_line(undisturbed)
        error = process.communicate()[1]
        if process.returncode:
            sys.exit(f"The undisturbed run failed: {error}")
        whole, expected = time.monotonic() - started, digest_results(undisturbed)
        while counts["kills"] < n_kills:
            disturbed = Path(folder) / f"disturbed-{counts['runs']:.0f}"
            prepare_folder(disturbed)
            spent = 0.0
            while True:
                started = time.monotonic()
                process = start_real_line(disturbed)
                try:
                    error = process.communicate(timeout=rng.uniform(0.2, longest_seconds))[1]
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                    spent += time.monotonic() - started
                    counts["kills"] += 1
                    continue
                spent += time.monotonic() - started
                break
            counts["runs"] += 1
            counts["warnings"] += "damaged" in error
            counts["recovered"] += process.returncode == 0 and digest_results(disturbed) == expected
            counts["leftovers"] += len(list_leftovers(disturbed / "cache"))
            lost.append(spent - whole)
            print(f"{counts['kills']:.0f} kills in {counts['runs']:.0f} runs", file=sys.stderr)
            shutil.rmtree(disturbed)
    counts["seconds of a run"] = round(whole, 1)
    counts["seconds lost a run, median"] = round(statistics.median(lost), 1)
    counts["seconds lost a run, most"] = round(max(lost), 1)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("points", "random"))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=25.0, help="seconds until the latest kill")
    options = parser.parse_args()
    if options.part == "points":
        counts = check_points()
        sound = counts["recovered"] == counts["kills"]
    else:
        counts = check_random(options.kills, options.seed, options.longest)
        sound = counts["recovered"] == counts["runs"] and not counts["warnings"]
    print(" | ".join(f"{name}: {value:g}" for name, value in counts.items()))
    return 0 if sound and not counts["leftovers"] else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        arm(int(sys.argv[3]), sys.argv[4])
        print(run_small_line(Path(sys.argv[2])))
    else:
        sys.exit(main())
