"""Real worker processes give the same results as local ones, even if workers die or join."""

import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fmnist_report.errors import ReportError
from fmnist_report.pipeline import workers as cluster
from fmnist_report.pipeline.files import sha256_file
from fmnist_report.pipeline.workers import LOCAL, Workers

ROOT = Path(__file__).resolve().parent.parent


def sleep_and_tell(folder, number, seconds):
    """A task that records its process id when it starts, and is counted when it ends."""
    begun = folder / f"begun-{number}"
    begun.write_text(begun.read_text() + f" {os.getpid()}" if begun.exists() else str(os.getpid()))
    time.sleep(seconds)
    return number**2, os.getpid()


def start(*words):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler in a separate process, its address, and a function that starts a worker for it."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, processes = f"tcp://127.0.0.1:{port}", []

    def worker():
        words = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path), "--death-timeout", "10"]
        processes.append(start("dask_worker", address, *words))
        return processes[-1]

    processes.append(start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"))
    yield address, processes[0], worker
    for process in processes:
        process.kill()
        process.wait()


def test_tasks_are_computed_here_without_a_scheduler():
    with LOCAL.open() as pool:
        assert list(pool.compute(operator.add, [(1, 2), (pool.share(3), 4)])) == [(0, 3), (1, 7)]


def test_every_task_is_computed_once_by_one_of_the_workers(two_workers, tmp_path):
    with two_workers.open() as pool:
        found = dict(pool.compute(sleep_and_tell, ((tmp_path, number, 0.05) for number in range(20))))
    assert {number: square for number, (square, _) in found.items()} == {n: n**2 for n in range(20)}
    assert len({process for _, process in found.values()} - {os.getpid()}) == 2
    assert all(len((tmp_path / f"begun-{number}").read_text().split()) == 1 for number in range(20))


def test_workers_have_one_thread_and_shared_values(two_workers):
    with two_workers.open() as pool:
        shared = pool.share(40)
        assert [result for _, result in pool.compute(operator.add, [(shared, 2)])] == [42]
        assert [result for _, result in pool.compute(os.getenv, [("OMP_NUM_THREADS",)])] == ["1"]


def test_an_error_of_a_task_is_raised_here(two_workers):
    with two_workers.open() as pool, pytest.raises(ZeroDivisionError):
        list(pool.compute(operator.truediv, [(1, 0)]))


def test_a_file_is_seen_by_its_content(two_workers, tmp_path):
    (tmp_path / "file").write_text("content")
    with two_workers.open() as pool:
        assert pool.sees(tmp_path / "file", sha256_file(tmp_path / "file"))
        assert not pool.sees(tmp_path / "file", "0" * 64) and not pool.sees(tmp_path / "other", "0" * 64)


def test_a_worker_of_another_version_is_refused(two_workers, monkeypatch):
    monkeypatch.setattr(cluster, "code_digest", lambda: "other")
    with two_workers.open() as pool, pytest.raises(ReportError, match="another version"):
        list(pool.compute(operator.add, [(1, 2)]))


def test_a_killed_worker_costs_its_own_task_alone(scheduler, tmp_path):
    address, _, worker = scheduler
    worker(), worker()
    with Workers(address).open() as pool:
        pool.client.wait_for_workers(2)
        victims, found = [], {}
        for number, result in pool.compute(sleep_and_tell, [(tmp_path, number, 0.5) for number in range(8)]):
            found[number] = result
            if not victims:
                begun = [path.read_text().split()[-1] for path in tmp_path.glob("begun-*") if path.read_text()]
                victims = [int(process) for process in begun if int(process) != result[1]][:1]
                os.kill(victims[0], signal.SIGKILL)
    repeated = [path for path in tmp_path.glob("begun-*") if len(path.read_text().split()) > 1]
    assert {number: square for number, (square, _) in found.items()} == {n: n**2 for n in range(8)}
    assert victims and len(repeated) <= 2  # what it was computing, and perhaps what it had finished and not yet sent


def test_a_worker_that_joins_late_takes_part(scheduler, tmp_path):
    address, _, worker = scheduler
    worker()
    with Workers(address).open() as pool:
        shared, found = pool.share(0.4), []
        tasks = [(tmp_path, number, shared) for number in range(12)]
        for _, (_, process) in pool.compute(sleep_and_tell, tasks):
            if not found:  # the other tasks are not handed out yet
                worker()
                pool.client.wait_for_workers(2)
            found.append(process)
    assert len(found) == 12 and len(set(found)) == 2


def test_a_scheduler_that_disappears_ends_in_one_sentence(scheduler, tmp_path):
    address, process, worker = scheduler
    worker()
    lost = pytest.raises(ReportError, match="cannot be reached; finished work is cached, run again")
    with lost, Workers(address).open() as pool:
        for _ in pool.compute(sleep_and_tell, [(tmp_path, number, 0.3) for number in range(20)]):
            process.kill()


def test_nobody_at_the_address_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "WAIT_SECONDS", 1.0)
    nobody = pytest.raises(ReportError, match="tcp://127.0.0.1:9 or its workers cannot be reached")
    with nobody, Workers("tcp://127.0.0.1:9").open():
        pass


def test_workers_that_cannot_start_are_one_sentence(monkeypatch):
    import distributed

    def fail(**settings):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    monkeypatch.setattr(cluster, "describe_shared_memory", lambda: ", because of the moon")
    sentence = "cannot be started: Nanny failed to start, because of the moon; run without"
    with pytest.raises(ReportError, match=sentence), cluster.start_workers(Workers(n=2)):
        pass


def test_missing_shared_memory_is_named(tmp_path, monkeypatch):
    assert cluster.describe_shared_memory(tmp_path / "none") == ""
    assert cluster.describe_shared_memory(tmp_path) == ""
    monkeypatch.setattr(cluster, "LEAST_SHARED", 2**62)
    assert "KiB free" in cluster.describe_shared_memory(tmp_path)
    monkeypatch.setattr(cluster.os, "access", lambda path, mode: False)
    assert cluster.describe_shared_memory(tmp_path) == f", because {tmp_path} is read-only"
