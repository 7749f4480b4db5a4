"""A homework report on transfer learning with Fashion-MNIST and VGG16."""

__version__ = "0.1.0"
