"""Known digests of the base's weights."""

from pathlib import Path

from fmnist_report.backbones import DEFAULT
from fmnist_report.pipeline.files import sha256_file

VGG16_SHA256 = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"


def own_weights_file(cache_dir: Path, backbone: str) -> Path:
    """Return the path of the user's weights file for a network other than VGG16.

    The file is the output of save_weights for the network of keras.applications without its top.
    """
    return cache_dir / "weights" / f"{backbone}.weights.h5"


def weights_content(backbone: str, cache_dir: Path) -> dict[str, str]:
    """Return the digest of the base's weights by network name; empty if Keras verifies its own file."""
    if backbone == DEFAULT:
        return {backbone: VGG16_SHA256}
    own = own_weights_file(cache_dir, backbone)
    return {backbone: sha256_file(own)} if own.is_file() else {}
