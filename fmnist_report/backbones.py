"""The convolutional bases that the line can use: the networks of keras.applications."""

from __future__ import annotations

DEFAULT = "VGG16"
# The module of keras.applications with each network's preprocessing.
MODULES = {
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "ResNet50": "resnet",
    "ResNet101": "resnet",
    "ResNet152": "resnet",
    "ResNet50V2": "resnet_v2",
    "ResNet101V2": "resnet_v2",
    "ResNet152V2": "resnet_v2",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
    "MobileNetV3Large": "mobilenet_v3",
    "DenseNet121": "densenet",
    "DenseNet169": "densenet",
    "DenseNet201": "densenet",
    "InceptionV3": "inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "Xception": "xception",
    "NASNetMobile": "nasnet",
    "NASNetLarge": "nasnet",
    **{f"EfficientNetB{number}": "efficientnet" for number in range(8)},
    **{f"EfficientNetV2{size}": "efficientnet_v2" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{size}": "convnext" for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
}
_LEAST_SIDES = {"inception_v3": 80, "inception_resnet_v2": 80, "xception": 72}

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


def least_side(backbone: str) -> int:
    """Return the least side of a network's input in pixels, a multiple of 8."""
    return _LEAST_SIDES.get(MODULES[backbone], 32)
