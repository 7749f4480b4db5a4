"""Diagrams of the networks, drawn from their own layers."""

import itertools
import math
import typing

from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from fmnist_report.messages import N_
from fmnist_report.report.figures.canvas import new_figure
from fmnist_report.report.language import Language

KINDS = {
    "Conv2D": ("convolution", "#0072b2"),
    "DepthwiseConv2D": ("convolution", "#0072b2"),
    "SeparableConv2D": ("convolution", "#0072b2"),
    "MaxPooling2D": ("pooling", "#e69f00"),
    "AveragePooling2D": ("pooling", "#e69f00"),
    "GlobalAveragePooling2D": ("pooling", "#e69f00"),
    "Concatenate": ("pooling", "#e69f00"),
    "Dense": ("dense", "#009e73"),
    "InputLayer": ("input", "#999999"),
}
MOST_BOXES = 24  # in a row; deeper networks are drawn by resolution
AVERAGES = ("AveragePooling2D", "GlobalAveragePooling2D")
KIND_NAMES = {
    "input": N_("image"),
    "convolution": N_("convolution"),
    "pooling": N_("pooling"),
    "dense": N_("dense layer"),
}


def _is_inner_input(layer: dict[str, typing.Any]) -> bool:
    return layer["type"] == "InputLayer" and len(layer["output_shape"]) == 1


def condense(layers: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Keep what computes or shrinks, and join equal neighbours; averages that are joined count as one pooling.

    Args:
        layers: rows of name, type and output_shape, as architecture.describe_layers gives them.

    Returns:
        Rows of kind (a key of KIND_NAMES), colour, shape (a tuple) and count.
    """
    joined = any(layer["type"] == "Concatenate" for layer in layers)
    shown = [
        (*KINDS[layer["type"]], tuple(layer["output_shape"]))
        for layer in layers
        if layer["type"] in KINDS and not (joined and layer["type"] in AVERAGES) and not _is_inner_input(layer)
    ]
    rows = [
        {"kind": kind, "colour": colour, "shape": shape, "count": len(list(group))}
        for (kind, colour, shape), group in itertools.groupby(shown)
    ]
    return rows if len(rows) <= MOST_BOXES else _join_resolutions(rows)


def _join_resolutions(rows: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Join the layers of a deep network that are of one kind and work at the same resolution; the last one is drawn."""
    joined = []
    for _, group in itertools.groupby(rows, key=lambda row: (row["kind"], row["shape"][:-1])):
        boxes = list(group)
        joined.append({**boxes[-1], "count": sum(box["count"] for box in boxes)})
    return joined


def plot_architecture(networks: dict[str, list[dict[str, typing.Any]]], language: Language) -> Figure:
    """Draw each network in a row: a box a layer, as high as its picture is large and as wide as it has channels.

    Args:
        networks: {model name: its layers}.
    """
    figure, axes = new_figure(1.45 * len(networks) + 0.3, len(networks))
    kinds: dict[str, str] = {}
    for ax, (name, layers) in zip(axes[:, 0], networks.items(), strict=True):
        x, rows = 0.0, condense(layers)
        highest = max(48, *(row["shape"][0] for row in rows if len(row["shape"]) == 3))
        for row in rows:
            side, channels = (row["shape"][0], row["shape"][-1]) if len(row["shape"]) == 3 else (1, row["shape"][0])
            height, width = 0.15 + 0.85 * math.log2(side) / math.log2(highest), 0.1 + 0.055 * math.log2(channels)
            ax.add_patch(Rectangle((x, -height / 2), width, height, color=row["colour"], alpha=0.85, linewidth=0))
            text = " × ".join(map(str, row["shape"])) if len(row["shape"]) == 1 else f"{side}\n{channels}"
            ax.text(x + width / 2, -0.56, text, ha="center", va="top", fontsize=6.5, linespacing=1.1)
            if row["count"] > 1:
                ax.text(x + width / 2, height / 2 + 0.03, f"× {row['count']}", ha="center", va="bottom", fontsize=6.5)
            kinds[row["kind"]] = row["colour"]
            x += max(width, 0.34) + 0.14
        ax.set_xlim(-0.15, max(x, 4.5))
        ax.set_ylim(-0.85, 0.7)
        ax.set_title(language.model(name), fontsize=8)
        ax.axis("off")
    handles = [Patch(color=colour, label=language.text(KIND_NAMES[kind])) for kind, colour in kinds.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
