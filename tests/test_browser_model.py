"""The browser model: the same operations, with rounded weights."""

import keras
import numpy as np
import pytest
from keras import layers

from fmnist_report.data.split import DatasetInfo
from fmnist_report.evaluation.test_set import measure_rounding
from fmnist_report.experiments import browser_model as stage
from fmnist_report.models.browser_model import carry_over, count_operations, round_network, round_weights
from fmnist_report.models.cnn import build_cnn
from fmnist_report.pipeline.files import load_arrays, read_json, save_arrays, write_json
from fmnist_report.settings import CNNSettings
from fmnist_report.training.prediction import as_pixels, predict

RNG = np.random.default_rng(0)
SMALL = CNNSettings(stem=3, widths=(4, 5, 6), precision="float32")
PLAIN = CNNSettings(architecture="plain", stem=3, widths=(4, 5, 6), pooling="average", precision="float32")


def trained(settings):
    """A network whose weights and statistics are all different."""
    network = build_cnn(settings, (12, 12), 3)
    network.set_weights([RNG.uniform(0.2, 1, values.shape).astype(values.dtype) if values.ndim < 2
                         else RNG.normal(0, 0.4, values.shape) for values in network.get_weights()])  # fmt: skip
    return network


def carry_out(browser_model, pixels):
    """Run a browser model on one image, like the page's script."""
    done = []
    for step in browser_model.operations:
        x = done[step["inputs"][0]] if step["inputs"] else None
        channels = step["shape"][-1]

        def fine(name, channels=channels, step=step):
            return browser_model.fine[step[name] : step[name] + channels]

        if "kernel" in step:
            n = int(np.prod(step["kernel"]))
            kernel = browser_model.whole[step["weights"] :][:n].reshape(step["kernel"]) * fine("scale")
        match step["op"]:
            case "input":
                out = pixels
            case "multiply":
                out = x * step["by"]
            case "relu":
                out = np.maximum(x, 0)
            case "add":
                out = x + done[step["inputs"][1]]
            case "flatten":
                out = x.ravel()
            case "normalise":
                out = x * fine("scale") + fine("shift")
            case "dense":
                out = x @ kernel
            case "mean":
                out = x.mean(axis=(0, 1))
            case "convolve":
                side = kernel.shape[0]
                padded = np.pad(x, ((side // 2, side // 2), (side // 2, side // 2), (0, 0)))
                out = sum(padded[i : i + x.shape[0], j : j + x.shape[1]] @ kernel[i, j]
                          for i in range(side) for j in range(side))  # fmt: skip
            case pooling:
                rows, columns, _ = step["shape"]
                cells = x[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1)
                out = cells.max(axis=(1, 3)) if pooling == "pool_max" else cells.mean(axis=(1, 3))
        out = out + fine("bias") if "bias" in step else out
        assert list(np.shape(out)) == step["shape"], step
        done.append(out)
    return done[-1]


@pytest.mark.parametrize("settings", [SMALL, PLAIN], ids=["blocks", "plain"])
def test_the_operations_give_what_the_rounded_network_gives(settings):
    network = trained(settings)
    browser_model = carry_over(network)
    assert browser_model.whole.dtype == np.int8 and np.abs(browser_model.whole).max() == 127
    exact = network.predict_on_batch(as_pixels(np.full((1, 12, 12), 90, "uint8")))
    round_network(network)
    for image in RNG.integers(0, 256, (3, 12, 12), "uint8"):
        expected = network.predict_on_batch(as_pixels(image[None]))[0]
        assert carry_out(browser_model, as_pixels(image[None])[0]) == pytest.approx(expected, abs=1e-4, rel=1e-4)
    rounded = network.predict_on_batch(as_pixels(np.full((1, 12, 12), 90, "uint8")))
    assert (rounded != exact).any() and np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()
    assert any(step.get("shown") for step in browser_model.operations)


def test_weights_are_rounded_for_each_output_channel():
    kernel = np.array([[1.0, 0.0, 0.005], [-0.25, 0.0, -0.02]], "float32")
    rounded, scale = round_weights(kernel)
    assert rounded.tolist() == [[127, 0, 32], [-32, 0, -127]] and scale.shape == (3,)
    assert (rounded * scale)[:, 0] == pytest.approx([1, -0.25], abs=0.004)


def test_operations_are_counted():
    kinds = {step["name"]: step for step in carry_over(trained(SMALL)).operations}
    assert kinds["stem_conv"]["kernel"] == [3, 3, 1, 3]
    rows = [layers.Input((4, 4, 2)), layers.Conv2D(3, 3, padding="same"), layers.Flatten(), layers.Dense(5)]
    assert count_operations(carry_over(keras.Sequential(rows))) == 4 * 4 * 9 * 2 * 3 + 48 * 5


def test_an_unknown_layer_is_reported():
    with pytest.raises(ValueError, match="softmax"):
        carry_over(keras.Sequential([layers.Input((2,)), layers.Dense(2), layers.Softmax(name="softmax")]))


@pytest.mark.parametrize("most", [10**9, 10])
def test_the_stage_keeps_the_network_and_what_its_rounded_form_predictions(tmp_path, quiet, monkeypatch, most):
    monkeypatch.setattr(stage, "MOST_OPERATIONS", most)
    monkeypatch.setattr(stage, "load_dataset_info", lambda data: DatasetInfo(12, 12, (0, 1, 2), mirror=False))
    network, images = trained(SMALL), RNG.integers(0, 256, (30, 12, 12), "uint8")
    network.save_weights(tmp_path / "network.weights.h5")
    save_arrays(tmp_path / "images.npz", test=images)
    stage.make_browser_model(tmp_path, quiet, network=SMALL, data=tmp_path, cnn=tmp_path)
    told, arrays = read_json(tmp_path / "browser_model.json"), load_arrays(tmp_path / "browser_model.npz")
    assert told["fits"] == (most > 10)
    if told["fits"]:
        round_network(network)
        assert arrays["test"] == pytest.approx(predict(network, [as_pixels(images)]), abs=1e-5)
        assert not told["mirror"] and (arrays["whole"] == carry_over(network).whole).all()


def test_what_rounding_costs_is_measured_on_the_test_set(tmp_path):
    write_json(tmp_path / "browser_model.json", {"fits": True})
    save_arrays(tmp_path / "browser_model.npz", test=np.eye(3)[[0, 1, 2, 0]])
    labels, own = np.array([0, 1, 1, 1]), np.eye(3)[[0, 1, 1, 0]]
    told = measure_rounding(tmp_path, own, labels)
    assert told == {"fits": True, "n_test": 4, "accuracy": 0.75, "accuracy_rounded": 0.5, "n_changed": 1}
    write_json(tmp_path / "browser_model.json", {"fits": False})
    assert measure_rounding(tmp_path, own, labels) == {"fits": False}
