"""Independent work side by side, in processes that end with this one."""

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

from fmnist_report.errors import ReportError
from fmnist_report.machine import memory_bytes, prepare_libraries
from fmnist_report.pipeline.workers import ONE_THREAD, WorkerPool, import_quietly

PROCESS_BYTES = 3 * 2**30
MOST_PROCESSES = 8


def run_in_processes(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
    """Call function(*arguments) for every task, each in a fresh process; whatever stops this process stops them.

    Args:
        function: of a module, so that a fresh process can import it; it returns something that can be pickled.
        tasks: arguments by name.

    Returns:
        Results by name.

    Raises:
        ReportError: that of the first task that failed, or its name if its process died.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process with TensorFlow's threads could hang
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
    """Let what is started inside not hear Ctrl-C, which reaches both processes: this one hears it, and ends the other.

    Windows blocks no signals; there the process turns a deaf ear as soon as it can.
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
        raise ReportError(f"The process for {name} ended before its work was done; run again.") from None
    if error is not None:
        raise error
    return value


def _work(sender: Connection, function: typing.Callable, arguments: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        sender.send((function(*arguments), None))
    except Exception as error:  # noqa: BLE001  (it is raised again in the parent)
        error.add_note(traceback.format_exc())
        sender.send((None, error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


class ProcessPool(WorkerPool):
    """Computes tasks in processes of one thread each, side by side.

    Small networks hardly gain by a second thread, so that as many trainings at a time as there are processors take
    less time than one after the other.
    """

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self.pool = pool

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (number of the task, function(*task)) as results come; function and tasks can be pickled."""
        futures = {self.pool.submit(function, *task): number for number, task in enumerate(tasks)}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()


@contextlib.contextmanager
def open_processes() -> typing.Iterator[WorkerPool]:
    """Give a pool of processes, or of this one where there is one processor or little memory.

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
            "A process that trained a network ended before its work was done, perhaps for want of memory; run again."
        ) from None
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def count_processes() -> int:
    """Return how many trainings this machine can take side by side."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, memory_bytes() // PROCESS_BYTES, MOST_PROCESSES))


def _begin() -> None:
    """SetupBuilder a process of a pool, before it imports anything that starts threads."""
    os.environ.update(ONE_THREAD)
    prepare_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it hears Ctrl-C, and ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_quietly()
