"""Seed-to-seed variation of training runs, and the intervals that an effect must exceed."""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
N_DRAWS = 100_000


@dataclass(frozen=True)
class Noise:
    """Seed-to-seed variation of one configuration.

    mean, sd: mean and sample standard deviation (n - 1) of the accuracies, as fractions.
    half_width: half-width of the interval around the mean that contains all compared accuracies with 95 % confidence
        if none of the compared configurations truly differs.
    """

    mean: float
    sd: float
    half_width: float


def measure_noise(accuracies: list[float], n_compared: int, n_val: int) -> Noise:
    """Return the seed-to-seed variation of one configuration.

    Args:
        accuracies: accuracies of at least two of its training runs.
        n_compared: number of single runs to compare with the mean.
        n_val: number of validation images; the half-width is at least one of them.
    """
    sd = float(np.std(accuracies, ddof=1))
    half_width = max(sd * band_factor(len(accuracies), max(1, n_compared)), 1 / n_val)
    return Noise(float(np.mean(accuracies)), sd, half_width)


def band_factor(n_repeated: int, n_compared: int) -> float:
    """Return the factor of a sample's standard deviation for an interval that contains several further values.

    It is the factor of a two-sided simultaneous prediction interval (Hahn, "Factors for Calculating Two-Sided
    Prediction Intervals for Samples from a Normal Distribution", 1969), computed by simulation.

    Args:
        n_repeated: number of values in the sample.
        n_compared: number of further values, each compared with the sample's mean.
    """
    rng = np.random.default_rng(0)
    mean, sd = _draw_sample(rng, n_repeated)
    furthest = np.zeros(N_DRAWS)
    for _ in range(n_compared):
        furthest = np.maximum(furthest, np.abs(rng.standard_normal(N_DRAWS) - mean))
    return float(np.quantile(furthest / sd, CONFIDENCE))


def step_factor(n_repeated: int, n_steps: int) -> float:
    """Return the simultaneous factor for all differences between consecutive values of n_steps + 1 single values."""
    rng = np.random.default_rng(0)
    _, sd = _draw_sample(rng, n_repeated)
    furthest, former = np.zeros(N_DRAWS), rng.standard_normal(N_DRAWS)
    for _ in range(n_steps):
        value = rng.standard_normal(N_DRAWS)
        furthest, former = np.maximum(furthest, np.abs(value - former)), value
    return float(np.quantile(furthest / sd, CONFIDENCE))


def _draw_sample(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw mean and deviation, (N_DRAWS,) each, of samples of n values from a standard normal distribution."""
    mean = rng.standard_normal(N_DRAWS) / math.sqrt(n)
    return mean, np.sqrt(rng.chisquare(n - 1, N_DRAWS) / (n - 1))
