"""Parallel tasks in processes that end with this one."""

import concurrent.futures
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
    with _start(n, "A training process", _prepare_training) as pool:
        yield pool


def run_in_processes(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
    """Call function(*arguments) for every task, in as many new processes.

    Args:
        function: a module-level function that returns a picklable value.
        tasks: arguments by name.

    Returns:
        Results by name.

    Raises:
        ReportError: a process died; the error of a task that failed is raised as it is.
    """
    names = list(tasks)
    with _start(len(names), f"The process for {', '.join(names)}", _follow_parent) as pool:
        return {names[number]: value for number, value in pool.compute(function, tasks.values())}


@contextlib.contextmanager
def _start(n: int, what: str, begin: typing.Callable[[], None]) -> typing.Iterator[ProcessPool]:
    """Yield a pool of n processes, which end with the block, with an error in it, and with this process.

    joblib's executor kills its processes without waiting for them; that of the standard library can then hang.

    Args:
        what: subject of the sentence about a process that died.
        begin: initialises a process.
    """
    from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # forking a process with TensorFlow threads can hang
    pool = ProcessPoolExecutor(n, context=context, initializer=begin)
    try:
        yield ProcessPool(pool)
    except BrokenProcessPool:
        raise ReportError(f"{what} ended before it was finished, perhaps because memory ran out; run again.") from None
    finally:
        pool.shutdown(kill_workers=True)


def count_processes() -> int:
    """Return the number of training runs that fit on this machine in parallel."""
    return max(1, min(count_cores(), memory_bytes() // PROCESS_BYTES, MOST_PROCESSES))


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _prepare_training() -> None:
    """Initialise a process of a pool, before it imports anything that starts threads."""
    os.environ.update(ONE_THREAD)
    prepare_libraries()
    _follow_parent()
    import_quietly()
