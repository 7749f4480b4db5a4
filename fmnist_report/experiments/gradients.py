"""Gradient of a scalar function with respect to an array, for every Keras backend."""

import typing

import keras
import numpy as np


def gradient(function: typing.Callable, x: np.ndarray) -> np.ndarray:
    """Return the gradient of the scalar tensor function(x) with respect to x, float32 of x's shape."""
    return GRADIENTS[keras.backend.backend()](function, x)


def _by_tensorflow(function: typing.Callable, x: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable)
    return tape.gradient(value, variable).numpy()


def _by_jax(function: typing.Callable, x: np.ndarray) -> np.ndarray:
    import jax

    return np.asarray(jax.grad(function)(x))


def _by_torch(function: typing.Callable, x: np.ndarray) -> np.ndarray:
    variable = keras.ops.convert_to_tensor(x).requires_grad_()
    function(variable).backward()
    return variable.grad.cpu().numpy()


GRADIENTS = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
