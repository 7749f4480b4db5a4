"""Inference with MNN (Jiang et al., "MNN: A Universal and Efficient Inference Engine", 2020), in float32 on CPUs.

A Keras network is converted through TensorFlow Lite, so this needs Keras on TensorFlow. MNN's converter runs in a
process of its own, because its protocol buffers and TensorFlow's cannot be loaded together. MNN.tools, which wraps the
converter, is not imported: it installs further packages when it is imported (findings/mnn_tools_import.sh).
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from fmnist_report.machine import count_cores, silent_imports

CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"
CONVERT_SECONDS = 120


class MnnNetwork:
    """A Keras network with one input and named outputs, computed by MNN.

    Args:
        network: maps (n, height, width, channels) float32 to {name: output}.

    Raises:
        ImportError: MNN or TensorFlow is not installed.
        ValueError: the network cannot be converted.
    """

    def __init__(self, network: keras.Model) -> None:
        with silent_imports(), tempfile.TemporaryDirectory() as folder:
            from MNN import expr, nn

            path = _convert(network, Path(folder))
            config = {"backend": 0, "precision": "high", "numThread": count_threads()}
            self._manager = nn.create_runtime_manager((config,))
            self._module = nn.load_module_from_file(str(path), [], [], runtime_manager=self._manager)
            if self._module is None:
                raise ValueError("MNN cannot load the network that it converted")
            numbers = [int(name.rpartition(":")[2]) for name in self._module.get_info()["outputNames"]]
        names = sorted(network.output)  # TensorFlow Lite numbers outputs in this order
        if sorted(numbers) != list(range(len(names))):
            raise ValueError(f"MNN has outputs {numbers} instead of {len(names)}")
        self._names, self._expr = [names[number] for number in numbers], expr

    def predict_on_batch(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return {name: output} in float32 for (n, height, width, channels) float32."""
        pixels = self._expr.placeholder(list(x.shape), self._expr.NHWC, self._expr.float)
        pixels.write(np.ascontiguousarray(x, "float32"))
        outputs = self._module.forward([pixels])
        return {name: np.array(value.read()) for name, value in zip(self._names, outputs, strict=True)}


def count_threads() -> int:
    """Return the number of threads of TensorFlow in this process, which is one in a worker."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or count_cores())


def _convert(network: keras.Model, folder: Path) -> Path:
    """Convert a Keras network to a file of MNN."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"MNN is reached through TensorFlow Lite, and Keras runs on {keras.backend.backend()}")
    import tensorflow

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            content = tensorflow.lite.TFLiteConverter.from_keras_model(network).convert()
    except Exception as error:  # the converter's own errors have no common base class
        raise ValueError(f"TensorFlow Lite cannot convert the network: {error}") from error
    lite, path = folder / "network.tflite", folder / "network.mnn"
    lite.write_bytes(content)
    options = ["-f", "TFLITE", "--modelFile", str(lite), "--MNNModel", str(path), "--bizCode", "fmnist_report"]
    try:
        done = subprocess.run(
            [sys.executable, "-c", CONVERT, *options], capture_output=True, text=True, timeout=CONVERT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"MNN did not convert the network in {CONVERT_SECONDS} seconds") from None
    if not path.is_file():
        raise ValueError(f"MNN cannot convert the network: {(done.stdout + done.stderr).strip()[-200:]}")
    return path
