"""Computation of a stage on a worker: send its inputs, receive and verify its files."""

import hashlib
import tempfile
import time
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError
from fmnist_report.machine import peak_memory_bytes
from fmnist_report.pipeline.files import UNFINISHED, replacing, sha256_file
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.stage import call_stage

MAX_SENT_BYTES = 500 * 10**6
Files = dict[str, bytes]


@dataclass(frozen=True)
class RemoteResult:
    """The files that a stage wrote on a worker.

    files: content by name; digests: SHA-256 by name, computed on the worker.
    """

    files: Files
    digests: dict[str, str]
    seconds: float
    peak_memory_bytes: int | None


class Entries:
    """Access of workers to the entries that stages read: by the same path, or sent once.

    Args:
        pool: the pool that computes the stages.
    """

    def __init__(self, pool) -> None:
        self.pool = pool
        self._shared: dict[Path, typing.Any] = {}

    def offer(self, folder: Path) -> typing.Any:
        """Return an entry as the argument of a task: its path if every worker can read it, else its files.

        Raises:
            ReportError: a worker cannot read it, and it is too large to send.
        """
        if folder not in self._shared:
            if self.pool.sees(folder / "manifest.json", sha256_file(folder / "manifest.json")):
                self._shared[folder] = folder
            else:
                paths = [path for path in sorted(folder.iterdir()) if path.is_file()]
                n_bytes = sum(path.stat().st_size for path in paths)
                if n_bytes > MAX_SENT_BYTES:
                    raise ReportError(
                        f"The entry {folder.parent.name} has {n_bytes / 1e9:.1f} GB, which is not sent to workers; "
                        "share the cache folder with them at the same path, or run without workers."
                    )
                self._shared[folder] = self.pool.share({path.name: path.read_bytes() for path in paths})
        return self._shared[folder]


def compute_stage(
    function: str, arguments: dict[str, typing.Any], upstream: dict[str, typing.Any], *entries
) -> RemoteResult:
    """Compute a stage on a worker, in a temporary folder.

    Args:
        function: "package.module:name".
        arguments: settings and places.
        upstream: {parameter: index of the entry}.
        entries: results of Entries.offer; Dask resolves shared values.
    """
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out"
        out.mkdir()
        folders = {name: unpack(entries[number], Path(temporary) / name) for name, number in upstream.items()}
        started = time.monotonic()
        call_stage(function, {**arguments, **folders, "out": out, "progress": Progress(quiet=True)})
        seconds = time.monotonic() - started
        paths = [path for path in sorted(out.iterdir()) if path.name != UNFINISHED]
        files = {path.name: path.read_bytes() for path in paths}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return RemoteResult(files, digests, seconds, peak_memory_bytes())


def unpack(entry: Path | Files, folder: Path) -> Path:
    """Return the folder of an entry; write one that was sent to the given folder first."""
    if isinstance(entry, Path):
        return entry
    folder.mkdir()
    for name, content in entry.items():
        (folder / name).write_bytes(content)
    return folder


def store(left: RemoteResult, out: Path) -> None:
    """Write the files of a stage to its work folder.

    Raises:
        ReportError: a file was corrupted in transfer.
    """
    for name, content in left.files.items():
        with replacing(out / name) as temporary:
            temporary.write_bytes(content)
        if sha256_file(out / name) != left.digests[name]:
            raise ReportError(f"{name} was corrupted in transfer from the worker; run again.")
