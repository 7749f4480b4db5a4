"""What each figure shows, in one computed sentence for its caption."""

import typing

from fmnist_report.evaluation.networks import (
    COMPARED,
    MAIN,
    ON_FEATURES,
    network_of_stage,
    networks_of_part,
    stages_of_part,
)
from fmnist_report.messages import N_
from fmnist_report.report.conclusions import most_confused
from fmnist_report.report.language import Language

Results = dict[str, typing.Any]


def find_captions(results: Results, language: Language) -> dict[str, str]:
    """Return the finding of each figure that has one, by the figure's name; empty where nothing was measured."""
    models = results["models"]
    return {
        "comparison": _extremes(models, language),
        "curves_part1": _ends(models, language),
        "study_part1": _moved_most(results, stages_of_part(1), language),
        "confusion_part1": _confused(models, networks_of_part(1), language),
        "inputs": _input(results["inputs"]["rows"], language),
        "classifiers": _classifiers(results, language),
        "curves_part2": _unfreezing(models, language),
        "study_part2": _moved_most(results, stages_of_part(2), language),
        "confusion_part2": _confused(models, networks_of_part(2), language),
        "per_class": _hardest(models, language),
        "cost": _cost(models, language),
        "reliability": _honesty(models, language),
    }


def _pair(model: str, value: str, language: Language) -> str:
    return language.text(N_("{name}: {value}"), name=language.model(model), value=value)


def _extremes(models: Results, language: Language) -> str:
    order = sorted(COMPARED, key=lambda name: -models[name]["test_accuracy"])
    return language.text(
        N_("Highest: “{best}” with {high}; lowest: “{worst}” with {low}."),
        best=language.model(order[0]), high=language.percent(models[order[0]]["test_accuracy"], 2),
        worst=language.model(order[-1]), low=language.percent(models[order[-1]]["test_accuracy"], 2),
    )  # fmt: skip


def _ends(models: Results, language: Language) -> str:
    first, second = sorted(networks_of_part(1), key=lambda name: -models[name]["history"]["val_accuracy"][-1])[:2]
    if models[first]["history"]["val_accuracy"][-1] == models[second]["history"]["val_accuracy"][-1]:
        return language.text(
            N_("After the last epoch both networks are equal on validation: {a}."),
            a=language.percent(models[first]["history"]["val_accuracy"][-1]),
        )
    return language.text(
        N_("After the last epoch “{first}” is ahead on validation: {a} against {b}."),
        first=language.model(first),
        a=language.percent(models[first]["history"]["val_accuracy"][-1]),
        b=language.percent(models[second]["history"]["val_accuracy"][-1]),
    )


def _moved_most(results: Results, networks: tuple[str, ...], language: Language) -> str:
    strongest: dict[str, Results] = {}
    for row in results["study"]["factors"]:
        if row["network"] in networks:
            strongest.setdefault(row["network"], row)
    if not strongest:
        return ""
    found = "; ".join(
        _pair(
            network_of_stage(network), f"{language.factor(row['factor'])} ({language.points(row['spread'])})", language
        )
        for network, row in strongest.items()
    )
    return language.text(N_("What moved the accuracy most, in percentage points: {list}."), list=found)


def _confused(models: Results, names: tuple[str, ...], language: Language) -> str:
    found = []
    for name in names:
        first, second, count = most_confused(models[name]["confusion"])
        pair = f"{language.class_name(first)} – {language.class_name(second)}"
        found.append(_pair(name, f"{pair} ({language.integer(count)})", language))
    return language.text(N_("Confused most, in both directions: {list}."), list="; ".join(found))


def _input(rows: list[Results], language: Language) -> str:
    if not rows:
        return ""
    chosen = next(row for row in rows if row["chosen"])
    best = max(rows, key=lambda row: row["val_accuracy"])
    if best["val_accuracy"] <= chosen["val_accuracy"]:
        return language.text(
            N_("None of the other ways is better than the chosen one ({accuracy})."),
            accuracy=language.percent(chosen["val_accuracy"]),
        )
    within = best["val_accuracy"] <= chosen["ci95"][1]
    message = (
        N_("The best, “{factor}: {value}”, reaches {best}; the chosen way, {chosen}, cannot be told from it.")
        if within
        else N_("The best, “{factor}: {value}”, reaches {best}, the chosen way {chosen}.")
    )
    return language.text(
        message,
        factor=language.factor(best["factor"]),
        value=language.value(best["value"]),
        best=language.percent(best["val_accuracy"]),
        chosen=language.percent(chosen["val_accuracy"]),
    )


def _classifiers(results: Results, language: Language) -> str:
    models = results["models"]
    names = [row.name for row in ON_FEATURES]
    first, *rest = sorted(names, key=lambda name: -models[name]["val_accuracy"])
    if not rest:
        return ""
    gap = 100 * (models[first]["val_accuracy"] - models[rest[0]]["val_accuracy"])
    if gap == 0:
        return language.text(
            N_("“{first}” and “{second}” share the first place."),
            first=language.model(first), second=language.model(rest[0]),
        )  # fmt: skip
    return language.text(
        N_("“{first}” is {gap} percentage points ahead of “{second}”, the next one."),
        first=language.model(first), second=language.model(rest[0]), gap=language.number(gap, 2),
    )  # fmt: skip


def _unfreezing(models: Results, language: Language) -> str:
    return language.text(
        N_("On validation {before} before the upper blocks were unfrozen, {after} after."),
        before=language.percent(models["vgg_head"]["val_accuracy"], 2),
        after=language.percent(models["vgg_finetuned"]["val_accuracy"], 2),
    )


def _hardest(models: Results, language: Language) -> str:
    found = {}
    for name in MAIN:
        scores = [row["f1"] for row in models[name]["per_class"]]
        found[name] = scores.index(min(scores))
    if len(set(found.values())) == 1:
        return language.text(
            N_("For all networks the hardest class is “{name}”."), name=language.class_name(found[MAIN[0]])
        )
    listed = "; ".join(_pair(name, language.class_name(label), language) for name, label in found.items())
    return language.text(N_("The hardest class: {list}."), list=listed)


def _cost(models: Results, language: Language) -> str:
    order = sorted(MAIN, key=lambda name: models[name]["macs"])
    cheap, dear = order[0], order[-1]
    return language.text(
        N_("“{dear}” needs {ratio} times as many operations as “{cheap}” and is more accurate by {points} percentage "
           "points.")
        if models[dear]["test_accuracy"] > models[cheap]["test_accuracy"]
        else N_("“{dear}” needs {ratio} times as many operations as “{cheap}” and is not more accurate."),
        dear=language.model(dear), cheap=language.model(cheap),
        ratio=language.integer(round(models[dear]["macs"] / models[cheap]["macs"])),
        points=language.number(100 * (models[dear]["test_accuracy"] - models[cheap]["test_accuracy"]), 2),
    )  # fmt: skip


def _honesty(models: Results, language: Language) -> str:
    order = sorted(MAIN, key=lambda name: models[name]["ece"])
    return language.text(
        N_("Expected calibration error: smallest for “{best}” ({low}), largest for “{worst}” ({high})."),
        best=language.model(order[0]), low=language.number(models[order[0]]["ece"], 3),
        worst=language.model(order[-1]), high=language.number(models[order[-1]]["ece"], 3),
    )  # fmt: skip
