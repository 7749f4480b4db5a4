"""The network of a page, carried out with NumPy, as templates/network.js does in the browser."""

from __future__ import annotations

import base64
import time
import typing

import numpy as np

BATCH = 50
MOST_OPERATIONS = 500
MOST_SIDE = 15  # of a kernel
MOST_OUTPUT = 2**28  # values of an operation for one batch


def run_network(network: dict[str, typing.Any], images: np.ndarray, most_seconds: float = np.inf) -> np.ndarray:
    """Return the predicted classes of a page's network for the first images, as many as the time allows.

    Args:
        network: operations, mirror, whole and fine, as in the page.
        images: (n, height, width) uint8.

    Returns:
        At least those of the first BATCH images.

    Raises:
        ValueError: the network is damaged.
    """
    try:
        whole = np.frombuffer(base64.b64decode(network["whole"], validate=True), "int8")
        fine = np.frombuffer(base64.b64decode(network["fine"], validate=True), "<f4")
        if len(network["operations"]) > MOST_OPERATIONS:
            raise ValueError("the network of the page is too large")
        steps = [_prepare(step, whole, fine) for step in network["operations"]]
        began = time.process_time()
        found: list[np.ndarray] = []
        for first in range(0, len(images), BATCH):
            if found and time.process_time() - began > most_seconds:
                break
            batch = images[first : first + BATCH].astype("float32")
            views = [batch, batch[:, :, ::-1]] if network.get("mirror") else [batch]
            found.append(np.sum([_run(steps, view[..., None]) for view in views], axis=0).argmax(axis=1))
        return np.concatenate(found)
    except (KeyError, IndexError, TypeError, AttributeError, np.exceptions.AxisError) as error:
        raise ValueError(f"the network of the page is damaged ({error})") from None


def _prepare(step: dict[str, typing.Any], whole: np.ndarray, fine: np.ndarray) -> dict[str, typing.Any]:
    """Return an operation with its arrays."""
    ready, channels = dict(step), int(step["shape"][-1])
    large = np.prod(step["shape"], dtype="float64") * BATCH > MOST_OUTPUT
    large |= max(step.get("kernel", [1])[:-2], default=1) > MOST_SIDE
    if large or min(step["shape"]) < 1 or any(not number >= 0 for number in step["inputs"]):
        raise ValueError("the network of the page is too large")
    if "kernel" in step:
        n = int(np.prod(step["kernel"]))
        weights = whole[step["weights"] : step["weights"] + n].astype("float32").reshape(step["kernel"])
        ready["values"] = weights * fine[step["scale"] : step["scale"] + step["kernel"][-1]]
    elif "scale" in step:
        ready["factor"] = fine[step["scale"] : step["scale"] + channels]
        ready["offset"] = fine[step["shift"] : step["shift"] + channels]
    if "bias" in step:
        ready["add"] = fine[step["bias"] : step["bias"] + channels]
    return ready


def _run(steps: list[dict[str, typing.Any]], pixels: np.ndarray) -> np.ndarray:
    """Return the probabilities, (n, classes)."""
    outputs: list[np.ndarray] = []
    for step in steps:
        inputs = [outputs[number] for number in step["inputs"]]
        x = inputs[0] if inputs else pixels
        out = _carry_out(step, x, inputs)
        outputs.append(out + step["add"] if "add" in step else out)
    logits = outputs[-1] - outputs[-1].max(axis=1, keepdims=True)
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def _carry_out(step: dict[str, typing.Any], x: np.ndarray, inputs: list[np.ndarray]) -> np.ndarray:
    kind = step["op"]
    if kind == "input":
        return x
    if kind == "multiply":
        return x * np.float32(step["by"])
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "add":
        return inputs[0] + inputs[1]
    if kind == "flatten":
        return x.reshape(len(x), -1)
    if kind == "normalise":
        return x * step["factor"] + step["offset"]
    if kind == "mean":
        return x.mean(axis=(1, 2))
    if kind == "dense":
        return x.reshape(len(x), -1) @ step["values"]
    if kind == "convolve":
        return _convolve(x, step["values"])
    rows, columns = x.shape[1] // 2, x.shape[2] // 2
    cells = x[:, : 2 * rows, : 2 * columns].reshape(len(x), rows, 2, columns, 2, x.shape[-1])
    return cells.max(axis=(2, 4)) if kind == "pool_max" else cells.mean(axis=(2, 4))


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return a convolution of stride 1, padded to the same size."""
    side = kernel.shape[0]
    before = (side - 1) // 2
    padded = np.pad(x, ((0, 0), (before, side - 1 - before), (before, side - 1 - before), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    n, height, width = x.shape[:3]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * height * width, -1)
    return (rows @ kernel.reshape(-1, kernel.shape[-1])).reshape(n, height, width, -1)
