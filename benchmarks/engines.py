"""VGG16's frozen base in other inference runtimes, for comparison: ONNX Runtime and OpenVINO."""

from __future__ import annotations

import sys
import time
import typing
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fmnist_report.models.arrays import BLOCKS, Weights

Run = typing.Callable[[np.ndarray], dict[str, np.ndarray]]
POOLED = ("block3_grid", "block4_gap", "block5_gap")
OUTPUTS = ("block3_pool", *POOLED)
N_CALIBRATION = 300


def build_onnx(base: Weights, size: int):
    """Build the extractor as an ONNX model from preprocessed (n, 3, size, size) images to its cached outputs.

    Args:
        base: VGG16's weights, {layer: (kernel (3, 3, in, out), bias)}.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, x = [], [], "pixels"
    for block, widths in enumerate(BLOCKS, 1):
        for number in range(1, len(widths) + 1):
            name = f"block{block}_conv{number}"
            kernel, bias = base[name]
            constants.append(
                numpy_helper.from_array(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), f"{name}_kernel")
            )
            constants.append(numpy_helper.from_array(bias, f"{name}_bias"))
            inputs = [x, f"{name}_kernel", f"{name}_bias"]
            nodes.append(helper.make_node("Conv", inputs, [f"{name}_sum"], pads=[1] * 4, kernel_shape=[3, 3]))
            nodes.append(helper.make_node("Relu", [f"{name}_sum"], [name]))
            x = name
        x = f"block{block}_pool"
        nodes.append(helper.make_node("MaxPool", [name], [x], kernel_shape=[2, 2], strides=[2, 2]))
    grid = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes.append(helper.make_node("AveragePool", ["block3_pool"], ["block3_grid"], **grid))
    for block in (4, 5):
        nodes.append(helper.make_node("GlobalAveragePool", [f"block{block}_pool"], [f"block{block}_gap"]))
    shape = ["n", 3, size, size]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None, None, None]) for name in OUTPUTS]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "extractor", [pixels], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def run_onnx(path: str, threads: int) -> Run:
    """Return a function from (n, 3, size, size) images to the cached outputs, with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda pixels: dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"pixels": pixels}), strict=True))


def quantise_onnx(path: str, quantised: str, images: np.ndarray) -> None:
    """Write an int8 model, calibrated on N_CALIBRATION of the (n, 3, size, size) training images."""
    from onnxruntime import quantization

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.array_split(images[:N_CALIBRATION], 10))

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {"pixels": batch}

    kinds = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
    quantization.quantize_static(path, quantised, Calibration(), per_channel=True, **kinds)


def run_openvino(path: str, precision: str, batch: int, threads: int) -> Run:
    """Return a function from (batch, 3, size, size) images to the cached outputs, with OpenVINO.

    Args:
        path: a model; quantised nodes are computed in int8.
        precision: precision of all other nodes, "f32" or "bf16".
    """
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(_fixed(model, batch))
    config = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(model, "CPU", config).create_infer_request()
    names = [output.get_any_name() for output in model.outputs]

    def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
        request.infer([pixels])
        return {name: request.get_output_tensor(number).data for number, name in enumerate(names)}

    return run


def _fixed(model, batch: int) -> dict:
    shape = model.input(0).get_partial_shape()
    return {0: [batch, *(shape[axis].get_length() for axis in range(1, 4))]}


def pictures_a_second(run: Run, pixels: np.ndarray, batch: int, seconds: float = 6.0) -> float:
    """Measure images per second over whole batches for the given seconds, after a warm-up."""
    batches = [pixels[first : first + batch] for first in range(0, len(pixels) - batch + 1, batch)]
    run(batches[0])
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        run(batches[n % len(batches)])
        n += 1
    return n * batch / (time.perf_counter() - started)
