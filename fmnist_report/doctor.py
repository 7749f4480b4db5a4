"""What a run needs of the machine, and what to do where it is missing."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError

MODULES = (
    "tensorflow", "keras", "h5py", "sklearn", "scipy", "jinja2", "weasyprint", "matplotlib", "rich", "typer",
    "babel", "filelock",
)  # fmt: skip
PANGO_NAMES = ("libpango-1.0.so.0", "libpango-1.0.dylib", "libpango-1.0-0.dll", "libpango-1.0-0")
PANGOFT_NAMES = ("libpangoft2-1.0.so.0", "libpangoft2-1.0.dylib", "libpangoft2-1.0-0.dll", "libpangoft2-1.0-0")
INSTALL_PANGO = (
    ("apt-get", "sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"),
    ("dnf", "sudo dnf install pango"),
    ("pacman", "sudo pacman -S pango"),
    ("apk", "sudo apk add pango"),
    ("zypper", "sudo zypper install pango"),
    ("brew", "brew install pango"),
)
YES = {"apt-get": ["-y"], "dnf": ["-y"], "zypper": ["-y"], "pacman": ["--noconfirm"]}


@dataclass(frozen=True)
class Finding:
    """One thing that a run needs.

    state: "ok", "missing" or "note"; only "missing" stops a run.
    """

    name: str
    state: str
    text: str


def missing_modules() -> list[str]:
    """Return the packages that cannot be found, by the name under which they are imported."""
    return [name for name in MODULES if importlib.util.find_spec(name) is None]


def has_pango() -> bool:
    """Tell whether Pango and its FreeType part, which WeasyPrint needs, can be loaded."""
    return all(_loads(names) for names in (PANGO_NAMES, PANGOFT_NAMES))


def _loads(names: typing.Sequence[str]) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            continue
    return False


def pango_command() -> str:
    """Return the command that installs Pango with this machine's package manager."""
    for tool, command in INSTALL_PANGO:
        if shutil.which(tool):
            return command
    return "install Pango with your package manager"


def stop_if_incomplete() -> None:
    """Leave with one sentence and exit code 1 where a package is missing."""
    if missing := missing_modules():
        names = ", ".join(missing)
        sys.exit(f"run_all.py: Missing Python packages: {names}; run `make setup`, then use .venv/bin/python.")


def require_pango() -> None:
    """Raise ReportError with the command to type where Pango is missing."""
    if not has_pango():
        raise ReportError(f"Pango, which WeasyPrint needs for the PDF, is not installed; run: {pango_command()}")


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Raise ReportError where a folder's file system has less than n_bytes free."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise ReportError(
            f"{what} takes about {n_bytes / 1e9:.1f} GB, but {str(folder)!r} has {free / 1e9:.1f} GB free; "
            "free some space, choose another folder with --cache-dir, or run --preset quick."
        )


def require_folder(folder: Path, option: str) -> None:
    """Create an output folder and check that it can be written; raises ReportError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ReportError(
            f"The folder {str(folder)!r} cannot be written ({error.strerror}); choose another with {option}."
        ) from None


def examine(data_dir: Path | None, cache_dir: Path) -> list[Finding]:
    """Look at Python, memory, disk, Pango, fonts, and the sources of data and weights."""
    from fmnist_report.data import data_sources, read_folder
    from fmnist_report.data_sets import find_data_set
    from fmnist_report.hardware import describe_hardware
    from fmnist_report.language import TEMPLATES
    from fmnist_report.weights import read_hdf5, verify_weights, weight_sources

    hardware = describe_hardware()
    folder = next(path for path in (cache_dir, *cache_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    fonts = len(list((TEMPLATES / "fonts").glob("*.ttf")))
    missing = missing_modules()
    findings = [
        Finding("Python", "ok" if sys.version_info >= (3, 11) else "missing", sys.version.split()[0]),
        Finding("packages", "missing" if missing else "ok", ", ".join(missing) or "all there"),
        Finding("Pango", "ok" if has_pango() else "missing", "found" if has_pango() else f"run: {pango_command()}"),
        Finding("fonts", "ok" if fonts else "missing", f"{fonts} shipped with the project"),
        Finding("processor", "ok", f"{hardware['processor']}, {hardware['cores']} cores"),
        _sized("memory", hardware["memory_gib"] * 2**30, 6e9),
        _sized("disk", free, 5e9),
    ]
    data_set = find_data_set(data_dir)
    if data_set.is_own:
        n_files = len(data_set.files) or len(data_set.pictures)
        findings.append(Finding(data_set.name, "ok", f"a data set of yours: {n_files:,} files"))
    for source in [] if data_set.is_own else data_sources(data_dir, cache_dir):
        findings.append(_try_source("Fashion-MNIST", source.name, source.fetch, lambda s=source: read_folder(s.folder)))
    for name, place, network in weight_sources(cache_dir):
        findings.append(_try_source("VGG16", name, network, lambda p=place: verify_weights(read_hdf5(p))))
    return findings


def _sized(name: str, n_bytes: float, wanted: float) -> Finding:
    text = f"{n_bytes / 1e9:.1f} GB"
    if n_bytes < wanted:
        return Finding(name, "note", f"{text}; {wanted / 1e9:.0f} GB advised")
    return Finding(name, "ok", text)


def _try_source(what: str, name: str, network: typing.Any, read: typing.Callable[[], typing.Any]) -> Finding:
    if network:
        return Finding(what, "note", f"{name}: tried by a run where nothing nearer is there")
    try:
        read()
        return Finding(what, "ok", f"{name}: there and verified")
    except (ValueError, OSError) as error:
        return Finding(what, "note", f"{name}: {error}")


def install_pango() -> int:
    """Install Pango where it is missing and root may do so; else print the command to type.

    Returns:
        0 if Pango can be loaded in the end, else 1.
    """
    command = pango_command()
    if has_pango():
        return 0
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and command.startswith("sudo "):
        words = command.removeprefix("sudo ").split()
        if words[0] == "apt-get":
            subprocess.run(["apt-get", "update"], check=False)
        subprocess.run([*words, *YES.get(words[0], [])], check=False)
        if has_pango():
            return 0
    print(f"Pango, which WeasyPrint needs for the PDF, is not installed; run: {command}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(install_pango())
