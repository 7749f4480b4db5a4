"""Optimisers and learning-rate schedules by the names that settings give them."""

from __future__ import annotations

import typing

import keras
from keras import ops


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to a peak, then fall linearly to zero (Smith and Topin, 2018, simplified).

    Args:
        peak: the highest rate.
        n_steps: all optimiser steps of the training.
        warm: the share of steps that rise.
    """

    def __init__(self, peak: float, n_steps: int, warm: float = 0.2) -> None:
        self.peak, self.n_steps, self.warm = peak, n_steps, warm

    def __call__(self, step):
        position = ops.cast(step, "float32") / self.n_steps
        return self.peak * ops.maximum(ops.minimum(position / self.warm, (1 - position) / (1 - self.warm)), 0.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "n_steps": self.n_steps, "warm": self.warm}


class KernelMuon(keras.optimizers.Muon):
    """Muon for dense layers and, unlike Keras's own, for convolutions too.

    A kernel is taken as a matrix (height · width · in, out). The momentum is brought near an orthogonal matrix
    by Newton and Schulz's iteration, in bfloat16 where the machine is faster in it, and scaled so that AdamW's
    rates and decays serve (Jordan et al., "Muon", 2024; Liu et al., "Muon is Scalable for LLM Training", 2025).
    Vectors and the layers "stem" and "logits" follow AdamW.

    Args:
        rate: a learning rate or a schedule.
        decay: the weight decay of all.
        precision: of the iteration: float32 or bfloat16.
    """

    def __init__(self, rate, decay: float, precision: str = "float32") -> None:
        super().__init__(
            rate,
            weight_decay=decay,
            adam_weight_decay=decay,
            adam_beta_2=0.99,
            exclude_layers=["stem", "logits"],
            name="muon",
        )
        self.precision = precision

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) < 2 or any(name in variable.path for name in self.exclude_layers)

    def _muon_update_step(self, gradient, variable, lr, momentum) -> None:
        self.assign(momentum, self.momentum * momentum + gradient)
        looked_ahead = gradient + self.momentum * momentum
        step = orthogonalise(ops.reshape(looked_ahead, (-1, variable.shape[-1])), self.ns_steps, self.precision)
        scale = self.rms_rate * max(step.shape) ** 0.5
        self.assign_sub(variable, ops.reshape(lr * scale * step, variable.shape))


def orthogonalise(matrix, n_steps: int = 5, precision: str = "float32"):
    """Bring all singular values of a (rows, columns) matrix near 1, between about 0.7 and 1.2.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, whose coefficients
    these are.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = ops.cast(x / (ops.norm(x) + 1e-7), precision)
    for _ in range(n_steps):
        gram = ops.matmul(x, ops.transpose(x))
        x = 3.4445 * x + ops.matmul(-4.7750 * gram + 2.0315 * ops.matmul(gram, gram), x)
    x = ops.cast(x, "float32")
    return ops.transpose(x) if tall else x


SCHEDULES: dict[str, typing.Callable] = {
    "one_cycle": OneCycle,
    "cosine": keras.optimizers.schedules.CosineDecay,
    "constant": lambda rate, n_steps: rate,
}
OPTIMIZERS: dict[str, typing.Callable] = {
    "adamw": lambda rate, decay, precision: keras.optimizers.AdamW(rate, weight_decay=decay, beta_2=0.99),
    "sgd": lambda rate, decay, precision: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay),
    "muon": KernelMuon,
    "lion": lambda rate, decay, precision: keras.optimizers.Lion(rate, weight_decay=decay),
}


def compile_network(network: keras.Model, settings: typing.Any, n_steps: int) -> None:
    """Compile with the settings' optimiser and schedule and cross-entropy; norms and biases do not decay.

    Args:
        settings: has optimizer, schedule, learning_rate and weight_decay.
        n_steps: optimiser steps of the whole training.
    """
    rate = SCHEDULES[settings.schedule](settings.learning_rate, n_steps)
    optimizer = OPTIMIZERS[settings.optimizer](rate, settings.weight_decay, network.compute_dtype)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=keras.backend.backend() == "jax",  # XLA made convolutions slower in TensorFlow
    )
