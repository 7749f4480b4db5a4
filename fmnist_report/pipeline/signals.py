"""Ctrl-C and SIGTERM handling: stop at once, or end the process if Python cannot handle the signal."""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import typing

STOPS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated"}
GRACE_SECONDS = 1.5


class Stopped(BaseException):
    """The run was stopped by a signal; not KeyboardInterrupt, which typer swallows."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{STOPS[signal.Signals(number)]}; finished work is cached, run again to resume.")
        self.code = 128 + number


@contextlib.contextmanager
def stopping_in_time(say: typing.Callable[[str], None]) -> typing.Iterator[None]:
    """Raise Stopped in the main thread on a signal; if the block is still running GRACE_SECONDS later, end the process.

    A long computation in C blocks Python signal handlers. The cache is always consistent, so ending the process is
    safe.

    Args:
        say: prints the message before the process ends.
    """
    reader, writer = socket.socketpair()  # wakes without blocking on every system
    writer.setblocking(False)
    ended = threading.Event()

    def watch() -> None:
        while number := reader.recv(1):
            if number[0] in STOPS and not ended.wait(GRACE_SECONDS):
                for child in multiprocessing.active_children():
                    child.kill()
                stop = Stopped(signal.Signals(number[0]))
                say(str(stop))
                os._exit(stop.code)
        reader.close()

    for number in STOPS:
        signal.signal(number, _raise_stopped)
    former = signal.set_wakeup_fd(writer.fileno())
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(former)
        writer.close()


def _raise_stopped(number: int, frame: typing.Any) -> None:
    for other in STOPS:  # the run is ending: ignore a second signal
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number))
