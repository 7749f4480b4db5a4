"""Digests of the outside content that the line begins with, known without reading it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fmnist_report.backbones import DEFAULT
from fmnist_report.files import sha256_file

FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
VGG16_SHA256 = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"


def data_digest() -> str:
    """Return one digest for the four files of Fashion-MNIST."""
    return hashlib.sha256("".join(FASHION_MNIST_SHA256.values()).encode()).hexdigest()


def own_weights_file(cache_dir: Path, backbone: str) -> Path:
    """Return where a user's own weights of another network than VGG16 are looked for.

    The file is what save_weights writes of the network of keras.applications without its top.
    """
    return cache_dir / "weights" / f"{backbone}.weights.h5"


def weights_content(backbone: str, cache_dir: Path) -> dict[str, str]:
    """Return the digest of the base's weights by the network's name; empty where Keras will check its own file."""
    if backbone == DEFAULT:
        return {backbone: VGG16_SHA256}
    own = own_weights_file(cache_dir, backbone)
    return {backbone: sha256_file(own)} if own.is_file() else {}
