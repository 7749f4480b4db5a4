"""Optimisers and learning-rate schedules, by their names in the settings."""

import typing

import keras
from keras import ops

COLOURS = 3  # maximum channels of an image; a kernel with more input channels is not in the first layer


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to a peak, then fall linearly to zero (Smith and Topin, 2018, simplified).

    Args:
        peak: the peak learning rate.
        n_steps: total number of optimiser steps.
        warm: fraction of warm-up steps.
    """

    def __init__(self, peak: float, n_steps: int, warm: float = 0.2) -> None:
        self.peak, self.n_steps, self.warm = peak, n_steps, warm

    def __call__(self, step):
        position = ops.cast(step, "float32") / self.n_steps
        return self.peak * ops.maximum(ops.minimum(position / self.warm, (1 - position) / (1 - self.warm)), 0.0)

    def get_config(self) -> dict:
        return {"peak": self.peak, "n_steps": self.n_steps, "warm": self.warm}


class KernelMuon(keras.optimizers.Muon):
    """Muon for dense layers and, unlike the version in Keras, for convolutions too.

    A kernel is treated as a matrix (height · width · in, out). The momentum is orthogonalised approximately by
    iterations of Newton and Schulz, five for a convolution and DENSE_ITERATIONS for a dense layer, in bfloat16 if that
    is faster on the machine, and scaled to suit learning rates and weight decays of AdamW (Jordan et al., "Muon", 2024;
    Liu et al., "Muon is Scalable for LLM Training", 2025).
    Vectors, a convolution that reads the pixels, and the last layer use AdamW.

    Args:
        rate: a learning rate or a schedule.
        decay: weight decay, also of the variables that AdamW updates; compile_network excludes some.
        network: the network to train.
    """

    DENSE_ITERATIONS = 3  # five take most of a perceptron's step, and it is not more accurate (docs/tuning.md)

    def __init__(self, rate, decay: float, network: keras.Model) -> None:
        super().__init__(rate, weight_decay=decay, adam_weight_decay=decay, adam_beta_2=0.99, name="muon")
        kernels = [variable for variable in network.trainable_variables if len(variable.shape) >= 2]
        first = [kernel for kernel in kernels[:1] if len(kernel.shape) == 4 and kernel.shape[2] <= COLOURS]
        self.by_adamw = {kernel.path for kernel in (*first, *kernels[-1:])}
        self.precision = network.compute_dtype

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) < 2 or variable.path in self.by_adamw

    def zeropower_via_newtonschulz5(self, x, steps: int):
        steps = min(steps, self.DENSE_ITERATIONS) if len(x.shape) == 2 else steps
        matrix = ops.cast(ops.reshape(x, (-1, x.shape[-1])), self.precision)
        return ops.cast(ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape), x.dtype)

    def lr_adjust(self, x):
        return ops.reshape(super().lr_adjust(ops.reshape(x, (-1, x.shape[-1]))), x.shape)


SCHEDULES: dict[str, typing.Callable] = {
    "one_cycle": OneCycle,
    "cosine": keras.optimizers.schedules.CosineDecay,
    "constant": lambda rate, n_steps: rate,
}
BUILDERS: dict[str, typing.Callable] = {  # by the names of fmnist_report.optimizers
    "adamw": lambda rate, decay, network: keras.optimizers.AdamW(rate, weight_decay=decay, beta_2=0.99),
    "sgd": lambda rate, decay, network: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay),
    "muon": KernelMuon,
    "lion": lambda rate, decay, network: keras.optimizers.Lion(rate, weight_decay=decay),
}


def slow_down(optimizer: keras.optimizers.Optimizer, factors: dict[str, float]) -> None:
    """Multiply the learning rates of variables by factors, with any optimiser and backend.

    Weight decay, which is proportional to the learning rate, is multiplied too.

    Args:
        factors: learning-rate factors by variable path; 1 if not listed.
    """
    step, decay = optimizer._backend_update_step, optimizer._apply_weight_decay  # hooks of every backend
    decays = [name for name in ("weight_decay", "adam_weight_decay") if getattr(optimizer, name, None)]
    usual = {name: getattr(optimizer, name) for name in decays}

    def group(variables: typing.Sequence) -> dict[float, list[int]]:
        numbers: dict[float, list[int]] = {}
        for number, variable in enumerate(variables):
            numbers.setdefault(factors.get(variable.path, 1.0), []).append(number)
        return numbers

    def update(gradients, variables, rate) -> None:
        for factor, numbers in group(variables).items():
            step([gradients[number] for number in numbers], [variables[number] for number in numbers], rate * factor)

    def apply_decay(variables) -> None:
        try:
            for factor, numbers in group(variables).items():
                for name, value in usual.items():
                    setattr(optimizer, name, factor * value)
                decay([variables[number] for number in numbers])
        finally:
            for name, value in usual.items():
                setattr(optimizer, name, value)

    optimizer._backend_update_step, optimizer._apply_weight_decay = update, apply_decay


def compile_network(
    network: keras.Model, settings: typing.Any, n_steps: int, slower: dict[str, float] | None = None
) -> None:
    """Compile with the settings' optimiser, schedule and smoothed cross-entropy; biases and batch norm do not decay.

    Args:
        settings: has optimizer, schedule, learning_rate, weight_decay and label_smoothing.
        n_steps: total number of optimiser steps.
        slower: learning-rate factors by layer name.
    """
    rate = SCHEDULES[settings.schedule](settings.learning_rate, n_steps)
    optimizer = BUILDERS[settings.optimizer](rate, settings.weight_decay, network)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if slower:
        layers = [(layer, slower[layer.name]) for layer in network.layers if layer.name in slower]
        slow_down(optimizer, {variable.path: factor for layer, factor in layers for variable in layer.weights})
    network.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        weighted_metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.CategoricalCrossentropy(name="cross_entropy", from_logits=True),  # of unsmoothed labels
        ],
        jit_compile=keras.backend.backend() == "jax",  # XLA slows down convolutions in TensorFlow
    )
