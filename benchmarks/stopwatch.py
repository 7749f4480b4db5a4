"""Two sides of a ratio timed in turn, and the rate of matrix products as a limit."""

from __future__ import annotations

import statistics
import time
import typing

ROUNDS = 3


def seconds(function: typing.Callable[[], typing.Any]) -> float:
    """Time one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def in_turn(rounds: int = ROUNDS, **sides: typing.Callable[[], typing.Any]) -> dict[str, float]:
    """Time each side once a round, one after the other; the medians in seconds."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, function in sides.items():
            times[name].append(seconds(function))
    return {name: statistics.median(found) for name, found in times.items()}


def product_rates(base_side: int = 2_048) -> dict[str, float]:
    """Return GFLOP/s of matrix products in float32 and bfloat16, the best of several, as a limit."""
    import tensorflow as tf

    def rate(dtype: str) -> float:
        x = tf.cast(tf.random.stateless_normal((base_side, base_side), (0, 1)), dtype)
        product = tf.function(lambda x: tf.linalg.matmul(x, x)[0, 0])
        product(x)
        return 2e-9 * base_side**3 / min(seconds(lambda: product(x).numpy()) for _ in range(20))

    return {dtype: rate(dtype) for dtype in ("float32", "bfloat16")}
