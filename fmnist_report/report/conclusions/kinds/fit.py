"""Whether a network over- or underfits."""

import math
import typing

from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.schema import Results
from fmnist_report.messages import N_
from fmnist_report.report.conclusions.claim import Claim, Kind
from fmnist_report.report.conclusions.formats import ACCURACY, INTEGER, LOSS, tell_moment
from fmnist_report.report.conclusions.training import evaluated_on_train

# Minimum rise of the validation loss, relative to its minimum: about two standard errors of the
# difference of two mean losses near 0.2 on the same ROSE_OF images, whose differences have a deviation of 0.3.
ROSE, ROSE_OF = 0.04, 5_000
SCALED = "val_scaled_loss"
LEAST_LOSSES = 3  # minimum number for a conclusive minimum
KIND = Kind(
    "fit",
    {
        "overfits": N_(
            "{subject:Nominative} overfits: its validation loss (after temperature scaling) was lowest {moment} "
            "({loss_lowest}) and {loss_last} at the end, while it classifies {train} of the training images "
            "correctly, but only {val} of the validation images."
        ),
        "overfits_by_loss": N_(
            "{subject:Nominative} overfits by its loss, but not by its accuracy: the validation loss (after "
            "temperature scaling) was lowest {moment} ({loss_lowest}) and {loss_last} at the end, while the "
            "validation accuracy rose from {val_then} to {val_last}; of the training images it classifies {train} "
            "correctly."
        ),
        "rose_by_loss": N_(
            "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
            "{loss_last} at the end, while its validation accuracy rose from {val_then} to {val_last}; it is not "
            "significantly better on training images ({train}) than on validation images ({val})."
        ),
        "rose": N_(
            "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
            "{loss_last} at the end, though the network is not significantly better on training images ({train}) "
            "than on validation images ({val})."
        ),
        "unlearned": N_(
            "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
            "{loss_last} at the end; on training images its accuracy is {train}, less than that of the head from "
            "which it starts ({start})."
        ),
        "gap": N_(
            "{subject:Nominative} is more accurate on training images ({train} of the first {n_clean}) than on "
            "validation images ({val}); its validation loss (after temperature scaling) hardly rose after its "
            "lowest value ({loss_lowest}, {moment}; {loss_last} at the end), so longer training did no measurable "
            "harm."
        ),
        "gap_last": N_(
            "{subject:Nominative} is more accurate on training images ({train} of the first {n_clean}) than on "
            "validation images ({val}), but its validation loss (after temperature scaling) was lowest at the end "
            "({loss_last}), so the training was not too long."
        ),
        "gap_alone": N_(
            "{subject:Nominative} is more accurate on training images ({train} of the first {n_clean}) than on "
            "validation images ({val}), which is a sign of overfitting."
        ),
        "even": N_(
            "{subject:Nominative} shows no sign of overfitting: its accuracy on training images ({train} of the "
            "first {n_clean}) is not significantly higher than on validation images ({val}), and its validation "
            "loss (after temperature scaling) was {loss_lowest} at its lowest and {loss_last} at the end."
        ),
        "even_alone": N_(
            "{subject:Nominative} shows no sign of overfitting: it is not significantly more accurate on training "
            "images ({train} of the first {n_clean}) than on validation images ({val})."
        ),
        "short": N_(
            "{subject:Nominative} reaches {train} on training images (the first {n_clean}) and {val} on validation "
            "images; so few epochs do not tell whether it overfits."
        ),
    },
    {
        "loss_lowest": LOSS,
        "loss_last": LOSS,
        "train": ACCURACY,
        "val": ACCURACY,
        "val_then": ACCURACY,
        "val_last": ACCURACY,
        "start": ACCURACY,
        "n_clean": INTEGER,
        "epoch": INTEGER,
        "epochs": INTEGER,
    },
    derive=tell_moment,
)


def fit(results: Results, name: str) -> Claim:
    """Claim whether a network over- or underfits, from unaugmented training images and the validation loss.

    The loss is the cross-entropy after temperature scaling, because label smoothing alone makes a network
    underconfident, and that of an epoch before the learning rate has reached its peak does not count. Fine-tuning
    starts with the head's loss, as epoch 0.

    "overfits": the validation loss rose again after its minimum, and training images are classified better than
    validation images; "overfits_by_loss" if validation accuracy has since risen significantly, so that stopping
    there would have reduced it. "rose" and "rose_by_loss": the same without such a gap. "unlearned": the loss rose
    in fine-tuning, and training images are classified worse than by the head from which it starts. "gap": a gap, while
    the loss did not rise; "gap_last" if it was lowest at the end. "even": neither. "short": too few losses to decide.
    "gap_alone" and "even_alone": of results from before this loss was measured.
    """
    model = results["models"][name]
    clean, n_val = evaluated_on_train(model), results["data"]["n_val"]
    gap = difference_of_accuracies(clean["train_accuracy"], clean["n"], model["val_accuracy"], n_val)[1] > 0
    values: dict[str, typing.Any] = {
        "train": clean["train_accuracy"], "val": model["val_accuracy"], "n_clean": clean["n"]
    }  # fmt: skip
    if SCALED not in model["history"]:
        return Claim(KIND, name, "gap_alone" if gap else "even_alone", values=values)
    losses, accuracies = (list(model["history"][key]) for key in (SCALED, "val_accuracy"))
    rates = model["history"]["learning_rate"]
    counted = list(range(rates.index(max(rates)), len(losses)))
    start = results["models"]["vgg_head"] if name == "vgg_finetuned" else None
    if start:
        losses, accuracies = (
            [start["history"][key][-1], *values] for key, values in ((SCALED, losses), ("val_accuracy", accuracies))
        )
        counted = [0, *(epoch + 1 for epoch in counted)]
    lowest = min(counted, key=losses.__getitem__)
    rose = losses[-1] > losses[lowest] * (1 + ROSE * math.sqrt(ROSE_OF / n_val))
    better = difference_of_accuracies(accuracies[-1], n_val, accuracies[lowest], n_val)[1] > 0
    if rose and start and clean["train_accuracy"] < evaluated_on_train(start)["train_accuracy"]:
        relation = "unlearned"
    elif rose:
        relation = ("overfits" if gap else "rose") + ("_by_loss" if better else "")
    else:
        relation = ("gap_last" if lowest == len(losses) - 1 else "gap") if gap else "even"
    first = 0 if start else 1
    values |= {"epoch": lowest + first, "epochs": len(losses) - 1 + first}
    values |= {"loss_lowest": losses[lowest], "loss_last": losses[-1]}
    values |= {"val_then": accuracies[lowest], "val_last": accuracies[-1]} if relation.endswith("_by_loss") else {}
    values |= {"start": evaluated_on_train(start)["train_accuracy"]} if start and relation == "unlearned" else {}
    return Claim(KIND, name, relation if len(counted) >= LEAST_LOSSES else "short", values=values)
