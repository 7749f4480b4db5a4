"""Figures made of pictures: samples, duplicates, mistakes, filters, activation and heat maps."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from fmnist_report.canvas import COLOURS, MAIN, WIDTH_INCHES, new_figure
from fmnist_report.language import N_, Language

HEAT_RGB = (0.9, 0.35, 0.0)
WRONG = "#a04000"


def plot_samples(samples: np.ndarray, language: Language) -> Figure:
    """Show rows of training pictures, one class a row; samples is (classes, n, 28, 28) uint8."""
    n_classes, n = samples.shape[:2]
    figure, axes = new_figure(3.8)
    ax = axes[0, 0]
    sheet = np.pad(samples, ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 1, 3).reshape(n_classes * 30, n * 30)
    _show(ax, sheet)
    ax.set_yticks(np.arange(n_classes) * 30 + 15, [language.class_name(label) for label in range(n_classes)])
    ax.tick_params(length=0)
    return figure


def plot_duplicates(pairs: np.ndarray, overlap: dict, language: Language) -> Figure:
    """Show test pictures above their training neighbours, near the threshold; pairs is (2, k, 28, 28) uint8."""
    figure, axes = new_figure(2.3, 2, pairs.shape[1])
    for ax, picture in zip(axes.flat, pairs.reshape(-1, 28, 28), strict=True):
        _show(ax, picture)
    for ax, distance in zip(axes[0], overlap["shown_rms"], strict=True):
        ax.set_title(language.number(distance, 1), fontsize=7.5, fontweight="normal", loc="center")
    for ax, text in zip(axes[:, 0], (N_("test"), N_("training")), strict=True):
        ax.set_ylabel(language.text(text))
    return figure


def plot_mistakes(mistakes: list[dict], pictures: np.ndarray, language: Language, columns: int = 6) -> Figure:
    """Show pictures with the true class above and every network's answer, in its colour, below.

    Args:
        mistakes: rows of label and answers {model: [class, probability]}.
        pictures: (n, 28, 28) uint8, at least as many.
    """
    rows = max(1, -(-len(mistakes) // columns))
    figure, axes = new_figure(1.85 * rows + 0.3, rows, columns)
    figure.get_layout_engine().set(h_pad=0.15, hspace=0.1)  # for the answers, which the layout does not count
    for ax in axes.flat:
        ax.axis("off")
    for ax, mistake, picture in zip(axes.flat, mistakes, pictures, strict=False):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(language.class_name(mistake["label"]), fontsize=7, loc="center")
        for line, name in enumerate(MAIN):
            answer, probability = mistake["answers"][name]
            text = f"{language.class_name(answer)} {language.percent(probability, 0)}"
            weight = "normal" if answer == mistake["label"] else "semibold"
            ax.text(0.5, -0.04 - 0.13 * line, text, transform=ax.transAxes, ha="center", va="top", fontsize=5.8,
                    color=COLOURS[name], fontweight=weight)  # fmt: skip
    for name in MAIN:
        axes[0, 0].plot([], [], "s", color=COLOURS[name], label=language.model(name))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def plot_filters(kernels: np.ndarray, columns: int) -> Figure:
    """Show a first layer's kernels, (height, width, 1 or 3, n), each stretched to its own range.

    Kernels of three channels are BGR, as VGG16's are, and shown in colour.
    """
    tiles = [_stretch(kernel) for kernel in kernels.transpose(3, 0, 1, 2)[..., ::-1]]
    rows = -(-len(tiles) // columns)
    figure, axes = new_figure(WIDTH_INCHES / columns * rows)
    _show(axes[0, 0], _sheet(tiles, columns), "gray")
    return figure


def _stretch(values: np.ndarray) -> np.ndarray:
    """Bring values to 0 … 1; all equal ones to 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low if high > low else 1)


def _sheet(tiles: list[np.ndarray], columns: int, zoom: int = 8, gap: int = 3) -> np.ndarray:
    """Put tiles of one size, (h, w, channels) from 0 to 1, side by side on white, each pixel zoom pixels wide."""
    rows = -(-len(tiles) // columns)
    height, width, channels = tiles[0].shape
    high, wide = height * zoom + 2 * gap, width * zoom + 2 * gap
    sheet = np.ones((rows * high, columns * wide, channels), "float32")
    for number, tile in enumerate(tiles):
        top, left = number // columns * high + gap, number % columns * wide + gap
        sheet[top : top + height * zoom, left : left + width * zoom] = tile.repeat(zoom, 0).repeat(zoom, 1)
    return sheet


def plot_activations(picture: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """Show a picture and, a row a layer, its strongest channels, each stretched to its own range.

    Args:
        picture: (28, 28) uint8.
        maps: {row title: (h, w, channels)}.
    """
    n = max(found.shape[-1] for found in maps.values())
    figure, axes = new_figure(0.78 * len(maps), len(maps), 2, width_ratios=(1, n))
    colours = matplotlib.colormaps["viridis"]
    for row, (title, found) in enumerate(maps.items()):
        _show(axes[row, 0], picture if row == 0 else None)
        zoom = round(168 / found.shape[0])
        tiles = [colours(_stretch(found[..., channel]))[..., :3] for channel in range(found.shape[-1])]
        _show(axes[row, 1], _sheet(tiles, n, zoom, gap=6))
        axes[row, 1].set_ylabel(title, fontsize=6.5, rotation=0, ha="right", va="center")
    return figure


def plot_heat(
    pictures: np.ndarray,
    labels: np.ndarray,
    networks: dict[str, tuple[np.ndarray, np.ndarray]],
    language: Language,
) -> Figure:
    """Show pictures, and a row a network, its heat maps laid over them, with its answers; wrong ones are bold.

    Args:
        pictures: (k, 28, 28) uint8.
        labels: (k,), the true classes.
        networks: {model name: (answers (k,), heat (k, h, w) from 0 to 1)}.
    """
    figure, axes = new_figure(1.05 * (1 + len(networks)) + 0.2, 1 + len(networks), len(pictures))
    for ax, picture, label in zip(axes[0], pictures, labels, strict=True):
        _show(ax, picture)
        ax.set_title(_short(language.class_name(label)), fontsize=6.5, fontweight="normal", loc="center")
    for row, (name, (answers, heat)) in enumerate(networks.items(), 1):
        for ax, picture, answer, label, warmth in zip(axes[row], pictures, answers, labels, heat, strict=True):
            _show(ax, picture)
            fine = ndimage.zoom(warmth, 28 / warmth.shape[0], order=1, mode="nearest", grid_mode=True).clip(0, 1)
            ax.imshow(np.dstack([np.broadcast_to(HEAT_RGB, (28, 28, 3)), 0.75 * fine]), interpolation="bilinear")
            text, colour = _short(language.class_name(answer)), "#333333" if answer == label else WRONG
            weight = "normal" if answer == label else "semibold"
            ax.set_title(text, fontsize=6.5, loc="center", fontweight=weight, color=colour)
        axes[row, 0].set_ylabel(_short(language.model(name)), fontsize=7)
    axes[0, 0].set_ylabel(language.text(N_("true class")), fontsize=7)
    return figure


def _short(text: str) -> str:
    """Break a name of two words into two lines."""
    return text.replace(", ", ",\n").replace(" ", "\n", 1) if len(text) > 10 else text


def _show(ax: Axes, picture: np.ndarray | None, cmap: str | None = None) -> None:
    """Show a picture without ticks and frame; an empty place for None."""
    if picture is not None:
        ax.imshow(picture, cmap=cmap, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[:].set_visible(False)
