"""Parallel tasks in processes that end with this one."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import typing

from fmnist_report.errors import ReportError
from fmnist_report.machine import count_cores, memory_bytes, prepare_libraries
from fmnist_report.pipeline.workers import ONE_THREAD, WorkerPool, import_quietly

PROCESS_BYTES = 3 * 2**30
MOST_PROCESSES = 8
SPAWN = multiprocessing.get_context("spawn")  # forking a process with TensorFlow threads can hang


@contextlib.contextmanager
def _blocking_interrupts() -> typing.Iterator[None]:
    """Block Ctrl-C in processes started inside the block; this process handles it and ends them.

    Windows cannot block signals; there the child process ignores them as soon as it has started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


class ProcessPool(WorkerPool):
    """A pool of parallel processes.

    Small networks hardly benefit from a second thread, so one training run per processor in parallel takes less time
    than sequential runs.
    """

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self.pool = pool

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (index of the task, function(*task)) as results arrive; function and tasks must be picklable."""
        with _blocking_interrupts():  # the first task starts the processes
            futures = {self.pool.submit(function, *task): number for number, task in enumerate(tasks)}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()


@contextlib.contextmanager
def open_processes() -> typing.Iterator[WorkerPool]:
    """Yield a pool of processes with one thread each; of this process only, if one processor or little memory is free.

    Raises:
        ReportError: a process died.
    """
    if (n := count_processes()) == 1:
        yield WorkerPool()
        return
    pool = concurrent.futures.ProcessPoolExecutor(n, SPAWN, _use_one_thread)
    with _ending(pool, "A training process"):
        yield ProcessPool(pool)


def run_in_processes(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
    """Call function(*arguments) for every task, each in a new process.

    Args:
        function: a module-level function that returns a picklable value.
        tasks: arguments by name.

    Returns:
        Results by name.

    Raises:
        ReportError: a process died; the error of a task that failed is raised as it is.
    """
    names = list(tasks)
    pool = concurrent.futures.ProcessPoolExecutor(len(names), SPAWN, _follow_parent, max_tasks_per_child=1)
    with _ending(pool, f"The process for {', '.join(names)}"):
        return {names[number]: value for number, value in ProcessPool(pool).compute(function, tasks.values())}


@contextlib.contextmanager
def _ending(pool: concurrent.futures.Executor, what: str) -> typing.Iterator[None]:
    """End a pool's processes with the block, also if an error ends it.

    Args:
        what: subject of the sentence about a process that died.
    """
    others = multiprocessing.active_children()
    try:
        yield
    except concurrent.futures.process.BrokenProcessPool:
        raise ReportError(f"{what} ended before it was finished, perhaps because memory ran out; run again.") from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - set(others):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def count_processes() -> int:
    """Return the number of training runs that fit on this machine in parallel."""
    return max(1, min(count_cores(), memory_bytes() // PROCESS_BYTES, MOST_PROCESSES))


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _use_one_thread() -> None:
    """Initialise a process of a pool, before it imports anything that starts threads."""
    os.environ.update(ONE_THREAD)
    prepare_libraries()
    _follow_parent()
    import_quietly()
