"""Figures: the Pareto front, and any names and numbers of classes."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from invented import invent_journal
from matplotlib.figure import Figure
from pages import fill_page

from fmnist_report.networks import COLOURS, COMPARED, MAIN, networks_of_part
from fmnist_report.pipeline.files import load_arrays
from fmnist_report.presets import preset
from fmnist_report.report.figures import charts, studies
from fmnist_report.report.figures.canvas import STYLE, WIDTH_INCHES, number_axis, percent_axis, points_axis
from fmnist_report.report.figures.charts import find_front, plot_confusions, plot_cost, plot_curves, plot_per_class
from fmnist_report.report.figures.explanations import build_explanations, plot_feature_map
from fmnist_report.report.figures.galleries import plot_samples
from fmnist_report.report.figures.vector import figure_to_svg
from fmnist_report.report.full_runs import average_seeds
from fmnist_report.report.language import Language

ENGLISH = Language("en")
HIGHEST_INCHES = 9.0  # of a figure on a page, with its caption below it


def test_front_leaves_out_what_costs_more_and_is_no_better():
    points = [(5, 0.94), (1, 0.91), (9, 0.94), (3, 0.90), (20, 0.95), (1, 0.89)]
    assert find_front(points) == [(1, 0.91), (5, 0.94), (20, 0.95)]
    assert find_front([(2, 0.5)]) == [(2, 0.5)]


def invent_classes(n):
    """Return names that matplotlib or XML could misinterpret, and long ones."""
    odd = ["$x_1^2$", "a_b^c{}\\frac", "<b>&amp;", "no_spaces_at_all_in_this_very_long_name_of_a_class", "%d {0}", "ґ"]
    return (odd + [f"class {number} with a long name" for number in range(n)])[:n]


@pytest.mark.parametrize("n", [2, 6, 20, 21, 57, 100])
def test_figures_hold_any_number_of_classes(n):
    rng, language = np.random.default_rng(0), Language("en", invent_classes(n))
    counts = rng.integers(0, 9, (n, n)).tolist()
    rows = [{"f1": float(score)} for score in rng.random(n)]
    results = {"models": {name: {"confusion": counts, "per_class": rows} for name in MAIN}}
    labels = np.arange(3 * n) % n
    with matplotlib.rc_context(STYLE):
        figures = [
            plot_confusions(results, MAIN[:2], language),
            plot_per_class(results, language),
            plot_samples(rng.integers(0, 255, (n, 16, 8, 8)).astype("uint8"), language),
            plot_feature_map({moment: rng.normal(size=(3 * n, 2)) for moment in ("before", "after")}, labels, language),
        ]
        for figure in figures:
            width, height = figure.get_size_inches()
            assert width == WIDTH_INCHES and height <= HIGHEST_INCHES
            svg = figure_to_svg(figure, "x")
            texts = ["".join(element.itertext()).strip() for element in ElementTree.fromstring(svg).iter()
                     if element.tag.endswith("text")]  # fmt: skip
            shown = [language.short_name(label) for label in range(n)]
            assert sum(text in shown for text in texts) >= min(n // 10, 2)
            drawn = [text for ax in figure.axes
                     for text in (*ax.texts, *(ax.get_yticklabels() if ax.axison else ()))]  # fmt: skip
            boxes = [text.get_window_extent() for text in drawn if text.get_text() in shown]
            assert all(box.x0 >= -1 and box.x1 <= width * figure.dpi + 1 for box in boxes) and boxes
    if n <= 20:
        assert "$x_1^2$" in texts


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [
        ([0.85, 0.9, 0.95], ["85%", "90%", "95%"]),
        ([0.875, 0.88, 0.885], ["87.5%", "88.0%", "88.5%"]),
        ([0.9525, 0.955], ["95.25%", "95.50%"]),
    ],
)
def test_an_axis_of_percentages_distinguishes_its_ticks(ticks, texts):
    axis = Figure().subplots().xaxis
    axis.set_ticks(ticks)
    percent_axis(axis, Language("en"))
    assert axis.get_major_formatter().format_ticks(ticks) == texts
    percent_axis(axis, Language("en"), 1)
    assert all("." in text for text in axis.get_major_formatter().format_ticks(ticks))


def test_an_axis_of_points_distinguishes_its_ticks():
    axis = Figure().subplots().xaxis
    axis.set_ticks([0.0, 0.025, 0.05])
    points_axis(axis, Language("en"))
    assert axis.get_major_formatter().format_ticks([0.025, 0.05]) == ["+2.5", "+5.0"]


def test_an_axis_of_numbers_distinguishes_its_ticks():
    axis = Figure().subplots().xaxis
    number_axis(axis, Language("uk"))
    assert axis.get_major_formatter().format_ticks([0.3, 0.325, 0.35]) == ["0,300", "0,325", "0,350"]
    assert axis.get_major_formatter().format_ticks([0.3, 0.35]) == ["0,30", "0,35"]


def invent_history(n_epochs):
    rising = [1 - 0.5 / (epoch + 1) for epoch in range(n_epochs)]
    falling = [1 / (epoch + 1) for epoch in range(n_epochs)]
    return {"accuracy": rising, "val_accuracy": rising, "loss": falling, "val_loss": falling}


@pytest.mark.parametrize(("n_epochs", "first"), [(6, 1), (7, 3), (30, 3)])
def test_learning_curves_are_not_flattened_by_their_first_epochs(n_epochs, first):
    history = invent_history(n_epochs)
    accuracy, loss = plot_curves({"mlp": history, "cnn": invent_history(40)}, Language("en")).axes
    low, high = accuracy.get_ylim()
    shown = [value for value in history["accuracy"] if low <= value <= high]
    assert shown == history["accuracy"][first - 1 :]
    low, high = loss.get_ylim()
    assert [value for value in history["loss"] if low <= value <= high] == history["loss"][first - 1 :]


@pytest.mark.parametrize(
    "accuracies",
    [[0.85, 0.9, 0.88, 0.87, 0.86, 0.86, 0.85], [0.8, 0.85, 0.88, 0.89, 0.8, 0.9, 0.91], [float("nan")] * 7],
)
def test_the_marked_epoch_is_shown_wherever_it_is(accuracies):
    history = {name: accuracies for name in ("accuracy", "val_accuracy", "loss", "val_loss")}
    figure = plot_curves({"mlp": history}, Language("en"))
    best = max(accuracies)
    for ax in figure.axes:
        low, high = ax.get_ylim()
        assert not best >= low or low <= best <= high


@pytest.mark.parametrize("spread", [1.3, 2.0, 10.0, 1000.0])
def test_axes_of_cost_have_at_least_two_labels(spread):
    measures = ("n_params", "macs_per_prediction", "total_seconds", "ms_per_prediction")
    models = {name: {"test_accuracy": 0.9 + number / 100, **dict.fromkeys(measures, 1.7e6 * spread ** (number / 3))}
              for number, name in enumerate(MAIN)}  # fmt: skip
    figure = plot_cost({"models": models}, Language("en"))
    figure.draw_without_rendering()
    for ax in figure.axes[:4]:
        low, high = ax.get_xlim()
        labels = [tick.label1.get_text() for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        assert len(labels) >= 2 and len(set(labels)) == len(labels) and all(labels)


def test_a_confusion_matrix_has_the_true_class_in_its_rows():
    found = {"models": {name: {"confusion": [[3, 1], [0, 2]]} for name in MAIN}}
    ax = plot_confusions(found, MAIN[:2], Language("en", ["a", "b"])).axes[0]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {(0, 0): "3", (1, 0): "1", (1, 1): "2"}
    assert np.allclose(np.square(ax.images[0].get_array()), [[0.75, 0.25], [0, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")


def lines(ax, marker="None"):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines if line.get_marker() == marker]


@pytest.fixture(scope="module")
def results(invented_run):
    return invented_run.document


def test_figures_draw_the_numbers_that_they_name(results):
    ax = charts.plot_comparison(results, ENGLISH).axes[0]
    assert lines(ax)[-1][0] == results["models"][COMPARED[0]]["test_accuracy_ci95"]
    ax, rows = charts.plot_reliability(results["models"], ENGLISH).axes[0], results["models"]["mlp"]["reliability"]
    assert lines(ax)[1] == ([row["confidence"] for row in rows], [row["accuracy"] for row in rows])
    ax = charts.plot_cost(results, ENGLISH).axes[2]
    seconds = [results["models"][name]["total_seconds"] for name in MAIN]
    assert sorted(x[0] for x, _ in lines(ax, "o")) == sorted(one / 60 for one in seconds)


def test_the_study_is_drawn_with_its_band_and_what_leaves_it(results):
    ax, base = studies.plot_study(results["study"], ("cnn",), ENGLISH).axes[0], results["study"]["baselines"]["cnn"]
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((base["mean"] - base["half_width"], base["mean"] + base["half_width"]))
    rows = [row for row in results["study"]["rows"] if row["network"] == "cnn" and not row["chosen"]]
    for marker, ranked in (("o", True), ("x", False)):
        dots = {line.get_ydata()[0]: line for line in ax.lines if line.get_marker() == marker}
        shown = {len(rows) - 1 - number: row for number, row in enumerate(rows) if row["ranked"] is ranked}
        assert {y: line.get_xdata()[0] for y, line in dots.items()} == {y: row["val_loss"] for y, row in shown.items()}
        filled = {y for y, line in dots.items() if line.get_markerfacecolor() == COLOURS["cnn"]}
        assert filled == {y for y, row in shown.items() if row["confirmed"]}
    labels = [label.get_text() for label in ax.get_yticklabels()]
    own = next(row["value"] for row in results["study"]["rows"] if row["network"] == "cnn" and row["chosen"])
    assert labels[-1].endswith(f": {ENGLISH.value(rows[0]['value'])} ({ENGLISH.value(own)})")
    assert len(labels) == len(rows)


def test_steps_are_drawn_with_their_intervals(results):
    steps = results["study"]["ablations"]["part1"]
    drawn = [x for x, _ in lines(studies.plot_ablation(steps, ENGLISH).axes[1])]
    assert drawn[:-1] == [[row["low"], row["high"]] for row in steps[1:]]


def test_ways_are_drawn_by_their_validation_accuracy(results):
    filled = [line for line in studies.plot_variants(results["inputs"]["rows"], ENGLISH).axes[0].lines
              if line.get_marker() == "o" and line.get_markerfacecolor() != "white"]  # fmt: skip
    chosen = [row["val_accuracy"] for row in results["inputs"]["rows"] if row["chosen"]]
    assert [list(line.get_xdata()) for line in filled] == [chosen]


def test_curves_are_those_of_their_measure_with_the_best_epoch_marked(results):
    history = results["models"]["cnn"]["history"]
    best = int(np.argmax(history["val_accuracy"]))
    for ax, measure in zip(charts.plot_curves({"cnn": history}, ENGLISH).axes, ("accuracy", "loss"), strict=True):
        drawn = {line.get_linestyle(): list(line.get_ydata()) for line in ax.lines[:2]}
        assert drawn == {":": history[measure], "-": history[f"val_{measure}"]}
        assert lines(ax, "o") == [([best + 1], [history[f"val_{measure}"][best]])]


def test_the_hardest_class_stands_at_the_top(results):
    ax = charts.plot_per_class(results, ENGLISH).axes[0]
    scores = [row["f1"] for row in results["models"]["vgg_finetuned"]["per_class"]]
    assert ax.get_yticklabels()[-1].get_text() == ENGLISH.short_name(int(np.argmin(scores)))
    assert [list(line.get_xdata()) for line in ax.lines][-1] == sorted(scores, reverse=True)


def invent_explanations(maps):
    """Return the arrays of the stage explain, with the given maps of the features of four images."""
    seen = {f"map/{name}": points for name, points in maps.items()} | {"map/labels": np.array([0, 1, 0, 1])}
    for part, networks in (("part1", ("cnn",)), ("part2", ("vgg_head", "vgg_finetuned"))):
        seen[f"{part}/images"] = np.zeros((2, 8, 8), "uint8")
        seen[f"{part}/labels"] = np.zeros(2, int)
        for name in networks:
            seen |= {f"{name}/heat": np.zeros((2, 4, 4)), f"{name}/predicted": np.zeros(2, int),
                     f"{name}/layer": np.zeros((8, 4, 4))}  # fmt: skip
    return seen | {f"{name}/filters": np.zeros((3, 3, 1, 16)) for name in ("cnn", "base")}


MAPS = {"before": np.zeros((4, 2)), "after": np.ones((4, 2))}


def test_the_map_before_fine_tuning_is_the_first():
    axes = plot_feature_map(MAPS, np.array([0, 1, 0, 1]), ENGLISH).axes
    assert [ax.get_title() for ax in axes[:2]] == ["before fine-tuning", "after fine-tuning"]
    first = build_explanations(invent_explanations(MAPS), ENGLISH)["feature_map"].axes[0]
    points = np.concatenate([np.stack(line.get_data(), axis=1).astype(float) for line in first.lines])
    assert np.nanmax(np.abs(points)) == 0


def test_every_figure_of_the_page_is_drawn_and_fits_on_it(results, invented_run):
    images = load_arrays(invented_run.folder / "evaluation" / "images.npz")
    figures = charts.build_charts(results, ENGLISH) | charts.build_galleries(results, images, 12, ENGLISH)
    figures |= build_explanations(invent_explanations(MAPS), ENGLISH)
    assert set(figures) == set(re.findall(r'<figure id="figure-(\w+)"', fill_page(results, preset("best"))))
    assert all(figure.get_size_inches()[1] <= HIGHEST_INCHES for figure in figures.values())
    for name in ("reliability", "confusion_part1", "curves_part1", "architecture_part1"):
        figure = figures[name]
        told = {text.get_text() for text in figure.findobj(matplotlib.text.Text)}
        shown = MAIN if name == "reliability" else networks_of_part(1)
        assert {ENGLISH.model(one) for one in shown} <= told, name


def test_images_that_all_miss_are_drawn_with_what_was_said_of_them(results, monkeypatch):
    drawn = {}
    monkeypatch.setattr(charts, "plot_mistakes", lambda rows, shown, language: drawn.setdefault(len(drawn), shown))
    images = {name: np.full((40, 28, 28), number, "uint8") for number, name in enumerate(("mistakes", "missed_by_all"))}
    images |= {"samples": np.zeros((10, 2, 28, 28), "uint8"), "pairs": np.zeros((2, 6, 28, 28), "uint8")}
    charts.build_galleries(results, images, 12, ENGLISH)
    assert [int(each.max()) for each in drawn.values()] == [1, 0]  # missed first


def test_full_runs_are_drawn_with_their_intervals_and_filled_where_these_exclude_zero():
    rng = np.random.default_rng(0)
    rows = [row for row in average_seeds(invent_journal(rng, ("mlp", "cnn"))) if row["changes"]]
    rows[0] |= {"effect": None, "low": None}  # as of a training run whose baseline is missing
    rows[1] |= {"low": None, "high": None, "exceeds_noise": None}  # as of single ones
    figure = studies.plot_runs(rows, ENGLISH)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        ENGLISH.changes(row["changes"]) for row in rows]  # fmt: skip
    heights = list(figure.axes[0].get_yticks())
    assert heights == sorted(heights, reverse=True) and "training images = 900" in ENGLISH.changes(rows[2]["changes"])
    for ax, prefix in zip(figure.axes, ("", "loss_"), strict=True):
        dots = {line.get_ydata()[0]: line for line in ax.lines if line.get_marker() == "o"}
        spans = {line.get_ydata()[0]: tuple(line.get_xdata()) for line in ax.lines if line.get_marker() != "o"}
        for y, row in zip(heights, rows, strict=True):
            assert (y in dots) == (row[f"{prefix}effect"] is not None)
            assert (y in spans) == (row[f"{prefix}low"] is not None) and len(dots) >= 5
            if y in dots:
                assert dots[y].get_xdata()[0] == row[f"{prefix}effect"]
                filled = dots[y].get_markerfacecolor() != "white"
                assert filled == bool(row[f"{prefix}exceeds_noise"]) and dots[y].get_color() == COLOURS[row["stage"]]
            if y in spans:
                assert spans[y] == (row[f"{prefix}low"], row[f"{prefix}high"])


def test_without_full_runs_their_figure_is_empty():
    assert not studies.plot_runs([], ENGLISH).axes[0].get_yticklabels()
