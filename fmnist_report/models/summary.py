"""Layer summary of a network: output shapes, parameters and multiply-accumulate operations."""

import math

import keras
from keras import layers

BY_VALUE = ("BatchNormalization", "LayerNormalization", "Normalization", "Standardise", "LayerScale")


def describe_layers(network: keras.Model) -> list[dict]:
    """List the network's layers in order, including those of nested networks.

    Returns:
        Dicts with name, type, output_shape (without the batch), n_params, n_trainable and macs (one image).
    """
    rows = []
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            rows += describe_layers(layer)
        elif not isinstance(layer, layers.InputLayer) or not rows:
            rows.append(
                {
                    "name": layer.name,
                    "type": type(layer).__name__,
                    "output_shape": list(layer.output.shape[1:]),
                    "n_params": _count(layer.weights),
                    "n_trainable": _count(layer.trainable_weights),
                    "macs": layer_macs(layer),
                }
            )
    return rows


def layer_macs(layer: layers.Layer) -> int:
    """Count the multiply-accumulate operations of a convolution or dense layer for one image.

    Element-wise layers and layers without weights count as 0.

    Raises:
        TypeError: the layer has weights and is of an unsupported kind.
    """
    positions = math.prod(layer.output.shape[1:-1])
    if isinstance(layer, layers.SeparableConv2D):
        return positions * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
        return positions * math.prod(layer.kernel.shape)
    if layer.weights and type(layer).__name__ not in BY_VALUE:
        raise TypeError(f"the operations of a {type(layer).__name__} ({layer.name}) are not known; add them here")
    return 0


def _count(weights: list) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
