"""The convolutional network for the page: what its script needs, and what rounding the weights costs."""

from pathlib import Path

import numpy as np

from fmnist_report.data.split import load_task
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.portable import carry_over, count_operations, round_network
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import CNNSettings
from fmnist_report.training.prediction import predict_views, view_pictures

MOST_BYTES = 1_800_000  # of weights, so that the page stays small
MOST_OPERATIONS = 400_000_000  # an image, so that its script stays fast
N_CHECKED = 200


def make_portable(
    out: Path, progress: Progress, *, cnn_settings: CNNSettings, data: Path, cnn: Path, evaluation: Path
) -> None:
    """Stage `portable`: write the network of the page, unless it is too large for one.

    portable.json tells whether it fits; if so operations (models.portable), mirror (whether the answer is the mean
    over both views), n_test, accuracy and accuracy_rounded, the shares of test images named rightly by the network
    and by its rounded form, and n_changed, how many answers differ. portable.npz holds whole, int8, and fine, float32;
    index (k,) and checked (k, classes), test images and the probabilities that the rounded network gives them.
    """
    task, predictions = load_task(data), load_arrays(evaluation / "predictions.npz")
    network = build_cnn(cnn_settings, task.shape, task.n_classes)
    network.load_weights(cnn / "network.weights.h5")
    portable = carry_over(network)
    if len(portable.whole) > MOST_BYTES or count_operations(portable) > MOST_OPERATIONS:
        write_json(out / "portable.json", {"fits": False})
        save_arrays(out / "portable.npz", whole=np.zeros(0, "int8"))
        return
    round_network(network)
    pictures, mirror = load_arrays(data / "pictures.npz")["test"], cnn_settings.mirror and task.mirror
    probabilities = predict_views(network, view_pictures(pictures, mirror)).mean(axis=0)
    labels, answers = predictions["y_test"], predictions["cnn"].argmax(axis=1)
    rounded = probabilities.argmax(axis=1)
    index = np.unique(np.linspace(0, len(pictures) - 1, min(N_CHECKED, len(pictures))).astype(int))
    write_json(
        out / "portable.json",
        {
            "fits": True,
            "operations": portable.operations,
            "mirror": mirror,
            "n_test": len(labels),
            "accuracy": float((answers == labels).mean()),
            "accuracy_rounded": float((rounded == labels).mean()),
            "n_changed": int((rounded != answers).sum()),
        },
    )
    save_arrays(
        out / "portable.npz", whole=portable.whole, fine=portable.fine, index=index, checked=probabilities[index]
    )
