"""Measure the speed of the pipeline, and write docs/performance.md.

    make bench                        all of it: about 35 minutes on two idle cores, after a run of standard
    make bench ARGS="--part disk"     measure one part again; the other figures stay

The figures are stored in benchmarks/performance.json, with the date, machine and packages of each part, and "beside" if
other programs computed meanwhile. Each part is
measured in a separate process. Both sides of a ratio are measured alternately in one process, and repeated; a figure
is the median.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import subprocess
import sys
import typing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jinja2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.machine import describe_hardware  # noqa: E402
from fmnist_report.presets import preset  # noqa: E402

FIGURES = ROOT / "benchmarks" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
PARTS = ("extraction", "engines", "fine_tuning", "minibatches", "disk", "cnn", "standard", "commands", "growth")
PACKAGES = ("tensorflow", "keras", "h5py", "hdf5plugin", "onnxruntime", "openvino", "weasyprint", "matplotlib")


def find_versions() -> dict[str, str]:
    """Return the versions of those of PACKAGES that are installed."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def measure(part: str, cache: Path) -> dict[str, typing.Any]:
    """Measure one part in a separate process."""
    command = [sys.executable, __file__, "--child", part, "--cache-dir", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{part}: {done.stderr[-3000:]}")
    figures = json.loads(done.stdout[done.stdout.index("{") :])
    described = {"day": datetime.date.today().isoformat(), "hardware": describe_hardware()}
    return {**described, "versions": find_versions(), "figures": figures}


def exponent(rows: list[list[float]]) -> float:
    """Return the slope of log(seconds) over log(n) by least squares."""
    points = [(math.log(row[0]), math.log(row[1])) for row in rows]
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def measure_here(part: str, cache: Path) -> None:
    """Measure one part in this process and print its figures."""
    import measure_extraction
    import measure_runs
    import measure_training
    from standard_cache import Entries

    module = next(m for m in (measure_extraction, measure_runs, measure_training) if hasattr(m, part))
    json.dump(getattr(module, part)(Entries(cache)), sys.stdout)


def describe_machine(hardware: dict[str, typing.Any]) -> str:
    """Return processor, cores and memory in words."""
    return f"{hardware['processor']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB"


def write_page(parts: dict[str, typing.Any]) -> None:
    """Fill benchmarks/performance.md.jinja."""
    loader = jinja2.FileSystemLoader(ROOT / "benchmarks")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False
    )
    environment.globals |= {"exponent": exponent}
    figures = {name: part["figures"] for name, part in parts.items()}
    measured_on = {name: (parts[name]["day"], describe_machine(parts[name]["hardware"])) for name in PARTS}
    days = {when: [name for name in PARTS if measured_on[name] == when] for when in sorted(set(measured_on.values()))}
    beside = [name for name in PARTS if parts[name].get("beside")]
    known = {name: {part["versions"].get(name) for part in parts.values()} - {None} for name in PACKAGES}
    versions = {name: sorted(found) for name, found in known.items() if found}
    page = environment.get_template("performance.md.jinja").render(
        **figures, days=days, beside=beside, versions=versions, side=preset("standard").features.size
    )
    PAGE.write_text(page.rstrip() + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="measure only this part; repeatable")
    parser.add_argument("--cache-dir", type=Path, default=ROOT / "cache", help="of a finished run of standard")
    parser.add_argument("--page-only", action="store_true", help="write the page from the stored figures")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure_here(options.child, options.cache_dir)
        return
    parts = json.loads(FIGURES.read_text("utf-8")) if FIGURES.is_file() else {}
    for part in () if options.page_only else options.part or PARTS:
        print(f"{part} …", flush=True)
        parts[part] = measure(part, options.cache_dir.resolve())
        FIGURES.write_text(json.dumps(parts, indent=1) + "\n", "utf-8")
    if set(PARTS) <= parts.keys():
        write_page(parts)


if __name__ == "__main__":
    main()
