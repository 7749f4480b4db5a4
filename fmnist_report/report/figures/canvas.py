"""Common style of the figures: size, fonts, percentage axes and dots."""

import typing

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from fmnist_report.report.language import Language

WIDTH_INCHES = 6.7
STYLE: typing.Any = {
    "font.family": "IBM Plex Sans",
    "font.size": 8.5,
    "text.parse_math": False,
    "figure.labelsize": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "semibold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.5,
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "fmnist_report",
    "image.cmap": "gray_r",
    "image.composite_image": False,
}


def new_figure(height: float, rows: int = 1, columns: int = 1, **kwargs) -> tuple[Figure, np.ndarray]:
    """Return a figure as wide as the text, height in inches, and its axes as an array."""
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def plot_dots(ax: Axes, points: np.ndarray, size: float, colour) -> None:
    """Draw many dots as one path of zero-length strokes with round caps, which is smaller than one shape per dot.

    Args:
        points: (n, 2).
        size: diameter of a dot in points.
    """
    strokes = np.stack([points, points, np.full_like(points, np.nan)], axis=1).reshape(-1, 2)
    ax.plot(*strokes.T, color=colour, linewidth=size, solid_capstyle="round", alpha=0.8)


class TickFormatter(Formatter):
    """Formats the ticks of an axis with as many decimals, beyond those of a whole per cent, as tell them apart."""

    def __init__(self, write: typing.Callable[[float, int], str], digits: int = 0) -> None:
        """write returns the text of a value with a number of decimals; digits is the least number."""
        self.write, self.least, self.digits = write, digits, digits

    def set_locs(self, locs) -> None:
        super().set_locs(locs)
        self.digits = max(self.least, count_digits(locs))

    def __call__(self, value: float, place: int | None = None) -> str:
        return self.write(value, self.digits)


def percent_axis(axis: Axis, language: Language, digits: int = 0) -> None:
    """Format an axis of fractions as percentages in the language, with as many digits as needed, at least digits."""
    axis.set_major_formatter(TickFormatter(language.percent, digits))


def points_axis(axis: Axis, language: Language) -> None:
    """Format an axis of differences as signed percentage points, with as many digits as its ticks need."""
    axis.set_major_formatter(TickFormatter(language.points))


def number_axis(axis: Axis, language: Language) -> None:
    """Format an axis of numbers with two decimals, or three where they tell its ticks apart."""
    axis.set_major_formatter(TickFormatter(lambda value, digits: language.number(value, 2 + digits)))


def count_digits(ticks: np.ndarray) -> int:
    """Return the number of decimals, at most 2, that make all ticks distinct as percentages."""
    ticks = 100 * np.asarray(ticks)
    return next((digits for digits in (0, 1) if np.allclose(ticks, ticks.round(digits), atol=1e-6)), 2)
