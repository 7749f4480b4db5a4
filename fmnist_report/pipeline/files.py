"""Atomic file writes, digests and checksums, and checkpoints of interrupted stages."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
import typing
from pathlib import Path

from fmnist_report.errors import ReportError

if typing.TYPE_CHECKING:
    import h5py
    import numpy as np

CHECKSUM_BYTES = 512
UNFINISHED = "unfinished"  # in a work folder: files from which an interrupted stage resumes


def canonical_json(value: typing.Any) -> str:
    """Serialise a value with sorted keys and no spaces, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks of constant size."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(path: Path) -> None:
    """Make renames inside a folder durable (a no-op where folders cannot be opened)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> typing.Iterator[Path]:
    """Yield a temporary sibling to write; sync it and rename it to path if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:  # Windows syncs only writable files
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def format_json(value: typing.Any) -> str:
    """Serialise a value as readable JSON."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)


def write_json(path: Path, value: typing.Any) -> None:
    """Write a JSON file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(format_json(value), "utf-8")


def read_json(path: Path) -> typing.Any:
    """Read a JSON file."""
    return json.loads(path.read_text("utf-8"))


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz of plain arrays; equal arrays give equal bytes."""
    import numpy as np

    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an .npz of plain arrays; pickles are rejected."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@contextlib.contextmanager
def replacing_hdf5(path: Path) -> typing.Iterator[h5py.File]:
    """Yield an in-memory HDF5 file, and write it to path atomically if the block succeeds.

    It is in memory because the HDF5 library crashes when the disk is full.
    """
    buffer = io.BytesIO()
    with checksummed_hdf5(buffer) as file:
        yield file
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


@contextlib.contextmanager
def checksummed_hdf5(buffer: io.BytesIO) -> typing.Iterator[h5py.File]:
    """Yield an HDF5 file in a buffer; its user block holds a checksum: the SHA-256 of the rest of the file.

    The format is that of HDF5 1.8, which every later version reads. It has no timestamps: equal content, equal bytes.
    """
    import h5py

    with h5py.File(buffer, "w", libver=("earliest", "v108"), userblock_size=CHECKSUM_BYTES) as file:
        yield file
    content = buffer.getbuffer()
    content[:64] = hashlib.sha256(content[CHECKSUM_BYTES:]).hexdigest().encode()


def has_valid_checksum(path: Path) -> bool:
    """Return whether a file exists and its checksum is valid; call this before opening it as HDF5."""
    try:
        with open(path, "rb") as file:
            found = file.read(64)
            file.seek(CHECKSUM_BYTES)
            return found == hashlib.file_digest(file, "sha256").hexdigest().encode()
    except OSError:
        return False


def require_folder(folder: Path, option: str, what: str = "folder") -> None:
    """Create a folder and check that it is writable; raise ReportError, which names the option, if it is not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # unnamed, so a killed process leaves nothing behind
    except OSError as error:
        raise ReportError(
            f"The {what} {str(folder)!r} is not writable ({error.strerror}); choose another with {option}."
        ) from error


def require_room(folder: Path, n_bytes: int) -> None:
    """Raise OSError (disk full) before n_bytes are written by a library that crashes on a full disk."""
    if shutil.disk_usage(folder).free < n_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_finished(out: Path, finished: dict[str, typing.Any]) -> None:
    """Save the finished parts of a long stage in unfinished/finished.json, with a digest."""
    write_json(out / UNFINISHED / "finished.json", {"finished": finished, "sha256": digest_json(finished)})


def read_finished(out: Path) -> dict[str, typing.Any]:
    """Return the parts that write_finished saved before an interruption; none if absent or damaged."""
    try:
        found = read_json(out / UNFINISHED / "finished.json")
        return found["finished"] if found["sha256"] == digest_json(found["finished"]) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def digest_json(value: typing.Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
