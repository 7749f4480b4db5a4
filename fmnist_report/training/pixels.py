"""Training from pixels: the multilayer perceptron and the convolutional network."""

import typing
from pathlib import Path

import keras

from fmnist_report.machine import choose_precision
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.mlp import build_mlp
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import CNNSettings, MLPSettings
from fmnist_report.training.batches import ImageBatches, one_hot
from fmnist_report.training.fitting import TrainingSetup, dtype_policy, seeded, train_network
from fmnist_report.training.prediction import as_pixels, predict_views, view_images
from fmnist_report.training.training_data import TrainingData, load_training_data


def prepare_mlp(settings: MLPSettings, training_data: TrainingData, seed: int) -> TrainingSetup:
    """Prepare the multilayer perceptron."""
    return prepare_network(build_mlp, settings, training_data, seed)


def prepare_cnn(settings: CNNSettings, training_data: TrainingData, seed: int) -> TrainingSetup:
    """Prepare the convolutional network."""
    return prepare_network(build_cnn, settings, training_data, seed)


def prepare_network(
    build: typing.Callable[..., keras.Model], settings, training_data: TrainingData, seed: int
) -> TrainingSetup:
    """Prepare the network build(settings, shape of an image, number of classes)."""
    policy = choose_precision(settings.precision)
    with seeded(seed), dtype_policy(policy):
        network = build(settings, training_data.dataset.shape, training_data.dataset.n_classes)
    augmentation = {"shift": settings.shift, "cutout": settings.cutout, "mirror": settings.mirror}
    return prepare_from_pixels(network, settings, training_data, seed, policy, **augmentation)


def prepare_from_pixels(
    network: keras.Model,
    settings,
    training_data: TrainingData,
    seed: int,
    policy: str,
    shift: int = 0,
    cutout: int = 0,
    mirror: bool = True,
) -> TrainingSetup:
    """Prepare a network that reads pixels: training on augmented images, prediction for images and mirror images.

    Args:
        settings: TrainingSettings.
        shift, cutout, mirror: as in ImageBatches; images are mirrored only if the data set allows it.
    """
    dataset, images = training_data.dataset, training_data.images
    mirror = mirror and dataset.mirror
    targets = one_hot(training_data.labels["train"], dataset.n_classes)
    batches = ImageBatches(images["train"], targets, settings.batch_size, shift, cutout, seed, mirror)

    def predict(network: keras.Model, split: str, n: int | None = None):
        return predict_views(network, view_images(images[split][:n], mirror))

    return TrainingSetup(network, batches, predict, policy, as_pixels(images["val"][:1_000]))


def train_mlp(out: Path, progress: Progress, *, mlp: MLPSettings, seed: int, data: Path) -> None:
    """Stage `mlp`: train the multilayer perceptron of the previous assignment."""
    train_network(out, progress, prepare_mlp, mlp, load_training_data(data), seed)


def train_cnn(out: Path, progress: Progress, *, cnn: CNNSettings, seed: int, data: Path) -> None:
    """Stage `cnn`: train the convolutional network."""
    train_network(out, progress, prepare_cnn, cnn, load_training_data(data), seed)
