"""Weights of a convolutional base as arrays by layer, their digest, and VGG16's layer shapes."""

import hashlib

import numpy as np

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LAYERS = tuple(f"block{b}_conv{c}" for b, widths in enumerate(BLOCKS, 1) for c in range(1, len(widths) + 1))

Weights = dict[str, tuple[np.ndarray, ...]]  # by layer; for VGG16, kernel (H, W, in, out) and bias


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Return each convolution's kernel shape (H, W, in, out)."""
    shapes, channels = {}, 3
    for layer, width in zip(LAYERS, (width for widths in BLOCKS for width in widths), strict=True):
        shapes[layer] = (3, 3, channels, width)
        channels = width
    return shapes


def weights_digest(weights: Weights) -> str:
    """Return the SHA-256 of all arrays in layer order, float32 little-endian, C order."""
    digest = hashlib.sha256()
    for arrays in weights.values():
        for array in arrays:
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()
