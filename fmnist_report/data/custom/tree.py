"""The tree of files under a folder, without system files, walked once."""

from __future__ import annotations

import collections
import os
import re
import typing
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
     ".pbm", ".pnm", ".avif", ".jp2", ".tga"}
)  # fmt: skip
UNREAD_SUFFIXES = frozenset({".heic", ".heif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".psd", ".svg"})  # images too
DROPPINGS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"})
CACHE_TAG = "CACHEDIR.TAG"
REPORT_FILES = ("results.json", "predictions.npz")
MOST_FILES = 2_000_000
DEEPEST = 16  # maximum depth below the given folder


@dataclass
class Folder:
    """A folder with its files and folders, in the order of their names.

    n_outside: number of links to files or folders that are not in the whole tree; of its root only.
    """

    path: Path
    files: list[Path] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    n_outside: int = 0

    @property
    def name(self) -> str:
        """The name in printable form."""
        return show_name(self.path.name)

    @property
    def images(self) -> list[Path]:
        """The images directly in the folder."""
        return [path for path in self.files if path.suffix.lower() in IMAGE_SUFFIXES]

    def every_file(self) -> typing.Iterator[Path]:
        """Yield all files in the folder and its subfolders."""
        yield from self.files
        for folder in self.folders:
            yield from folder.every_file()

    def every_unread(self) -> list[Path]:
        """List all images in unsupported formats in the folder and its subfolders."""
        return [path for path in self.every_file() if path.suffix.lower() in UNREAD_SUFFIXES]

    def every_image(self) -> list[Path]:
        """List all images in the folder and its subfolders."""
        return self.images + [path for folder in self.folders for path in folder.every_image()]

    def filled(self) -> list[Folder]:
        """List the direct subfolders that contain images at any depth."""
        return [folder for folder in self.folders if folder.every_image()]


def walk(path: Path) -> Folder:
    """Read a folder and its subfolders, following links but no cycles.

    Hidden files and folders, files left by operating systems and archivers, and caches and reports of this program are
    skipped.

    Raises:
        OSError: the folder cannot be read.
        ValueError: it contains more than MOST_FILES files.
    """
    count = n_outside = 0
    root = os.path.join(os.path.realpath(path), "")

    def read(path: Path, above: tuple[str, ...]) -> Folder:
        nonlocal count, n_outside
        folder, here = Folder(path), (*above, os.path.realpath(path))
        if is_ours(path):
            return folder
        for entry in sorted(os.scandir(path), key=lambda entry: sort_key(entry.name)):
            if entry.name.startswith(".") or entry.name.lower() in DROPPINGS:
                continue
            if entry.is_symlink() and not os.path.realpath(entry.path).startswith(root):
                n_outside += 1
            if not entry.is_dir():
                if entry.is_file() or entry.is_symlink():  # not a pipe, device or broken link
                    folder.files.append(path / entry.name)
            elif len(above) < DEEPEST and os.path.realpath(entry.path) not in here:
                folder.folders.append(read(path / entry.name, here))
        count += len(folder.files)
        if count > MOST_FILES:
            raise ValueError(f"it contains more than {MOST_FILES:,} files; pass the folder of the data set itself")
        return folder

    tree = read(path, ())
    tree.n_outside = n_outside
    return tree


def is_ours(path: Path) -> bool:
    """Return whether a folder is a cache or a report of this program, which may lie in the folder of a data set."""
    return (path / CACHE_TAG).is_file() or all((path / name).is_file() for name in REPORT_FILES)


def show_name(name: str) -> str:
    """Return a name in one Unicode form, with control characters and bytes that are not UTF-8 written as \\xNN."""
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    escaped = (f"\\x{ord(letter):02x}" if unicodedata.category(letter) == "Cc" else letter for letter in readable)
    return unicodedata.normalize("NFC", "".join(escaped))


def show_path(path: Path, folder: Path) -> str:
    """Return the printable form of a path relative to a folder."""
    return show_name(str(path.relative_to(folder)))


def sort_key(name: str) -> tuple:
    """Return the sort key of a name: numbers in it are compared by value, "2" before "10"."""
    pieces = re.split(r"(\d+)", show_name(name))
    return tuple(int(piece) if number % 2 else piece for number, piece in enumerate(pieces)), name


def count_kinds(paths: typing.Iterable[Path]) -> dict[str, int]:
    """Count files by extension, the most frequent first; "" for names without one."""
    return dict(collections.Counter(show_name(path.suffix.lower()) for path in paths).most_common())


def describe_kinds(kinds: dict[str, int], most: int = 4) -> str:
    """Describe the number of files of each kind: "40 .tif files, 1 file without an extension"."""
    words = []
    for kind, n in list(kinds.items())[:most]:
        noun = "file" if n == 1 else "files"
        words.append(f"{n:,} {kind} {noun}" if kind else f"{n:,} {noun} without an extension")
    if len(kinds) > most:
        words.append(f"{sum(list(kinds.values())[most:]):,} of other kinds")
    return ", ".join(words)
