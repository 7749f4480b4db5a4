"""Effects of changed settings in repeated training runs, judged against seed-to-seed variation."""

import dataclasses
import math
import statistics
import typing
from dataclasses import dataclass

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.experiments.noise import pool_deviations

N_MEASURES = 2  # accuracy and cross-entropy, each of which can show an effect
T = typing.TypeVar("T", bound=typing.Hashable)


@dataclass(frozen=True)
class Effect:
    """The measurements of one configuration over its seeds, compared with those of the baseline.

    n_seeds: number of runs.
    mean, sd: of the measurements; sd is the sample's (n - 1), None for one run.
    difference: the mean minus that of the baseline; None for the baseline itself.
    low, high: simultaneous 95 % interval of the difference; None if the seed-to-seed variation is unknown.
    exceeds_noise: whether the interval excludes zero; None without an interval.
    """

    n_seeds: int
    mean: float
    sd: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    exceeds_noise: bool | None = None


def judge_effects(
    runs: dict[T, list[float]], baseline: T, resolution: float = 1e-6, n_measures: int = 1
) -> dict[T, Effect]:
    """Compare the mean of every configuration with the mean of the baseline.

    The intervals are those of two-sample t-tests with the deviation pooled over all configurations that have several
    runs, at a level that Bonferroni's correction divides by the number of compared configurations and of measures:
    with 95 % confidence, all of them contain the true differences.

    Args:
        runs: the measurements of every configuration, one per seed.
        baseline: the configuration with which the others are compared.
        n_measures: number of measures by which each configuration is judged, this one included.
        resolution: smallest meaningful difference of two measurements; no half-width is below it.
    """
    from scipy import stats

    found = {
        name: Effect(len(own), statistics.fmean(own), statistics.stdev(own) if len(own) > 1 else None)
        for name, own in runs.items()
    }
    base, pooled, df = found[baseline], *pool_deviations(runs.values())
    n_tests = n_measures * max(1, len(found) - 1)
    quantile = float(stats.t.ppf(1 - ALPHA / 2 / n_tests, df)) if df else math.nan
    for name, own in found.items():
        if name == baseline:
            continue
        difference = own.mean - base.mean
        half = max(resolution, quantile * pooled * math.sqrt(1 / own.n_seeds + 1 / base.n_seeds))
        found[name] = dataclasses.replace(own, difference=difference)
        if df:
            low, high = difference - half, difference + half
            found[name] = Effect(own.n_seeds, own.mean, own.sd, difference, low, high, abs(difference) > half)
    return found
