"""Explanations of the main conclusions; each is claimed only where a measurement of the same run supports it."""

import itertools

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import BlockRow, Mechanisms, Results
from fmnist_report.report.conclusions.claim import Claim
from fmnist_report.report.conclusions.claims import find_comparison, relate

PERCEPTRON = "mlp"


def measured(results: Results) -> Mechanisms:
    """Return the measurements of evaluation.mechanisms; empty for results from before there were any."""
    return results.get("mechanisms") or Mechanisms()


def why_convolution(results: Results, name: str) -> list[Claim]:
    """Explain why a network that convolves is more accurate than the perceptron: it uses which pixels are neighbours.

    Claimed if it is significantly more accurate, and if permuting the pixels costs it accuracy, and more than it costs
    the perceptron, each beyond seed-to-seed variation.
    """
    found = measured(results).get("permutation")
    if not found or name not in found["against"] or relate(results, name, PERCEPTRON) != "above":
        return []
    own, other = found["networks"][name], found["networks"][PERCEPTRON]
    if own["high"] >= 0 or found["against"][name]["high"] >= 0:
        return []
    values = {"change": own["difference"], "change_low": own["low"], "change_high": own["high"]}
    values |= {"whole": own["whole"], "permuted": own["permuted"]}
    values |= {"whole_other": other["whole"], "permuted_other": other["permuted"]}
    return [Claim("why_convolution", name, "neighbours", PERCEPTRON, values)]


def where_gain(results: Results, a: str, b: str) -> list[Claim]:
    """Claim between which two classes a more accurate network saves most errors; nothing if several pairs tie."""
    if relate(results, a, b) != "above":
        return []
    own, other = (results["models"][name]["confusion"] for name in (a, b))
    pairs = [(i, j) for i, j in itertools.combinations(range(len(own)), 2)]
    saved = {(i, j): other[i][j] + other[j][i] - own[i][j] - own[j][i] for i, j in pairs}
    most = max(saved.values())
    best = [pair for pair in pairs if saved[pair] == most]
    if len(best) > 1 or most <= 0:
        return []
    (i, j), n_all = best[0], sum(saved.values())
    values = {"class_a": i, "class_b": j, "n_own": own[i][j] + own[j][i], "n_other": other[i][j] + other[j][i]}
    return [Claim("where_gain", a, "stated", b, values | {"n_saved": most, "n_saved_all": n_all})]


def why_confused(results: Results) -> list[Claim]:
    """Explain why classes are confused: they look alike; claimed if Mantel's test of the correlation is significant."""
    found = measured(results).get("likeness")
    if not found or found["spearman"] <= 0 or found["p_value"] >= ALPHA:
        return []
    values = {"n_pairs": found["n_pairs"], "correlation": found["spearman"], "p": found["p_value"]}
    return [Claim("why_confused", "", "alike", values=values)]


def best_block(results: Results) -> BlockRow | None:
    """Return the row of the block whose linear classifier is the most accurate; None if several are, or none is."""
    found = measured(results).get("blocks")
    if not found:
        return None
    most = max(row["frozen"] for row in found["rows"])
    best = [row for row in found["rows"] if row["frozen"] == most]
    return best[0] if len(best) == 1 else None


def why_blocks(results: Results) -> list[Claim]:
    """Explain why the classifiers read inner blocks too: one is significantly better than the last, before tuning."""
    found, best = measured(results).get("blocks"), best_block(results)
    if not found or not best or best["block"] == found["rows"][-1]["block"]:
        return []
    row = next(row for row in found["against_last"] if row["block"] == best["block"])
    if row["p_holm"] >= ALPHA:
        return []
    values = {"block": best["block"], "of_block": best["frozen"], "of_last": found["rows"][-1]["frozen"]}
    values |= {"last_block": found["rows"][-1]["block"], "p": row["p_holm"]}
    return [Claim("why_blocks", "vgg_features", "earlier", values=values)]


def why_fine_tuning(results: Results) -> list[Claim]:
    """Explain what fine-tuning does: a linear classifier on the last block gains accuracy by it, significantly.

    "little": the network as a whole gains less, because another block had been better before. "last": it does not.
    """
    found, best = measured(results).get("blocks"), best_block(results)
    if not found or not found["tuning"] or not best:
        return []
    tuning, last = found["tuning"], found["rows"][-1]
    if tuning["p_value"] >= ALPHA or tuning["difference"] <= 0:
        return []
    whole = find_comparison(results, "vgg_finetuned", "vgg_head")["difference"]
    values = {"last_block": last["block"], "of_last": last["frozen"], "of_last_tuned": last["tuned"]}
    if whole >= tuning["difference"] or best["block"] == last["block"]:
        return [Claim("why_fine_tuning", "vgg_finetuned", "last", values=values)]
    values |= {"block": best["block"], "of_block": best["frozen"], "gain": whole}
    return [Claim("why_fine_tuning", "vgg_finetuned", "little", values=values)]


def lesson_of_convolution(results: Results, name: str) -> Claim:
    """Claim what part 1 teaches, in half a line; "neighbours" if why_convolution holds, else relate's relation."""
    why, relation = why_convolution(results, name), relate(results, name, PERCEPTRON)
    values = {"difference": find_comparison(results, name, PERCEPTRON)["difference"]} if relation != "same" else {}
    if why:
        relation, values = "neighbours", values | {"change": why[0].values["change"]}
    return Claim("lesson_of_convolution", name, relation, PERCEPTRON, values)


def lesson_of_features(results: Results) -> Claim:
    """State what frozen filters, learned from photographs, reach against the perceptron and the network of part 1."""
    frozen, (a, b) = "vgg_features", (find_comparison(results, "vgg_features", name) for name in (PERCEPTRON, "cnn"))
    values = {"a": results["models"][frozen]["test_accuracy"], "against_first": a["difference"], "p": a["p_holm"]}
    values |= {"against_second": b["difference"], "p_second": b["p_holm"]}
    return Claim("lesson_of_features", frozen, "stated", "cnn", values)


def lesson_of_transfer(results: Results) -> Claim:
    """Claim how the fine-tuned network compares with the convolutional network of part 1, and at what cost."""
    a, b = "vgg_finetuned", "cnn"
    macs = [results["models"][name]["macs_per_prediction"] for name in (a, b)]
    row = find_comparison(results, a, b)
    values = {"ratio": macs[0] / macs[1], "difference": row["difference"], "p": row["p_holm"]}
    return Claim("lesson_of_transfer", a, relate(results, a, b), b, values)


def is_explanation(claim: Claim) -> bool:
    """Return whether a claim is an explanation, which is marked as one."""
    return claim.kind.startswith("why_")


def learned(results: Results) -> list[Claim]:
    """Return the claims of what was learned, for the summary."""
    return [lesson_of_convolution(results, "cnn"), lesson_of_features(results), lesson_of_transfer(results)]
