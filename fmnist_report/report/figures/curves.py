"""Learning curves: accuracy and loss by epoch."""

import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from fmnist_report.messages import N_
from fmnist_report.networks import COLOURS
from fmnist_report.report.figures.canvas import new_figure, number_axis, percent_axis
from fmnist_report.report.language import Language
from fmnist_report.report.tables import first_epoch_shown


def plot_curves(histories: dict[str, dict], language: Language) -> Figure:
    """Draw accuracy and loss by epoch on shared axes, with the best validation epoch marked.

    The axes cover the values from an epoch named in the caption, and those of the marked epochs.
    """
    figure, axes = new_figure(2.1, 1, 2)
    first = first_epoch_shown(list(histories.values()))
    for column, (measure, title) in enumerate(
        (("accuracy", language.text(N_("Accuracy"))), ("loss", language.text(N_("Cross-entropy"))))
    ):
        ax = axes[0, column]
        for name, history in histories.items():
            epochs = np.arange(1, len(history[measure]) + 1)
            ax.plot(epochs, history[measure], color=COLOURS[name], linestyle=":", linewidth=1.2)
            ax.plot(epochs, history[f"val_{measure}"], color=COLOURS[name], label=language.model(name))
            best = int(np.argmax(history["val_accuracy"]))
            ax.plot(epochs[best], history[f"val_{measure}"][best], "o", color=COLOURS[name], markersize=5)
        _cut_axis(ax, [value for row in histories.values() for value in _values_from(first, row, measure)])
        ax.set_title(title)
        ax.set_xlabel(language.text(N_("Epoch")))
        ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    percent_axis(axes[0, 0].yaxis, language)
    number_axis(axes[0, 1].yaxis, language)
    axes[0, 0].plot([], [], color="#333333", linestyle=":", label=language.text(N_("on training images")))
    axes[0, 0].plot([], [], color="#333333", label=language.text(N_("on validation")))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _values_from(first: int, history: dict, measure: str) -> list[float]:
    """Return the values of a measure from an epoch on, counted from 1, and at the marked epoch."""
    best = int(np.argmax(history["val_accuracy"]))
    return [*history[measure][first - 1 :], *history[f"val_{measure}"][first - 1 :], history[f"val_{measure}"][best]]


def _cut_axis(ax, values: list[float]) -> None:
    """Limit an axis to the given finite values with a small margin."""
    if finite := [value for value in values if math.isfinite(value)]:
        margin = 0.05 * (max(finite) - min(finite)) or 0.01
        ax.set_ylim(min(finite) - margin, max(finite) + margin)


def plot_unfreezing(head: dict, finetuned: dict, language: Language) -> Figure:
    """Draw the head's training and fine-tuning on one axis, with the moment of unfreezing marked.

    The axis covers the values of the head from an epoch named in the caption, and all of fine-tuning.
    """
    figure, axes = new_figure(1.8)
    ax, n_head = axes[0, 0], len(head["accuracy"])
    for name, history, first in (("vgg_features", head, 1), ("vgg_finetuned", finetuned, n_head + 1)):
        epochs = np.arange(first, first + len(history["accuracy"]))
        label = language.text(N_("head alone")) if first == 1 else language.text(N_("upper blocks and head"))
        ax.plot(epochs, history["val_accuracy"], "o-", color=COLOURS[name], markersize=3, label=label)
        ax.plot(epochs, history["accuracy"], ":", color=COLOURS[name], linewidth=1.2)
    shown = _values_from(first_epoch_shown([head]), head, "accuracy")
    _cut_axis(ax, [*shown, *finetuned["accuracy"], *finetuned["val_accuracy"]])
    ax.axvline(n_head + 0.5, color="#333333", linewidth=0.8)
    text = language.text(N_("upper blocks unfrozen"))
    ax.annotate(text, (n_head + 0.5, 0.06), xytext=(4, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="left", color="#333333")  # fmt: skip
    ax.plot([], [], color="#333333", linestyle=":", label=language.text(N_("on training images")))
    ax.plot([], [], color="#333333", label=language.text(N_("on validation")))
    ax.set_xlabel(language.text(N_("Epoch")))
    ax.set_ylabel(language.text(N_("Accuracy")))
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    percent_axis(ax.yaxis, language)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure
