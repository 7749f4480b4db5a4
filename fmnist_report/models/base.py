"""Convolutional base for greyscale images, split at the boundary between frozen and trainable blocks.

A block is the part of a network that works at one resolution; the last is block 5. VGG16's blocks are those of the
paper (Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
configuration D). Networks and layer names are those of Keras.
"""

import dataclasses
import functools
import typing

import keras
import numpy as np
from keras import layers

from fmnist_report.backbones import MODULES
from fmnist_report.errors import ReportError
from fmnist_report.models.arrays import Weights
from fmnist_report.models.blocks import Graph
from fmnist_report.models.layers import GreyToColour
from fmnist_report.models.weights import is_numbered, name_layers
from fmnist_report.settings import POOLED

LAST = 5  # the number of the last block


@dataclasses.dataclass(frozen=True)
class BaseInput:
    """The base and its input.

    backbone: a name in backbones.MODULES.
    size: side of the base's input in pixels.
    shape: height and width of an image, in pixels.
    """

    backbone: str
    size: int
    shape: tuple[int, int] = (28, 28)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Preprocessing of a grey value g, 0 to 255: g · scale + offset in each of the three input channels.

    red_first: whether the first channel is red; otherwise it is blue.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    red_first: bool


@functools.cache
def find_preprocessing(backbone: str) -> Preprocessing:
    """Derive a network's preprocessing from the outputs of Keras for black, white and red."""
    preprocess = getattr(keras.applications, MODULES[backbone]).preprocess_input
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], "float64").reshape(3, 1, 1, 3)
    black, white, red = np.asarray(preprocess(colours.copy())).reshape(3, 3)
    scale = ((white - black) / 255).astype("float32")
    return Preprocessing(
        tuple(scale.tolist()), tuple(black.astype("float32").tolist()), bool(abs(red - black).argmax() == 0)
    )


@dataclasses.dataclass(frozen=True)
class Base:
    """A base without weights, and the ends of its blocks.

    Args:
        network: model from pixels to the last output.
        outputs: the output of each block, by number.
        pooled: the result of pool_blocks.
        maps: the output of each block's last layer before pooling, by layer or block name.
        boundaries: the tensors that later blocks read from each block and those before it; usually only its output.
        block_of: the block of every layer with weights or dropout, by name.
    """

    network: keras.Model
    outputs: dict[int, typing.Any]
    pooled: dict[str, typing.Any]
    maps: dict[int, tuple[str, typing.Any]]
    boundaries: dict[int, list]
    block_of: dict[str, int]

    def boundary(self, unfreeze: int) -> dict[str, typing.Any]:
        """Return the tensors that replace the frozen blocks when blocks from unfreeze, 4 or 5, are trained.

        These are the boundary itself, a single tensor in most networks, and the output that the head reads from an
        earlier block.
        """
        crossing = self.boundaries[unfreeze - 1]
        block = f"block{unfreeze - 1}_out"
        found = {block if number == 1 else f"{block}_{number}": tensor for number, tensor in enumerate(crossing, 1)}
        return found | ({"block3_grid": self.pooled["block3_grid"]} if unfreeze == LAST else {})


def build_base(backbone: str, pixels, x) -> Base:
    """Build a network of keras.applications with input x, which is computed from pixels.

    Args:
        backbone: a name in MODULES.
        pixels: (n, height, width, 1); x: (n, size, size, 3).

    Raises:
        ReportError: the network has fewer than three resolutions at this size.
    """
    before = {id(op) for op in keras.Model(pixels, x).operations}
    network = getattr(keras.applications, backbone)(include_top=False, weights=None, input_tensor=x)
    name_layers(network)
    return _find_blocks(network, [op for op in network.operations if id(op) not in before])


def _find_blocks(network: keras.Model, operations: list) -> Base:
    graph = Graph(operations)
    ends = graph.find_ends()[-LAST:]
    if len(ends) < 3:
        raise ReportError(f"{network.name} has only {len(ends)} resolutions at this size; use a larger features.size.")
    numbered = dict(enumerate(ends, LAST + 1 - len(ends)))
    maps = {block: operations[graph.before_pooling(end)] for block, end in numbered.items()}
    block_of = {
        operation.name: next((block for block, end in numbered.items() if graph.above[end] >> row & 1), LAST)
        for row, operation in enumerate(operations)
    }
    outputs = {block: operations[end].output for block, end in numbered.items()}
    return Base(
        network,
        outputs,
        pool_blocks(outputs),
        {b: (f"block{b}" if is_numbered(last) else last.name, last.output) for b, last in maps.items()},
        {block: [operations[row].output for row in graph.crossing(end)] for block, end in numbered.items()},
        block_of,
    )


def pool_blocks(outputs: dict[int, typing.Any]) -> dict[str, typing.Any]:
    """Pool the features for the classifiers, in float32.

    Block 3 is pooled to a coarse grid, because the position of an edge distinguishes a coat from a shirt; blocks 4
    and 5 are averaged over the whole image.

    Args:
        outputs: outputs of blocks 3, 4 and 5, by number.

    Returns:
        {"block3_grid": (n, ceil(side/2), ceil(side/2), channels), "block4_gap": (n, channels), "block5_gap":
        (n, channels)}; for VGG16, ceil(size/16) cells per side, and 256, 512 and 512 channels.
    """
    grid = layers.AveragePooling2D(2, padding="same", name="block3_grid", dtype="float32")
    gaps = {
        f"block{block}_gap": layers.GlobalAveragePooling2D(name=f"block{block}_gap", dtype="float32")(outputs[block])
        for block in (4, 5)
    }
    return {"block3_grid": grid(outputs[3]), **gaps}


def build_from_pixels(given: BaseInput) -> Base:
    """Build a base for greyscale images, (n, *shape, 1) pixels from 0 to 255, resized to size × size pixels."""
    pixels = layers.Input((*given.shape, 1), name="pixels")
    expected = find_preprocessing(given.backbone)
    enter = GreyToColour(given.size, expected.scale, expected.offset, name="base_input", dtype="float32")
    return build_base(given.backbone, pixels, enter(pixels))


def build_extractor(given: BaseInput, unfreeze: int = 4) -> keras.Model:
    """Build the frozen base with all outputs to cache.

    Args:
        unfreeze: the first block that fine-tuning will train, 4 or 5.

    Returns:
        Model from (n, *shape, 1) pixels to the boundary, "block3_out" or "block4_out", and the outputs of pool_blocks.
    """
    base = build_from_pixels(given)
    for layer in base.network.layers:
        layer.trainable = False
    return keras.Model(base.network.inputs[0], {**base.boundary(unfreeze), **base.pooled}, name="extractor")


def boundary_layers(extractor: keras.Model, unfreeze: int) -> list[str]:
    """Return the names of an extractor's outputs that fine-tuning from the block unfreeze reads."""
    return [layer for layer in extractor.output if layer not in POOLED] + (["block3_grid"] if unfreeze == LAST else [])


def set_base_weights(network: keras.Model, weights: Weights) -> None:
    """Set the base's weights in the network's layers of the same names."""
    names = {layer.name for layer in network.layers}
    for name, arrays in weights.items():
        if name in names:
            layer = network.get_layer(name)
            layer.set_weights(list(arrays))
            if isinstance(layer, layers.Normalization):
                layer.finalize_state()


def copy_layers(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of all layers with the same name in both networks."""
    names = {layer.name for layer in target.layers}
    held = {layer.name: layer.get_weights() for layer in source.layers if layer.name in names and layer.weights}
    set_base_weights(target, held)
