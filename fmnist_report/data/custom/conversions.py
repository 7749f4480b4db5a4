"""Ways to convert files that are not read: a sentence with the command for each kind."""

import re
import typing
from collections.abc import Sequence
from pathlib import Path

from fmnist_report.data.custom import hdf5
from fmnist_report.data.custom.tree import UNREAD_SUFFIXES, show_name

IMAGE_BYTES = {
    b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"BM": ".bmp", b"II*\0": ".tif", b"MM\0*": ".tif",
    b"RIFF": ".webp",
}  # fmt: skip
PICKLED = b"\x80"  # first byte of pickles of protocol 2 and later
TAR = re.compile(r".*\.(tar(\.\w+)?|tgz|tbz2?|txz)", re.IGNORECASE)
PICKLE = re.compile(r".*\.(pkl|pickle|p)(\.gz)?", re.IGNORECASE)
RECORD = re.compile(r".*\.tfrec(ord)?s?([-.]\d+.*)?|.*\.tfrecord-\d+-of-\d+", re.IGNORECASE)
PACKED = re.compile(r".*\.(zip|rar|7z|tar|tgz|gz|bz2|xz)", re.IGNORECASE)
HEAD = 1 << 16  # bytes of a file in which names of features are looked for
IMAGE_FEATURES = ("image/encoded", "image_raw", "image", "img")
LABEL_FEATURES = ("image/class/label", "label", "class", "target")


def advise(files: Sequence[Path]) -> list[str]:
    """Return how to convert files in a folder without a supported data set: one sentence for each kind that occurs."""
    found: list[str] = []
    for test, describe in KINDS:
        if matching := [path for path in files if test(path)]:
            found.append(describe(matching))
    return found


def describe_archive(path: Path) -> str:
    """Return how to unpack an archive, from its folder."""
    name = _spell(path)
    if path.suffix.lower() == ".zip":
        return f'unpack it: python -m zipfile -e "{name}" .'
    if TAR.fullmatch(path.name):
        return f'unpack it: python -m tarfile -e "{name}" .'
    return f'unpack it: python -m gzip -d "{name}"' if path.suffix.lower() == ".gz" else "unpack it"


def _spell(path: Path) -> str:
    """Return a file's name for use in a command; FILE if the name has characters that a shell or Python may execute."""
    return path.name if re.fullmatch(r"[\w.() -]+", path.name) else "FILE"


def _run(code: str) -> str:
    return f'in its folder, run: python -c "{code}"'


def _describe_archives(paths: list[Path]) -> str:
    return f"{show_name(paths[0].name)} is compressed; {describe_archive(paths[0])}"


def _describe_pickles(paths: list[Path]) -> str:
    name = _spell(paths[0])
    names = {path.stem for path in paths}
    if any(stem.startswith("data_batch") for stem in names) or {"train", "test"} <= names:
        batches, test = ("train", "test") if {"train", "test"} <= names else ("data_batch_*", "test_batch")
        labels = "fine_labels" if batches == "train" else "labels"
        code = (
            "import glob, pickle, numpy as np; d = lambda p: [pickle.load(open(f, 'rb'), encoding='latin1') for f in "
            "sorted(glob.glob(p))]; j = lambda a, k: np.concatenate([np.asarray(b[k]) for b in a]); "
            f"r, t = d('{batches}'), d('{test}'); np.savez('cifar.npz', x_train=j(r, 'data').reshape(-1, 3, 32, 32), "
            f"y_train=j(r, '{labels}'), x_test=j(t, 'data').reshape(-1, 3, 32, 32), y_test=j(t, '{labels}'))"
        )
        holds = "CIFAR's batches"
    else:
        opened = f"gzip.open('{name}')" if name.lower().endswith(".gz") else f"open('{name}', 'rb')"
        code = (
            f"import gzip, pickle, numpy as np; a = pickle.load({opened}, encoding='latin1'); n = ('train', 'val', "
            "'test') if len(a) > 2 else ('train', 'test'); np.savez('converted.npz', **{f'{w}_{s}': b[i] for s, b in "
            "zip(n, a) for i, w in enumerate('xy')})"
        )
        holds = "pairs of images and labels for training, validation and test"
    return (
        f"{show_name(paths[0].name)} is a pickle, which can execute any code when it is loaded, so it is never read. "
        f"If you trust it and it holds {holds}, {_run(code)}"
    )


def _describe_torch(paths: list[Path]) -> str:
    code = (
        "import glob, numpy as np, torch; [np.savez(f[:-3], x=np.asarray(a[0]), y=np.asarray(a[1])) for f in "
        "glob.glob('*.pt') for a in [torch.load(f, weights_only=True)]]"
    )
    return f"{show_name(paths[0].name)} is PyTorch's; if it holds images and labels, {_run(code)}"


def _describe_matlab(paths: list[Path]) -> str:
    """Describe the conversion of MATLAB's files, with the names of the arrays if they can be recognised."""
    images, labels, load = "X", "y", "scipy.io.loadmat(f)"
    first, by_last = paths[0], True
    if _begins(first, b"MATLAB 7.3"):
        load, sizes = "h5py.File(f)", _size_hdf5(first)
    else:
        sizes = _size_matlab(first)
    many = {name: shape for name, shape in sizes.items() if len(shape) > 2}
    few = {name: shape for name, shape in sizes.items() if len(shape) <= 2 and max(shape, default=0) > 1}
    for name, shape in many.items():
        for label, own in few.items():
            known = name.isidentifier() and label.isidentifier()
            if known and max(own) in (shape[-1], shape[0]) and min(own, default=1) <= 1:
                images, labels, by_last = name, label, max(own) == shape[-1]
    values = f"d['{images}'][()].T" if "h5py" in load else f"d['{images}']"
    values = f"np.moveaxis({values}, -1, 0)" if by_last else values
    package = load.partition(".")[0] + (".io" if "scipy" in load else "")
    code = (
        f"import glob, numpy as np, {package}; [np.savez(f[:-4], x={values}, y=np.ravel(d['{labels}'])) for f in "
        f"glob.glob('*.mat') for d in [{load}]]"
    )
    return f"{show_name(first.name)} is MATLAB's; if {images} are the images and {labels} the labels, {_run(code)}"


def _size_matlab(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays in a file of MATLAB before 7.3; empty if it cannot be read."""
    import scipy.io

    try:
        return {name: shape for name, shape, _ in scipy.io.whosmat(path)}
    except Exception:  # scipy raises many classes for damaged files
        return {}


def _size_hdf5(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays in a file of MATLAB 7.3, which stores them transposed."""
    try:
        return {name: shape[::-1] for name, shape in hdf5.list_shapes(path).items()}
    except ValueError:
        return {}


def _describe_records(paths: list[Path]) -> str:
    with open(paths[0], "rb") as file:
        head = file.read(HEAD)
    image, label = (
        next((name for name in names if name.encode() in head), names[0]) for names in (IMAGE_FEATURES, LABEL_FEATURES)
    )
    code = (
        "import glob, pathlib, tensorflow as tf; t = lambda v: str(v.int64_list.value[0]) if v.int64_list.value else "
        "v.bytes_list.value[0].decode(); r = tf.data.TFRecordDataset(sorted(glob.glob('*.tfrec*'))); "
        "[(p.mkdir(parents=True, exist_ok=True), (p / f'{n}.png').write_bytes("
        f"e['{image}'].bytes_list.value[0])) for n, x in enumerate(r) for e in [tf.train.Example.FromString(x.numpy())"
        f".features.feature] for p in [pathlib.Path('converted', t(e['{label}']))]]"
    )
    return (
        f"{show_name(paths[0].name)} is a TFRecord; if its features are {image} (an encoded image) and {label}, "
        f"{_run(code)}, and give --data-dir the folder converted"
    )


def _describe_dicom(paths: list[Path]) -> str:
    code = (
        "import pathlib, numpy as np, pydicom, PIL.Image as I; [I.fromarray(((a - a.min()) * 255 / max(1, np.ptp(a)))"
        ".astype('uint8')).save(p.with_suffix('.png')) for p in pathlib.Path('.').rglob('*.dcm') for a in "
        "[pydicom.dcmread(p).pixel_array.astype(float)]]"
    )
    return f"{show_name(paths[0].name)} is DICOM; install pydicom (python -m pip install pydicom) and, {_run(code)}"


def _describe_arrow(paths: list[Path]) -> str:
    code = (
        "import glob, pyarrow as pa, pyarrow.parquet as q; [q.write_table(pa.ipc.open_stream(f).read_all(), f[:-5] + "
        "'parquet') for f in glob.glob('**/*.arrow', recursive=True)]"
    )
    return f"{show_name(paths[0].name)} is Arrow's, as save_to_disk writes it; {_run(code)}"


def _describe_binary(paths: list[Path]) -> str:
    code = (
        "import glob, numpy as np; a = {k: np.concatenate([np.fromfile(f, 'uint8').reshape(-1, 3073) for f in "
        "sorted(glob.glob(p))]) for k, p in (('train', 'data_batch_*.bin'), ('test', 'test_batch.bin'))}; "
        "np.savez('cifar.npz', **{f'x_{k}': v[:, 1:].reshape(-1, 3, 32, 32) for k, v in a.items()}, "
        "**{f'y_{k}': v[:, 0] for k, v in a.items()})"
    )
    return f"{show_name(paths[0].name)} seems to be CIFAR's; {_run(code)}"


def describe_single_arrays() -> str:
    """Return how to convert .npy files of one image each."""
    code = (
        "import pathlib, numpy as np, PIL.Image as I; [I.fromarray(a if a.dtype == 'uint8' else ((a - a.min()) * 255 / "
        "max(1e-9, np.ptp(a))).astype('uint8')).save(p.with_suffix('.png')) for p in pathlib.Path('.').rglob('*.npy') "
        "for a in [np.load(p)]]"
    )
    return f"convert them: {_run(code)}"


def _describe_unnamed(paths: list[Path]) -> str:
    suffix = next(end for start, end in IMAGE_BYTES.items() if _begins(paths[0], start))
    code = (
        f"import pathlib; [p.rename(str(p) + '{suffix}') for p in list(pathlib.Path('.').rglob('*')) "
        "if p.is_file() and not p.suffix]"
    )
    return f"{len(paths):,} images have names without an extension; {_run(code)}"


def _describe_unread(paths: list[Path]) -> str:
    return f"convert the images in {' and '.join(sorted({path.suffix.lower() for path in paths}))} to JPEG or PNG"


def _begins(path: Path, *starts: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(16).startswith(starts)
    except OSError:
        return False


def _is_pickle(path: Path) -> bool:
    return bool(PICKLE.fullmatch(path.name)) or not path.suffix and _begins(path, PICKLED)


KINDS: tuple[tuple[typing.Callable[[Path], bool], typing.Callable[[list[Path]], str]], ...] = (
    (_is_pickle, _describe_pickles),
    (lambda path: path.suffix.lower() in (".pt", ".pth"), _describe_torch),
    (lambda path: path.suffix.lower() == ".mat", _describe_matlab),
    (lambda path: bool(RECORD.fullmatch(path.name)), _describe_records),
    (lambda path: path.suffix.lower() in (".dcm", ".dicom"), _describe_dicom),
    (lambda path: path.suffix.lower() == ".arrow", _describe_arrow),
    (lambda path: bool(re.fullmatch(r"data_batch_\d+\.bin", path.name)), _describe_binary),
    (lambda path: bool(PACKED.fullmatch(path.name)) and not _is_pickle(path),
     _describe_archives),
    (lambda path: not path.suffix and _begins(path, *IMAGE_BYTES), _describe_unnamed),
    (lambda path: path.suffix.lower() in UNREAD_SUFFIXES, _describe_unread),
)  # fmt: skip
