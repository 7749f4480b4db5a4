"""The networks that are trained from pixels, the perceptron and the convolutional network: built, fed and asked."""

import typing
from pathlib import Path

import keras

from fmnist_report.machine import choose_precision
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import CNNSettings, MLPSettings
from fmnist_report.training.batches import PictureBatches, one_hot
from fmnist_report.training.fitting import Prepared, dtype_policy, seeded, train_network
from fmnist_report.training.material import Material, load_material
from fmnist_report.training.prediction import as_pixels, predict_views, view_pictures


def prepare_mlp(settings: MLPSettings, material: Material, seed: int) -> Prepared:
    """Prepare the multilayer perceptron."""
    return prepare_network(build_mlp, settings, material, seed)


def prepare_cnn(settings: CNNSettings, material: Material, seed: int) -> Prepared:
    """Prepare the convolutional network."""
    return prepare_network(build_cnn, settings, material, seed)


def prepare_network(build: typing.Callable[..., keras.Model], settings, material: Material, seed: int) -> Prepared:
    """Prepare a network that build makes of settings, the shape of a picture and the number of classes."""
    policy = choose_precision(settings.precision)
    with seeded(seed), dtype_policy(policy):
        network = build(settings, material.task.shape, material.task.n_classes)
    augmentation = {"shift": settings.shift, "cutout": settings.cutout, "mirror": settings.mirror}
    return prepare_from_pixels(network, settings, material, seed, policy, **augmentation)


def prepare_from_pixels(
    network: keras.Model,
    settings,
    material: Material,
    seed: int,
    policy: str,
    shift: int = 0,
    cutout: int = 0,
    mirror: bool = True,
) -> Prepared:
    """Feed a network that reads pixels with augmented pictures, and ask it about pictures and their mirror images.

    Args:
        settings: TrainingSettings.
        shift, cutout, mirror: as PictureBatches takes them; nothing is mirrored where the data forbid it.
    """
    task, pictures = material.task, material.pictures
    mirror = mirror and task.mirror
    targets = one_hot(material.labels["train"], task.n_classes)
    batches = PictureBatches(pictures["train"], targets, settings.batch_size, shift, cutout, seed, mirror)

    def predict(network: keras.Model, part: str, n: int | None = None):
        return predict_views(network, view_pictures(pictures[part][:n], mirror))

    return Prepared(network, batches, predict, policy, as_pixels(pictures["val"][:1_000]))


def train_mlp(out: Path, progress: Progress, *, mlp: MLPSettings, seed: int, data: Path) -> None:
    """Stage `mlp`: train the multilayer perceptron of the previous assignment."""
    train_network(out, progress, prepare_mlp, mlp, load_material(data), seed)


def train_cnn(out: Path, progress: Progress, *, cnn: CNNSettings, seed: int, data: Path) -> None:
    """Stage `cnn`: train the convolutional network."""
    train_network(out, progress, prepare_cnn, cnn, load_material(data), seed)
