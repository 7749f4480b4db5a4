"""Figures of the report as SVG, drawn only from the evaluation, in one language."""

import contextlib
import math
import textwrap
import typing
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

from fmnist_report.evaluation.schema import FullRun, Model, Results
from fmnist_report.messages import N_
from fmnist_report.networks import (
    CHOSEN,
    COLOURS,
    COMPARED,
    MAIN,
    networks_of_part,
    stages_of_part,
)
from fmnist_report.pipeline.files import load_arrays, read_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.report import full_runs
from fmnist_report.report.assets import FONTS
from fmnist_report.report.figures.canvas import STYLE, new_figure, number_axis, percent_axis
from fmnist_report.report.figures.curves import plot_curves, plot_unfreezing
from fmnist_report.report.figures.diagrams import plot_architecture
from fmnist_report.report.figures.explanations import build_explanations
from fmnist_report.report.figures.galleries import plot_duplicates, plot_mistakes, plot_samples
from fmnist_report.report.figures.studies import plot_ablation, plot_runs, plot_study, plot_variants
from fmnist_report.report.figures.vector import figure_to_svg
from fmnist_report.report.language import HARDEST, Language, name_classes


def draw_figures(
    out: Path,
    progress: Progress,
    *,
    lang: str,
    classes: list[str] | None,
    mistakes: int,
    evaluation: Path,
    explain: Path,
    journal: typing.Sequence[dict[str, typing.Any]] = (),
) -> None:
    """Stage `figures`: write one SVG per figure.

    Args:
        journal: as in render_html.
        classes: as in name_classes.
        mistakes: as in ReportSettings.
    """
    results = read_json(evaluation / "evaluation.json")
    results |= full_runs.read_full_runs(fashion=classes is None, journal=journal)
    language = Language(lang, name_classes(classes, results["data"]), results["features"]["backbone"])
    images = load_arrays(evaluation / "images.npz")
    seen = load_arrays(explain / "explain.npz")
    with in_style():
        every = build_charts(results, language) | build_galleries(results, images, mistakes, language)
        every |= build_explanations(seen, language)
        for name, figure in every.items():
            (out / f"{name}.svg").write_text(figure_to_svg(figure, name), "utf-8")


@contextlib.contextmanager
def in_style() -> typing.Iterator[None]:
    """Use the report's fonts, colours and line widths for figures built and written in the block."""
    for path in FONTS.glob("*.ttf"):
        font_manager.fontManager.addfont(path)
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # reported by a warning before the run
        yield


def build_galleries(results: Results, images: dict, mistakes: int, language: Language) -> dict[str, Figure]:
    """Build the figures that show images, by name."""
    return {
        "samples": plot_samples(images["samples"], language),
        "duplicates": plot_duplicates(images["pairs"], results["duplicates"], language),
        "missed_by_all": plot_mistakes(
            results["missed_by_all"]["shown"][: mistakes // 2], images["missed_by_all"], language
        ),
        "mistakes": plot_mistakes(results["mistakes"][:mistakes], images["mistakes"], language),
    }


def build_charts(results: Results, language: Language) -> dict[str, Figure]:
    """Build the figures whose numbers are all in results.json, by name."""
    models, part1, part2 = results["models"], networks_of_part(1), networks_of_part(2)
    tuned = [name for name in part2 if name != CHOSEN]
    return {
        "architecture_part1": plot_architecture({name: models[name]["layers"] for name in part1}, language),
        "architecture_part2": plot_architecture({name: models[name]["layers"] for name in tuned}, language),
        "curves_part1": plot_curves({name: models[name]["history"] for name in part1}, language),
        "confusion_part1": plot_confusions(results, part1, language),
        "runs_part1": plot_runs(shown_runs(results, 1), language),
        "runs_part2": plot_runs(shown_runs(results, 2), language),
        "study_part1": plot_study(results["study"], stages_of_part(1), language),
        "ablation_part1": plot_ablation(results["study"]["ablations"].get("part1", []), language),
        "inputs": plot_variants(results["inputs"]["rows"], language),
        "study_part2": plot_study(results["study"], stages_of_part(2), language),
        "ablation_part2": plot_ablation(results["study"]["ablations"].get("part2", []), language),
        "curves_part2": plot_unfreezing(models["vgg_head"]["history"], models["vgg_finetuned"]["history"], language),
        "confusion_part2": plot_confusions(results, part2, language),
        "comparison": plot_comparison(results, language),
        "per_class": plot_per_class(results, language),
        "cost": plot_cost(results, language),
        "reliability": plot_reliability(models, language),
    }


def shown_runs(results: Results, part: int) -> list[FullRun]:
    """Return the full runs that a part's figure shows: the reader's own, or else earlier ones of the project."""
    rows = full_runs.rows_of_part(results, part)
    return rows["own"] or rows["known"]


SLANTED: dict[str, typing.Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}


def plot_confusions(results: Results, names: tuple[str, ...], language: Language) -> Figure:
    """Draw confusion matrices side by side; numbers count images, shades are fractions of the true class."""
    n_rows = -(-len(names) // 2)
    figure, axes = new_figure(2.9 * n_rows, n_rows, 2, sharey=True)
    n_classes, step = len(language.classes), 10 if language.many_classes else 1
    ticks = range(step - 1, n_classes, step)
    labels = [language.short_name(label) for label in ticks]
    size = min(7.0, 70 / n_classes)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, names, strict=False):
        counts = np.array(results["models"][name]["confusion"])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
        for row, col in () if language.many_classes else zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, col] > 0.4 else "#333333"
            number = ax.text(col, row, counts[row, col], ha="center", va="center", fontsize=size, color=colour)
            number.set_in_layout(False)
        ax.set_title(language.model(name))
        ax.set_xticks(ticks, labels, **({} if language.many_classes else SLANTED))
        ax.set_yticks(ticks, labels)
        ax.set_xlabel(language.text(N_("Predicted class")))
        ax.tick_params(length=0)
        ax.grid(False)
        ax.spines[:].set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(language.text(N_("True class")))
    return figure


def plot_comparison(results: Results, language: Language) -> Figure:
    """Draw test accuracy with its 95% interval for the networks and their ensemble."""
    figure, axes = new_figure(1.55)
    ax = axes[0, 0]
    for row, name in enumerate(reversed(COMPARED)):
        model = results["models"][name]
        low, high = model["test_accuracy_ci95"]
        ax.plot([low, high], [row, row], color=COLOURS[name], linewidth=2)
        ax.plot(model["test_accuracy"], row, "o", color=COLOURS[name], markersize=6)
        ax.annotate(language.percent(model["test_accuracy"], 2), (high, row), xytext=(6, 0),
                    textcoords="offset points", va="center")  # fmt: skip
    ax.set_yticks(range(len(COMPARED)), [language.model(name) for name in reversed(COMPARED)])
    ax.set_xlabel(language.text(N_("Test accuracy, 95% CI")))
    ax.margins(x=0.12, y=0.2)
    percent_axis(ax.xaxis, language, 1)
    return figure


def plot_per_class(results: Results, language: Language) -> Figure:
    """Draw F1 by class for the main models, hardest class at the top; only the hardest if there are many."""
    order = np.argsort([-row["f1"] for row in results["models"]["vgg_finetuned"]["per_class"]])[-HARDEST:]
    figure, axes = new_figure(max(2.2, 0.17 * len(order)))
    ax = axes[0, 0]
    for name in MAIN:
        scores = [results["models"][name]["per_class"][label]["f1"] for label in order]
        ax.plot(
            scores, range(len(order)), "o", color=COLOURS[name], markersize=5, alpha=0.9, label=language.model(name)
        )
    ax.set_yticks(range(len(order)), [language.short_name(label) for label in order])
    ax.set_xlabel("F1")
    number_axis(ax.xaxis, language)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


Cost = typing.Literal["n_params", "macs_per_prediction", "total_seconds", "ms_per_prediction"]


def plot_cost(results: Results, language: Language) -> Figure:
    """Draw test accuracy against four costs on logarithmic axes; a line marks the Pareto front."""
    measures: tuple[tuple[Cost, float, str], ...] = (
        ("n_params", 1e6, N_("Parameters, millions")),
        ("macs_per_prediction", 1e6, N_("Operations (MAC) per prediction, millions")),
        ("total_seconds", 60, N_("Training in all, minutes")),
        ("ms_per_prediction", 1, N_("Milliseconds per prediction")),
    )
    figure, axes = new_figure(2.15, 1, len(measures), sharey=True)
    for ax, (measure, scale, title) in zip(axes[0], measures, strict=True):
        models = {name: results["models"][name] for name in MAIN}
        points = {name: (model[measure] / scale, model["test_accuracy"]) for name, model in models.items()}
        front = find_front(list(points.values()))
        ax.plot(*zip(*front, strict=True), color="#999999", linewidth=0.8, zorder=1)
        for name, point in points.items():
            ax.plot(*point, "o", color=COLOURS[name], markersize=6, label=language.model(name))
        ax.set_xscale("log")
        ax.margins(0.15)
        ax.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=_steps_of_log(*ax.get_xlim())))
        ax.xaxis.set_major_formatter(lambda value, _: language.number(value, _digits_of(value)))
        ax.xaxis.set_minor_formatter("")
        ax.set_xlabel(textwrap.fill(language.text(title), 20))
    axes[0, 0].set_ylabel(language.text(N_("Test accuracy")))
    percent_axis(axes[0, 0].yaxis, language, 1)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _digits_of(value: float) -> int:
    """Return the number of decimals that a tick needs, at most 3."""
    return next((digits for digits in range(3) if math.isclose(round(value, digits), value, rel_tol=1e-6)), 3)


def _steps_of_log(low: float, high: float) -> tuple[float, ...]:
    """Return the multiples of powers of ten to label on a logarithmic axis: more on a short one."""
    return (1.0, 2.0, 5.0) if high / low < 100 else (1.0,)


def find_front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the Pareto front of (cost, accuracy) points, cheapest first."""
    front: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or accuracy > front[-1][1]:
            front.append((cost, accuracy))
    return front


def plot_reliability(models: dict[str, Model], language: Language) -> Figure:
    """Draw reliability diagrams of the main models; the area of a dot is its fraction of the images."""
    figure, axes = new_figure(2.1, 1, len(MAIN), sharey=True, sharex=True)
    for ax, name in zip(axes[0], MAIN, strict=True):
        rows = models[name]["reliability"]
        n = sum(row["n"] for row in rows)
        confidence, accuracy = [row["confidence"] for row in rows], [row["accuracy"] for row in rows]
        ax.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        ax.plot(confidence, accuracy, color=COLOURS[name], linewidth=1)
        ax.scatter(confidence, accuracy, s=[4 + 120 * row["n"] / n for row in rows], color=COLOURS[name], zorder=3)
        ax.set_title(language.model(name), fontsize=7.5)
        ax.set_aspect("equal")
        percent_axis(ax.xaxis, language)
        percent_axis(ax.yaxis, language)
    axes[0, 0].set_ylabel(language.text(N_("Accuracy")))
    figure.supxlabel(language.text(N_("Predicted probability")))
    return figure
