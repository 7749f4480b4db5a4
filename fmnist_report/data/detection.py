"""Which data set a run is about: Fashion-MNIST, or one in a folder of the user's own; known without numpy."""

import gzip
import hashlib
import re
import tomllib
import typing
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_report.data.digests import FASHION_MNIST_SHA256, data_digest
from fmnist_report.errors import ReportError
from fmnist_report.settings import LANGUAGES

FASHION_MNIST = "Fashion-MNIST"
IDX_NAME = re.compile(r"(?P<set>.*?)(?P<part>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(\.gz)?")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
CLASSES_FILE = "classes.toml"
MAX_BYTES = 2 * 2**30


@dataclass(frozen=True)
class DataSet:
    """A data set before it is read.

    name: as the report calls it.
    sha256: of its content: for IDX files, that of the four unpacked files.
    folder: the user's; None where there is none, for Fashion-MNIST has other sources too.
    files: for IDX files, the path of each of ARRAYS.
    pictures: for a folder of pictures a class, (part, class, path) of each, in order; part is "train", "test" or "".
    classes: {"uk": names, "en": names}; empty where nobody has named them.
    mirror: whether a mirrored picture belongs to the same class.
    transposed: whether the files hold columns in place of rows, as EMNIST's do.
    """

    name: str
    sha256: str
    folder: Path | None = None
    files: dict[str, Path] = field(default_factory=dict)
    pictures: tuple[tuple[str, str, Path], ...] = ()
    classes: dict[str, list[str]] = field(default_factory=dict)
    mirror: bool = True
    transposed: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is not Fashion-MNIST."""
        return bool(self.files or self.pictures)

    def stage(self, cache_dir: Path) -> dict[str, typing.Any]:
        """Return what pipeline.Line.stage takes to prepare it, beside name and settings."""
        content = {"the data set": self.sha256}
        if self.is_own:
            how = {"mirror": self.mirror, "transposed": self.transposed}
            return {"function": "data.own:prepare_own_data", **how, "digests": content, "places": {"data_set": self}}
        places = {"data_dir": self.folder, "cache_dir": cache_dir}
        return {"function": "data.fashion_mnist:prepare_data", "digests": content, "places": places}

    def classes_in(self, lang: str) -> list[str] | None:
        """Return the classes' names in a language, perhaps none; None for Fashion-MNIST, whose names are known."""
        return self.classes.get(lang, []) if self.is_own else None


def find_data_set(folder: Path | None) -> DataSet:
    """Tell what a folder given with --data-dir holds.

    Fashion-MNIST is recognised by content: one of its four files is enough, so that a damaged or missing one is
    complained of rather than taken for another data set. A folder without pictures counts as one more place where
    Fashion-MNIST is not.

    Raises:
        ReportError: the folder holds a data set that cannot be used; says why.
    """
    fashion = DataSet(FASHION_MNIST, data_digest(), folder)
    if folder is None:
        return fashion
    try:
        if files := _find_idx_files(folder):
            digests = {array: digest_file(path) for array, path in files.items()}
            if set(digests.values()) & set(FASHION_MNIST_SHA256.values()):
                return fashion
            _require_all(files)
            return _describe(folder, _join(digests[array] for array in ARRAYS), files=files)
        if pictures := _find_pictures(folder):
            digest = _join(f"{part}/{label}/{digest_file(path)}" for part, label, path in pictures)
            return _describe(folder, digest, pictures=pictures)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ReportError(f"The data set in {str(folder)!r} cannot be used: {error}") from None
    return fashion


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, unpacked if it is gzipped.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read or unpacked.
        ValueError: it unpacks to more than MAX_BYTES.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    digest, n_bytes = hashlib.sha256(), 0
    with gzip.open(path) if packed else open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
            n_bytes += len(block)
            if n_bytes > MAX_BYTES:
                raise ValueError(f"{path.name} unpacks to more than {MAX_BYTES:,} bytes")
    return digest.hexdigest()


def _find_idx_files(folder: Path) -> dict[str, Path]:
    """Return the IDX files of the one data set in a folder, by array; a packed file counts before a plain one."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir(), reverse=True):
        named = IDX_NAME.fullmatch(path.name)
        if named and path.is_file():
            array = ("x" if named["what"] == "images" else "y") + ("_train" if named["part"] == "train" else "_test")
            found.setdefault(named["set"], {}).setdefault(array, path)
    if len(found) > 1:
        raise ValueError(f"it holds several ({', '.join(sorted(found))}); put one of them into a folder of its own")
    return next(iter(found.values()), {})


def _require_all(files: dict[str, Path]) -> None:
    for array in ARRAYS:
        if array not in files:
            what, part = ("pictures", "labels")[array[0] == "y"], array[2:]
            raise ValueError(f"the IDX file with the {part} {what} is not there")


def _find_pictures(folder: Path) -> tuple[tuple[str, str, Path], ...]:
    """List the pictures of folder/class/ or of folder/train/class/ and folder/test/class/, in order of their paths."""
    parts = [(part, folder / part) for part in ("train", "test") if (folder / part).is_dir()]
    if len(parts) == 1:
        raise ValueError("there has to be a folder 'test' beside 'train', or neither of them")
    found = [
        (part, label.name, path)
        for part, place in parts or [("", folder)]
        for label in sorted(place.iterdir())
        if label.is_dir() and not label.name.startswith(".")
        for path in sorted(label.iterdir())
        if path.suffix.lower() in PICTURE_SUFFIXES
    ]
    if found and len({label for _, label, _ in found}) < 2:
        raise ValueError("it has pictures of one class only; there has to be a folder a class, two at least")
    return tuple(found)


def _describe(folder: Path, sha256: str, **content: typing.Any) -> DataSet:
    """Add what classes.toml says: name, mirror, transposed, and the classes' names as lists uk and en."""
    path = folder / CLASSES_FILE
    told = tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    kinds = {"name": str, "mirror": bool, "transposed": bool, **dict.fromkeys(LANGUAGES, list)}
    for key, value in told.items():
        if key not in kinds:
            raise ValueError(f"{CLASSES_FILE} knows {', '.join(kinds)}, not {key!r}")
        if not isinstance(value, kinds[key]):
            raise ValueError(f"in {CLASSES_FILE}, {key} takes a {kinds[key].__name__}, not {value!r}")
    names = {lang: [str(name) for name in told[lang]] for lang in LANGUAGES if lang in told}
    if len({len(listed) for listed in names.values()}) > 1:
        raise ValueError(f"{CLASSES_FILE} names more classes in one language than in the other")
    classes = {lang: names.get(lang, next(iter(names.values()))) for lang in LANGUAGES} if names else {}
    if not classes and content.get("pictures"):
        folders = sorted({label for _, label, _ in content["pictures"]})
        classes = dict.fromkeys(LANGUAGES, folders)
    return DataSet(
        told.get("name", folder.resolve().name), sha256, folder, classes=classes,
        mirror=told.get("mirror", False), transposed=told.get("transposed", False), **content,
    )  # fmt: skip


def _join(digests: typing.Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
