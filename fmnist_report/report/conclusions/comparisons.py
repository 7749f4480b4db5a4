"""Comparisons of the models' test accuracies, from which claims are decided."""

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import Comparison, Results
from fmnist_report.networks import MAIN


def find_comparison(results: Results, a: str, b: str) -> Comparison:
    """Return the paired test of accuracy a minus b, reversed if it was stored as b minus a."""
    for row in results["comparisons"]:
        if (row["a"], row["b"]) == (a, b):
            return row
        if (row["a"], row["b"]) == (b, a):
            return {
                "a": a, "b": b, "only_a": row["only_b"], "only_b": row["only_a"], "difference": -row["difference"],
                "ci95_low": -row["ci95_high"], "ci95_high": -row["ci95_low"], "holm_low": -row["holm_high"],
                "holm_high": -row["holm_low"], "p_value": row["p_value"], "p_holm": row["p_holm"],
            }  # fmt: skip
    raise KeyError(f"there is no comparison of {a} and {b}")


def relate(results: Results, a: str, b: str) -> str:
    """Return "above", "below" or "same": whether a's test accuracy differs from b's after Holm's correction."""
    row = find_comparison(results, a, b)
    if row["p_holm"] >= ALPHA:
        return "same"
    return "above" if row["difference"] > 0 else "below"


def rank_models(results: Results) -> list[str]:
    """Return the single networks by test accuracy, best first; ties in the order of the table."""
    return sorted(MAIN, key=lambda name: -results["models"][name]["test_accuracy"])


def most_confused(confusion: list[list[int]]) -> tuple[int, int, int] | None:
    """Return the pair of classes most often confused in either direction, and how often; None if there are several,
    or if nothing is confused.
    """
    n = len(confusion)
    pairs = [(confusion[i][j] + confusion[j][i], i, j) for i in range(n) for j in range(i + 1, n)]
    count = max(pairs)[0]
    first, *others = [(i, j, count) for number, i, j in pairs if number == count]
    return None if others or not count else first
