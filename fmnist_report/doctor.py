"""Check the requirements of a run and suggest fixes."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import ReportError

if typing.TYPE_CHECKING:
    from fmnist_report.download import Source

PROJECT = Path(__file__).resolve().parent.parent
TOO_NEW = (3, 14)  # the first Python for which TensorFlow has no package
PANGO_NAMES = ("libpango-1.0.so.0", "libpango-1.0.dylib", "libpango-1.0-0.dll", "libpango-1.0-0")
PANGOFT_NAMES = ("libpangoft2-1.0.so.0", "libpangoft2-1.0.dylib", "libpangoft2-1.0-0.dll", "libpangoft2-1.0-0")
SUBSET_NAMES = ("libharfbuzz-subset.so.0", "libharfbuzz-subset.0.dylib", "libharfbuzz-subset-0.dll")
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
    """The result of one check.

    state: "ok", "missing" or "note"; only "missing" stops a run.
    """

    name: str
    state: str
    text: str


def declared_packages() -> list[str]:
    """Return the project's declared dependencies, from pyproject.toml or its metadata."""
    file = PROJECT / "pyproject.toml"
    if file.is_file():
        declared = tomllib.loads(file.read_text("utf-8"))["project"]["dependencies"]
    else:
        declared = [text for text in importlib.metadata.requires("fmnist_report") or [] if "extra ==" not in text]
    return [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in declared]


def missing_packages() -> list[str]:
    """Return the declared dependencies that are not installed."""
    find = importlib.metadata.distributions
    return [name for name in declared_packages() if not any(found.version for found in find(name=name))]


def has_pango() -> bool:
    """Return whether Pango and PangoFT2, which WeasyPrint needs, can be loaded."""
    return all(_loads(names) for names in (PANGO_NAMES, PANGOFT_NAMES))


def has_subset() -> bool:
    """Return whether HarfBuzz's font subsetter can be loaded; without it WeasyPrint's output is not reproducible."""
    return _loads(SUBSET_NAMES)


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
    found = (command for tool, command in INSTALL_PANGO if shutil.which(tool))
    return next(found, "install Pango with your package manager")


def stop_if_incomplete() -> None:
    """Exit with a message and code 1 if a package is missing."""
    missing = missing_packages()
    if missing and sys.version_info >= TOO_NEW:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"run_all.py: TensorFlow has no package for Python {version} yet; use Python 3.11, 3.12 or 3.13.")
    if missing:
        names = ", ".join(missing)
        sys.exit(f"run_all.py: Missing Python packages: {names}; run `make setup`, then use .venv/bin/python.")


def require_pango() -> None:
    """Raise ReportError with the install command if Pango is missing."""
    if not has_pango():
        raise ReportError(f"Pango, which WeasyPrint needs for the PDF, is not installed; run: {pango_command()}")


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Raise ReportError if a folder's file system has less than n_bytes free."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise ReportError(
            f"{what} needs about {n_bytes / 1e9:.1f} GB, but {str(folder)!r} has {free / 1e9:.1f} GB free; "
            "free some space, choose another folder with --cache-dir, or run --preset quick."
        )


def examine(data_dir: Path | None, cache_dir: Path, every_source: bool = False) -> list[Finding]:
    """Check Python, memory, disk, Pango, fonts, and the sources of data and weights.

    Args:
        every_source: list every source of data and weights, also those where nothing is.
    """
    from fmnist_report.data.custom.detection import find_data_set
    from fmnist_report.data.custom.tree import describe_kinds
    from fmnist_report.data.fashion_mnist import data_sources, read_folder
    from fmnist_report.machine import (
        UNUSABLE,
        describe_hardware,
        describe_speed,
        find_devices,
        measure_speed,
        memory_bytes,
    )
    from fmnist_report.models.vgg16 import read_verified_weights, weight_sources
    from fmnist_report.report.assets import TEMPLATES

    hardware, devices = describe_hardware(), find_devices()
    folder = next(path for path in (cache_dir, *cache_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    fonts = len(list((TEMPLATES / "fonts").glob("*.ttf")))
    missing = missing_packages()
    findings = [
        Finding("Python", "ok" if sys.version_info >= (3, 11) else "missing", sys.version.split()[0]),
        Finding("packages", "missing" if missing else "ok", ", ".join(missing) or "all installed"),
        Finding("Pango", "ok" if has_pango() else "missing", "found" if has_pango() else f"run: {pango_command()}"),
        Finding("fonts", "ok" if fonts else "missing", f"{fonts} bundled with the project"),
        Finding("processor", "ok", f"{hardware['processor']}, {hardware['cores']} cores"),
        Finding("Keras", "missing" if UNUSABLE in devices else "ok", devices),
        Finding("speed", "ok", describe_speed(measure_speed())),
        _sized("memory", memory_bytes(), 8e9),
        _sized("disk", free, 6e9),
    ]
    data_set = find_data_set(data_dir)
    if data_set.is_custom:
        n_files = len({piece.path for piece in data_set.pieces})
        found = f"custom data set: {n_files:,} files, read as {data_set.form}"
        findings.append(Finding(data_set.name, "ok", found))
        skipped = [f"not used: {describe_kinds(data_set.skipped)}"] if data_set.skipped else []
        findings += [Finding(data_set.name, "note", note) for note in [*data_set.notes, *skipped]]
    sources = [] if data_set.is_custom else data_sources(data_dir, cache_dir)
    findings += _check_sources("Fashion-MNIST", sources, read_folder, every_source) if sources else []
    return findings + _check_sources("VGG16", weight_sources(cache_dir), read_verified_weights, every_source)


def _sized(name: str, n_bytes: float, wanted: float) -> Finding:
    text = f"{n_bytes / 1e9:.1f} GB"
    if n_bytes < wanted:
        return Finding(name, "note", f"{text}; {wanted / 1e9:.0f} GB recommended")
    return Finding(name, "ok", text)


Reader = typing.Callable[[Path], typing.Any]


def _check_sources(what: str, sources: list[Source], read: Reader, every: bool) -> list[Finding]:
    """Report every source or, by default, the first that verifies, and before it those that hold something else."""
    if every:
        return [_try_source(what, source, read) for source in sources]
    found = []
    for source in sources:
        place = source.place
        if not source.fetch and (any(place.iterdir()) if place.is_dir() else place.exists()):
            found.append(_try_source(what, source, read))
            if found[-1].state == "ok":
                return found
    return [*found, Finding(what, "note", "not cached; will be downloaded on the first run")]


def _try_source(what: str, source: Source, read: Reader) -> Finding:
    if source.fetch:
        return Finding(what, "note", f"{source.name}: used by a run if no nearer source is available")
    try:
        read(source.place)
        return Finding(what, "ok", f"{source.name}: available and verified")
    except (ValueError, OSError) as error:
        return Finding(what, "note", f"{source.name}: {error}")


def install_pango() -> int:
    """Install Pango if it is missing and the user is root; otherwise print the install command.

    Returns:
        0 if Pango can be loaded afterwards, else 1.
    """
    command = pango_command()
    if has_pango() and has_subset():
        return 0
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and command.startswith("sudo "):
        words = command.removeprefix("sudo ").split()
        if words[0] == "apt-get":
            subprocess.run(["apt-get", "update"], check=False)
        subprocess.run([*words, *YES.get(words[0], [])], check=False)
    try:
        require_pango()
    except ReportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(install_pango())
