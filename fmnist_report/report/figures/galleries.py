"""Image galleries: samples, duplicates, mistakes, filters, activation and heat maps."""

import typing

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import ndimage

from fmnist_report.evaluation.schema import Duplicates, ShownImage
from fmnist_report.messages import N_
from fmnist_report.networks import COLOURS, MAIN
from fmnist_report.report.figures.canvas import WIDTH_INCHES
from fmnist_report.report.language import Language

DARKER = 0.75  # opacity of a network's colour in text
HEAT_RGB = (0.9, 0.35, 0.0)
WRONG = "#a04000"
POINTS_PER_INCH = 72
WIDTH = WIDTH_INCHES * POINTS_PER_INCH
MARGIN = 66  # points, for titles on the left
ROWS = 25  # of a column, if there are many classes
FEW = 5  # classes per column
MOST_HIGH = 210  # points, of the activation maps of one network
HIGHEST = 560  # points, of a gallery with one row per class
LINE = 1.25  # line spacing, in font sizes


class Sheet:
    """A figure with images and text at positions in points from its upper left corner.

    It has a single Axes: one Axes per image, as in a grid of subplots, takes twenty times as long, mostly for ticks
    that are not shown.

    Args:
        height: height in points.
    """

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH_INCHES, height / POINTS_PER_INCH))
        self._axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        self._axes.set_axis_off()

    def put(self, image: np.ndarray, left: float, top: float, width: float, cmap: str | None = None) -> None:
        """Show an image, (h, w) or (h, w, channels), without interpolation."""
        bottom = top + width * image.shape[0] / image.shape[1]
        place = (left, left + width, bottom, top)
        self._axes.imshow(image, cmap=cmap, extent=place, aspect="auto", interpolation="none")

    def write(self, text: str, x: float, y: float, size: float, ha: str = "center", **kwargs) -> None:
        """Write text centred at x (or with its left or right end there, by ha) with its upper edge at y."""
        look: dict[str, typing.Any] = {"ha": ha, "va": "top", "linespacing": 1.05, **kwargs}
        self._axes.text(x, y, text, fontsize=size, **look)

    def key(self, colours: dict[str, str], y: float) -> None:
        """Draw a centred legend of colours in a row: {text: colour}."""
        marks = [Line2D([], [], marker="s", linestyle="", color=colour, label=text) for text, colour in colours.items()]
        self._axes.legend(handles=marks, loc="upper center", bbox_to_anchor=(WIDTH / 2, y), ncols=len(marks),
                          bbox_transform=self._axes.transData, borderaxespad=0)  # fmt: skip


def plot_samples(samples: np.ndarray, language: Language) -> Figure:
    """Show rows of training images, one row per class, in two columns, or more if there are many classes.

    Args:
        samples: (classes, n, height, width) uint8.
    """
    n_classes, n, height, width = samples.shape
    n_columns = -(-n_classes // ROWS) if language.many_classes else 2 if n_classes > FEW else 1
    n_rows, margin = -(-n_classes // n_columns), 18 if language.many_classes else MARGIN
    room = WIDTH / n_columns - margin
    side = min(24.0, HIGHEST / n_rows, room)
    n = min(n, int(room / side))
    high = side * (height + 2) / (width + 2)
    sheet, text = Sheet(high * n_rows), min(8.5, 0.8 * side)
    padded = np.pad(samples[:, :n], ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 1, 3)
    for column in range(n_columns):
        rows = padded[column * n_rows : (column + 1) * n_rows]
        left = column * WIDTH / n_columns + margin + (0 if language.many_classes else (room - side * n) / 2)
        sheet.put(rows.reshape(len(rows) * (height + 2), n * (width + 2)), left, 0, n * side)
        for row in range(len(rows)):
            name = language.short_name(column * n_rows + row)
            sheet.write(name, left - 5, (row + 0.5) * high, text, "right", va="center")
    return sheet.figure


def plot_duplicates(pairs: np.ndarray, duplicates: Duplicates, language: Language) -> Figure:
    """Show test images above their training neighbours, near the threshold; pairs is (2, k, height, width) uint8."""
    margin, gap, top = 12, 4, 11
    step = (WIDTH - margin) / pairs.shape[1]
    side = step - gap
    sheet = Sheet(top + 2 * step)
    for column, distance in enumerate(duplicates["shown_rms"]):
        sheet.write(language.number(distance, 1), margin + column * step + side / 2, 0, 7.5)
    for row, text in enumerate((N_("test"), N_("training"))):
        sheet.write(language.text(text), 0, top + row * step + side / 2, 7.5, "left", va="center", rotation=90)
        for column, image in enumerate(pairs[row]):
            sheet.put(image, margin + column * step, top + row * step, side)
    return sheet.figure


def plot_mistakes(mistakes: list[ShownImage], images: np.ndarray, language: Language, columns: int = 6) -> Figure:
    """Show images with the true class above and every network's prediction, in its colour, below.

    Args:
        mistakes: rows of label and predictions {model: [class, probability]}.
        images: (n, height, width) uint8, at least as many as mistakes.
    """
    step, side, title, prediction_size = WIDTH / columns, WIDTH / columns - 18, 12, 7.5
    high = title + side + 3 + len(MAIN) * LINE * prediction_size + 8
    rows = max(1, -(-len(mistakes) // columns))
    sheet = Sheet(rows * high + 14)
    for number, (mistake, image) in enumerate(zip(mistakes, images, strict=False)):
        middle, top = (number % columns + 0.5) * step, number // columns * high
        sheet.write(language.short_name(mistake["label"]), middle, top, 7.5, fontweight="semibold")
        sheet.put(image, middle - side / 2, top + title, side)
        for line, name in enumerate(MAIN):
            prediction, probability = mistake["predictions"][name]
            text = f"{language.short_name(prediction)} {language.percent(probability, 0)}"
            weight = "normal" if prediction == mistake["label"] else "semibold"
            y = top + title + side + 3 + line * LINE * prediction_size
            sheet.write(text, middle, y, prediction_size, color=_darken(COLOURS[name]), fontweight=weight)
    sheet.key({language.model(name): COLOURS[name] for name in MAIN}, rows * high)
    return sheet.figure


def _darken(colour: str) -> tuple[float, ...]:
    """Return a colour dark enough for small text on white (contrast 4.5 : 1)."""
    return tuple(DARKER * channel for channel in to_rgb(colour))


def plot_filters(kernels: np.ndarray, columns: int) -> Figure:
    """Show a first layer's kernels, (height, width, 1 or 3, n), each scaled to its own range.

    Kernels of three channels are RGB and shown in colour.
    """
    tiles = [_stretch(kernel) for kernel in kernels.transpose(3, 0, 1, 2)]
    step = (WIDTH - MARGIN) / columns
    sheet = Sheet(step * -(-len(tiles) // columns))
    for number, tile in enumerate(tiles):
        left, top = MARGIN / 2 + number % columns * step, number // columns * step
        sheet.put(tile if tile.shape[-1] == 3 else tile[..., 0], left + 1.5, top + 1.5, step - 3, "gray")
    return sheet.figure


def _stretch(values: np.ndarray) -> np.ndarray:
    """Scale values to 0 … 1; equal values become 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low if high > low else 1)


def plot_activations(image: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """Show an image and, one row per layer, its strongest channels, each scaled to its own range.

    Args:
        image: (height, width) uint8.
        maps: {row title: (h, w, channels)}.
    """
    n, gap = max(found.shape[-1] for found in maps.values()), 5
    step = min((WIDTH - MARGIN) / (n + 1), MOST_HIGH / len(maps))
    side, left = step - gap, WIDTH - n * step
    sheet = Sheet(step * len(maps))
    sheet.put(image, 0, 0, side)
    for row, (title, found) in enumerate(maps.items()):
        sheet.write(title, left - 6, row * step + side / 2, 7.5, "right", va="center", multialignment="right")
        for channel in range(found.shape[-1]):
            sheet.put(_stretch(found[..., channel]), left + channel * step, row * step, side, "viridis")
    return sheet.figure


def plot_heat(
    images: np.ndarray,
    labels: np.ndarray,
    networks: dict[str, tuple[np.ndarray, np.ndarray]],
    language: Language,
) -> Figure:
    """Show images, and one row per network with overlaid heat maps and predictions; wrong predictions are bold.

    Args:
        images: (k, height, width) uint8.
        labels: (k,), the true classes.
        networks: {model name: (predictions (k,), heat (k, h, w) from 0 to 1)}.
    """
    margin, gap, size = 20, 6, 7.5
    step = (WIDTH - margin) / max(len(images), 6)
    side, title = step - gap, 2 * LINE * size + 2
    high = title + side + gap
    sheet = Sheet(high * (1 + len(networks)))

    def put_row(row: int, name: str, predictions: np.ndarray) -> None:
        middle = row * high + title + side / 2
        sheet.write(name, 0, middle, 7.5, "left", va="center", rotation=90, multialignment="center")
        for column, (image, prediction, label) in enumerate(zip(images, predictions, labels, strict=True)):
            left, top = margin + column * step, row * high + title
            look = {} if prediction == label else {"fontweight": "semibold", "color": WRONG}
            text = _short(language.short_name(prediction))
            sheet.write(text, left + side / 2, top - 2, size, va="bottom", **look)
            sheet.put(image, left, top, side)

    put_row(0, language.text(N_("true class")), labels)
    for row, (name, (predictions, heat)) in enumerate(networks.items(), 1):
        put_row(row, _short(language.model(name)), predictions)
        for column, warmth in enumerate(heat):
            sheet.put(_glow(warmth), margin + column * step, row * high + title, side)
    return sheet.figure


def _glow(warmth: np.ndarray, side: int = 84) -> np.ndarray:
    """Convert a heat map, (h, w) from 0 to 1, to an RGBA overlay, (side, side, 4)."""
    opacity = ndimage.zoom(warmth, side / warmth.shape[0], order=1, mode="nearest", grid_mode=True).clip(0, 1)
    return np.dstack([np.broadcast_to(HEAT_RGB, (side, side, 3)), 0.75 * opacity])


def _short(text: str) -> str:
    """Break a name of two words across two lines."""
    return text.replace(", ", ",\n").replace(" ", "\n", 1) if len(text) > 10 else text
