"""Fashion-MNIST: sources tried in order, verification by content, and the stratified split."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import tempfile
import typing
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.errors import ReportError
from fmnist_report.files import read_json, replacing, write_json
from fmnist_report.idx import IMAGES_MAGIC, LABELS_MAGIC, MAX_IDX_BYTES, check_pair, decompress, parse_idx
from fmnist_report.progress import Progress
from fmnist_report.settings import DataSettings
from fmnist_report.sources import FASHION_MNIST_SHA256

N_CLASSES = 10
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class IdxFile:
    """One file of the data set and what its decompressed content must be."""

    name: str
    n_bytes: int
    sha256: str


FILES = {
    array: IdxFile(name, n_bytes, FASHION_MNIST_SHA256[name])
    for array, name, n_bytes in (
        ("x_train", "train-images-idx3-ubyte", 47_040_016),
        ("y_train", "train-labels-idx1-ubyte", 60_008),
        ("x_test", "t10k-images-idx3-ubyte", 7_840_016),
        ("y_test", "t10k-labels-idx1-ubyte", 10_008),
    )
}


def read_verified(path: Path, expected: IdxFile) -> bytes:
    """Read one file (plain or gzipped) and verify its content.

    Raises:
        ValueError: it cannot be read, is no sound IDX file, or is not the expected one.
    """
    try:
        if path.stat().st_size > MAX_IDX_BYTES:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, more than any file of this data set")
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    data = decompress(raw)
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected.sha256:
        labels = parse_idx(data, LABELS_MAGIC if "labels" in expected.name else IMAGES_MAGIC)
        if labels.ndim == 1 and labels.size and labels.max() >= N_CLASSES:
            raise ValueError(f"there is a label {labels.max()}, but labels run from 0 to {N_CLASSES - 1}")
        raise ValueError(f"its SHA-256 is {digest[:12]}…, not Fashion-MNIST's {expected.sha256[:12]}…")
    return data


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """Read and verify all four files of a folder.

    Returns:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,), uint8.

    Raises:
        ValueError: names the first file that is missing or wrong, and why.
    """
    arrays = {}
    for array, expected in FILES.items():
        path = next((p for p in _candidates(folder, expected.name) if p.is_file()), None)
        if path is None:
            raise ValueError(f"{folder / expected.name}.gz is not there")
        try:
            data = read_verified(path, expected)
            arrays[array] = parse_idx(data, IMAGES_MAGIC if array.startswith("x") else LABELS_MAGIC)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    try:
        check_pair(arrays["x_train"], arrays["y_train"], N_CLASSES)
        check_pair(arrays["x_test"], arrays["y_test"], N_CLASSES)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    return arrays


def _candidates(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}.gz", folder / name]


def keras_home() -> Path:
    """Return Keras's own folder (KERAS_HOME or ~/.keras)."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))


def fetch_keras(folder: Path) -> None:
    """Download the four files that keras.datasets.fashion_mnist uses into folder."""
    for expected in FILES.values():
        download(f"{URL}{expected.name}.gz", folder / f"{expected.name}.gz")


def download(url: str, path: Path, timeout_seconds: float = 20.0) -> None:
    """Fetch a file over HTTPS; raises OSError."""
    with urllib.request.urlopen(url, timeout=timeout_seconds) as answer, open(path, "wb") as file:  # noqa: S310
        shutil.copyfileobj(answer, file)


def fetch_debian(folder: Path) -> None:
    """Fetch and unpack Debian's package into folder; needs apt-get and dpkg-deb, no root.

    Raises:
        ValueError: a tool is missing or failed; the message says which.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        try:
            run_tool(["apt-get", "download", DEBIAN_PACKAGE], Path(temporary))
        except ValueError:  # the machine's package lists may be missing or old: fetch our own
            (Path(temporary) / "lists" / "partial").mkdir(parents=True)
            private = [f"-oDir::State::Lists={temporary}/lists", f"-oDir::Cache={temporary}", "-oDebug::NoLocking=1"]
            run_tool(["apt-get", *private, "update"], Path(temporary))
            run_tool(["apt-get", *private, "download", DEBIAN_PACKAGE], Path(temporary))
        packages = list(Path(temporary).glob("*.deb"))
        if not packages:
            raise ValueError("apt-get left no package")
        run_tool(["dpkg-deb", "-x", packages[0].name, "unpacked"], Path(temporary))
        for path in (Path(temporary) / "unpacked" / DEBIAN_FOLDER.relative_to("/")).glob("*.gz"):
            shutil.copyfile(path, folder / path.name)


def run_tool(command: list[str], folder: Path, timeout_seconds: float = 300.0) -> None:
    """Run an outside tool in a folder; raises ValueError with its last words."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_seconds)
    except FileNotFoundError:
        raise ValueError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} took more than {timeout_seconds:.0f} s") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ValueError(f"{' '.join(word for word in command if not word.startswith('-'))} failed: {words}")


@dataclass(frozen=True)
class Source:
    """One place where something may be had: a folder to read, filled first by fetch if given."""

    name: str
    folder: Path
    fetch: typing.Callable[[Path], None] | None = None


def data_sources(data_dir: Path | None, cache_dir: Path) -> list[Source]:
    """List the sources of the data set in the order in which they are tried."""
    datasets = cache_dir / "datasets"
    named = [Source("--data-dir", data_dir)] if data_dir else []
    return [
        *named,
        Source("the cache", datasets),
        Source("Keras's data folder", keras_home() / "datasets" / "fashion-mnist"),
        Source(f"Debian's package {DEBIAN_PACKAGE}, installed", DEBIAN_FOLDER),
        Source("Keras's download", datasets, fetch_keras),
        Source(f"Debian's package {DEBIAN_PACKAGE}, fetched", datasets, fetch_debian),
    ]


def find_data(data_dir: Path | None, cache_dir: Path, fetch: bool = True) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays of the first source that verifies, and the source's name.

    Args:
        data_dir: the user's folder, or None.
        cache_dir: what is fetched and verified is kept in its folder datasets.
        fetch: also try sources that need the network.

    Raises:
        ReportError: none verifies; lists each source with its reason.
    """
    reasons = []
    for source in data_sources(data_dir, cache_dir):
        try:
            if source.fetch is None:
                return read_folder(source.folder), source.name
            if fetch:
                return _fetch_verified(source), source.name
        except (ValueError, OSError) as error:
            reasons.append(f"  {source.name}: {error}")
    raise ReportError(
        "Fashion-MNIST was found nowhere:\n" + "\n".join(reasons) + "\nPut the four .gz files into a folder and "
        f"name it with --data-dir, or install Debian's package {DEBIAN_PACKAGE}."
    )


def _fetch_verified(source: Source) -> dict[str, np.ndarray]:
    """Fetch into a temporary folder; only verified files enter the source's folder."""
    source.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=source.folder) as temporary:
        source.fetch(Path(temporary))
        arrays = read_folder(Path(temporary))
        for expected in FILES.values():
            with replacing(source.folder / f"{expected.name}.gz") as target:
                shutil.copyfile(Path(temporary) / f"{expected.name}.gz", target)
    return arrays


@dataclass(frozen=True)
class Task:
    """What the networks have to do.

    height, width: of a picture, in pixels.
    labels: each class's label in the files; the networks count classes from 0.
    mirror: whether a mirrored picture belongs to the same class; then networks learn from both and their answers to
        both are averaged.
    """

    height: int = 28
    width: int = 28
    labels: tuple[int, ...] = tuple(range(N_CLASSES))
    mirror: bool = True

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a picture, in pixels."""
        return self.height, self.width


def split_indices(labels: np.ndarray, settings: DataSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draw the stratified split once: at most 5,000 and at most a sixth of the pictures are set apart for validation.

    Args:
        labels: (n,) uint8; n is 60,000 for Fashion-MNIST.

    Returns:
        Indices of the n_train training and n_val validation pictures.
    """
    from sklearn.model_selection import train_test_split

    every = np.arange(len(labels))
    n_apart = min(5_000, len(labels) // 6)
    train, val = train_test_split(every, test_size=n_apart, stratify=labels, random_state=settings.split_seed)
    return (
        stratify(train, labels, settings.n_train, settings.split_seed),
        stratify(val, labels, settings.n_val, settings.split_seed),
    )


def stratify(indices: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Draw n of the indices, each class by its share; all of them, in their order, where there are no more than n."""
    from sklearn.model_selection import train_test_split

    if n >= len(indices):
        return indices
    return train_test_split(indices, train_size=n, stratify=labels[indices], random_state=seed)[0]


def prepare_data(out: Path, progress: Progress, *, data: DataSettings, data_dir: Path | None, cache_dir: Path) -> None:
    """Stage `data` for Fashion-MNIST; see write_parts for what it writes."""
    arrays, source = find_data(data_dir, cache_dir)
    progress.say(f"Fashion-MNIST from {source}.")
    write_parts(out, arrays, data, Task())


def write_parts(out: Path, arrays: dict[str, np.ndarray], data: DataSettings, task: Task) -> None:
    """Split the training pictures and write pictures.npz, labels.npz, and the test labels apart from both.

    pictures.npz holds train, val and test, (n, height, width) uint8; labels.npz holds train and val, (n,) uint8;
    test_labels.npz holds test and is read by the evaluation alone. task.json tells what load_task reads.

    Args:
        arrays: x_train, y_train, x_test and y_test.
    """
    x, y = arrays["x_train"], arrays["y_train"]
    train, val = split_indices(y, data)
    np.savez(out / "pictures.npz", train=x[train], val=x[val], test=arrays["x_test"][: data.n_test])
    np.savez(out / "labels.npz", train=y[train], val=y[val])
    np.savez(out / "test_labels.npz", test=arrays["y_test"][: data.n_test])
    write_json(out / "task.json", dataclasses.asdict(task))


def load_task(data: Path) -> Task:
    """Read what a data entry says of its pictures."""
    return read_task(read_json(data / "task.json"))


def read_task(values: dict) -> Task:
    """Turn JSON's values back into a Task."""
    return Task(**{**values, "labels": tuple(values["labels"])})


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an .npz of plain arrays; pickles are refused."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
