"""Fashion-MNIST: sources in the order in which they are tried, and verification by content."""

import hashlib
import shutil
import tempfile
import typing
from pathlib import Path

import numpy as np

from fmnist_report.data.digests import FASHION_MNIST_SHA256
from fmnist_report.data.idx import IMAGES_MAGIC, LABELS_MAGIC, MAX_IDX_BYTES, check_pair, decompress, parse_idx
from fmnist_report.data.split import DatasetInfo, write_splits
from fmnist_report.download import Source, download, keras_home, run_tool
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import replacing
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import DataSettings

N_CLASSES = 10
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def read_verified(path: Path, name: str) -> bytes:
    """Read the file of a name (plain or gzipped) and verify its decompressed content.

    Raises:
        ValueError: it cannot be read, is not a valid IDX file, or is not the expected one.
    """
    try:
        if path.stat().st_size > MAX_IDX_BYTES:
            raise ValueError(f"it has {path.stat().st_size:,} bytes, more than any file of this data set")
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    data = decompress(raw)
    digest = hashlib.sha256(data).hexdigest()
    if digest != FASHION_MNIST_SHA256[name]:
        values = parse_idx(data, LABELS_MAGIC if "labels" in name else IMAGES_MAGIC)
        if values.ndim == 1:
            check_pair(values, values, N_CLASSES)
        raise ValueError(f"its SHA-256 is {digest[:12]}…, not Fashion-MNIST's {FASHION_MNIST_SHA256[name][:12]}…")
    return data


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """Read and verify all four files of a folder.

    Returns:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,), uint8.

    Raises:
        ValueError: a file is missing or wrong; the message names the first one and the reason.
    """
    arrays = {}
    for array, name in FILES.items():
        path = next((p for p in _candidates(folder, name) if p.is_file()), None)
        if path is None:
            raise ValueError(f"{folder / name}.gz is missing")
        try:
            data = read_verified(path, name)
            arrays[array] = parse_idx(data, IMAGES_MAGIC if array.startswith("x") else LABELS_MAGIC)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return arrays


def _candidates(folder: Path, name: str) -> list[Path]:
    """List the paths to search for a file: in the folder, in raw/, or in a folder with the file's name."""
    return [place / f"{name}{end}" for place in (folder, folder / "raw", folder / name) for end in (".gz", "")]


def fetch_keras(folder: Path) -> None:
    """Download the four files that keras.datasets.fashion_mnist uses into folder."""
    for name in FILES.values():
        download(f"{URL}{name}.gz", folder / f"{name}.gz")


def fetch_debian(folder: Path) -> None:
    """Fetch and unpack Debian's package into folder; requires apt-get and dpkg-deb, but not root.

    Raises:
        ValueError: a tool is missing or failed; the message says which.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        try:
            run_tool(["apt-get", "download", DEBIAN_PACKAGE], Path(temporary))
        except ValueError:  # the machine's package lists may be missing or outdated: fetch them here
            (Path(temporary) / "lists" / "partial").mkdir(parents=True)
            private = [f"-oDir::State::Lists={temporary}/lists", f"-oDir::Cache={temporary}", "-oDebug::NoLocking=1"]
            run_tool(["apt-get", *private, "update"], Path(temporary))
            run_tool(["apt-get", *private, "download", DEBIAN_PACKAGE], Path(temporary))
        packages = list(Path(temporary).glob("*.deb"))
        if not packages:
            raise ValueError("apt-get downloaded no package")
        run_tool(["dpkg-deb", "-x", packages[0].name, "unpacked"], Path(temporary))
        for path in (Path(temporary) / "unpacked" / DEBIAN_FOLDER.relative_to("/")).glob("*.gz"):
            shutil.copyfile(path, folder / path.name)


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
        cache_dir: downloaded and verified files are kept in its folder datasets.
        fetch: also try sources that need the network.

    Raises:
        ReportError: no source verifies; the message lists each source with the reason.
    """
    reasons = []
    for source in data_sources(data_dir, cache_dir):
        try:
            if source.fetch is None:
                return read_folder(source.place), source.name
            if fetch:
                return _fetch_verified(source.place, source.fetch), source.name
        except (ValueError, OSError) as error:
            reasons.append(f"  {source.name}: {error}")
    raise ReportError(
        "Fashion-MNIST was not found:\n" + "\n".join(reasons) + "\nPut the four .gz files into a folder and "
        f"pass it with --data-dir, or install Debian's package {DEBIAN_PACKAGE}."
    )


def _fetch_verified(folder: Path, fetch: typing.Callable[[Path], None]) -> dict[str, np.ndarray]:
    """Download into a temporary folder; move only verified files to the source's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fetch(Path(temporary))
        arrays = read_folder(Path(temporary))
        for name in FILES.values():
            with replacing(folder / f"{name}.gz") as target:
                shutil.copyfile(Path(temporary) / f"{name}.gz", target)
    return arrays


def prepare_data(out: Path, progress: Progress, *, data: DataSettings, data_dir: Path | None, cache_dir: Path) -> None:
    """Stage `data` for Fashion-MNIST; for its files see write_splits."""
    arrays, source = find_data(data_dir, cache_dir)
    progress.say(f"Fashion-MNIST from {source}.")
    write_splits(out, arrays, data, DatasetInfo())
