"""The convolutional network of part 1: a stem and three blocks, optionally with residual connections."""

import keras
from keras import layers

from fmnist_report.models.layers import seeded_dropout
from fmnist_report.settings import CNNSettings

POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
DENSE = 128  # units of the dense layer of the plain network


def build_cnn(settings: CNNSettings, shape: tuple[int, int] = (28, 28), n_classes: int = 10) -> keras.Model:
    """Build the network for settings.architecture.

    Args:
        shape: height and width of an image, in pixels, at least 8.

    Returns:
        Model from (n, *shape, 1) pixels, 0 to 255, to (n, n_classes) logits.
    """
    pixels = layers.Input((*shape, 1), name="pixels")
    x = ARCHITECTURES[settings.architecture](layers.Rescaling(1 / 255, name="rescale")(pixels), settings)
    x = seeded_dropout(settings.dropout, "dropout")(x)
    return keras.Model(pixels, layers.Dense(n_classes, name="logits", dtype="float32")(x), name="cnn")


def _build_blocks(x, settings: CNNSettings):
    """Build a thin stem and three blocks: convolution, pooling, and optional normalisation and residual convolution.

    Pooling comes before normalisation, so that only the first convolution of a block works on the
    larger image: there a wide layer is limited by memory bandwidth, not arithmetic. The blocks
    follow Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, section 3; the residual connection
    is that of He et al., "Deep Residual Learning", 2016.

    Args:
        x: (n, height, width, 1), 0 to 1.
        settings: stem, channels of the first convolution, at full resolution; widths, channels of the three blocks,
            each of which halves the side (28, 14, 7, 3); kernel, the kernel size; pooling; batch_norm; and residual.
    """
    kernel, batch_norm = settings.kernel, settings.batch_norm
    x = layers.Activation("relu", name="stem_relu")(_convolve(x, settings.stem, kernel, "stem", True))
    for number, width in enumerate(settings.widths, 1):
        x = _convolve(x, width, kernel, f"block{number}a", batch_norm)
        x = POOLING[settings.pooling](2, name=f"pool{number}")(x)
        x = _activate(x, f"block{number}a", batch_norm)
        inner = _convolve(x, width, kernel, f"block{number}b", batch_norm)
        inner = _activate(inner, f"block{number}b", batch_norm)
        x = layers.Add(name=f"block{number}_add")([x, inner]) if settings.residual else inner
    return layers.GlobalAveragePooling2D(name="gap", dtype="float32")(x)


def _build_plain(x, settings: CNNSettings):
    """Build an introductory convolutional network: two convolutions with pooling, and a dense layer.

    Args:
        x: (n, height, width, 1), 0 to 1.
        settings: stem and the first of widths, channels of the convolutions; kernel; pooling; and batch_norm.
    """
    for number, width in enumerate((settings.stem, settings.widths[0]), 1):
        x = _convolve(x, width, settings.kernel, f"conv{number}", settings.batch_norm)
        x = _activate(x, f"conv{number}", settings.batch_norm)
        x = POOLING[settings.pooling](2, name=f"pool{number}")(x)
    x = layers.Dense(DENSE, kernel_initializer="he_normal", name="dense")(layers.Flatten(name="flatten")(x))
    return _activate(x, "dense", settings.batch_norm)


ARCHITECTURES = {"blocks": _build_blocks, "plain": _build_plain}


def _convolve(x, width: int, kernel: int, name: str, batch_norm: bool):
    return layers.Conv2D(
        width, kernel, padding="same", use_bias=not batch_norm, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)


def _activate(x, name: str, batch_norm: bool):
    if batch_norm:
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def find_maps(network: keras.Model) -> list[str]:
    """Return the names of layers whose maps to show: the last activation or sum per resolution, the finest first."""
    last: dict[int, str] = {}
    for layer in network.layers:
        if isinstance(layer, (layers.Activation, layers.Add)) and len(layer.output.shape) == 4:
            last[layer.output.shape[1]] = layer.name
    return list(last.values())
