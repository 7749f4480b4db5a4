"""Supported convolutional bases: the networks of keras.applications."""

DEFAULT = "VGG16"
# The module of keras.applications that has each network's preprocessing.
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


def least_side(backbone: str) -> int:
    """Return the minimum input side of a network in pixels, a multiple of 8."""
    return _LEAST_SIDES.get(MODULES[backbone], 32)
