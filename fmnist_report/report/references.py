"""Sources: what others reached on the official test set of Fashion-MNIST, and where each base was published."""

from dataclasses import dataclass

from fmnist_report.backbones import MODULES
from fmnist_report.messages import N_

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
    Published(N_("DenseNet-BC, 768 thousand parameters, shift and mirror"), 0.954, "Zalando Research", LIST, "cnn"),
    Published(N_("WRN-28-10, random erasing"), 0.963, "Zalando Research", LIST, "cnn"),
    Published(N_("WRN-40-4, 8.9 million parameters, shift and mirror"), 0.967, "Zalando Research", LIST, "cnn"),
    Published(
        N_("architecture found by search (Fine-Tuning DARTS)"), 0.9691, "Tanveer, Khan, Kyung, 2020",
        "https://arxiv.org/abs/2006.09042", "cnn",
    ),
    Published(N_("VGG16, 26 million parameters"), 0.935, "Zalando Research", LIST, "vgg_finetuned"),
)  # fmt: skip

# Where each module's networks were published: authors, title, year and number on arXiv.
PAPERS = {
    "vgg16": ("K. Simonyan, A. Zisserman", "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
              "1409.1556"),
    "resnet": ("K. He, X. Zhang, S. Ren, J. Sun", "Deep Residual Learning for Image Recognition", 2015, "1512.03385"),
    "resnet_v2": ("K. He, X. Zhang, S. Ren, J. Sun", "Identity Mappings in Deep Residual Networks", 2016,
                  "1603.05027"),
    "mobilenet": ("A. Howard et al.", "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
                  "Applications", 2017, "1704.04861"),
    "mobilenet_v2": ("M. Sandler et al.", "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
                     "1801.04381"),
    "mobilenet_v3": ("A. Howard et al.", "Searching for MobileNetV3", 2019, "1905.02244"),
    "densenet": ("G. Huang, Z. Liu, L. van der Maaten, K. Weinberger", "Densely Connected Convolutional Networks", 2016,
                 "1608.06993"),
    "inception_v3": ("C. Szegedy et al.", "Rethinking the Inception Architecture for Computer Vision", 2015,
                     "1512.00567"),
    "inception_resnet_v2": ("C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi", "Inception-v4, Inception-ResNet and the "
                            "Impact of Residual Connections on Learning", 2016, "1602.07261"),
    "xception": ("F. Chollet", "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, "1610.02357"),
    "nasnet": ("B. Zoph, V. Vasudevan, J. Shlens, Q. Le", "Learning Transferable Architectures for Scalable Image "
               "Recognition", 2017, "1707.07012"),
    "efficientnet": ("M. Tan, Q. Le", "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
                     "1905.11946"),
    "efficientnet_v2": ("M. Tan, Q. Le", "EfficientNetV2: Smaller Models and Faster Training", 2021, "2104.00298"),
    "convnext": ("Z. Liu et al.", "A ConvNet for the 2020s", 2022, "2201.03545"),
}  # fmt: skip


def find_paper(backbone: str) -> tuple[str, str, int, str]:
    """Return a network's paper, as in PAPERS."""
    return PAPERS["vgg16" if backbone.startswith("VGG") else MODULES[backbone]]
