"""The multilayer perceptron of the previous assignment."""

from __future__ import annotations

import keras
from keras import layers


def build_mlp(widths: tuple[int, ...], dropout: float, n_classes: int = 10) -> keras.Model:
    """Build dense layers with batch normalisation and dropout.

    Returns:
        Model from (n, 28, 28, 1) pixels, 0 to 255, to (n, 10) logits.
    """
    pixels = layers.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(pixels)
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(widths, 1):
        x = layers.Dense(width, use_bias=False, kernel_initializer="he_normal", name=f"dense{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    return keras.Model(pixels, layers.Dense(n_classes, name="logits", dtype="float32")(x), name="mlp")
