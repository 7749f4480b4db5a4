"""How far trainings that differ in their seed alone lie apart, and so how large an effect must be to count."""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
N_DRAWS = 100_000


@dataclass(frozen=True)
class Noise:
    """What repeated trainings of one point show.

    mean, sd: of their accuracies, shares; the deviation is that of the sample, n - 1.
    half_width: of the band around the mean in which all the accuracies that are compared with it would lie with
        95 % confidence, if none of them differed from it in truth.
    """

    mean: float
    sd: float
    half_width: float


def measure_noise(accuracies: list[float], n_compared: int, n_val: int) -> Noise:
    """Return the noise of one point.

    Args:
        accuracies: of at least two trainings of it.
        n_compared: single trainings that are compared with the mean.
        n_val: images on which each was judged; the band is never narrower than one of them.
    """
    sd = float(np.std(accuracies, ddof=1))
    half_width = max(sd * band_factor(len(accuracies), max(1, n_compared)), 1 / n_val)
    return Noise(float(np.mean(accuracies)), sd, half_width)


def band_factor(n_repeated: int, n_compared: int) -> float:
    """Return what a sample's deviation is multiplied by to hold all of several further values at once.

    It is the factor of a two-sided simultaneous prediction interval (Hahn, "Factors for Calculating Two-Sided
    Prediction Intervals for Samples from a Normal Distribution", 1969), found by drawing.

    Args:
        n_repeated: values in the sample.
        n_compared: further values, each compared with the sample's mean.
    """
    rng = np.random.default_rng(0)
    mean, sd = _draw_sample(rng, n_repeated)
    furthest = np.zeros(N_DRAWS)
    for _ in range(n_compared):
        furthest = np.maximum(furthest, np.abs(rng.standard_normal(N_DRAWS) - mean))
    return float(np.quantile(furthest / sd, CONFIDENCE))


def step_factor(n_repeated: int, n_steps: int) -> float:
    """Return the factor for all differences between neighbours in a row of n_steps + 1 single values at once."""
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
