"""Export of a network as basic operations with 8-bit weights, to run in the browser."""

import math
import typing

import keras
import numpy as np

from fmnist_report.models.cnn import find_maps

STEPS = 127  # relative to the size of a weight
Operation = dict[str, typing.Any]


class BrowserModel(typing.NamedTuple):
    """A network's operations in execution order, and their parameters.

    operations: each has op, inputs (indices of earlier ones), shape (of its output, without the batch) and, if it has
        weights, their shape (kernel) and offsets: weights in whole; scale, bias and shift in fine.
    whole: all weights, int8, C order; multiplied by the scale of the output channel.
    fine: all other parameters, float32.
    """

    operations: list[Operation]
    whole: np.ndarray
    fine: np.ndarray


def carry_over(network: keras.Model) -> BrowserModel:
    """Convert a network to basic operations, with weights rounded to 255 values per output channel.

    Raises:
        ValueError: the network has an unsupported layer.
    """
    operations: list[Operation] = []
    whole: list[np.ndarray] = []
    fine: list[np.ndarray] = []
    numbers: dict[str, int] = {}

    def store(arrays: list[np.ndarray], values: np.ndarray) -> int:
        arrays.append(values.ravel())
        return sum(len(array) for array in arrays[:-1])

    for layer in network.layers:
        sources = [tensor._keras_history.operation.name for tensor in keras.tree.flatten(layer.input)]
        inputs = [numbers[name] for name in sources if name in numbers and name != layer.name]
        kind = type(layer).__name__
        if kind == "Dropout":
            numbers[layer.name] = inputs[0]
            continue
        found: Operation = {"inputs": inputs, "shape": list(layer.output.shape[1:]), "name": layer.name}
        if kind == "InputLayer":
            found["op"] = "input"
        elif kind == "Rescaling":
            found |= {"op": "multiply", "by": float(layer.scale)}
        elif kind in ("Conv2D", "Dense"):
            kernel, *bias = [np.asarray(values, "float32") for values in layer.get_weights()]
            rounded, scale = round_weights(kernel)
            found |= {"op": "convolve" if kind == "Conv2D" else "dense", "kernel": list(kernel.shape)}
            found |= {"weights": store(whole, rounded), "scale": store(fine, scale)}
            found |= {"bias": store(fine, bias[0])} if bias else {}
        elif kind == "BatchNormalization":
            gamma, beta, mean, variance = [np.asarray(values, "float32") for values in layer.get_weights()]
            scale = gamma / np.sqrt(variance + layer.epsilon)
            found |= {"op": "normalise", "scale": store(fine, scale), "shift": store(fine, beta - mean * scale)}
        elif kind in OPERATIONS:
            found["op"] = OPERATIONS[kind]
        else:
            raise ValueError(f"the layer {layer.name} ({kind}) is not supported in the browser")
        numbers[layer.name] = len(operations)
        operations.append(found)
    for name in find_maps(network):
        operations[numbers[name]]["shown"] = True
    return BrowserModel(operations, np.concatenate(whole).astype("int8"), np.concatenate(fine).astype("float32"))


OPERATIONS = {
    "Activation": "relu",
    "Add": "add",
    "MaxPooling2D": "pool_max",
    "AveragePooling2D": "pool_average",
    "GlobalAveragePooling2D": "mean",
    "Flatten": "flatten",
}


def round_weights(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantise a kernel: return int8 weights, and the scale of each output channel, float32."""
    largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    scale = (np.where(largest > 0, largest, 1) / STEPS).astype("float32")
    return np.round(kernel / scale).astype("int8"), scale


def count_operations(browser_model: BrowserModel) -> int:
    """Return the number of multiplications per image."""
    return sum(
        math.prod(found["kernel"]) * math.prod(found["shape"][:-1])
        for found in browser_model.operations
        if "kernel" in found
    )


def round_network(network: keras.Model) -> None:
    """Set a network's weights to the rounded ones of its browser model."""
    for layer in network.layers:
        if type(layer).__name__ in ("Conv2D", "Dense"):
            kernel, *bias = layer.get_weights()
            rounded, scale = round_weights(np.asarray(kernel, "float32"))
            layer.set_weights([rounded * scale, *bias])
