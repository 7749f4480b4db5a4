#!/usr/bin/env bash
# mnn 3.6.1, onnx 1.23.2, NumPy 2.4.6, Python 3.11, Linux.
#
# Expected: the same network runs at the same speed, whether it is built with MNN.expr, with constants as kernels, or
# converted from ONNX.
# Seen: a convolution of MNN.expr keeps kernel and bias as inputs, also after saving and after the converter's optimiser
# (-f MNN), so the faster algorithms for known kernels, such as Winograd's, are not used. Converted from ONNX, kernel
# and bias are part of the convolution, and the same two layers run several times as fast (one thread; the ratio depends
# on the processor, so only 1.2 times is checked).
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/compare.py" <<'PYTHON'
import subprocess
import sys
import time

import numpy as np
import onnx
from MNN import expr, nn
from onnx import TensorProto, helper, numpy_helper

SHAPE = [4, 128, 32, 32]
rng = np.random.default_rng(0)
kernels = [rng.normal(0, 0.03, (128, 128, 3, 3)).astype("float32") for _ in range(2)]
bias = np.zeros(128, "float32")


def by_expr(path):
    x = expr.placeholder(SHAPE, expr.NCHW, expr.float)
    x.name = "x"
    y = expr.convert(x, expr.NC4HW4)
    for kernel in kernels:
        weights = expr.const(kernel, list(kernel.shape), expr.NCHW, expr.float)
        y = expr.conv2d(y, weights, expr.const(bias, [128], expr.NCHW, expr.float), padding_mode=expr.SAME)
    y = expr.convert(y, expr.NCHW)
    y.name = "y"
    expr.save([y], path)


def by_onnx(path):
    values = [numpy_helper.from_array(kernel, f"k{i}") for i, kernel in enumerate(kernels)]
    values.append(numpy_helper.from_array(bias, "b"))
    nodes = [
        helper.make_node("Conv", [["x", "h"][i], f"k{i}", "b"], [["h", "y"][i]], pads=[1] * 4, kernel_shape=[3, 3])
        for i in range(2)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, "net.onnx")
    convert("ONNX", "net.onnx", path)


def convert(kind, source, path):
    code = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    words = ["-f", kind, "--modelFile", source, "--MNNModel", path, "--bizCode", "x"]
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)


def measure(path):
    manager = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": 1},))
    net = nn.load_module_from_file(path, ["x"], ["y"], runtime_manager=manager)
    x = expr.placeholder(SHAPE, expr.NCHW, expr.float)
    x.write(rng.normal(size=SHAPE).astype("float32") * 0 + 1)
    result, best = None, float("inf")
    for _ in range(8):
        started = time.perf_counter()
        result = np.array(net.forward([x])[0].read())
        best = min(best, time.perf_counter() - started)
    n_constants = sum(value.op_type == "Const" for value in expr.load_as_list(path))
    return result, best, n_constants


by_expr("expr.mnn")
convert("MNN", "expr.mnn", "optimised.mnn")
by_onnx("onnx.mnn")
found = {path: measure(path) for path in ("expr.mnn", "optimised.mnn", "onnx.mnn")}
reference = found["onnx.mnn"]
for path, (result, seconds, n_constants) in found.items():
    close = np.abs(result - reference[0]).max() < 1e-4 * np.abs(reference[0]).max()
    print(path, f"{1e3 * seconds:.1f} ms, constants beside the convolutions: {n_constants}, same result: {close}",
          file=sys.stderr)
    print(path, n_constants > 0, close, seconds > 1.2 * reference[1])
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mnn==3.6.1 onnx==1.23.2 numpy==2.4.6 2> /dev/null
found=$(cd "$folder" && venv/bin/python compare.py | grep "^[a-z]*\.mnn")
printf '%s\n' "$found"
[[ $found == $'expr.mnn True True True\noptimised.mnn True True True\nonnx.mnn False True False' ]]
