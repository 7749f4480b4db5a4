"""The measurements that support explanations."""

from fmnist_report.evaluation.schema import BlockRow, Mechanisms, Results

PERCEPTRON = "mlp"


def measured(results: Results) -> Mechanisms:
    """Return the measurements of evaluation.mechanisms; empty for results from before there were any."""
    return results.get("mechanisms") or Mechanisms()


def best_block(results: Results) -> BlockRow | None:
    """Return the row of the block whose linear classifier is the most accurate; None if several are, or none is."""
    found = measured(results).get("blocks")
    if not found:
        return None
    most = max(row["frozen"] for row in found["rows"])
    best = [row for row in found["rows"] if row["frozen"] == most]
    return best[0] if len(best) == 1 else None
