"""Kernel file locks, released when the process that holds them ends."""

import contextlib
import errno
import hashlib
import os
import tempfile
import typing
from pathlib import Path

import filelock

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)  # raised by a file system without locks


def take_lock(folder: Path, name: str, timeout: float = -1) -> filelock.AcquireReturnProxy:
    """Acquire folder/<name>.lock; it never needs manual removal, even if this process is killed.

    On a file system without locks, the lock is in the folder for temporary files instead, where it is visible to this
    user's runs on this machine only.

    Args:
        timeout: seconds to wait; negative: no limit.

    Returns:
        The acquired lock, a context manager that releases it.

    Raises:
        filelock.Timeout: another process holds it.
    """
    lock = filelock.FileLock(folder / f"{name}.lock", timeout=timeout, fallback_to_soft=False)
    try:
        return lock.acquire()
    except filelock.Timeout:
        raise
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
    place = hashlib.sha256(str((folder / name).resolve()).encode()).hexdigest()
    user = getattr(os, "getuid", int)()  # by number, because not every user has a name
    elsewhere = Path(tempfile.gettempdir()) / f"fmnist_report-{user}-{place[:32]}.lock"
    return filelock.FileLock(elsewhere, timeout=timeout).acquire()


@contextlib.contextmanager
def hold(folder: Path, name: str, waiting: typing.Callable[[str], None]) -> typing.Iterator[None]:
    """Hold a lock during the block; if another process holds it, call waiting(holder) and wait."""
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.holder"
    try:
        lock = take_lock(folder, name, timeout=0)
    except filelock.Timeout:
        waiting(_read_holder(holder))
        lock = take_lock(folder, name)
    with lock:
        try:
            holder.write_text(f"process {os.getpid()}", "utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)


def _read_holder(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:  # released in the meantime, or acquired a moment ago
        return "another run"
