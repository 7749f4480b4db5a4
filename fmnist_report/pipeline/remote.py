"""A whole stage computed by a worker: what it reads is sent to it, what it leaves comes back and is verified."""

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
    """What a stage left on a worker.

    files: content by name; digests: SHA-256 by name, taken where they were computed.
    """

    files: Files
    digests: dict[str, str]
    seconds: float
    peak_memory_bytes: int | None


class Entries:
    """The entries that stages read, as workers can have them: under the same path, or sent once.

    Args:
        pool: that computes.
    """

    def __init__(self, pool) -> None:
        self.pool = pool
        self._shared: dict[Path, typing.Any] = {}

    def offer(self, folder: Path) -> typing.Any:
        """Return what stands for an entry in a task: its path where every worker sees it, else its files.

        Raises:
            ReportError: the workers do not see it, and it is too large to be sent.
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
                        "give them the cache folder under the same path, or run without them."
                    )
                self._shared[folder] = self.pool.share({path.name: path.read_bytes() for path in paths})
        return self._shared[folder]


def compute_stage(
    function: str, arguments: dict[str, typing.Any], upstream: dict[str, typing.Any], *entries
) -> RemoteResult:
    """Compute a stage on a worker, in a folder of its own.

    Args:
        function: "package.module:name".
        arguments: settings and places.
        upstream: {parameter: number of the entry}.
        entries: as Entries.offer gave them; Dask hands over what was shared.
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
    """Return the folder of an entry; one that was sent is written to the given folder first."""
    if isinstance(entry, Path):
        return entry
    folder.mkdir()
    for name, content in entry.items():
        (folder / name).write_bytes(content)
    return folder


def store(left: RemoteResult, out: Path) -> None:
    """Write what a stage left into its work folder.

    Raises:
        ReportError: a file is not what the worker computed.
    """
    for name, content in left.files.items():
        with replacing(out / name) as temporary:
            temporary.write_bytes(content)
        if sha256_file(out / name) != left.digests[name]:
            raise ReportError(f"{name} did not come from its worker as it was computed; run again.")
