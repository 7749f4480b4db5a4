"""Charts of short training runs: the study, the ablations, and the preprocessing variants."""

import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from fmnist_report.evaluation.schema import AblationRow, FullRun, InputRow, Study, StudyRow
from fmnist_report.messages import N_
from fmnist_report.networks import COLOURS, network_of_stage
from fmnist_report.report.conclusions.verdicts import EffectOfChange, effect_on_accuracy, effect_on_loss
from fmnist_report.report.figures.canvas import TickFormatter, new_figure, number_axis, percent_axis, points_axis
from fmnist_report.report.language import Language


def plot_study(study: Study, networks: tuple[str, ...], language: Language) -> Figure:
    """Draw the cross-entropy of every change to the baseline, marked by a line, and the interval around it, by network.

    Full colour: confirmed in longer runs; hollow: not; crosses: values whose effect depends on the number of steps.
    """
    shown = {name: [row for row in study["rows"] if row["network"] == name] for name in networks}
    shown = {name: found for name, found in shown.items() if found}
    n_rows = [sum(not row["chosen"] for row in found) for found in shown.values()] or [1]
    height = 0.4 + sum(0.25 + 0.165 * n for n in n_rows)
    figure, axes = new_figure(height, len(n_rows), 1, height_ratios=[n + 1.0 for n in n_rows])
    for ax, (name, found) in zip(axes[:, 0], shown.items(), strict=False):
        model, base = network_of_stage(name), study["baselines"][name]
        if math.isfinite(base["half_width"]):
            low, high = base["mean"] - base["half_width"], base["mean"] + base["half_width"]
            ax.axvspan(low, high, color="#e6e6e6", linewidth=0)
        ax.axvline(base["mean"], color=COLOURS[model], linewidth=1)
        own = {row["factor"]: row["value"] for row in found if row["chosen"]}
        changes = [row for row in found if not row["chosen"]]
        for y, row in enumerate(reversed(changes)):
            edge = COLOURS[model] if row["confirmed"] else "#8a8a8a"
            face = edge if row["confirmed"] else "white"
            marker = "o" if row["ranked"] else "x"
            ax.plot(row["val_loss"], y, marker, color=edge, markersize=4.5, markerfacecolor=face)
        ax.set_yticks(
            range(len(changes)), [_name_change(row, own[row["factor"]], language) for row in reversed(changes)],
            fontsize=7.5,
        )  # fmt: skip
        ax.set_ylim(-0.7, len(changes) - 0.3)
        ax.set_title(language.model(model))
        number_axis(ax.xaxis, language)
    axes[-1, 0].set_xlabel(language.text(N_("Cross-entropy on validation, after temperature scaling")))
    return figure


def plot_runs(rows: list[FullRun], language: Language) -> Figure:
    """Draw the effects of changes in full runs on validation accuracy and on cross-entropy, each with its interval.

    Full colour: the interval excludes zero; hollow: it does not, or is unknown.

    Args:
        rows: from rows_of_part; those of the chosen settings, with which the others are compared, are not drawn.
    """
    changed = [row for row in rows if row["changes"]]
    stages = list(dict.fromkeys(row["stage"] for row in changed))
    n_rows = len(changed) + len(stages)
    figure, axes = new_figure(0.55 + 0.165 * max(2, n_rows), 1, 2, sharey=True)
    ticks, y = [], 0.0
    for stage in stages:
        y -= 0.6
        for row in (row for row in changed if row["stage"] == stage):
            y -= 1
            ticks.append((y, language.changes(row["changes"])))
            for ax, effect in zip(axes[0], (effect_on_accuracy(row), effect_on_loss(row)), strict=True):
                _draw_effect(ax, y, effect, COLOURS[network_of_stage(stage)])
    for ax in axes[0]:
        ax.axvline(0, color="#333333", linewidth=0.8)
        ax.grid(axis="y", visible=False)
    left, right = axes[0]
    left.set_yticks([place for place, _ in ticks], [textwrap.shorten(text, 48, placeholder="…") for _, text in ticks],
                    fontsize=7.5)  # fmt: skip
    left.set_xlabel(language.text(N_("Accuracy, difference in points")))
    right.set_xlabel(language.text(N_("Cross-entropy, difference")))
    left.set_ylim(y - 0.7, -0.9)
    points_axis(left.xaxis, language)
    right.xaxis.set_major_formatter(TickFormatter(lambda value, digits: language.difference(value, 2 + digits)))
    return figure


def _draw_effect(ax, y: float, effect: EffectOfChange, colour: str) -> None:
    """Draw one effect; nothing if it is unknown."""
    difference, low, high, exceeds = effect
    if difference is None:
        return
    if low is not None:
        ax.plot([low, high], [y, y], color=colour, linewidth=1.2)
    ax.plot(difference, y, "o", color=colour, markersize=4.5, markerfacecolor=colour if exceeds else "white")


def _name_change(row: StudyRow, own: str, language: Language) -> str:
    return f"{language.factor(row['factor'])}: {language.value(row['value'])} ({language.value(own)})"


def _place_rows(ax, rows: list[InputRow], language: Language) -> np.ndarray:
    """Assign a height to every row, with a gap between hyperparameters, and write their names; return the heights."""
    ticks, y, former = [], 0.0, rows[0]["factor"]
    for row in rows:
        y -= 1.0 if row["factor"] == former else 1.8
        former = row["factor"]
        ticks.append((y, f"{language.factor(row['factor'])}: {language.value(row['value'])}"))
    ax.set_yticks([tick for tick, _ in ticks], [text for _, text in ticks], fontsize=7.5)
    ax.grid(axis="y", visible=False)
    return np.array([tick for tick, _ in ticks])


def plot_variants(rows: list[InputRow], language: Language) -> Figure:
    """Draw validation accuracy with its 95% interval for every preprocessing variant; filled: the chosen one."""
    n_rows = len(rows) + len({row["factor"] for row in rows})
    figure, axes = new_figure(0.6 + 0.14 * max(1, n_rows))
    ax, colour = axes[0, 0], COLOURS["vgg_input"]
    if rows:
        ax.axvline(next(row["val_accuracy"] for row in rows if row["chosen"]), color="#999999", linewidth=0.8)
        heights = _place_rows(ax, rows, language)
        accuracies, chosen = (np.array([row[key] for row in rows]) for key in ("val_accuracy", "chosen"))
        ax.hlines(heights, *zip(*(row["ci95"] for row in rows), strict=True), color=colour, linewidth=1)
        for which, face in ((chosen, colour), (~chosen, "white")):
            ax.plot(accuracies[which], heights[which], "o", color=colour, markersize=4, markerfacecolor=face)
    ax.set_title(language.model("vgg_input"))
    percent_axis(ax.xaxis, language)
    ax.set_xlabel(language.text(N_("Validation accuracy, 95% CI")))
    return figure


def plot_ablation(steps: list[AblationRow], language: Language) -> Figure:
    """Draw the accuracy of every ablation step, simplest at the top, and its gain with its interval."""
    figure, axes = new_figure(0.6 + 0.195 * max(1, len(steps)), 1, 2, sharey=True)
    left, right = axes[0]
    heights = -np.arange(len(steps))
    colours = [COLOURS[network_of_stage(row["network"])] for row in steps]
    left.plot([row["val_accuracy"] for row in steps], heights, color="#999999", linewidth=0.8, zorder=1)
    for y, row, colour in zip(heights, steps, colours, strict=True):
        left.plot(row["val_accuracy"], y, "o", color=colour, markersize=5)
        if "gain" in row:
            edge = colour if row["exceeds_noise"] else "#8a8a8a"
            right.plot([row["low"], row["high"]], [y, y], color=edge, linewidth=1.2)
            right.plot(
                row["gain"], y, "o", color=edge, markersize=5, markerfacecolor=edge if row["exceeds_noise"] else "white"
            )
    right.axvline(0, color="#333333", linewidth=0.8)
    left.set_yticks(heights, [_name_step(row, language) for row in steps])
    left.set_xlabel(language.text(N_("Validation accuracy")))
    right.set_xlabel(language.text(N_("Gain of the step, percentage points")))
    percent_axis(left.xaxis, language)
    points_axis(right.xaxis, language)
    return figure


def _name_step(row: AblationRow, language: Language) -> str:
    return ("+ " if "gain" in row else "") + language.component(row["component"])
