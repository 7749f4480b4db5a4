"""The multilayer perceptron of the previous assignment."""

import keras
from keras import layers

from fmnist_report.models.layers import seeded_dropout
from fmnist_report.settings import MLPSettings


def build_mlp(settings: MLPSettings, shape: tuple[int, int] = (28, 28), n_classes: int = 10) -> keras.Model:
    """Build dense layers with batch normalisation and dropout.

    Args:
        settings: widths and dropout.
        shape: height and width of an image, in pixels.

    Returns:
        Model from (n, *shape, 1) pixels, 0 to 255, to (n, n_classes) logits.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(pixels)
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(settings.widths, 1):
        x = layers.Dense(width, use_bias=False, kernel_initializer="he_normal", name=f"dense{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
        x = seeded_dropout(settings.dropout, f"dropout{number}")(x)
    return keras.Model(pixels, layers.Dense(n_classes, name="logits", dtype="float32")(x), name="mlp")
