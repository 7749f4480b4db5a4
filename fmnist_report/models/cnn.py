"""The convolutional network of part 1: three stages that pool early, each with a residual convolution."""

import keras
from keras import layers

from fmnist_report.models.layers import seeded_dropout
from fmnist_report.settings import CNNSettings

POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}


def build_cnn(settings: CNNSettings, shape: tuple[int, int] = (28, 28), n_classes: int = 10) -> keras.Model:
    """Build a thin stem and three stages: convolution, pooling, normalisation, residual convolution.

    Pooling comes before normalisation, so that only the first convolution of a stage works on the
    larger picture: there a wide layer is bound by memory rather than by arithmetic. The stages
    follow Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3; the shortcut is
    that of He et al., "Deep Residual Learning", 2016.

    Args:
        settings: stem, channels of the first convolution, which sees the whole picture; widths, channels of the three
            stages, each of which halves the picture's sides (28, 14, 7, 3); kernel, side of every kernel in pixels;
            pooling, "max" or "average"; and dropout.
        shape: height and width of a picture, in pixels, at least 8.

    Returns:
        Model from (n, *shape, 1) pixels, 0 to 255, to (n, n_classes) logits.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(pixels)
    x = layers.Activation("relu", name="stem_relu")(_convolve(x, settings.stem, settings.kernel, "stem"))
    for number, width in enumerate(settings.widths, 1):
        x = _convolve(x, width, settings.kernel, f"stage{number}a")
        x = POOLING[settings.pooling](2, name=f"pool{number}")(x)
        x = _normalise(x, f"stage{number}a")
        inner = _normalise(_convolve(x, width, settings.kernel, f"stage{number}b"), f"stage{number}b")
        x = layers.Add(name=f"stage{number}_add")([x, inner])
    x = layers.GlobalAveragePooling2D(name="gap", dtype="float32")(x)
    x = seeded_dropout(settings.dropout, "dropout")(x)
    return keras.Model(pixels, layers.Dense(n_classes, name="logits", dtype="float32")(x), name="cnn")


def _convolve(x, width: int, kernel: int, name: str):
    return layers.Conv2D(
        width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)


def _normalise(x, name: str):
    return layers.Activation("relu", name=f"{name}_relu")(
        layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    )
