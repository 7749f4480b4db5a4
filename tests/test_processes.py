"""Work side by side: results by name, errors, a process that dies."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fmnist_report.errors import ReportError
from fmnist_report.pipeline.processes import run_side_by_side

ROOT = Path(__file__).resolve().parent.parent


def test_results_come_by_name_from_other_processes():
    assert run_side_by_side(math.sqrt, {"first": (4.0,), "second": (9.0,)}) == {"first": 2.0, "second": 3.0}
    found = run_side_by_side(os.getpid, {"first": (), "second": ()})
    assert len({os.getpid(), *found.values()}) == 3


def test_an_error_is_raised_here():
    with pytest.raises(ValueError, match="math domain error"):
        run_side_by_side(math.sqrt, {"good": (4.0,), "bad": (-1.0,)})


def test_a_process_that_dies_is_named():
    with pytest.raises(ReportError, match="The process for first ended before its work was done"):
        run_side_by_side(os._exit, {"first": (9,)})


def sleep_and_tell(path):
    path.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(60)


def test_processes_end_with_a_killed_parent(tmp_path):
    code = "import sys; from pathlib import Path; from tests.test_processes import sleep_and_tell as work\n" \
           "from fmnist_report.pipeline.processes import run_side_by_side\n" \
           "run_side_by_side(work, {name: (Path(sys.argv[1]) / name,) for name in ('first', 'second')})"  # fmt: skip
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    wait_for(lambda: len([path for path in tmp_path.glob("*.pid") if path.read_text()]) == 2)
    parent.kill()
    parent.wait()
    children = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    wait_for(lambda: not any(Path(f"/proc/{child}").is_dir() for child in children))


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
