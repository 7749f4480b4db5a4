"""Task execution: sequentially in this process, or on Dask workers."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import itertools
import logging
import os
import shutil
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError, UsageError
from fmnist_report.machine import find_backend, prepare_libraries, settle_keras, silent_imports
from fmnist_report.pipeline.files import sha256_file

if typing.TYPE_CHECKING:
    from distributed import Client

PACKAGE = Path(__file__).resolve().parent.parent
VERSIONS = ("keras", "numpy", "h5py", "scikit-learn", "distributed")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "1",
)
AHEAD = 2  # tasks submitted per worker, so that none is idle
WAIT_SECONDS = 20.0
LEAST_SHARED = 2**20  # bytes of shared memory


@dataclass
class Workers:
    """The workers of a run; picklable, and true if there are any.

    scheduler: for example "tcp://10.0.0.5:8786"; empty without a cluster, and until the n workers are started.
    n: number of workers to start on this machine.
    """

    scheduler: str = ""
    n: int = 0

    def __bool__(self) -> bool:
        return bool(self.scheduler or self.n)

    @contextlib.contextmanager
    def open(
        self, otherwise: typing.Callable[[], contextlib.AbstractContextManager[WorkerPool]] | None = None
    ) -> typing.Iterator[WorkerPool]:
        """Yield the pool that computes tasks: the Dask workers if there is a scheduler.

        Args:
            otherwise: opens the pool to use without a scheduler; this process by default.

        Raises:
            ReportError: the scheduler cannot be reached, or the connection is lost.
        """
        if not self.scheduler:
            with otherwise() if otherwise else contextlib.nullcontext(WorkerPool()) as pool:
                yield pool
            return
        with _explaining_errors(self.scheduler), connect(self.scheduler) as client:
            yield DaskPool(client)


LOCAL = Workers()


class WorkerPool:
    """A pool that computes tasks sequentially in this process."""

    is_local = True

    def share(self, value: typing.Any) -> typing.Any:
        """Return a reference to a large value, to use in tasks."""
        return value

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (index of the task, function(*task)) as results arrive, in any order; consume tasks as needed."""
        for number, task in enumerate(tasks):
            yield number, function(*task)

    def sees(self, path: Path, digest: str) -> bool:
        """Return whether the pool can read the file, with this SHA-256, at the same path."""
        return True

    @contextlib.contextmanager
    def joblib(self) -> typing.Iterator[int]:
        """Yield n_jobs for joblib, which uses this pool inside the block."""
        yield os.cpu_count() or 1


class DaskPool(WorkerPool):
    """A pool of Dask workers; a worker that dies or joins late does not affect the results."""

    is_local = False

    def __init__(self, client: Client) -> None:
        self.client = client

    def share(self, value: typing.Any) -> typing.Any:
        """Send a large value to every worker once; workers that join later get it from the others."""
        return self.client.scatter(value, broadcast=True, hash=False)

    def compute(
        self, function: typing.Callable, tasks: typing.Iterable[tuple]
    ) -> typing.Iterator[tuple[int, typing.Any]]:
        """Yield (index of the task, function(*task)) as results arrive; each is then removed from the cluster."""
        from distributed import as_completed

        waiting = enumerate(tasks)
        code, running = code_digest(), as_completed(loop=self.client.loop)
        numbers: dict[typing.Any, int] = {}

        def hand_out() -> None:
            free = AHEAD * max(1, len(self.client.nthreads())) - len(numbers)
            for number, task in itertools.islice(waiting, max(0, free)):
                future = self.client.submit(_call, code, function, *task, pure=False)
                numbers[future.key] = number
                running.add(future)

        hand_out()
        for future in running:
            result, number = future.result(), numbers.pop(future.key)
            hand_out()
            yield number, result

    def sees(self, path: Path, digest: str) -> bool:
        """Return whether every worker can read the file, with this SHA-256, at the same path."""
        found = self.client.run(_digest_of, str(path))
        return bool(found) and set(found.values()) == {digest}

    @contextlib.contextmanager
    def joblib(self) -> typing.Iterator[int]:
        """Yield -1: as many jobs as there are workers."""
        import joblib

        with joblib.parallel_config("dask", client=self.client, wait_for_workers_timeout=WAIT_SECONDS):
            yield -1


@contextlib.contextmanager
def start_workers(workers: Workers) -> typing.Iterator[None]:
    """Start the requested number of workers on this machine, and fill in their scheduler.

    Each has one thread, in a process that ends with this one; they listen on this machine only.

    Raises:
        ReportError: distributed is not installed, or the workers cannot be started.
    """
    if workers and importlib.util.find_spec("distributed") is None:
        raise ReportError("Dask is not installed; run `.venv/bin/pip install distributed`, then run again.")
    if not workers.n:
        yield
        return
    from distributed import Client, LocalCluster

    prepare_libraries()
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers.n,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                    env=ONE_THREAD,
                )
            )
            with Client(cluster.scheduler_address, set_as_default=False) as client:
                client.run(import_quietly)
        except (RuntimeError, OSError, TimeoutError) as error:
            reason = f"{str(error).rstrip('.')}{describe_shared_memory()}"
            raise ReportError(f"The workers cannot be started: {reason}; run without --workers.") from error
        workers.scheduler = cluster.scheduler_address
        yield


def describe_shared_memory(folder: Path = Path("/dev/shm")) -> str:
    """Say whether shared memory, which processes need in order to start, is missing; "" if it is not."""
    if not folder.is_dir():
        return ""
    n_free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return f", because {folder} is read-only"
    return f", because {folder} has only {n_free // 1024:,} KiB free" if n_free < LEAST_SHARED else ""


def check_request(n: int, scheduler: str) -> None:
    """Check --workers and --scheduler; raise UsageError if they are invalid."""
    if n and scheduler:
        raise UsageError("--workers starts workers on this machine and --scheduler uses others; give one of them.")
    if not 0 <= n <= 64:
        raise UsageError(f"--workers expects 1 to 64 processes, not {n}.")
    if scheduler and not scheduler.startswith(("tcp://", "tls://", "ucx://")):
        raise UsageError(f"--scheduler expects an address such as tcp://10.0.0.5:8786, not {scheduler!r}.")


@contextlib.contextmanager
def connect(scheduler: str) -> typing.Iterator[Client]:
    """Connect to a scheduler and wait for its first worker.

    Raises:
        OSError, TimeoutError: there is no response.
        ReportError: a worker has a different version of this project or of a package that affects results.
    """
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with Client(scheduler, timeout=WAIT_SECONDS, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
        for address, digest in client.run(code_digest).items():
            if digest != code_digest():
                raise ReportError(f"The worker {address} has {OTHER_CODE}")
        yield client


OTHER_CODE = "another version of this project or of a package that affects results; results would differ."


@functools.cache
def code_digest() -> str:
    """Digest this package's source and the versions that affect results; workers must have the same digest."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    for name in (find_backend(), *VERSIONS):
        digest.update(f"{name} {importlib.metadata.version(name)}".encode())
    digest.update(f"mnn {[found.version for found in importlib.metadata.distributions(name='mnn')]}".encode())
    return digest.hexdigest()


def _call(code: str, function: typing.Callable, *task) -> typing.Any:
    """Compute a task on a worker, which may have joined after the check of the others."""
    if code != code_digest():
        raise ReportError(f"A worker has {OTHER_CODE}")
    prepare_libraries()
    return function(*task)


def import_quietly() -> None:
    """Import libraries that tasks need without their messages, before a task's arguments import them."""
    with silent_imports():
        importlib.import_module("keras")
        settle_keras()


def _digest_of(path: str) -> str | None:
    try:
        return sha256_file(Path(path))
    except OSError:
        return None


@contextlib.contextmanager
def _explaining_errors(scheduler: str) -> typing.Iterator[None]:
    """Convert errors of the cluster to a ReportError that suggests a fix."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise ReportError(
            f"Several workers of {scheduler} died on the same task, the last at {error.last_worker.address}, "
            "perhaps because memory ran out; finished work is cached, run again with more memory or fewer workers."
        ) from error
    except (CancelledError, CommClosedError, OSError, TimeoutError) as error:
        module = type(error).__module__
        if isinstance(error, OSError) and not module.startswith("distributed") and error.errno:
            raise  # about this machine's files
        raise ReportError(
            f"The scheduler {scheduler} or its workers cannot be reached; finished work is cached, run again."
        ) from error
