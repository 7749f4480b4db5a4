"""The convolutional network of part 1: small, residual, and pooled early."""

from __future__ import annotations

import keras
from keras import layers


def build_cnn(widths: tuple[int, ...], dropout: float, n_classes: int = 10) -> keras.Model:
    """Build a stem that halves the picture and three stages, each with one residual block.

    At 28 × 28 a wide layer is bound by memory rather than by arithmetic, so the stem strides.
    Residual block: He et al., "Deep Residual Learning", 2016, section 3.3.

    Args:
        widths: channels at 14 × 14, 7 × 7 and 3 × 3.

    Returns:
        Model from (n, 28, 28, 1) pixels, 0 to 255, to (n, 10) logits.
    """
    pixels = layers.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(pixels)
    x = _convolve(x, widths[0], "stem", kernel=5, strides=2)
    x = _residual(x, widths[0], "stage1")
    for number, width in enumerate(widths[1:], 2):
        x = _convolve(x, width, f"widen{number}")
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
        x = _residual(x, width, f"stage{number}")
    x = layers.GlobalAveragePooling2D(name="gap", dtype="float32")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(pixels, layers.Dense(n_classes, name="logits", dtype="float32")(x), name="cnn")


def _convolve(x, width: int, name: str, kernel: int = 3, strides: int = 1, relu: bool = True):
    x = layers.Conv2D(
        width, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def _residual(x, width: int, name: str):
    inner = _convolve(_convolve(x, width, f"{name}a"), width, f"{name}b", relu=False)
    return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, inner]))
