"""Lack of disk space or memory is reported; once resolved, the same run gives the undisturbed result."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.crash import list_leftovers, run_small_line
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import replacing_hdf5
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Stage
from fmnist_report.presets import preset
from fmnist_report.report.publishing import publish

ROOT = Path(__file__).resolve().parent.parent
LIMITED = """
import resource, sys
from pathlib import Path
from benchmarks.crash import run_small_line
from fmnist_report.errors import ReportError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    run_small_line(Path(sys.argv[1]))
except ReportError as error:
    sys.exit(f"sentence: {error}")
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run_small_line(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("n_bytes", [0, 100, 300, 1_000, 3_100])
def test_file_size_limit(tmp_path, expected, n_bytes):
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(n_bytes)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.splitlines()[-1].startswith("sentence: The stage"), run.stderr
    assert "File too large" in run.stderr and "--cache-dir" in run.stderr
    assert run_small_line(tmp_path) == expected
    assert list_leftovers(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that remounts a folder with a size limit or read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "none", place], capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone")

    def limit(options):
        subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
        return place

    yield limit
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("n_kib", range(4, 36, 4))
def test_full_disk(small_disk, expected, n_kib):
    disk = small_disk(f"size={n_kib}k")
    with pytest.raises(ReportError, match=r"(could not write|not writable).*No space left on device.*--cache-dir"):
        run_small_line(disk)
    small_disk("size=10m")
    assert run_small_line(disk) == expected
    assert list_leftovers(disk) == []


def test_read_only_disk(small_disk):
    with pytest.raises(ReportError, match="not writable"):
        run_small_line(small_disk("ro"))


def test_full_disk_leaves_the_former_report(small_disk, tmp_path):
    disk = small_disk("size=32k")
    names = ["report.en.html", "report.uk.html"]
    for name in names:
        (disk / name).write_text("former")
    (tmp_path / "report.html").write_text("x" * 14_000)  # one fits, two do not
    step = SimpleNamespace(entry=SimpleNamespace(path=tmp_path))
    plan = SimpleNamespace(steps={"html-uk": step, "html-en": step}, cache=Cache(tmp_path / "cache"))
    with pytest.raises(ReportError, match=r"No space left on device.*existing files there are unchanged.*--out"):
        publish(disk, preset("quick"), plan, {})
    assert [(disk / name).read_text() for name in names] == ["former", "former"]
    assert sorted(path.name for path in disk.iterdir()) == names
    small_disk("size=1m")
    publish(disk, preset("quick"), plan, {})
    assert {(disk / name).stat().st_size for name in names} == {14_000}


def write_hdf5(out, progress):
    with replacing_hdf5(out / "features.h5") as file:
        for number in range(20):
            file[str(number)] = np.random.default_rng(number).normal(size=500)


def test_disk_that_fills_while_hdf5_writes(small_disk):
    plan = Plan([Stage("features", "tests.test_resources:write_hdf5")], Cache(small_disk("size=60k")))
    with pytest.raises(ReportError, match=r"The stage features could not write.*No space left on device"):
        run_plan(plan, Progress(quiet=True), "run")


def exhaust_memory(out, progress):
    raise MemoryError


def exhaust_tensorflow(out, progress):
    import tensorflow as tf

    tf.zeros((2**31, 2**20))


@pytest.mark.parametrize("way", ["exhaust_memory", pytest.param("exhaust_tensorflow", marks=pytest.mark.slow)])
def test_too_little_memory(tmp_path, way):
    plan = Plan([Stage("greedy", f"tests.test_resources:{way}")], Cache(tmp_path))
    with pytest.raises(ReportError, match="The stage greedy needs more memory"):
        run_plan(plan, Progress(quiet=True), "run")
