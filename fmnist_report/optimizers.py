"""The optimisers that settings can name, one record each; training/optimizers.py builds them."""

from dataclasses import dataclass

from fmnist_report.messages import N_


@dataclass(frozen=True)
class Optimizer:
    """One optimiser.

    Args:
        label: its name in the report.
        usual_rate: its usual learning rate relative to AdamW's; its usual weight decay is AdamW's divided by this.
        words: what it is, in half a line, a message of the catalogue.
        source, address: the paper, and where it is to be read.
        studied_in: stages of the networks whose study tries it.
        includes: another optimiser that it applies to some of the weights.
    """

    label: str
    usual_rate: float
    words: str
    source: str
    address: str
    studied_in: tuple[str, ...] = ()
    includes: str = ""


OPTIMIZERS = {
    "adamw": Optimizer(
        "AdamW",
        1.0,
        N_(
            "gradient descent with a separate step size for each weight; weight decay, which draws weights towards "
            "zero, is kept apart from the gradient"
        ),
        "I. Loshchilov, F. Hutter. Decoupled Weight Decay Regularization, 2019",
        "https://arxiv.org/abs/1711.05101",
        ("cnn", "head"),
    ),
    "muon": Optimizer(
        "Muon",
        2.5,
        N_("an optimiser that makes the update of a weight matrix nearly orthogonal"),
        "K. Jordan et al. Muon: An Optimizer for Hidden Layers in Neural Networks, 2024",
        "https://kellerjordan.github.io/posts/muon/",
        ("cnn",),
        includes="adamw",  # for vectors, the first convolution and the last layer
    ),
    "sgd": Optimizer(
        "SGD",
        30.0,
        N_("stochastic gradient descent, here with Nesterov’s momentum"),
        "I. Sutskever, J. Martens, G. Dahl, G. Hinton. On the Importance of Initialization and Momentum in Deep "
        "Learning, 2013",
        "https://proceedings.mlr.press/v28/sutskever13.html",
        ("cnn",),
    ),
    "lion": Optimizer(
        "Lion",
        0.2,
        N_("an optimiser that steps by the sign of a momentum and was found by a search over programs"),
        "X. Chen et al. Symbolic Discovery of Optimization Algorithms, 2023",
        "https://arxiv.org/abs/2302.06675",
    ),
}
