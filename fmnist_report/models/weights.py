"""Stage `weights`: ImageNet weights of the base, VGG16 or another network of keras.applications."""

import contextlib
import re
import sys
import typing
import warnings
from pathlib import Path

import h5py
import numpy as np

from fmnist_report.backbones import DEFAULT, MODULES
from fmnist_report.download import keras_home
from fmnist_report.errors import ReportError
from fmnist_report.models.arrays import Weights, weights_digest
from fmnist_report.models.digests import own_weights_file
from fmnist_report.models.vgg16 import VGG16_FILE, find_weights, read_hdf5, verify_weights, write_hdf5
from fmnist_report.pipeline.files import replacing_hdf5
from fmnist_report.pipeline.progress import Progress

OTHER_FILE = "base.h5"  # of any other network
IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)  # for red, green and blue, from 0 to 1


def prepare_weights(out: Path, progress: Progress, *, backbone: str, cache_dir: Path) -> None:
    """Stage `weights`: write the base's weights, as vgg16_notop.h5 for VGG16 and as base.h5 for other networks."""
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
    """Read the weights written by the stage `weights`.

    Raises:
        ValueError: the file is damaged.
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
    """Return the weights of a base other than VGG16, and their source.

    The source is the user's file (own_weights_file) or the file of Keras, from its models folder or downloaded and
    verified by Keras.

    Raises:
        ReportError: there are no weights, or they do not fit the network.
    """
    import keras

    build, own = getattr(keras.applications, backbone), own_weights_file(cache_dir, backbone)
    try:
        if own.is_file():
            network, source = build(include_top=False, weights=None), str(own)
            network.load_weights(own)
        else:
            with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():  # a download shows its progress
                warnings.simplefilter("ignore")  # some networks have several sets of weights; use the default
                network, source = build(include_top=False, weights="imagenet"), "Keras"
    except Exception as error:  # Keras raises a bare Exception if the server cannot be reached
        reason = " ".join(str(error).split())
        raise ReportError(
            f"{backbone}'s ImageNet weights are unavailable: {reason}\n"
            f"Put the file that Keras needs into {keras_home() / 'models'}, or the output of save_weights for "
            f"the network without its top into {own}, or leave features.backbone at {DEFAULT}."
        ) from None
    name_layers(network)
    weights = {layer.name: tuple(layer.get_weights()) for layer in network.layers if layer.weights}
    if MODULES[backbone] == "efficientnet":
        _fold_in_deviations(weights)
    return weights, source


def name_layers(network: typing.Any) -> None:
    """Rename layers with weights that Keras has numbered by their position, regardless of what was built before."""
    for number, layer in enumerate(layer for layer in network.layers if layer.weights):
        if is_numbered(layer):
            layer.name = f"layer{number:03d}_{type(layer).__name__.lower()}"


def is_numbered(operation: typing.Any) -> bool:
    """Return whether Keras (or name_layers) named a layer or operation by its kind and a number."""
    kind = re.sub(r"_\d+$", "", operation.name).replace("_", "")
    return re.sub(r"^layer\d{3}", "", kind) == type(operation).__name__.lower()


def _fold_in_deviations(weights: Weights) -> None:
    """Add the division by the deviations' roots that Keras builds into EfficientNet only together with its weights.

    Source: keras/src/applications/efficientnet.py and the issue cited there.
    """
    for layer, arrays in weights.items():
        if layer.endswith("_normalization"):
            mean, variance, count = arrays
            weights[layer] = (mean, variance * np.array(IMAGENET_DEVIATIONS, "float32"), count)
            return
