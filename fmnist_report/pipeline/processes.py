"""Parallel tasks in processes that end with this one."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import typing
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import threadpoolctl

from fmnist_report.errors import ReportError
from fmnist_report.machine import count_cores, memory_bytes, prepare_libraries
from fmnist_report.pipeline.workers import ONE_THREAD, WorkerPool, import_quietly

PROCESS_BYTES = 3 * 2**30
MOST_PROCESSES = 8


def run_in_processes(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
    """Call function(*arguments) for every task in parallel, each in a new process that ends with its task.

    Args:
        function: a module-level function that returns a picklable value.
        tasks: arguments by name.

    Returns:
        Results by name.

    Raises:
        ReportError: the error of the first task that failed, or its name if its process died.
    """
    with contextlib.ExitStack() as executors:
        futures = {}
        for name, arguments in tasks.items():
            executor = executors.enter_context(_open_executor(1, one_thread=False))
            futures[name] = _submit(executor, function, arguments)
            executor.shutdown(wait=False)  # the process ends, and frees its memory, when its task is done
        return {name: _result(future, f"The process for {name} ended before it was finished; run again.")
                for name, future in futures.items()}  # fmt: skip


@contextlib.contextmanager
def _open_executor(n: int, one_thread: bool) -> typing.Iterator[ProcessPoolExecutor]:
    """Yield an executor of up to n new processes; if the block fails, they are terminated with their tasks."""
    context = multiprocessing.get_context("spawn")  # forking a process with TensorFlow threads can hang
    others = multiprocessing.active_children()
    executor = ProcessPoolExecutor(n, context, _begin, (one_thread,))
    try:
        yield executor
    except BaseException:
        for child in multiprocessing.active_children():
            if child not in others:
                child.terminate()
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def _submit(executor: ProcessPoolExecutor, function: typing.Callable, arguments: tuple) -> Future:
    """Submit a task; a process that starts for it has Ctrl-C blocked, because this process handles it and ends them.

    Windows cannot block signals; there a process ignores them as soon as it has started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        return executor.submit(function, *arguments)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(function, *arguments)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _result(future: Future, death: str) -> typing.Any:
    """Return a task's result, or raise its error, or a ReportError with the given sentence if its process died."""
    try:
        return future.result()
    except BrokenProcessPool:
        raise ReportError(death) from None


def _begin(one_thread: bool) -> None:
    """Initialise a process; one with one thread before it imports anything that starts threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if one_thread:
        os.environ.update(ONE_THREAD)
        prepare_libraries()
        import_quietly()
        threadpoolctl.threadpool_limits(1)  # of libraries that were loaded before the variables were set


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

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self.executor = executor

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (index of the task, function(*task)) as results arrive; function and tasks must be picklable.

        Raises:
            ReportError: a process died.
        """
        death = "A training process ended before it was finished, perhaps because memory ran out; run again."
        futures = {_submit(self.executor, function, task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], _result(future, death)


@contextlib.contextmanager
def open_processes() -> typing.Iterator[WorkerPool]:
    """Yield a pool of processes, or of this process only if there is one processor or little memory."""
    n = count_processes()
    if n == 1:
        yield WorkerPool()
        return
    with _open_executor(n, one_thread=True) as executor:
        yield ProcessPool(executor)


def count_processes() -> int:
    """Return the number of training runs that fit on this machine in parallel."""
    return max(1, min(count_cores(), memory_bytes() // PROCESS_BYTES, MOST_PROCESSES))
