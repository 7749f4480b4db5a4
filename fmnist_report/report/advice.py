"""What to try next, computed from the results."""

import itertools

from fmnist_report.evaluation.networks import CHOSEN, MAIN, network_of_stage
from fmnist_report.messages import N_
from fmnist_report.report.conclusions import OVERFIT_GAP, Results
from fmnist_report.report.language import Language


def advise(results: Results, language: Language) -> list[str]:
    """Say what the numbers suggest to try: longer training, more regularisation, and what the study preferred."""
    sentences = []
    for name in (name for name in MAIN if name != CHOSEN):
        history = results["models"][name]["history"]
        gap = history["accuracy"][-1] - history["val_accuracy"][-1]
        rises = [after - before for before, after in itertools.pairwise(history["val_accuracy"])]
        if gap > OVERFIT_GAP:
            message = N_("Regularise “{model}” more strongly: on training pictures it is {gap} percentage points "
                         "better than on validation.")  # fmt: skip
        elif not rises:
            continue  # one epoch tells nothing of the next
        elif rises[-1] > 0:
            message = N_("Train “{model}” longer: in its last epoch the validation accuracy still rose, by {rise} "
                         "percentage points.")  # fmt: skip
        else:
            message = N_("Enlarge “{model}” rather than train it longer: its validation accuracy no longer rises, and "
                         "it does not overfit.")  # fmt: skip
        numbers = {"gap": language.number(100 * gap, 1), "rise": language.number(100 * rises[-1], 2) if rises else ""}
        sentences.append(language.text(message, model=language.model(name), **numbers))
    better = max(filter(_can_be_set, results["study"]["factors"]), key=lambda row: row["gain"], default=None)
    if better and better["gain"] > 0:
        message = N_("Repeat in a full training what the study liked best: “{factor}” = {value} for “{model}”, there "
                     "{gain} percentage points above the start.")  # fmt: skip
        network = language.model(network_of_stage(better["network"]))
        values = {"factor": language.factor(better["factor"]), "value": language.value(better["best"])}
        gain = language.number(100 * better["gain"], 1)
        sentences.append(language.text(message, model=network, gain=gain, **values))
    return sentences


def _can_be_set(row: dict[str, str]) -> bool:
    """Tell whether a full training can take the study's best value of a factor."""
    return row["factor"] != "layers" and (row["factor"] != "unfreeze" or row["best"] in ("4", "5"))
