"""VGG16 for greyscale pictures, cut at the border between frozen and trainable blocks.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2015, configuration D. Layers have Keras's names.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from fmnist_report.weights import BLOCKS, Weights

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
POOLED = ("block3_grid", "block4_gap", "block5_gap")


@keras.saving.register_keras_serializable("fmnist_report")
class GreyToVGG(layers.Layer):
    """Greyscale pixels to VGG16's input: resized, replicated to BGR, ImageNet's mean subtracted.

    Args:
        size: side of the output in pixels.

    Input (n, height, width, 1), values 0 to 255, not divided; output (n, size, size, 3).
    """

    def __init__(self, size: int, **kwargs) -> None:
        super().__init__(trainable=False, **kwargs)
        self.size = size

    def call(self, pixels):
        grey = ops.image.resize(pixels, (self.size, self.size), interpolation="bilinear")
        return ops.concatenate([grey - mean for mean in IMAGENET_MEAN_BGR], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self):
        return super().get_config() | {"size": self.size}


def apply_blocks(x, first: int, last: int, trainable: bool):
    """Apply VGG16's blocks first … last to x; returns {"blockN_pool": tensor}."""
    pools = {}
    for block in range(first, last + 1):
        for number, width in enumerate(BLOCKS[block - 1], 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=name, trainable=trainable)(x)
        x = pools[f"block{block}_pool"] = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return pools


def pool_blocks(pools: dict):
    """Average what the classifiers read, in float32.

    Block 3 keeps a coarse grid, because where an edge lies tells a coat from a shirt; blocks 4 and 5
    are averaged over the whole picture.

    Args:
        pools: the blocks' outputs by name; "block3_grid" may stand there in place of "block3_pool".

    Returns:
        {"block3_grid": (n, ceil(size/16), ceil(size/16), 256), "block4_gap": (n, 512), "block5_gap": (n, 512)}.
    """
    grid = pools.get("block3_grid")
    if grid is None:
        grid = layers.AveragePooling2D(2, padding="same", name="block3_grid", dtype="float32")(pools["block3_pool"])
    gaps = {
        f"{block}_gap": layers.GlobalAveragePooling2D(name=f"{block}_gap", dtype="float32")(pools[f"{block}_pool"])
        for block in ("block4", "block5")
    }
    return {"block3_grid": grid, **gaps}


def count_features(size: int) -> int:
    """Return how many features the classifiers read for a VGG16 input of size × size pixels."""
    return math.ceil(size / 16) ** 2 * 256 + 512 + 512


def border_layers(unfreeze: int) -> tuple[str, ...]:
    """Name the layers whose cached output stands for the frozen blocks when those from unfreeze, 4 or 5, are trained.

    The first is the border itself; the second, if any, is what the head reads of a block before it.
    """
    return {4: ("block3_pool",), 5: ("block4_pool", "block3_grid")}[unfreeze]


def border_shape(layer: str, size: int) -> tuple[int, ...]:
    """Return the shape of one of border_layers for a VGG16 input of size × size pixels."""
    side = {"block3_pool": size // 8, "block4_pool": size // 16, "block3_grid": math.ceil(size / 16)}[layer]
    return (side, side, 512 if layer == "block4_pool" else 256)


def build_extractor(size: int, unfreeze: int = 4, shape: tuple[int, int] = (28, 28)) -> keras.Model:
    """Build the frozen base with all that is cached of it.

    Args:
        unfreeze: the first block that fine-tuning will train, 4 or 5.
        shape: height and width of a picture, in pixels.

    Returns:
        Model from (n, *shape, 1) pixels to the border, "block3_pool" (n, size/8, size/8, 256) or "block4_pool"
        (n, size/16, size/16, 512), and "block3_grid" (n, ceil(size/16), ceil(size/16), 256), "block4_gap" (n, 512),
        "block5_gap" (n, 512).
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    pools = apply_blocks(GreyToVGG(size, name="vgg_input", dtype="float32")(pixels), 1, 5, trainable=False)
    border = border_layers(unfreeze)[0]
    return keras.Model(pixels, {border: pools[border], **pool_blocks(pools)}, name="extractor")


def build_head(n_features: int, width: int, dropout: float, n_classes: int = 10) -> keras.Model:
    """Build the classifier on concatenated pooled features; its input is standardised by stored moments.

    Returns:
        Model from (n, n_features) float32 to (n, n_classes) float32 logits.
    """
    features = layers.Input((n_features,), name="features")
    x = Standardise(name="standardise", dtype="float32")(features)
    x = layers.Dropout(dropout, name="head_dropout_in")(x)
    x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", name="head_dense")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    logits = layers.Dense(n_classes, name="logits", dtype="float32")(x)
    return keras.Model(features, logits, name="head")


@keras.saving.register_keras_serializable("fmnist_report")
class Standardise(layers.Layer):
    """Subtract a stored mean and multiply by a stored inverse deviation, both (n_features,) and not trained."""

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")

    def call(self, x):
        return (x - self.mean) * self.scale


def build_top(
    size: int, head_width: int, dropout: float, unfreeze: int = 4, first: int = 4, n_classes: int = 10
) -> keras.Model:
    """Build what comes after the cached border: VGG16's last blocks and the head.

    Args:
        unfreeze: the first block that is trained, 4 or 5.
        first: the first block after the border, 4 or 5; not above unfreeze.

    Returns:
        Model from {layer: (n, *border_shape(layer, size))} for border_layers(first) to (n, n_classes) logits.
    """
    border = {layer: layers.Input(border_shape(layer, size), name=layer) for layer in border_layers(first)}
    return keras.Model(
        border, _apply_top(border, size, head_width, dropout, first, unfreeze, n_classes), name="vgg16_top"
    )


def build_assembled(
    size: int,
    head_width: int,
    dropout: float,
    unfreeze: int = 4,
    shape: tuple[int, int] = (28, 28),
    n_classes: int = 10,
) -> keras.Model:
    """Build the whole network from pixels: the blocks before unfreeze frozen, the rest trainable.

    Returns:
        Model from (n, *shape, 1) pixels to (n, n_classes) logits.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    x = GreyToVGG(size, name="vgg_input", dtype="float32")(pixels)
    pools = apply_blocks(x, 1, 3, trainable=False)
    logits = _apply_top(pools, size, head_width, dropout, 4, unfreeze, n_classes)
    return keras.Model(pixels, logits, name="vgg16_finetuned")


def _apply_top(pools: dict, size: int, head_width: int, dropout: float, first: int, unfreeze: int, n_classes: int):
    pools = dict(pools)
    for block in range(first, 6):
        pools |= apply_blocks(pools[f"block{block - 1}_pool"], block, block, trainable=block >= unfreeze)
    pooled = pool_blocks(pools)
    flat = layers.Flatten(name="block3_flat", dtype="float32")(pooled["block3_grid"])
    joined = [flat, pooled["block4_gap"], pooled["block5_gap"]]
    features = layers.Concatenate(name="pooled_features", dtype="float32")(joined)
    return build_head(count_features(size), head_width, dropout, n_classes)(features)


def set_base_weights(network: keras.Model, weights: Weights) -> None:
    """Put VGG16's kernels and biases into the network's layers of the same names."""
    names = {layer.name for layer in network.layers}
    for name, arrays in weights.items():
        if name in names:
            network.get_layer(name).set_weights(list(arrays))


def copy_layers(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of every layer that both networks have by name."""
    names = {layer.name for layer in target.layers}
    for layer in source.layers:
        if layer.name in names and layer.weights:
            target.get_layer(layer.name).set_weights(layer.get_weights())
