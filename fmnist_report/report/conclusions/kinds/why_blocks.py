"""Why the classifiers read inner blocks of the base too."""

from fmnist_report.evaluation.comparison import ALPHA
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, INTEGER, P_VALUE
from fmnist_report.report.conclusions.mechanisms import best_block, measured

KIND = Kind(
    "why_blocks",
    {
        "earlier": N_(
            "Block {block} of {backbone} serves best: a linear classifier on its mean outputs is right for "
            "{of_block} of the validation images, on those of block {last_block} for {of_last} ({p}). The first "
            "blocks have only simple features, and few; the last was trained to tell the classes of ImageNet apart "
            "and works at the coarsest resolution. Which of the two weighs more, the measurement does not tell."
        ),
    },
    {"block": INTEGER, "of_block": ACCURACY, "last_block": INTEGER, "of_last": ACCURACY, "p": P_VALUE},
    explains=True,
)


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
    return [Claim(KIND, "vgg_features", "earlier", values=values)]
