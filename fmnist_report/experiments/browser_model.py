"""The convolutional network in the browser: its exported form, and the predictions with rounded weights."""

from pathlib import Path

from fmnist_report.data.split import load_dataset_info
from fmnist_report.models.browser_model import carry_over, count_operations, round_network
from fmnist_report.models.cnn import build_cnn
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import CNNSettings
from fmnist_report.training.prediction import predict_views, view_images

MOST_BYTES = 1_800_000  # of weights, to keep the page small
MOST_OPERATIONS = 400_000_000  # per image, to keep the script fast


def make_browser_model(out: Path, progress: Progress, *, network: CNNSettings, data: Path, cnn: Path) -> None:
    """Stage `browser_model`: write the network for the browser, unless it is too large.

    browser_model.json has fits and, if true, operations (models.browser_model) and mirror, whether predictions are
    averaged over both views. browser_model.npz has whole, int8, and fine, float32; and test (n, classes), the
    predicted probabilities of the rounded network for the test images.
    """
    dataset = load_dataset_info(data)
    built = build_cnn(network, dataset.shape, dataset.n_classes)
    built.load_weights(cnn / "network.weights.h5")
    browser_model = carry_over(built)
    if len(browser_model.whole) > MOST_BYTES or count_operations(browser_model) > MOST_OPERATIONS:
        write_json(out / "browser_model.json", {"fits": False})
        save_arrays(out / "browser_model.npz", whole=browser_model.whole[:0])
        return
    round_network(built)
    mirror = network.mirror and dataset.mirror
    probabilities = predict_views(built, view_images(load_arrays(data / "images.npz")["test"], mirror))
    description = {"fits": True, "operations": browser_model.operations, "mirror": mirror}
    write_json(out / "browser_model.json", description)
    save_arrays(
        out / "browser_model.npz", whole=browser_model.whole, fine=browser_model.fine, test=probabilities.mean(axis=0)
    )
