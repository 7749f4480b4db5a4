"""The networks as a few lines of Keras, which run as printed."""

import dataclasses
import typing

from fmnist_report.report.document import Document
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, MLPSettings

PLAIN_DENSE = 128  # units of the dense layer of the plain convolutional network
OFFSETS = "[-103.939, -116.779, -123.68]"  # minus ImageNet's means, in the order blue, green, red


@dataclasses.dataclass(frozen=True)
class Listing:
    """The code that builds a network.

    name: the network; code: lines of Python that leave it in a variable of that name.
    """

    name: str
    code: str


def list_code(document: Document, names: typing.Iterable[str]) -> list[Listing]:
    """Return the code of the networks that have a writer here: not of other bases than VGG16."""
    shape = (document.results["data"]["height"], document.results["data"]["width"])
    n_classes, settings = len(document.results["class_counts"]), document.settings
    written = {
        "mlp": lambda: write_mlp(settings.mlp, shape, n_classes),
        "cnn": lambda: write_cnn(settings.cnn, shape, n_classes),
    }
    if document.vgg16:
        size = settings.features.size
        written["vgg_finetuned"] = lambda: write_finetuned(settings.finetune, settings.head, size, shape, n_classes)
    return [Listing(name, written[name]()) for name in names if name in written]


def _join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _dropout(rate: float) -> str:
    return f"x = layers.Dropout({rate:g})(x)" if rate else ""


def write_mlp(settings: MLPSettings, shape: tuple[int, int], n_classes: int) -> str:
    """Write models.mlp.build_mlp for one choice of settings."""
    return _join(
        "from keras import Input, Model, layers",
        "",
        f"pixels = Input(({shape[0]}, {shape[1]}, 1))",
        "x = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))",
        f"for width in {settings.widths}:",
        '    x = layers.Dense(width, use_bias=False, kernel_initializer="he_normal")(x)',
        "    x = layers.BatchNormalization(momentum=0.9)(x)",
        '    x = layers.Activation("relu")(x)',
        f"    {_dropout(settings.dropout)}" if settings.dropout else "",
        f"mlp = Model(pixels, layers.Dense({n_classes})(x))",
    )


def write_cnn(settings: CNNSettings, shape: tuple[int, int], n_classes: int) -> str:
    """Write models.cnn.build_cnn for one choice of settings."""
    pool = "MaxPooling2D" if settings.pooling == "max" else "AveragePooling2D"
    normalised = "layers.BatchNormalization(momentum=0.9)(x)" if settings.batch_norm else "x"
    inner = "activate(convolve(x, width))"
    inner = f"layers.Add()([x, {inner}])" if settings.residual else inner
    bias = "False" if settings.batch_norm else "True"
    blocks = (
        f'x = layers.Activation("relu")(convolve(layers.Rescaling(1 / 255)(pixels), {settings.stem}, False))',
        f"for width in {settings.widths}:",
        f"    x = activate(layers.{pool}(2)(convolve(x, width)))",
        f"    x = {inner}",
        "x = layers.GlobalAveragePooling2D()(x)",
    )  # fmt: skip
    plain = (
        "x = layers.Rescaling(1 / 255)(pixels)",
        f"for width in {(settings.stem, settings.widths[0])}:",
        f"    x = layers.{pool}(2)(activate(convolve(x, width)))",
        f'x = activate(layers.Dense({PLAIN_DENSE}, kernel_initializer="he_normal")(layers.Flatten()(x)))',
    )
    return _join(
        "from keras import Input, Model, layers",
        f"def convolve(x, width, bias={bias}):",
        f'    return layers.Conv2D(width, {settings.kernel}, padding="same", use_bias=bias,',
        '                         kernel_initializer="he_normal")(x)',
        "def activate(x):",
        f'    return layers.Activation("relu")({normalised})',
        f"pixels = Input(({shape[0]}, {shape[1]}, 1))",
        *(blocks if settings.architecture == "blocks" else plain),
        _dropout(settings.dropout),
        f"cnn = Model(pixels, layers.Dense({n_classes})(x))",
    )


def write_finetuned(
    settings: FineTuneSettings, head: HeadSettings, size: int, shape: tuple[int, int], n_classes: int
) -> str:
    """Write models.transfer.build_assembled on VGG16 for one choice of settings."""
    trained = tuple(f"block{number}" for number in range(settings.unfreeze, 6))
    dense = f'x = layers.Dense({head.width}, activation="relu", kernel_initializer="he_normal")(x)'
    return _join(
        "from keras import Input, Model, applications, layers",
        f"pixels = Input(({shape[0]}, {shape[1]}, 1))",
        f"grey = layers.Resizing({size}, {size})(pixels)",
        f"colour = layers.Rescaling(1, {OFFSETS})(layers.Concatenate()([grey] * 3))",
        'base = applications.VGG16(include_top=False, weights="imagenet", input_tensor=colour)',
        "for layer in base.layers:",
        f"    layer.trainable = layer.name.startswith({trained})",
        'grid = layers.AveragePooling2D(2, padding="same")(base.get_layer("block3_pool").output)',
        "means = [layers.GlobalAveragePooling2D()(base.get_layer(name).output)",
        '         for name in ("block4_pool", "block5_pool")]',
        "x = layers.Normalization()(layers.Concatenate()([layers.Flatten()(grid), *means]))",
        _dropout(settings.dropout),
        dense if head.width else "",
        _dropout(settings.dropout) if head.width else "",
        f"vgg_finetuned = Model(pixels, layers.Dense({n_classes})(x))",
    )
