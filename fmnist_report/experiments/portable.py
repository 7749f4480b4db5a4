"""The convolutional network for the page: what its script needs, and what its rounded form answers."""

from pathlib import Path

from fmnist_report.data.split import load_task
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.portable import carry_over, count_operations, round_network
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import CNNSettings
from fmnist_report.training.prediction import predict_views, view_pictures

MOST_BYTES = 1_800_000  # of weights, so that the page stays small
MOST_OPERATIONS = 400_000_000  # an image, so that its script stays fast


def make_portable(out: Path, progress: Progress, *, network: CNNSettings, data: Path, cnn: Path) -> None:
    """Stage `portable`: write the network of the page, unless it is too large for one.

    portable.json tells whether it fits, and if so operations (models.portable) and mirror, whether the answer is the
    mean over both views. portable.npz holds whole, int8, and fine, float32; and test (n, classes), the probabilities
    that the rounded network gives the test images.
    """
    task = load_task(data)
    built = build_cnn(network, task.shape, task.n_classes)
    built.load_weights(cnn / "network.weights.h5")
    portable = carry_over(built)
    if len(portable.whole) > MOST_BYTES or count_operations(portable) > MOST_OPERATIONS:
        write_json(out / "portable.json", {"fits": False})
        save_arrays(out / "portable.npz", whole=portable.whole[:0])
        return
    round_network(built)
    mirror = network.mirror and task.mirror
    probabilities = predict_views(built, view_pictures(load_arrays(data / "pictures.npz")["test"], mirror))
    told = {"fits": True, "operations": portable.operations, "mirror": mirror}
    write_json(out / "portable.json", told)
    save_arrays(out / "portable.npz", whole=portable.whole, fine=portable.fine, test=probabilities.mean(axis=0))
