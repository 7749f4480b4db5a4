"""Parallel tasks in processes that end with this one."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import traceback
import typing
from multiprocessing.connection import Connection

import threadpoolctl

from fmnist_report.errors import ReportError
from fmnist_report.machine import count_cores, memory_bytes, prepare_libraries
from fmnist_report.pipeline.workers import ONE_THREAD, WorkerPool, import_quietly

PROCESS_BYTES = 3 * 2**30
MOST_PROCESSES = 8


def run_in_processes(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
    """Call function(*arguments) for every task, each in a new process that ends with this one.

    Args:
        function: a module-level function that returns a picklable value.
        tasks: arguments by name.

    Returns:
        Results by name.

    Raises:
        ReportError: the error of the first task that failed, or its name if its process died.
    """
    context = multiprocessing.get_context("spawn")  # forking a process with TensorFlow threads can hang
    working: dict[str, tuple[multiprocessing.process.BaseProcess, Connection]] = {}
    try:
        for name, arguments in tasks.items():
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(sender, function, arguments), name=name)
            with _blocking_interrupts():
                process.start()
            sender.close()
            working[name] = (process, receiver)
        return {name: _receive(name, receiver) for name, (_, receiver) in working.items()}
    finally:
        for started, _ in working.values():
            started.terminate()
            started.join()


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


def _receive(name: str, receiver: Connection) -> typing.Any:
    try:
        value, error = receiver.recv()
    except EOFError:
        raise ReportError(f"The process for {name} ended before it was finished; run again.") from None
    if error is not None:
        raise error
    return value


def _work(sender: Connection, function: typing.Callable, arguments: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        sender.send((function(*arguments), None))
    except Exception as error:  # noqa: BLE001  (re-raised in the parent)
        error.add_note(traceback.format_exc())
        sender.send((None, error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


class ProcessPool(WorkerPool):
    """A pool of parallel processes with one thread each.

    Small networks hardly benefit from a second thread, so one training run per processor in parallel takes less time
    than sequential runs.
    """

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self.pool = pool

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (index of the task, function(*task)) as results arrive; function and tasks must be picklable."""
        futures = {self.pool.submit(function, *task): number for number, task in enumerate(tasks)}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()


@contextlib.contextmanager
def open_processes() -> typing.Iterator[WorkerPool]:
    """Yield a pool of processes, or of this process only if there is one processor or little memory.

    Raises:
        ReportError: a process died.
    """
    n = count_processes()
    if n == 1:
        yield WorkerPool()
        return
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(n, context, _begin)
    try:
        yield ProcessPool(pool)
    except concurrent.futures.process.BrokenProcessPool:
        raise ReportError(
            "A training process ended before it was finished, perhaps because memory ran out; run again."
        ) from None
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def count_processes() -> int:
    """Return the number of training runs that fit on this machine in parallel."""
    return max(1, min(count_cores(), memory_bytes() // PROCESS_BYTES, MOST_PROCESSES))


def _begin() -> None:
    """Initialise a process of a pool, before it imports anything that starts threads."""
    os.environ.update(ONE_THREAD)
    prepare_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_quietly()
    threadpoolctl.threadpool_limits(1)  # of libraries that were loaded before the variables were set
