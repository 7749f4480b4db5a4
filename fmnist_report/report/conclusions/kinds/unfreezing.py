"""Validation accuracies before and after fine-tuning."""

from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.networks import CONTROL
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY

KIND = Kind(
    "unfreezing",
    {
        "stated": N_(
            "Validation accuracy was {before} before unfreezing and {after} after it; the head alone, trained for "
            "as many further epochs, reached {control}."
        ),
    },
    {"before": ACCURACY, "after": ACCURACY, "control": ACCURACY},
)


def unfreezing(results: Results) -> Claim:
    """State the validation accuracies of the head, the fine-tuned network and the head trained further."""
    names = {"before": "vgg_head", "after": "vgg_finetuned", "control": CONTROL.name}
    values = {key: results["models"][name]["val_accuracy"] for key, name in names.items()}
    return Claim(KIND, "vgg_finetuned", "stated", values=values)
