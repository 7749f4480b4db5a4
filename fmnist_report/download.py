"""Sources of external content, and the tools that download it."""

import os
import shutil
import subprocess
import typing
import urllib.request
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A source of external content: a folder or file to read, or the result of fetch."""

    name: str
    place: Path
    fetch: typing.Callable[[Path], typing.Any] | None = None


def keras_home() -> Path:
    """Return Keras's own folder (KERAS_HOME or ~/.keras)."""
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))  # a user may have no home


def download(url: str, path: Path, timeout_seconds: float = 20.0) -> None:
    """Download a file over HTTPS; raise OSError on failure."""
    with urllib.request.urlopen(url, timeout=timeout_seconds) as response, open(path, "wb") as file:  # noqa: S310
        shutil.copyfileobj(response, file)


def run_tool(command: list[str], folder: Path, timeout_seconds: float = 300.0) -> None:
    """Run an external tool in a folder; raise ValueError with the last line of its output on failure."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_seconds)
    except FileNotFoundError:
        raise ValueError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} took more than {timeout_seconds:.0f} s") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ValueError(f"{' '.join(word for word in command if not word.startswith('-'))} failed: {words}")
