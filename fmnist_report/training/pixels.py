"""Training from pixels: the multilayer perceptron and the convolutional network."""

import functools
from pathlib import Path

import keras

from fmnist_report.machine import choose_precision
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.stage import import_function
from fmnist_report.training.batches import ImageBatches, one_hot
from fmnist_report.training.fitting import TrainingSetup, dtype_policy, seeded, train_network
from fmnist_report.training.prediction import as_pixels, predict_views, view_images
from fmnist_report.training.training_data import TrainingData, load_training_data


def prepare_network(settings, training_data: TrainingData, seed: int, build: str) -> TrainingSetup:
    """Prepare a network that reads pixels, with the augmentation of its settings.

    Args:
        build: "module:name" of the builder (settings, shape of an image, number of classes).
    """
    policy = choose_precision(settings.precision)
    with seeded(seed), dtype_policy(policy):
        network = import_function(build)(settings, training_data.dataset.shape, training_data.dataset.n_classes)
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


def train_from_pixels(out: Path, progress: Progress, *, network, build: str, seed: int, data: Path) -> None:
    """Stages `mlp`, `cnn` and those of further networks: train a network that reads pixels.

    Args:
        network: its settings.
        build: as in prepare_network.
    """
    prepare = functools.partial(prepare_network, build=build)
    train_network(out, progress, prepare, network, load_training_data(data), seed)
