"""Interpretation: filters, activation maps, class-activation heat maps, and t-SNE maps of the features."""

import dataclasses
import typing
from pathlib import Path

import keras
import numpy as np
from keras import ops

from fmnist_report.experiments.gradients import gradient
from fmnist_report.models.arrays import Weights
from fmnist_report.models.base import LAST, Base, copy_layers, find_preprocessing, set_base_weights
from fmnist_report.models.cnn import build_cnn, find_maps
from fmnist_report.models.transfer import assemble
from fmnist_report.models.weights import load_base
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import ExplainSettings, HeadSettings, NetworkSettings
from fmnist_report.training.prediction import as_pixels, check_finite
from fmnist_report.training.stores import VIEWS, FeatureStore

# The networks shown for each part, and the stage whose predictions select the images.
PARTS = {"part1": (("cnn",), "cnn"), "part2": (("vgg_head", "vgg_finetuned"), "finetune")}
FINE = 6  # minimum side of the convolutional network's maps for a heat map
HEAT_BLOCK = 4
MAP_NEIGHBOURS = 30  # perplexity of t-SNE
N_CHANNELS = 8
N_RIGHT = 4
N_WRONG = 4


def explain(
    out: Path,
    progress: Progress,
    *,
    explain: ExplainSettings,
    networks: NetworkSettings,
    seed: int,
    data: Path,
    weights: Path,
    features: Path,
    cnn: Path,
    head: Path,
    finetune: Path,
) -> None:
    """Stage `explain`: interpret the trained networks on validation images.

    Writes explain.npz with, for part1 (the CNN) and part2 (the base),
    <part>/images (k, height, width) uint8, the first N_RIGHT classified correctly by the last network, others wrongly;
    <part>/labels (k,); <network>/predicted (k,) and <network>/heat (k, h, w), each map scaled to 0 … 1;
    <network>/<layer> (h, w, N_CHANNELS), the activations of the part's first image;
    cnn/filters (k, k, 1, n), base/filters (k, k, 3, n) in RGB; map/labels (n,), map/before and map/after (n, 2),
    t-SNE of the features. explain.json has the channels and layers shown and n_map.
    """
    images, labels = load_arrays(data / "images.npz")["val"], load_arrays(data / "labels.npz")["val"]
    base = load_base(weights)
    with FeatureStore(features) as store:
        trained = load_networks(store, base, networks, cnn, head, finetune)
        arrays: dict[str, np.ndarray] = {}
        channels, layers = {}, {}
        for number, (part, (names, judge)) in enumerate(PARTS.items()):
            progress.update(number, 3, f"heat and activation maps, {part}")
            folder = {"cnn": cnn, "finetune": finetune}[judge]
            shown = choose_images(load_arrays(folder / "probabilities.npz")["val"], labels)
            arrays |= {f"{part}/images": images[shown], f"{part}/labels": labels[shown]}
            for name in names:
                seen = trained[name]
                layers[name], maps = seen.heat
                predicted, heat = heat_maps(seen.network, maps, seen.beside, images[shown])
                arrays |= {f"{name}/predicted": predicted, f"{name}/heat": heat}
                found = activation_maps(seen.network, seen.activations, images[shown[0]])
                for layer, (maps, numbers) in found.items():
                    arrays[f"{name}/{layer}"], channels[f"{name}/{layer}"] = maps, numbers
        progress.update(2, 3, "map of the features")
        arrays["cnn/filters"] = _first_kernels(trained["cnn"].network)
        arrays["base/filters"] = first_filters(base, store.given.backbone)
        n = min(explain.n_map, len(labels))
        arrays["map/labels"] = labels[:n]
        tuned = tuned_features(trained["vgg_finetuned"].network, store, networks["head"], images[:n])
        arrays["map/before"] = embed(store.pooled("val", VIEWS[0], n).astype("float32"), seed)
        arrays["map/after"] = embed(tuned, seed)
    save_arrays(out / "explain.npz", **arrays)
    write_json(out / "explain.json", {"channels": channels, "layers": layers, "n_map": n})


@dataclasses.dataclass(frozen=True)
class InspectedModel:
    """A trained network from pixels, and its layers to show.

    Args:
        heat: name and output of the layer for the heat map.
        beside: outputs with a path to the network's output that bypasses that layer.
        activations: outputs whose strongest channels are shown, by name.
    """

    network: keras.Model
    heat: tuple[str, typing.Any]
    beside: list
    activations: dict[str, typing.Any]


def load_networks(
    store: FeatureStore, base: Weights, chosen: NetworkSettings, cnn: Path, head: Path, finetune: Path
) -> dict[str, InspectedModel]:
    """Build the trained networks from pixels, in float32: the CNN, and the base before and after fine-tuning."""
    n_classes, unfreeze = store.dataset.n_classes, chosen["finetune"].unfreeze
    network = build_cnn(chosen["cnn"], store.dataset.shape, n_classes)
    network.load_weights(cnn / "network.weights.h5")
    maps = {name: network.get_layer(name).output for name in find_maps(network)}
    heat = [name for name, output in maps.items() if output.shape[1] >= FINE][-1]
    networks = {"cnn": InspectedModel(network, (heat, maps[heat]), [], maps)}
    for name, first in (("vgg_head", 1), ("vgg_finetuned", unfreeze)):
        found, _, logits = assemble(store.given, chosen["head"], unfreeze, n_classes)
        networks[name] = _look_into(found, keras.Model(found.network.inputs[0], logits), first)
    set_base_weights(networks["vgg_head"].network, base)
    networks["vgg_head"].network.get_layer("head").load_weights(head / "network.weights.h5")
    networks["vgg_finetuned"].network.load_weights(finetune / "network.weights.h5")
    return networks


def _look_into(base: Base, network: keras.Model, first: int) -> InspectedModel:
    """Choose the layers of a base with a head to show: maps of blocks from first on, and the heat map of the fourth.

    The head reads block 3 too; paths to block 5 that bypass block 4 are listed in beside.
    """
    beside = [base.outputs[3], *base.boundaries[HEAT_BLOCK][1:]]
    maps = {base.maps[block][0]: base.maps[block][1] for block in sorted(base.maps) if first <= block <= LAST}
    return InspectedModel(network, base.maps[HEAT_BLOCK], beside, maps)


def _first_kernels(network: keras.Model) -> np.ndarray:
    """Return the kernels of a network's first convolution, (k, k, channels, n)."""
    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)).get_weights()[0]


def first_filters(base: Weights, backbone: str) -> np.ndarray:
    """Return the kernels of the base's first convolution, (k, k, 3, n), their channels in the order RGB."""
    kernel = next(array for arrays in base.values() for array in arrays if array.ndim == 4)
    return kernel if find_preprocessing(backbone).red_first else kernel[:, :, ::-1]


def choose_images(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose the most confident correct predictions of N_RIGHT different classes and N_WRONG mistakes.

    Args:
        probabilities: (n, classes).
        labels: (n,).

    Returns:
        Row indices, correct predictions first.
    """
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    right: dict[int, int] = {}
    for row in order[predicted[order] == labels[order]]:
        right.setdefault(int(labels[row]), row)
    wrong = order[predicted[order] != labels[order]]
    first = [right[label] for label in sorted(right)]
    spread = first[:: max(1, len(first) // N_RIGHT)][:N_RIGHT]
    return np.array([*spread, *wrong[:N_WRONG]], dtype=int)


def heat_maps(network: keras.Model, maps, beside: list, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute heat maps of a layer's evidence for the prediction (Grad-CAM; Selvaraju et al., 2017, section 3).

    Args:
        maps: the layer's output, (n, h, w, channels).
        beside: outputs with a path to the network's output that bypasses this layer.
        images: (k, height, width) uint8.

    Returns:
        Predicted classes (k,), and maps (k, h, w) float32 from 0 to 1; 0 where there is no positive evidence for the
        prediction.
    """
    reader = keras.Model(network.input, dict(enumerate([maps, *beside])))
    reader_head = keras.Model([maps, *beside] if beside else maps, network.output)
    outputs = reader.predict_on_batch(as_pixels(images))
    maps, *fixed = (np.asarray(ops.convert_to_numpy(outputs[number]), "float32") for number in sorted(outputs))

    def predict(maps):
        inputs = [ops.convert_to_tensor(values) for values in (maps, *fixed)]
        return reader_head(inputs if fixed else inputs[0], training=False)

    predicted = ops.convert_to_numpy(predict(maps)).argmax(axis=1)
    chosen = ops.convert_to_tensor(np.eye(network.output.shape[-1], dtype="float32")[predicted])

    def score(maps):
        return ops.sum(predict(maps) * chosen)

    weights = gradient(score, maps).mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=-1), 0)
    highest = heat.max(axis=(1, 2), keepdims=True)
    return predicted, heat / np.where(highest > 0, highest, 1)


def activation_maps(
    network: keras.Model, seen: dict[str, typing.Any], image: np.ndarray
) -> dict[str, tuple[np.ndarray, list[int]]]:
    """Return the N_CHANNELS strongest channels of outputs for one image, (h, w, N_CHANNELS), and their indices.

    Args:
        seen: outputs of layers, (n, h, w, channels), by name.
    """
    model = keras.Model(network.input, seen)
    found, outputs = {}, model.predict_on_batch(as_pixels(image[None]))
    for layer in seen:
        maps = np.asarray(ops.convert_to_numpy(outputs[layer]), "float32")[0]
        numbers = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:N_CHANNELS]
        found[layer] = maps[..., numbers], [int(number) for number in numbers]
    return found


def tuned_features(assembled: keras.Model, store: FeatureStore, head: HeadSettings, images: np.ndarray) -> np.ndarray:
    """Return the input of the head after fine-tuning, (n, n_features) float32."""
    base, features, _ = assemble(store.given, head, n_classes=store.dataset.n_classes)
    reader = keras.Model(base.network.inputs[0], features)
    copy_layers(assembled, reader)
    return check_finite(reader.predict(as_pixels(images), verbose=0), "finetune")


def embed(features: np.ndarray, seed: int) -> np.ndarray:
    """Embed standardised features in the plane with t-SNE of their first 50 principal components; (n, 2) float32.

    Features that hardly differ are all placed at the origin.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(features, axis=0)) <= len(features) // 2:  # t-SNE needs points that differ
        return np.zeros((len(features), 2), "float32")
    n_components = min(50, len(features) - 1)
    reduced = PCA(n_components, random_state=seed).fit_transform(StandardScaler().fit_transform(features))
    perplexity = min(MAP_NEIGHBOURS, (len(features) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced).astype("float32")
