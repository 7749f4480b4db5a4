"""The dense head, and networks of a base with the head: from pixels, or from the cached boundary."""

import typing

import keras
from keras import layers

from fmnist_report.models.base import LAST, Base, BaseInput, build_from_pixels
from fmnist_report.models.layers import Standardise, seeded_dropout
from fmnist_report.settings import HeadSettings


def build_head(settings: HeadSettings, n_features: int, n_classes: int = 10) -> keras.Model:
    """Build the classifier on concatenated pooled features; its input is standardised with fixed moments.

    Returns:
        Model from (n, n_features) float32 to (n, n_classes) float32 logits.
    """
    features = layers.Input((n_features,), name="features")
    x = Standardise(name="standardise", dtype="float32")(features)
    x = seeded_dropout(settings.dropout, "head_dropout_in")(x)
    if settings.width:
        x = layers.Dense(settings.width, activation="relu", kernel_initializer="he_normal", name="head_dense")(x)
        x = seeded_dropout(settings.dropout, "head_dropout")(x)
    logits = layers.Dense(n_classes, name="logits", dtype="float32")(x)
    return keras.Model(features, logits, name="head")


def assemble(
    given: BaseInput, head: HeadSettings, unfreeze: int = 4, n_classes: int = 10
) -> tuple[Base, typing.Any, typing.Any]:
    """Build a base with a head.

    Batch normalisation uses the statistics of ImageNet, as Keras's guide to transfer learning recommends, and frozen
    blocks have no dropout, so that their output can be cached.

    Args:
        head: width and dropout of the head.
        unfreeze: the first block to train.

    Returns:
        The base, from (n, *shape, 1) pixels; the head's input, (n, n_features); and (n, n_classes) logits.
    """
    base = build_from_pixels(given)
    for layer in base.network.layers:
        frozen = base.block_of.get(layer.name, 0) < unfreeze
        layer.trainable = not frozen and not isinstance(layer, layers.BatchNormalization)
        if frozen and isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    flat = layers.Flatten(name="block3_flat", dtype="float32")(base.pooled["block3_grid"])
    joined = [flat, base.pooled["block4_gap"], base.pooled["block5_gap"]]
    features = layers.Concatenate(name="pooled_features", dtype="float32")(joined)
    return base, features, build_head(head, features.shape[-1], n_classes)(features)


def build_assembled(given: BaseInput, head: HeadSettings, unfreeze: int = 4, n_classes: int = 10) -> keras.Model:
    """Build the whole network from pixels: the blocks before unfreeze frozen, the rest trainable.

    Args:
        given, head, unfreeze, n_classes: as in assemble.

    Returns:
        Model from (n, *shape, 1) pixels to (n, n_classes) logits.
    """
    base, _, logits = assemble(given, head, unfreeze, n_classes)
    return keras.Model(base.network.inputs[0], logits, name="finetuned")


def build_top(
    given: BaseInput, head: HeadSettings, unfreeze: int = 4, first: int = 4, n_classes: int = 10
) -> keras.Model:
    """Build the network after the cached boundary: the last blocks and the head.

    Args:
        unfreeze: the first block to train, 4 or 5.
        first: the first block after the boundary, 4 or 5; not above unfreeze.

    Returns:
        Model from the inputs Base.boundary(first) to (n, n_classes) logits.
    """
    base, _, logits = assemble(given, head, unfreeze, n_classes)
    return read_from_boundary(base, first, logits)


def decay_rates(given: BaseInput, decay: float) -> dict[str, float]:
    """Return the learning-rate factor of each base layer, by name: decay for each block between it and the head.

    The last block and all later layers have the full rate.
    """
    blocks = build_from_pixels(given).block_of if decay < 1 else {}
    return {name: decay ** (LAST - block) for name, block in blocks.items() if block < LAST}


def read_from_boundary(base: Base, first: int, output) -> keras.Model:
    """Return the model from the inputs Base.boundary(first) to an output of a network with this base."""
    boundary = base.boundary(first)
    for name, tensor in boundary.items():
        tensor.name = name  # as Keras requires for dictionary inputs
    return keras.Model(boundary, output, name="top")
