"""Custom layers: dropout with a saved state, greyscale to colour, and fixed standardisation."""

import random
import typing

from keras import layers, ops, saving


def seeded_dropout(rate: float, name: str) -> layers.Dropout:
    """Return a dropout layer with a seed, so that its random state is a variable of the network.

    Without a seed, the PyTorch backend uses the process's generator, which is not part of a checkpoint.
    """
    return layers.Dropout(rate, seed=random.randint(1, 10**9), name=name)


@saving.register_keras_serializable("fmnist_report")
class GreyToColour(layers.Layer):
    """Convert greyscale pixels to a network's input: resize, repeat in three channels, and scale.

    Args:
        size: side of the output in pixels.
        scale, offset: as in models.base.Preprocessing.

    Input (n, height, width, 1), values 0 to 255, not divided; output (n, size, size, 3).
    """

    def __init__(self, size: int, scale: typing.Sequence[float], offset: typing.Sequence[float], **kwargs) -> None:
        super().__init__(trainable=False, **kwargs)
        self.size, self.scale, self.offset = size, tuple(scale), tuple(offset)

    def call(self, pixels):
        grey = ops.image.resize(pixels, (self.size, self.size), interpolation="bilinear")
        channels = [
            grey + offset if scale == 1 else grey * scale + offset
            for scale, offset in zip(self.scale, self.offset, strict=True)
        ]
        return ops.concatenate(channels, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self):
        return super().get_config() | {"size": self.size, "scale": self.scale, "offset": self.offset}


@saving.register_keras_serializable("fmnist_report")
class Standardise(layers.Layer):
    """Subtract a fixed mean and multiply by a fixed inverse standard deviation, both (n_features,)."""

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")

    def call(self, x):
        return (x - self.mean) * self.scale
