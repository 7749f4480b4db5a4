"""Table of the compared networks, used by all code that shows, ranks or colours them.

docs/architecture.md explains how to add a network.
"""

from dataclasses import dataclass

from fmnist_report.messages import N_


@dataclass(frozen=True)
class Network:
    """A row of the table.

    Args:
        name: name in results.json.
        stage: stage that trains the network; empty for the ensemble.
        needs: stages that it builds on.
        part: part of the assignment in which it is shown, 1 or 2; 0 for neither.
        label: translatable name for tables and figures.
        phrase: translatable name for sentences; catalogues have it in every grammatical case.
        colour: its colour everywhere, from the colour-blind safe palette of Okabe and Ito.
    """

    name: str
    stage: str
    part: int
    label: str
    phrase: str
    colour: str
    needs: tuple[str, ...] = ()

    @property
    def determined_by(self) -> tuple[str, ...]:
        """Sections of the settings that determine how its stage trains."""
        return ("data", *self.needs, self.stage)


NETWORKS = (
    Network("mlp", "mlp", 1, N_("Multilayer perceptron"), N_("the multilayer perceptron"), "#7a7a7a"),
    Network("cnn", "cnn", 1, N_("Convolutional network"), N_("the convolutional network"), "#d55e00"),
    Network("vgg_features", "classifiers", 2, N_("{backbone}, frozen features"),
            N_("the classifier on the frozen features of {backbone}"), "#0072b2", ("features",)),
    Network("vgg_finetuned", "finetune", 2, N_("{backbone}, fine-tuned"), N_("fine-tuned {backbone}"), "#009e73",
            ("features", "head")),
    Network("ensemble", "", 0, N_("Ensemble"), N_("the ensemble"), "#aa4499"),
)  # fmt: skip
# Classifiers on frozen features, the best of which on validation is vgg_features, and the preprocessing study's.
ON_FEATURES = (
    Network("vgg_logistic_regression", "classifiers", 2, N_("Logistic regression"), N_("logistic regression"),
            "#0072b2", ("features",)),
    Network("vgg_lda", "classifiers", 2, N_("Linear discriminant analysis"), N_("linear discriminant analysis"),
            "#0072b2", ("features",)),
    Network("vgg_k_neighbours", "classifiers", 2, N_("Nearest neighbours"), N_("the nearest-neighbour classifier"),
            "#0072b2", ("features",)),
    Network("vgg_head", "head", 2, N_("Dense head"), N_("the dense head"), "#0072b2", ("features",)),
)  # fmt: skip
# Only the head, trained for as many further epochs as in fine-tuning.
CONTROL = Network(
    "vgg_control", "control", 2, N_("Dense head, trained further"), N_("the further-trained dense head"), "#56b4e9",
    ("features", "head"),
)  # fmt: skip
OF_INPUTS = Network(
    "vgg_input", "inputs", 2, N_("Logistic regression on {backbone}’s features"),
    N_("logistic regression on the features of {backbone}"), "#0072b2",
)  # fmt: skip

CHOSEN, ENSEMBLE = "vgg_features", "ensemble"
COMPARED = tuple(row.name for row in NETWORKS)
MAIN = tuple(row.name for row in NETWORKS if row.stage)
BY_NAME = {row.name: row for row in (*NETWORKS, *ON_FEATURES, CONTROL, OF_INPUTS)}
# Pairs tested for a difference, the first minus the second: all pairs, and fine-tuning against its starting point.
PAIRS = [(a, b) for number, b in enumerate(COMPARED) for a in COMPARED[number + 1 :]]
PAIRS += [("vgg_finetuned", "vgg_head"), ("vgg_finetuned", CONTROL.name)]
COLOURS = {name: row.colour for name, row in BY_NAME.items()}


def networks_of_part(part: int) -> tuple[str, ...]:
    """Return the names of the compared networks in a part of the assignment."""
    return tuple(row.name for row in NETWORKS if row.part == part)


def stages_of_part(part: int) -> tuple[str, ...]:
    """Return the names of the stages that train a network of a part, in pipeline order."""
    rows = (*ON_FEATURES, *NETWORKS) if part == 2 else NETWORKS
    return tuple(row.stage for row in rows if row.part == part and row.stage != BY_NAME[CHOSEN].stage)


def network_of_stage(stage: str) -> str:
    """Return the name of the network that a stage trains.

    Raises:
        KeyError: it trains none, or several.
    """
    found = [row.name for row in BY_NAME.values() if row.stage == stage and row.stage != BY_NAME[CHOSEN].stage]
    if len(found) != 1:
        raise KeyError(f"the stage {stage!r} trains no network of its own; add it to evaluation/networks.py")
    return found[0]
