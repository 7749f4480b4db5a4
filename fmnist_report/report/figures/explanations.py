"""Interpretation figures: filters, activation maps, heat maps, and t-SNE maps of the features."""

import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from fmnist_report.messages import N_
from fmnist_report.report.figures.canvas import new_figure, plot_dots
from fmnist_report.report.figures.galleries import plot_activations, plot_filters, plot_heat
from fmnist_report.report.language import Language

# Positions of layers with known names.
PLACES = {
    "stem_": N_("first layer"),
    r"conv(?P<number>\d)_relu$": N_("layer {number}"),
    r"block(?P<number>\d)(b_relu|_add|_conv\d)$": N_("block {number}"),
}


def build_explanations(seen: dict[str, np.ndarray], language: Language) -> dict[str, Figure]:
    """Build the interpretation figures from explain.npz."""

    def heat(part: str, *networks: str) -> Figure:
        found = {name: (seen[f"{name}/predicted"], seen[f"{name}/heat"]) for name in networks}
        return plot_heat(seen[f"{part}/images"], seen[f"{part}/labels"], found, language)

    def activations(part: str, *networks: str) -> Figure:
        kept = {name: maps for name, maps in seen.items() if name.split("/")[0] in networks and maps.ndim == 3}
        titled = {name: maps for name, maps in kept.items() if not name.endswith("/heat")}
        layers = [name.split("/")[1] for name in titled]  # maps of one layer are consecutive
        ordered = sorted(titled, key=lambda name: layers.index(name.split("/")[1]))
        rows = {_layer_title(name, language): titled[name] for name in ordered}
        return plot_activations(seen[f"{part}/images"][0], rows)

    return {
        "filters_cnn": plot_filters(seen["cnn/filters"], 24),
        "filters_base": plot_filters(seen["base/filters"], 24),
        "activations_part1": activations("part1", "cnn"),
        "activations_part2": activations("part2", "vgg_head", "vgg_finetuned"),
        "heat_part1": heat("part1", "cnn"),
        "heat_part2": heat("part2", "vgg_head", "vgg_finetuned"),
        "feature_map": plot_feature_map(
            {"before": seen["map/before"], "after": seen["map/after"]}, seen["map/labels"], language
        ),
    }


def _layer_title(name: str, language: Language) -> str:
    """Return the title for maps by their position in the network, or by the layer's name for other bases."""
    network, layer = name.split("/")
    for place, title in PLACES.items():
        if found := re.match(place, layer):
            short = language.text(title, **found.groupdict())
            break
    else:
        short = layer.removesuffix("_relu").removesuffix("_add").replace("_", "\n")
    return short + ("\n" + language.text(N_("tuned")) if network == "vgg_finetuned" else "")


def _class_colours(n: int) -> list:
    """Return n colours that are as distinct as possible."""
    if n <= 10:
        return [matplotlib.colormaps["tab10"](number) for number in range(10)]
    return [matplotlib.colormaps["turbo"](position) for position in np.linspace(0.03, 0.97, n)]


def plot_feature_map(maps: dict[str, np.ndarray], labels: np.ndarray, language: Language) -> Figure:
    """Draw t-SNE maps of validation features before and after fine-tuning; each map is (n, 2)."""
    titles = {"before": N_("before fine-tuning"), "after": N_("after fine-tuning")}
    figure, axes = new_figure(2.5, 1, len(maps))
    colours = _class_colours(int(labels.max()) + 1)
    for ax, (moment, points) in zip(axes[0], maps.items(), strict=True):
        middles = {}
        for label in np.unique(labels):
            chosen = points[labels == label]
            plot_dots(ax, chosen, 1.7, colours[label])
            middles[label] = np.median(chosen, axis=0)
        parted = middles if language.many_classes else _part_labels(middles, np.ptp(points, axis=0))
        for label, middle in parted.items():
            box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": colours[label], "alpha": 0.85}
            size, frame = (7.5, None) if language.many_classes else (7.5, box)
            ax.annotate(language.short_name(label), middle, fontsize=size, ha="center", va="center", bbox=frame)
        ax.set_title(language.text(titles[moment]))
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(False)
        ax.spines[:].set_visible(False)
    return figure


def _part_labels(places: dict[int, np.ndarray], extent: np.ndarray) -> dict[int, np.ndarray]:
    """Move overlapping labels apart, upwards; places and extent are (2,) in data units."""
    parted: dict[int, np.ndarray] = {}
    for label, place in sorted(places.items(), key=lambda item: item[1][1]):
        x, y = place
        for other_x, other_y in parted.values():  # from below
            if abs(x - other_x) < 0.25 * extent[0] and y - other_y < 0.06 * extent[1]:
                y = other_y + 0.06 * extent[1]
        parted[label] = np.array([x, y])
    return parted
