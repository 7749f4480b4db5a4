"""Between which classes a more accurate network saves errors."""

import itertools

from fmnist_report.evaluation.schema import (
    Results,
)
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.comparisons import relate
from fmnist_report.report.conclusions.formats import CLASS, ERRORS, INTEGER

KIND = Kind(
    "where_gain",
    {
        "stated": N_(
            "Against {other}, {subject} saves most errors between {class_a} and {class_b}: {n_own} in place of "
            "{n_other}, which are {n_saved} of the {n_saved_all} errors saved between those pairs of classes that "
            "it confuses less."
        ),
    },
    {
        "class_a": CLASS,
        "class_b": CLASS,
        "n_own": INTEGER,
        "n_other": ERRORS,
        "n_saved": INTEGER,
        "n_saved_all": INTEGER,
    },
)


def where_gain(results: Results, a: str, b: str) -> list[Claim]:
    """Claim between which two classes a more accurate network saves most errors.

    Nothing if several pairs tie, or if there are only two classes.
    """
    if relate(results, a, b) != "above" or len(results["models"][a]["confusion"]) < 3:
        return []
    own, other = (results["models"][name]["confusion"] for name in (a, b))
    pairs = [(i, j) for i, j in itertools.combinations(range(len(own)), 2)]
    saved = {(i, j): other[i][j] + other[j][i] - own[i][j] - own[j][i] for i, j in pairs}
    most = max(saved.values())
    best = [pair for pair in pairs if saved[pair] == most]
    if len(best) > 1 or most <= 0:
        return []
    (i, j), n_all = best[0], sum(n for n in saved.values() if n > 0)
    values = {"class_a": i, "class_b": j, "n_own": own[i][j] + own[j][i], "n_other": other[i][j] + other[j][i]}
    return [Claim(KIND, a, "stated", b, values | {"n_saved": most, "n_saved_all": n_all})]
