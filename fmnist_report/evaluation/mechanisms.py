"""Measurements behind the report's explanations: permuted pixels, blocks of the base, heat maps, alike classes."""

import math
import statistics
import typing

import numpy as np

from fmnist_report.evaluation.comparison import ALPHA, compare_pairs, mcnemar
from fmnist_report.experiments.noise import pool_deviations
from fmnist_report.networks import MAIN, network_of_stage, stages_of_part

PARTS = {"part1": "cnn", "part2": "vgg_finetuned"}  # the network whose predictions select the images of each part
N_SHUFFLES = 4_999  # of the Mantel test


def judge_permutation(measured: dict[str, typing.Any], resolution: float = 1e-6) -> dict[str, typing.Any]:
    """Judge what permuting the pixels costs each network, and one network more than another.

    The intervals are those of t-tests with the deviation over seeds pooled over all networks and arms, at a level that
    Bonferroni's correction divides by the number of intervals.

    Args:
        measured: permutation.json.
        resolution: smallest meaningful difference of two accuracies; no half-width is below it.

    Returns:
        n_train, n_val, n_steps, n_seeds; networks: for each model whole and permuted (mean accuracies) and difference,
        low and high of the second minus the first; against: for each further model the difference, low and high of its
        own difference minus that of the first model.
    """
    from scipy import stats

    ordered = [stage for stage in stages_of_part(1) if stage in measured["runs"]]  # a file has them by the alphabet
    runs = {network_of_stage(stage): measured["runs"][stage] for stage in ordered}
    sd, df = pool_deviations([values for arms in runs.values() for values in arms.values()])
    first, *others = runs
    n_seeds = len(runs[first]["whole"])
    quantile = float(stats.t.ppf(1 - ALPHA / 2 / (len(runs) + len(others)), df))
    means = {name: {arm: statistics.fmean(values) for arm, values in arms.items()} for name, arms in runs.items()}
    cost = {name: arms["permuted"] - arms["whole"] for name, arms in means.items()}

    def interval(difference: float, n_means: int) -> dict[str, float]:
        half = max(resolution, quantile * sd * math.sqrt(n_means / n_seeds))
        return {"difference": difference, "low": difference - half, "high": difference + half}

    return {
        **{name: measured[name] for name in ("n_train", "n_val", "n_steps")},
        "n_seeds": n_seeds,
        "networks": {name: arms | interval(cost[name], 2) for name, arms in means.items()},
        "against": {name: interval(cost[name] - cost[first], 4) for name in others},
    }


def judge_blocks(arrays: dict[str, np.ndarray]) -> dict[str, typing.Any]:
    """Compare the classifiers on single blocks of the base: each with the last, and the last before and after tuning.

    Args:
        arrays: blocks.npz, n_train, and (n_val,) bool by "frozen/<block>" and "tuned/<block>"; the latter may be
            missing.

    Returns:
        n_train, n_val; rows of block, frozen and tuned (accuracies); against_last: for each earlier block the results
        of compare_pairs for it minus the last one, before tuning; tuning: the results of mcnemar for the last block
        after tuning minus before, None without them.
    """
    correct = {name: array for name, array in arrays.items() if name != "n_train"}
    blocks = sorted({int(name.partition("/")[2]) for name in correct})
    states = sorted({name.partition("/")[0] for name in correct})
    last, tuned = f"frozen/{blocks[-1]}", f"tuned/{blocks[-1]}"
    earlier = {block: f"frozen/{block}" for block in blocks[:-1]}
    compared = compare_pairs(correct, [(name, last) for name in earlier.values()])
    return {
        "n_train": int(arrays["n_train"]),
        "n_val": len(correct[last]),
        "rows": [
            {"block": block, **{state: float(correct[f"{state}/{block}"].mean()) for state in states}}
            for block in blocks
        ],
        "against_last": [
            {"block": block, **{key: row[key] for key in ("difference", "holm_low", "holm_high", "p_holm")}}
            for block, row in zip(earlier, compared, strict=True)
        ],
        "tuning": mcnemar(correct[tuned], correct[last]) if tuned in correct else None,
    }


def locate_heat(arrays: dict[str, np.ndarray]) -> dict[str, list[dict[str, typing.Any]]]:
    """Measure in which third of the image the heat of each heat map lies.

    Args:
        arrays: explain.npz.

    Returns:
        By network, for each image label, predicted, and thirds: the shares of the upper, the middle and the lower third
        of its height; empty if there is no heat.
    """
    return {
        network: [
            {"label": int(label), "predicted": int(predicted), "thirds": share_by_third(heat)}
            for label, predicted, heat in zip(
                arrays[f"{part}/labels"], arrays[f"{network}/predicted"], arrays[f"{network}/heat"], strict=True
            )
        ]
        for part, network in PARTS.items()
    }


def share_by_third(heat: np.ndarray) -> list[float]:
    """Return the shares of the upper, the middle and the lower third of a map, (h, w) ≥ 0; none if all of it is 0.

    A row of cells across a boundary counts for both sides in proportion to its area there.
    """
    rows = heat.sum(axis=1, dtype="float64")
    if not rows.sum() > 0:
        return []
    upto = np.concatenate([[0.0], np.cumsum(rows) / rows.sum()])
    ends = np.interp([0, 1 / 3, 2 / 3, 1], np.linspace(0, 1, len(upto)), upto)
    return [float(share) for share in np.diff(ends)]


def relate_likeness(
    images: np.ndarray, labels: np.ndarray, confusions: dict[str, list[list[int]]]
) -> dict[str, typing.Any] | None:
    """Relate how alike the average images of two classes are to how often the networks confuse them.

    Likeness is the correlation of two classes' mean images; confusion the errors of all main networks in both
    directions. Their rank correlation is tested by shuffling the names of the classes (Mantel, "The detection of
    disease clustering and a generalized regression approach", 1967), because pairs of classes are not independent.

    Args:
        images: (n, height, width) uint8, training images; labels: (n,).
        confusions: confusion matrices by model.

    Returns:
        n_pairs, spearman and p_value (one-sided: alike classes are confused more often); likeness: (classes, classes).
        None if there are fewer than four classes, or if one of the two does not vary.
    """
    from scipy.stats import rankdata

    n_classes = int(labels.max()) + 1
    means = np.stack([images[labels == label].mean(axis=0).ravel() for label in range(n_classes)])
    errors = np.sum([confusions[name] for name in MAIN], axis=0)
    errors = errors + errors.T
    pairs = np.triu_indices(n_classes, 1)
    if n_classes < 4 or (means.std(axis=1) == 0).any():
        return None
    likeness = np.corrcoef(means)
    if np.ptp(likeness[pairs]) == 0 or np.ptp(errors[pairs]) == 0:
        return None
    alike, confused = rankdata(likeness[pairs]), np.zeros((n_classes, n_classes))
    confused[pairs] = confused.T[pairs] = rankdata(errors[pairs])
    rng = np.random.default_rng(0)

    def multiply(order: np.ndarray) -> float:  # ranks are multiples of 1/2, so that equal sums compare as equal
        return float(alike @ confused[np.ix_(order, order)][pairs])

    found = multiply(np.arange(n_classes))
    n_above = sum(multiply(rng.permutation(n_classes)) >= found for _ in range(N_SHUFFLES))
    return {
        "n_pairs": len(alike), "spearman": float(np.corrcoef(alike, confused[pairs])[0, 1]),
        "p_value": (1 + n_above) / (1 + N_SHUFFLES), "likeness": likeness.round(4).tolist(),
    }  # fmt: skip
