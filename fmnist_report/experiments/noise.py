"""Seed-to-seed variation of training runs, and the intervals that an effect must exceed."""

import math
import statistics
import typing
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESOLUTION = 1e-6  # of a difference of cross-entropies
N_DRAWS = 100_000


@dataclass(frozen=True)
class Noise:
    """Seed-to-seed variation of several configurations that were trained with the same seeds.

    mean: mean measurement of the baseline.
    sd: standard deviation of a measurement that neither its configuration nor its seed explains.
    half_width: half-width of the interval around zero that contains all differences of means from the baseline's with
        95 % confidence if none of the configurations truly differs.
    """

    mean: float
    sd: float
    half_width: float


def measure_noise(measured: list[list[float]]) -> Noise:
    """Return the seed-to-seed variation: a two-way analysis of variance, t-intervals and Bonferroni's correction.

    Runs with the same seed see the same images in the same order, so what a seed does to all of them is not variation
    of their differences (a randomised block design).

    Args:
        measured: the measurements of every configuration, the baseline first, one per seed, in the same order; one that
            diverged (NaN) does not count.
    """
    from scipy import stats

    values = np.array([own for number, own in enumerate(measured) if not number or np.isfinite(own).all()])
    n_compared, n_seeds = len(values) - 1, values.shape[1]
    df = n_compared * (n_seeds - 1)
    if not df or not np.isfinite(values[0]).all():
        return Noise(float(values[0].mean()), math.nan, math.inf)
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    sd = math.sqrt(float((residual**2).sum()) / df)
    quantile = float(stats.t.ppf(1 - (1 - CONFIDENCE) / 2 / n_compared, df))
    return Noise(float(values[0].mean()), sd, max(RESOLUTION, quantile * sd * math.sqrt(2 / n_seeds)))


def pool_deviations(groups: typing.Iterable[typing.Sequence[float]]) -> tuple[float, int]:
    """Return the pooled standard deviation of several samples, and its degrees of freedom; (nan, 0) without any."""
    repeated = [group for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    squares = sum((len(group) - 1) * statistics.variance(group) for group in repeated)
    return (math.sqrt(squares / df), df) if df else (math.nan, 0)


def step_factor(df: int, n_steps: int) -> float:
    """Return the simultaneous factor for all differences between consecutive values of n_steps + 1 single values.

    It is that of a two-sided prediction interval (Hahn, "Factors for Calculating Two-Sided Prediction Intervals for
    Samples from a Normal Distribution", 1969), computed by simulation.

    Args:
        df: degrees of freedom of the standard deviation that it multiplies.
    """
    rng = np.random.default_rng(0)
    sd = np.sqrt(rng.chisquare(df, N_DRAWS) / df)
    furthest, former = np.zeros(N_DRAWS), rng.standard_normal(N_DRAWS)
    for _ in range(n_steps):
        value = rng.standard_normal(N_DRAWS)
        furthest, former = np.maximum(furthest, np.abs(value - former)), value
    return float(np.quantile(furthest / sd, CONFIDENCE))
