#!/usr/bin/env bash
# keras 3.15.1, jax 0.10.2, numpy 2.4.6, Python 3.11, Linux; seen with the backend TensorFlow 2.21 too.
#
# Expected: what keras.ops.subtract (add, multiply …) computes for tensors with values, it also builds for symbolic ones.
# Seen: a Python list as the second operand is taken beside an array, but beside a KerasTensor the list is treated as the
# name of a type: "Invalid dtype: list", which names neither the operand nor the operation. A NumPy array of the same
# numbers, or layers.Rescaling, works in both cases.
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 numpy==2.4.6 2> /dev/null
KERAS_BACKEND=jax KERAS_HOME="$folder" "$folder/venv/bin/python" - <<'CODE'
import keras
import numpy as np

offsets = [103.939, 116.779, 123.68]
values = keras.ops.subtract(np.ones((2, 3), "float32"), offsets)
assert np.allclose(values, 1 - np.array(offsets), atol=1e-4)
pixels = keras.Input((3,))
keras.ops.subtract(pixels, np.array(offsets, "float32"))
try:
    keras.ops.subtract(pixels, offsets)
except ValueError as error:
    print("beside a symbolic tensor:", error)
    assert "Invalid dtype: list" in str(error)
else:
    raise SystemExit("a list beside a symbolic tensor builds now")
CODE
