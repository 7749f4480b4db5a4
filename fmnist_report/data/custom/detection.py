"""Detection of the data set: Fashion-MNIST, or a custom one in the user's folder; does not import numpy."""

import collections
import contextlib
import gzip
import hashlib
import io
import os
import tomllib
import typing
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_report.data.custom import notes as notes_of
from fmnist_report.data.custom.layouts import find_layout
from fmnist_report.data.custom.notes import Note
from fmnist_report.data.custom.parquet import name_classes
from fmnist_report.data.custom.roles import Layout, Piece
from fmnist_report.data.custom.tree import show_name, sort_key, walk
from fmnist_report.data.digests import FASHION_MNIST_SHA256, data_digest
from fmnist_report.errors import ReportError
from fmnist_report.settings import LANGUAGES

FASHION_MNIST = "Fashion-MNIST"
CLASSES_FILE = "classes.toml"
MAX_BYTES = 2 * 2**30
PACKED = 3  # maximum nesting of gzip compression
NOT_READ = "not readable"


@dataclass(frozen=True)
class DataSet:
    """A detected data set, before it is read.

    name: its name in the report.
    sha256: digest of its decompressed content.
    folder: the user's folder; None if not given, because Fashion-MNIST has other sources too.
    form: format of its files, as in Layout; "" for Fashion-MNIST.
    pieces: its files, or the arrays in them.
    classes: {"uk": names, "en": names}; empty if unknown.
    mirror: whether a mirrored image belongs to the same class.
    transposed: whether rows and columns are swapped in the files, as in EMNIST.
    skipped: number of unused files in the folder, by file extension.
    notes: messages for the user.
    """

    name: str
    sha256: str
    folder: Path | None = None
    form: str = ""
    pieces: tuple[Piece, ...] = ()
    classes: dict[str, list[str]] = field(default_factory=dict)
    mirror: bool = True
    transposed: bool = False
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def is_custom(self) -> bool:
        """Whether the data set is not Fashion-MNIST."""
        return bool(self.form)

    def stage(self, cache_dir: Path) -> dict[str, typing.Any]:
        """Return the arguments of pipeline.stage.Pipeline.stage for its preparation, except name and settings."""
        content = {"the data set": self.sha256}
        if self.is_custom:
            how = {"mirror": self.mirror, "transposed": self.transposed}
            return {
                "function": "data.custom.prepare:prepare_custom_data",
                **how,
                "digests": content,
                "places": {"data_set": self},
            }
        places = {"data_dir": self.folder, "cache_dir": cache_dir}
        return {"function": "data.fashion_mnist:prepare_data", "digests": content, "places": places}

    def classes_in(self, lang: str) -> list[str] | None:
        """Return the class names in a language, or an empty list; None for Fashion-MNIST, whose names are known."""
        return self.classes.get(lang, []) if self.is_custom else None


def find_data_set(folder: Path | None) -> DataSet:
    """Detect the data set in a folder given with --data-dir.

    Fashion-MNIST is recognised by content: all data files in the folder must be its own.

    Raises:
        ReportError: the folder contains no supported data set, or one that cannot be used; the message says why.
    """
    if folder is None:
        return DataSet(FASHION_MNIST, data_digest())
    try:
        tree = walk(folder)
        toml = _read_description(folder)
        layout = find_layout(tree, toml.get("label"))
        digests = _digest_pieces(layout)
        notes = list(layout.notes)
        if tree.n_outside:
            notes.append(Note(notes_of.LINKS, n=tree.n_outside))
        if layout.form == "idx":
            own = [digest in FASHION_MNIST_SHA256.values() for digest in digests]
            if all(own):
                place = os.path.commonpath([piece.path.parent for piece in layout.pieces])
                return DataSet(FASHION_MNIST, data_digest(), Path(place))
            _require_all(layout)
            if any(own):
                notes.append(Note(notes_of.FASHION_PART))
        used = {piece.path for piece in layout.pieces} | {folder / CLASSES_FILE, *layout.tables}
        skipped = collections.Counter(show_name(p.suffix.lower()) for p in tree.every_file() if p not in used)
        return _describe(folder, layout, toml, digests, dict(skipped.most_common()), tuple(notes))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ReportError(f"The data set in {str(folder)!r} cannot be used: {error}") from None


def _digest_pieces(layout: Layout) -> list[str]:
    """Return the digest of each piece's file; unreadable images are reported together later, when images are read."""
    known: dict[Path, str] = {}
    for piece in layout.pieces:
        if piece.path not in known:
            try:
                known[piece.path] = digest_file(piece.path)
            except (OSError, EOFError, zlib.error) as error:
                if layout.form == "images":
                    known[piece.path] = NOT_READ
                elif isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                    raise
                else:
                    name = piece.path.name
                    raise ValueError(f"{name} is truncated or damaged ({error}); download it again") from None
    return [known[piece.path] for piece in layout.pieces]


@contextlib.contextmanager
def open_unpacked(path: Path) -> typing.Iterator[typing.BinaryIO]:
    """Open a file for reading, decompressed if it is gzipped, even more than once."""
    with contextlib.ExitStack() as stack:
        file: typing.Any = stack.enter_context(open(path, "rb"))
        for _ in range(PACKED):
            if file.peek(2)[:2] != b"\x1f\x8b":
                break
            file = io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb")))
        yield file


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, decompressed if it is gzipped.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read or decompressed.
        ValueError: it decompresses to more than MAX_BYTES.
    """
    digest, n_bytes = hashlib.sha256(), 0
    with open_unpacked(path) as file:
        while block := file.read(2**20):
            digest.update(block)
            n_bytes += len(block)
            if n_bytes > MAX_BYTES:
                raise ValueError(f"{path.name} unpacks to more than {MAX_BYTES:,} bytes")
    return digest.hexdigest()


def _require_all(layout: Layout) -> None:
    found = {(piece.split, piece.what) for piece in layout.pieces}
    for split in dict.fromkeys(("train", *(piece.split for piece in layout.pieces))):
        for what, noun in (("x", "images"), ("y", "labels")):
            if (split, what) not in found:
                raise ValueError(f"the IDX file with the {split} {noun} is missing; add it")


def _read_description(folder: Path) -> dict[str, typing.Any]:
    """Return the fields of classes.toml, if there is one; raise ValueError if it is not valid."""
    path = folder / CLASSES_FILE
    try:
        toml = tomllib.loads(path.read_text("utf-8-sig")) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{CLASSES_FILE} is not valid TOML in UTF-8 ({error})") from None
    kinds = {"name": str, "label": str, "mirror": bool, "transposed": bool, **dict.fromkeys(LANGUAGES, list)}
    for key, value in toml.items():
        if key not in kinds:
            raise ValueError(f"unknown key {key!r} in {CLASSES_FILE}; choose from: {', '.join(kinds)}")
        if not isinstance(value, kinds[key]):
            raise ValueError(f"in {CLASSES_FILE}, {key} expects a {kinds[key].__name__}, not {value!r}")
    return toml


def _describe(
    folder: Path, layout: Layout, toml: dict[str, typing.Any], digests: list[str], skipped: dict[str, int],
    notes: tuple[Note, ...],
) -> DataSet:  # fmt: skip
    """Add the values of classes.toml: name, mirror, transposed, and the class names as lists uk and en."""
    names = {lang: [show_name(str(name)) for name in toml[lang]] for lang in LANGUAGES if lang in toml}
    for lang, listed in names.items():
        if len(set(listed)) < len(listed) or not all(name.strip() for name in listed):
            raise ValueError(f"{CLASSES_FILE} has a duplicate or empty class name in {lang}")
        if not all(isinstance(name, str | int) for name in toml[lang]):
            raise ValueError(f"in {CLASSES_FILE}, {lang} expects a list of names")
    if len({len(listed) for listed in names.values()}) > 1:
        raise ValueError(f"{CLASSES_FILE} names more classes in one language than in the other")
    known = []
    if layout.form in ("images", "class_arrays"):
        known = sorted({piece.what for piece in layout.pieces}, key=sort_key)
    elif layout.form == "parquet":
        known = [show_name(name) for name in name_classes([piece.path for piece in layout.pieces])]
    for listed in names.values():
        if listed != known and sorted(listed) == sorted(known):
            place = next(i for i, (told_name, own) in enumerate(zip(listed, known, strict=True)) if told_name != own)
            raise ValueError(
                f"{CLASSES_FILE} has {listed[place]!r} as class {place + 1}, which is {known[place]!r} in the data set"
            )
    folded: dict[str, list[str]] = {}
    for name in known:
        folded.setdefault(name.casefold().strip(), []).append(name)
    if same := next((listed for listed in folded.values() if len(listed) > 1), None):
        notes += (Note(notes_of.CASE, names=same),)
    if names:
        classes = {lang: names.get(lang, next(iter(names.values()))) for lang in LANGUAGES}
    else:
        classes = dict.fromkeys(LANGUAGES, known) if known else {}
    rows = (
        f"{piece.split}/{piece.what}/{piece.key}/{digest}" for piece, digest in zip(layout.pieces, digests, strict=True)
    )
    return DataSet(
        show_name(toml.get("name") or folder.resolve().name), hashlib.sha256("\n".join(rows).encode()).hexdigest(),
        folder, layout.form, layout.pieces, classes, toml.get("mirror", False), toml.get("transposed", False), skipped,
        notes,
    )  # fmt: skip
