"""Architecture diagrams of the networks, drawn from their layers."""

import itertools
import math
import re
import typing

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from fmnist_report.evaluation.schema import Layer
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
    "Concatenate": ("join", "#cc79a7"),
    "Dense": ("dense", "#009e73"),
    "InputLayer": ("input", "#999999"),
}
SHORTCUT = N_("residual connection")
FROZEN = N_("frozen")
EDGE, PALE = "#444444", 0.3  # opacity of a frozen box's colour
ARROW = "#444444"
BLOCK = re.compile(r"(?:block|pool)(\d)")
READ = 3  # last blocks of the base whose outputs the head reads
ARROWHEAD = {"arrowstyle": "-|>", "color": ARROW, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
GAP = 0.14  # between boxes
MOST_BOXES = 24  # boxes in a row; deeper networks are drawn by resolution
AVERAGES = ("AveragePooling2D", "GlobalAveragePooling2D")
KIND_NAMES = {
    "input": N_("image"),
    "convolution": N_("convolution"),
    "pooling": N_("pooling"),
    "join": N_("concatenation"),
    "dense": N_("dense layer"),
}


def _is_inner_input(layer: Layer) -> bool:
    return layer["type"] == "InputLayer" and len(layer["output_shape"]) == 1


def condense(layers: list[Layer]) -> list[dict[str, typing.Any]]:
    """Keep layers that compute or downsample, and merge equal neighbours; merged averages count as one pooling.

    Args:
        layers: rows of name, type, output_shape, n_params and n_trainable, from models.summary.describe_layers.

    Returns:
        Rows of kind (a key of KIND_NAMES), colour, shape (a tuple), count, frozen (whether there are weights, none of
        them trainable), block, the number of the block in the layer's name or "", joins, whether it joins outputs, and
        adds, the index of the row whose output is added to this one's; None if nothing is added, or if boxes are merged
        by resolution.
    """
    joined = any(layer["type"] == "Concatenate" for layer in layers)
    rows: list[dict[str, typing.Any]] = []
    for layer in layers:
        shape = tuple(layer["output_shape"])
        if layer["type"] == "Add" and rows and rows[-1]["shape"] == shape:
            rows[-1]["adds"] = _find_first(rows)
        if layer["type"] in KINDS and not (joined and layer["type"] in AVERAGES) and not _is_inner_input(layer):
            kind, colour = KINDS[layer["type"]]
            frozen = layer["n_params"] > 0 and not layer["n_trainable"]
            box = {"kind": kind, "colour": colour, "shape": shape, "count": 1, "frozen": frozen, "adds": None,
                   "block": _find_block(layer["name"]), "joins": layer["type"] == "Concatenate"}  # fmt: skip
            if rows and {**rows[-1], "count": 1} == box:
                rows[-1]["count"] += 1
            else:
                rows.append(box)
    return rows if len(rows) <= MOST_BOXES else _join_resolutions(rows)


def _find_block(name: str) -> str:
    found = BLOCK.match(name)
    return found[1] if found else ""


def _find_first(rows: list[dict[str, typing.Any]]) -> int | None:
    """Return the start of a residual connection to the last row: the last sum, else the first row, of its shape.

    Returns:
        The row's index; None if there is no earlier row of this shape.
    """
    first = len(rows) - 1
    while first > 0 and rows[first - 1]["shape"] == rows[-1]["shape"] and rows[first]["adds"] is None:
        first -= 1
    return first if first < len(rows) - 1 else None


def _join_resolutions(rows: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Merge the layers of a deep network with the same kind and resolution; the last one is drawn."""
    joined = []
    for _, group in itertools.groupby(rows, key=lambda row: (row["kind"], row["shape"][:-1])):
        boxes = list(group)
        joined.append({**boxes[-1], "adds": None, "count": sum(box["count"] for box in boxes)})
    return joined


def plot_architecture(networks: dict[str, list[Layer]], language: Language) -> Figure:
    """Draw each network as a row of boxes, one per layer; height shows the resolution, width the channels.

    Args:
        networks: {model name: its layers}.
    """
    figure, axes = new_figure(1.12 * len(networks) + 0.25, len(networks))
    kinds: dict[str, str] = {}
    any_frozen = False
    for ax, (name, layers) in zip(axes[:, 0], networks.items(), strict=True):
        x, rows = 0.0, condense(layers)
        ends: list[float] = []
        highest = max(48, *(row["shape"][0] for row in rows if len(row["shape"]) == 3))
        for row in rows:
            side, channels = (row["shape"][0], row["shape"][-1]) if len(row["shape"]) == 3 else (1, row["shape"][0])
            height, width = 0.15 + 0.85 * math.log2(side) / math.log2(highest), 0.1 + 0.055 * math.log2(channels)
            colour = _bleach(row["colour"]) if row["frozen"] else row["colour"]
            look: dict[str, typing.Any] = {"facecolor": colour, "edgecolor": EDGE, "alpha": 0.85, "linewidth": 0.4}
            ax.add_patch(Rectangle((x, -height / 2), width, height, **look))
            any_frozen = any_frozen or row["frozen"]
            text = " × ".join(map(str, row["shape"])) if len(row["shape"]) == 1 else f"{side}\n{channels}"
            ax.text(x + width / 2, -0.56, text, ha="center", va="top", fontsize=7.5, linespacing=1.1)
            if row["count"] > 1:
                ax.text(x + width / 2, height / 2 + 0.03, f"× {row['count']}", ha="center", va="bottom", fontsize=7.5)
            kinds[row["kind"]] = row["colour"]
            ends.append(x + width)
            if row["adds"] is not None:
                _draw_shortcut(ax, ends[row["adds"]] + GAP / 2, ends[-1] + GAP / 2, height / 2)
                kinds[SHORTCUT] = ""
            x += max(width, 0.34) + GAP
        _name_blocks(ax, rows, ends, language)
        _draw_branches(ax, rows, ends)
        ax.set_xlim(-0.15, max(x, 4.5))
        ax.set_ylim(-0.92, 1.06)
        ax.set_title(language.model(name), fontsize=8)
        ax.axis("off")
    shortcut = kinds.pop(SHORTCUT, None)
    handles: list[Artist] = [
        Patch(facecolor=colour, edgecolor=EDGE, linewidth=0.4, label=language.text(KIND_NAMES[kind]))
        for kind, colour in kinds.items()
    ]
    if any_frozen:
        pale = _bleach(KINDS["Conv2D"][1])
        handles.append(Patch(facecolor=pale, edgecolor=EDGE, linewidth=0.4, label=language.text(FROZEN)))
    if shortcut is not None:
        handles.append(Line2D([], [], color=ARROW, linewidth=0.9, label=language.text(SHORTCUT)))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _name_blocks(ax: Axes, rows: list[dict[str, typing.Any]], ends: list[float], language: Language) -> None:
    """Write the number of each block above its boxes."""
    for block, group in itertools.groupby(range(len(rows)), key=lambda number: rows[number]["block"]):
        numbers = list(group)
        if block:
            left = ends[numbers[0] - 1] + GAP if numbers[0] else 0.0
            text = language.text(N_("block {number}"), number=block)
            ax.text((left + ends[numbers[-1]]) / 2, 0.8, text, ha="center", va="bottom", fontsize=7.5)


def _draw_branches(ax: Axes, rows: list[dict[str, typing.Any]], ends: list[float]) -> None:
    """Draw lines from the outputs of inner blocks to the box in which the head joins them, if there is one."""
    blocks = [number for number, row in enumerate(rows) if row["kind"] == "pooling" and row["block"]]
    joined = next((number for number, row in enumerate(rows) if row["joins"]), None)
    if joined is None or len(blocks) < READ:
        return
    end = ends[joined] - 0.2
    for number, level in zip(blocks[-READ:-1], (0.68, 0.56), strict=True):
        start = ends[number] + GAP / 2
        ax.plot([start, start, end], [0, level, level], color=ARROW, linewidth=0.9, solid_joinstyle="miter")
    ax.annotate("", (end, 0.2), (end, 0.68), arrowprops=ARROWHEAD)


def _bleach(colour: str) -> str:
    """Return a pale version of a colour."""
    red, green, blue = (1 - PALE * (1 - channel) for channel in to_rgb(colour))
    return to_hex((red, green, blue))


def _draw_shortcut(ax: Axes, start: float, end: float, top: float) -> None:
    """Draw a line from the gap after one box, above the boxes between, to the gap after another."""
    ax.plot([start, start, end], [0, top + 0.1, top + 0.1], color=ARROW, linewidth=0.9, solid_joinstyle="miter")
    ax.annotate("", (end, 0), (end, top + 0.1), arrowprops=ARROWHEAD)
