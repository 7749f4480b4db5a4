"""Independent work side by side, each piece in a process of its own that ends with this one."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import traceback
import typing
from multiprocessing.connection import Connection

from fmnist_report.errors import ReportError


def run_side_by_side(function: typing.Callable, tasks: dict[str, tuple]) -> dict[str, typing.Any]:
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
            process = context.Process(target=_work, args=(sender, function, arguments), daemon=True, name=name)
            # Ctrl-C reaches both processes; this one hears it, and ends the other.
            former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            process.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
            sender.close()
            working[name] = (process, receiver)
        return {name: _receive(name, receiver) for name, (_, receiver) in working.items()}
    finally:
        for started, _ in working.values():
            started.terminate()
            started.join()


def _receive(name: str, receiver: Connection) -> typing.Any:
    try:
        value, error = receiver.recv()
    except EOFError:
        raise ReportError(f"The process for {name} ended before its work was done; run again.") from None
    if error is not None:
        raise error
    return value


def _work(sender: Connection, function: typing.Callable, arguments: tuple) -> None:
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
