"""What others reached on the official test set of Fashion-MNIST, to set our figures beside."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_report.language import N_

LIST = "https://github.com/zalandoresearch/fashion-mnist#benchmark"


@dataclass(frozen=True)
class Published:
    """One published accuracy.

    Args:
        network: what it is, a message of the catalogue.
        accuracy: on the official 10,000 test pictures, a share.
        source: who published it.
        address: where.
        ours: the model of this report to compare with; empty for none.
    """

    network: str
    accuracy: float
    source: str
    address: str
    ours: str = ""


HUMAN = Published(N_("people without expertise in fashion"), 0.835, "Zalando Research", LIST)
PUBLISHED = (
    HUMAN,
    Published(N_("perceptron, 256-128-64"), 0.900, "Zalando Research", LIST, "mlp"),
    Published(
        N_("perceptron, 2.9 million parameters, shift and mirror"), 0.9163, "Nøkland, Eidnes, 2019",
        "https://github.com/anokland/local-loss", "mlp",
    ),
    Published(N_("convolutional network, 1.8 million parameters"), 0.932, "Zalando Research", LIST, "cnn"),
    Published(N_("ResNet-18, augmentation"), 0.949, "Zalando Research", LIST, "cnn"),
    Published(N_("WRN-28-10, random erasing"), 0.963, "Zalando Research", LIST, "cnn"),
    Published(N_("VGG16, 26 million parameters"), 0.935, "Zalando Research", LIST, "vgg_finetuned"),
)  # fmt: skip
