"""Training of the dense head on cached features, and its control run."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from fmnist_report.models.transfer import build_head
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import FineTuneSettings, HeadSettings, TrainingSettings
from fmnist_report.training.batches import FeatureBatches, one_hot
from fmnist_report.training.fitting import TrainingSetup, seeded, train_network
from fmnist_report.training.prediction import predict_views, view_features
from fmnist_report.training.stores import FeatureStore, standardisation
from fmnist_report.training.training_data import TrainingData, load_training_data, read_views


def prepare_head(settings: HeadSettings, training_data: TrainingData, seed: int) -> TrainingSetup:
    """Prepare the dense head; its input is standardised with the moments of the training images."""
    train, n_classes = training_data.views["train"], training_data.dataset.n_classes
    with seeded(seed):
        network = build_head(settings, train[0].shape[1], n_classes)
    network.get_layer("standardise").set_weights(list(standardisation(train[0])))
    targets = one_hot(training_data.labels["train"], n_classes)
    batches = FeatureBatches(train, targets, settings.batch_size, seed)

    def predict(network: keras.Model, split: str, n: int | None = None) -> np.ndarray:
        return predict_views(network, view_features([view[:n] for view in training_data.views[split]]))

    return TrainingSetup(network, batches, predict, "float32", training_data.views["val"][0][:1_000].astype("float32"))


def train_control(
    out: Path,
    progress: Progress,
    *,
    finetune: FineTuneSettings,
    head_settings: HeadSettings,
    seed: int,
    data: Path,
    features: Path,
    head: Path,
) -> None:
    """Stage `control`: train only the head, with the same schedule as fine-tuning.

    What fine-tuning gains over this control run is due to the blocks; what the control run gains over the head is due
    to the extra epochs.
    """
    common = {field.name: getattr(finetune, field.name) for field in dataclasses.fields(TrainingSettings)}
    settings = dataclasses.replace(head_settings, **common, dropout=finetune.dropout)

    def prepare(settings: HeadSettings, training_data: TrainingData, seed: int) -> TrainingSetup:
        prepared = prepare_head(settings, training_data, seed)
        prepared.network.load_weights(head / "network.weights.h5")
        return prepared

    with FeatureStore(features) as store:
        training_data = dataclasses.replace(load_training_data(data), views=read_views(store))
    train_network(out, progress, prepare, settings, training_data, seed)


def fit_head(out: Path, progress: Progress, *, head: HeadSettings, seed: int, data: Path, features: Path) -> None:
    """Stage `head`: train the dense head on pooled features of all views."""
    with FeatureStore(features) as store:
        training_data = dataclasses.replace(load_training_data(data), views=read_views(store))
    train_network(out, progress, prepare_head, head, training_data, seed)
