"""What the networks see: filters, activation maps, class-activation heat maps, and maps of the features."""

from __future__ import annotations

import typing
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fmnist_report.data import load_arrays
from fmnist_report.files import write_json
from fmnist_report.gradients import gradient
from fmnist_report.models.cnn import build_cnn
from fmnist_report.models.vgg import build_assembled, build_top, copy_layers, set_base_weights
from fmnist_report.progress import Progress
from fmnist_report.settings import CNNSettings, ExplainSettings, FineTuneSettings, HeadSettings
from fmnist_report.stores import VIEWS, FeatureStore
from fmnist_report.weights import read_hdf5, verify_weights

# What each part shows, and the stage whose answers choose the pictures.
PARTS = {"part1": (("cnn",), "cnn"), "part2": (("vgg_head", "vgg_finetuned"), "finetune")}
HEAT_LAYERS = {"cnn": "stage2_add", "vgg_head": "block4_conv3", "vgg_finetuned": "block4_conv3"}
BESIDE = {"cnn": (), "vgg_head": ("block3_pool",), "vgg_finetuned": ("block3_pool",)}  # the head reads it too
ACTIVATION_LAYERS = {
    "cnn": ("stem_relu", "stage1_add", "stage2_add", "stage3_add"),
    "vgg_head": ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"),
    "vgg_finetuned": ("block4_conv3", "block5_conv3"),
}
N_CHANNELS = 8
N_RIGHT = 4
N_WRONG = 4


def explain(
    out: Path,
    progress: Progress,
    *,
    explain: ExplainSettings,
    cnn_settings: CNNSettings,
    head_settings: HeadSettings,
    finetune_settings: FineTuneSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
    cnn: Path,
    head: Path,
    finetune: Path,
) -> None:
    """Stage `explain`: look into the trained networks on validation pictures.

    Writes explain.npz with, for part1 (the CNN) and part2 (VGG16),
    <part>/pictures (k, 28, 28) uint8, the first N_RIGHT rightly named by the last network and the rest wrongly;
    <part>/labels (k,); <network>/answers (k,) and <network>/heat (k, h, w), each map scaled to 0 … 1;
    <network>/<layer> (h, w, N_CHANNELS), the activations of the part's first picture;
    cnn/filters (k, k, 1, n), vgg/filters (3, 3, 3, 64); map/labels (n,), map/before and map/after (n, 2), t-SNE of
    the features. explain.json tells the channels and layers shown and n_map.
    """
    pictures, labels = load_arrays(data / "pictures.npz")["val"], load_arrays(data / "labels.npz")["val"]
    base = verify_weights(read_hdf5(weights / "vgg16_notop.h5"))
    with FeatureStore(features) as store:
        networks = load_networks(store, base, cnn_settings, head_settings, finetune_settings, cnn, head, finetune)
        arrays, channels = {}, {}
        for number, (part, (names, judge)) in enumerate(PARTS.items()):
            progress.update(number, 3, f"heat and activation maps, {part}")
            folder = {"cnn": cnn, "finetune": finetune}[judge]
            shown = choose_pictures(load_arrays(folder / "probabilities.npz")["val"], labels)
            arrays |= {f"{part}/pictures": pictures[shown], f"{part}/labels": labels[shown]}
            for name in names:
                network = networks[name]
                answers, heat = heat_maps(network, HEAT_LAYERS[name], BESIDE[name], pictures[shown])
                arrays |= {f"{name}/answers": answers, f"{name}/heat": heat}
                found = activation_maps(network, ACTIVATION_LAYERS[name], pictures[shown[0]])
                for layer, (maps, numbers) in found.items():
                    arrays[f"{name}/{layer}"], channels[f"{name}/{layer}"] = maps, numbers
        progress.update(2, 3, "map of the features")
        arrays["cnn/filters"] = networks["cnn"].get_layer("stem_conv").get_weights()[0]
        arrays["vgg/filters"] = base["block1_conv1"][0]
        n = min(explain.n_map, len(labels))
        arrays["map/labels"] = labels[:n]
        arrays["map/before"] = embed(store.pooled("val", VIEWS[0], n), seed)
        arrays["map/after"] = embed(tuned_features(networks["vgg_finetuned"], store, n), seed)
    np.savez(out / "explain.npz", **arrays)
    write_json(out / "explain.json", {"channels": channels, "layers": HEAT_LAYERS, "n_map": n})


def load_networks(
    store: FeatureStore, base,
    cnn_settings: CNNSettings, head_settings: HeadSettings, finetune_settings: FineTuneSettings,
    cnn: Path, head: Path, finetune: Path,
) -> dict[str, keras.Model]:  # fmt: skip
    """Build the trained networks from pixels, in float32: the CNN, and VGG16 before and after fine-tuning."""
    c, width, shapes = cnn_settings, head_settings.width, (store.task.shape, store.task.n_classes)
    networks = {
        "cnn": build_cnn(c.stem, c.widths, c.dropout, c.kernel, c.pooling, *shapes),
        "vgg_head": build_assembled(store.size, width, 0.0, finetune_settings.unfreeze, *shapes),
        "vgg_finetuned": build_assembled(store.size, width, 0.0, finetune_settings.unfreeze, *shapes),
    }
    networks["cnn"].load_weights(cnn / "network.weights.h5")
    set_base_weights(networks["vgg_head"], base)
    networks["vgg_head"].get_layer("head").load_weights(head / "network.weights.h5")
    networks["vgg_finetuned"].load_weights(finetune / "network.weights.h5")
    return networks


def choose_pictures(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose the surest right answers of N_RIGHT different classes and the surest N_WRONG mistakes.

    Args:
        probabilities: (n, 10).
        labels: (n,).

    Returns:
        Row numbers, the right ones first.
    """
    answers, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    right = {}
    for row in order[answers[order] == labels[order]]:
        right.setdefault(int(labels[row]), row)
    wrong = order[answers[order] != labels[order]]
    first = [right[label] for label in sorted(right)]
    spread = first[:: max(1, len(first) // N_RIGHT)][:N_RIGHT]
    return np.array([*spread, *wrong[:N_WRONG]], dtype=int)


def heat_maps(
    network: keras.Model, layer: str, beside: tuple[str, ...], pictures: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Show where a layer speaks for the network's answer (Grad-CAM; Selvaraju et al., 2017, section 3).

    Args:
        layer: its name.
        beside: layers from which a path leads to the answer that does not pass through this one.
        pictures: (k, height, width) uint8.

    Returns:
        Answers (k,), and maps (k, h, w) float32 from 0 to 1; a map is 0 where nothing speaks for the answer.
    """
    seen = {name: network.get_layer(name).output for name in (layer, *beside)}
    reader = keras.Model(network.input, seen)
    answerer = keras.Model(list(seen.values()) if beside else seen[layer], network.output)
    found = {
        name: np.asarray(values, "float32") for name, values in reader.predict_on_batch(_as_pixels(pictures)).items()
    }
    maps = found[layer]

    def answer(maps):
        inputs = [ops.convert_to_tensor(values) for values in (maps, *(found[name] for name in beside))]
        return answerer(inputs if beside else inputs[0], training=False)

    answers = ops.convert_to_numpy(answer(maps)).argmax(axis=1)
    chosen = ops.convert_to_tensor(np.eye(network.output.shape[-1], dtype="float32")[answers])

    def spoken(maps):
        return ops.sum(answer(maps) * chosen)

    weights = gradient(spoken, maps).mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=-1), 0)
    highest = heat.max(axis=(1, 2), keepdims=True)
    return answers, heat / np.where(highest > 0, highest, 1)


def activation_maps(
    network: keras.Model, layers: typing.Sequence[str], picture: np.ndarray
) -> dict[str, tuple[np.ndarray, list[int]]]:
    """Return the N_CHANNELS strongest channels of each layer for one picture: (h, w, N_CHANNELS), and their numbers."""
    model = keras.Model(network.input, {layer: network.get_layer(layer).output for layer in layers})
    found, outputs = {}, model.predict_on_batch(_as_pixels(picture[None]))
    for layer in layers:
        maps = np.asarray(ops.convert_to_numpy(outputs[layer]), "float32")[0]
        numbers = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:N_CHANNELS]
        found[layer] = maps[..., numbers], [int(number) for number in numbers]
    return found


def _as_pixels(pictures: np.ndarray) -> np.ndarray:
    return pictures[..., None].astype("float32")


def tuned_features(assembled: keras.Model, store: FeatureStore, n: int) -> np.ndarray:
    """Return what the head reads after fine-tuning for the first n validation pictures; (n, n_features) float32."""
    width = assembled.get_layer("head").get_layer("head_dense").units
    top = build_top(store.size, width, 0.0, first=store.unfreeze, n_classes=store.task.n_classes)
    copy_layers(assembled, top)
    reader = keras.Model(top.input, top.get_layer("pooled_features").output)
    first = store.first_row("val")
    border = store.read_border(VIEWS[0], first, first + n)
    return reader.predict({layer: values.astype("float32") for layer, values in border.items()}, verbose=0)


def embed(features: np.ndarray, seed: int) -> np.ndarray:
    """Draw standardised features on a plane by t-SNE of their first 50 principal components; (n, 2) float32."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    n_components = min(50, len(features) - 1)
    reduced = PCA(n_components, random_state=seed).fit_transform(StandardScaler().fit_transform(features))
    perplexity = min(30, (len(features) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced).astype("float32")
