"""Parallel processes: results by name, errors, and a process that dies."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fmnist_report.errors import ReportError
from fmnist_report.pipeline import processes
from fmnist_report.pipeline.processes import run_in_processes

ROOT = Path(__file__).resolve().parent.parent


def meet(folder, name):
    """Return the process after another one has arrived in the folder."""
    (folder / name).touch()
    wait_for(lambda: len(list(folder.iterdir())) == 2)
    return os.getpid()


def test_results_come_by_name_from_other_processes(tmp_path):
    assert run_in_processes(math.sqrt, {"first": (4.0,), "second": (9.0,)}) == {"first": 2.0, "second": 3.0}
    found = run_in_processes(meet, {name: (tmp_path, name) for name in ("first", "second")})
    assert len({os.getpid(), *found.values()}) == 3


def test_an_error_is_raised_here():
    with pytest.raises(ValueError, match="math domain error"):
        run_in_processes(math.sqrt, {"good": (4.0,), "bad": (-1.0,)})


def test_a_process_that_dies_is_named():
    with pytest.raises(ReportError, match="The process for first ended before it was finished"):
        run_in_processes(os._exit, {"first": (9,)})


def fail_after(path):
    wait_for(lambda: path.with_suffix(".pid").exists())
    raise ValueError("failed")


def test_an_error_ends_the_other_processes_at_once(tmp_path):
    def count():
        return [int(path.read_text()) for path in tmp_path.glob("*.pid")]

    started = time.monotonic()
    with pytest.raises(ValueError, match="failed"):
        run_in_processes(act, {"bad": (fail_after, tmp_path / "other"), "other": (sleep_and_tell, tmp_path / "other")})
    assert time.monotonic() - started < 45 and count()
    wait_for(lambda: not any(Path(f"/proc/{child}").is_dir() for child in count()))


def act(function, path):
    return function(path)


def end_and_tell(path):
    path.with_suffix(".pid").write_text(str(os.getpid()))


def wait_for_the_end(path):
    """Return whether the process that wrote the path has ended while this one is still running."""
    wait_for(lambda: path.with_suffix(".pid").exists() and path.with_suffix(".pid").read_text())
    child = int(path.with_suffix(".pid").read_text())
    wait_for(lambda: not Path(f"/proc/{child}").is_dir() or "State:\tZ" in Path(f"/proc/{child}/status").read_text())
    return True


def test_a_process_ends_with_its_task(tmp_path):
    tasks = {"short": (end_and_tell, tmp_path / "a"), "long": (wait_for_the_end, tmp_path / "a")}
    assert run_in_processes(act, tasks) == {"short": None, "long": True}


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="without masks of signals")
def test_ctrl_c_does_not_reach_a_starting_process():
    assert signal.SIGINT in run_in_processes(signal.pthread_sigmask, {"mask": (signal.SIG_BLOCK, ())})["mask"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def sleep_and_tell(path):
    path.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(60)


def test_processes_end_with_a_killed_parent(tmp_path):
    code = "import sys; from pathlib import Path; from tests.test_processes import sleep_and_tell as work\n" \
           "from fmnist_report.pipeline.processes import run_in_processes\n" \
           "run_in_processes(work, {name: (Path(sys.argv[1]) / name,) for name in ('first', 'second')})"  # fmt: skip
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


@pytest.mark.slow
def test_a_pool_of_processes_computes_side_by_side_in_one_thread(monkeypatch):
    monkeypatch.setattr(processes, "count_processes", lambda: 2)
    with processes.open_processes() as pool:
        found = dict(pool.compute(tell_process, [(number,) for number in range(6)]))
    assert [found[number][0] for number in range(6)] == [0, 1, 4, 9, 16, 25]
    assert 1 <= len({pid for _, pid, _ in found.values()} - {os.getpid()}) <= 2
    assert {threads for _, _, threads in found.values()} == {"1"}


@pytest.mark.slow
def test_a_process_that_dies_is_one_sentence(monkeypatch):
    monkeypatch.setattr(processes, "count_processes", lambda: 2)
    with pytest.raises(ReportError, match="ended before it was finished"), processes.open_processes() as pool:
        list(pool.compute(os._exit, [(3,)]))


def tell_process(number):
    return number**2, os.getpid(), os.environ["TF_NUM_INTRAOP_THREADS"]


def test_one_processor_computes_here(monkeypatch):
    monkeypatch.setattr(processes, "count_processes", lambda: 1)
    with processes.open_processes() as pool:
        assert list(pool.compute(divmod, [(7, 2), (9, 4)])) == [(0, (3, 1)), (1, (2, 1))]


@pytest.mark.parametrize(
    ("memory", "cores", "n"), [(2**40, 4, 4), (2**40, 64, 8), (7 * 2**30, 4, 2), (2**30, 4, 1), (0, 4, 1)]
)
def test_processes_are_as_many_as_processors_and_memory_hold(monkeypatch, memory, cores, n):
    monkeypatch.undo()
    monkeypatch.setattr(processes, "memory_bytes", lambda: memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert processes.count_processes() == n


MAIN = """
import sys
import numpy  # which a new process imports with this module, before it is told how many threads to use
import threadpoolctl
from fmnist_report.pipeline import processes

def count():
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

if __name__ == "__main__":
    processes.count_processes = lambda: 2
    with processes.open_processes() as pool:
        print(*(threads for _, found in pool.compute(count, [(), ()]) for threads in found))
"""


def test_processes_of_a_pool_use_one_thread_of_each_library(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, tmp_path / "main.py"], env={**environment, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True)  # fmt: skip
    assert set(done.stdout.split()) == {"1"}, done.stderr
