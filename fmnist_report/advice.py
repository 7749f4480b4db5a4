"""What to try next, computed from the results."""

from __future__ import annotations

from fmnist_report.conclusions import OVERFIT_GAP, Results
from fmnist_report.language import N_, Language
from fmnist_report.settings import MODEL_OF_NETWORK


def advise(results: Results, language: Language) -> list[str]:
    """Say what the numbers suggest to try: longer training, more regularisation, and what the study preferred."""
    sentences = []
    for name in ("mlp", "cnn", "vgg_finetuned"):
        history = results["models"][name]["history"]
        rise = history["val_accuracy"][-1] - history["val_accuracy"][-2] if len(history["val_accuracy"]) > 1 else 0.0
        if history["accuracy"][-1] - history["val_accuracy"][-1] > OVERFIT_GAP:
            message = N_("Regularise “{model}” more strongly: on training pictures it is {gap} percentage points "
                         "better than on validation.")  # fmt: skip
        elif rise > 0:
            message = N_("Train “{model}” longer: in its last epoch the validation accuracy still rose, by {rise} "
                         "percentage points.")  # fmt: skip
        else:
            message = N_("Enlarge “{model}” rather than train it longer: its validation accuracy no longer rises, and "
                         "it does not overfit.")  # fmt: skip
        gap = language.number(100 * (history["accuracy"][-1] - history["val_accuracy"][-1]), 1)
        sentences.append(
            language.text(message, model=language.model(name), gap=gap, rise=language.number(100 * rise, 2))
        )
    better = max(results["study"]["factors"], key=lambda row: row["gain"], default=None)
    if better and better["gain"] > 0:
        message = N_("Repeat in a full training what the study liked best: “{factor}” = {value} for “{model}”, there "
                     "{gain} percentage points above the start.")  # fmt: skip
        network = language.model(MODEL_OF_NETWORK[better["network"]])
        values = {"factor": language.factor(better["factor"]), "value": language.value(better["best"])}
        gain = language.number(100 * better["gain"], 1)
        sentences.append(language.text(message, model=network, gain=gain, **values))
    return sentences
