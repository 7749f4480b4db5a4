"""What block of the base serves a data set best? A linear classifier on the outputs of each block."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fmnist_report.models.base import build_from_pixels, copy_layers, set_base_weights
from fmnist_report.models.transfer import build_assembled
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.files import load_arrays, save_arrays
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import MechanismSettings, NetworkSettings
from fmnist_report.training.prediction import as_pixels, check_finite
from fmnist_report.training.stores import FeatureStore, standardisation

LOGISTIC_C = 0.01  # of the logistic regression, inverse regularisation strength
BATCH = 100


def probe_blocks(
    out: Path, progress: Progress, *, mechanisms: MechanismSettings, networks: NetworkSettings, seed: int, data: Path,
    weights: Path, features: Path, finetune: Path,
) -> None:  # fmt: skip
    """Stage `blocks`: classify the mean outputs of every block by logistic regression, before and after fine-tuning.

    Linear classifiers on inner layers tell what each has to offer (Alain and Bengio, "Understanding intermediate layers
    using linear classifier probes", 2016).

    Args:
        networks: settings of the head and of fine-tuning.

    Writes blocks.npz with n_train, and frozen/<block> and tuned/<block>: (n_val,) bool, whether an image is classified
    correctly.
    """
    images, labels = load_arrays(data / "images.npz"), load_arrays(data / "labels.npz")
    n = {"train": mechanisms.block_train, "val": mechanisms.block_val}
    x, y = ({split: arrays[split][: n[split]] for split in n} for arrays in (images, labels))
    base = load_base(weights)
    with FeatureStore(features) as store:
        given, n_classes = store.given, store.dataset.n_classes
        tuned = build_assembled(given, networks["head"], networks["finetune"].unfreeze, n_classes)
    tuned.load_weights(finetune / "network.weights.h5")
    reader = build_block_reader(given)
    set_base_weights(reader, base)
    found = {f"frozen/{block}": right for block, right in probe(reader, x, y, seed).items()}
    progress.update(1, 2, "after fine-tuning")
    copy_layers(tuned, reader)
    found |= {f"tuned/{block}": right for block, right in probe(reader, x, y, seed).items()}
    save_arrays(out / "blocks.npz", n_train=np.array(len(y["train"])), **found)


def probe(reader: keras.Model, x: dict[str, np.ndarray], y: dict[str, np.ndarray], seed: int) -> dict[int, np.ndarray]:
    """Classify the outputs of every block.

    Args:
        x: (n, height, width) uint8 images of "train" and "val"; y: (n,), their labels.

    Returns:
        By block: (n_val,) bool, whether an image is classified correctly.
    """
    read = {split: read_blocks(reader, x[split]) for split in x}
    for means in read["train"].values():
        check_finite(means, "finetune")
    return {
        block: classify(train, y["train"], read["val"][block], seed) == y["val"]
        for block, train in read["train"].items()
    }


def build_block_reader(given) -> keras.Model:
    """Build the base as a model from (n, *shape, 1) pixels to the mean outputs of its blocks, (n, channels) by number.

    Args:
        given: BaseInput.
    """
    base = build_from_pixels(given)
    means = {
        block: layers.GlobalAveragePooling2D(name=f"mean{block}", dtype="float32")(output)
        for block, output in base.outputs.items()
    }
    return keras.Model(base.network.inputs[0], means, name="block_reader")


def read_blocks(reader: keras.Model, images: np.ndarray) -> dict[int, np.ndarray]:
    """Return the mean outputs of the blocks for (n, height, width) uint8 images, (n, channels) float32 by number."""
    batches = [reader.predict_on_batch(as_pixels(images[i : i + BATCH])) for i in range(0, len(images), BATCH)]
    return {
        int(block): np.concatenate([np.asarray(ops.convert_to_numpy(batch[block]), "float32") for batch in batches])
        for block in batches[0]
    }


def classify(train: np.ndarray, labels: np.ndarray, val: np.ndarray, seed: int) -> np.ndarray:
    """Fit a logistic regression on standardised features (n, channels); return its predictions for val, (n_val,)."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = standardisation(train)
    classifier = LogisticRegression(C=LOGISTIC_C, max_iter=1_000, random_state=seed)
    return classifier.fit((train - mean) * scale, labels).predict((val - mean) * scale)
