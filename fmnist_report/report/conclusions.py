"""Conclusions computed from the results: rules choose the sentences and fill in the numbers."""

import typing

from fmnist_report.evaluation.networks import MAIN, networks_of_part
from fmnist_report.messages import N_
from fmnist_report.report.language import Language

SIGNIFICANT = 0.05
OVERFIT_GAP = 0.02

Results = dict[str, typing.Any]


# What is said of a pair where the first is significantly more accurate, less accurate, and neither.
VERDICTS = {
    ("cnn", "mlp"): (
        N_("The convolutional network ({a}) is more accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("The convolutional network ({a}) is less accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("The convolutional network ({a}) and the multilayer perceptron ({b}) cannot be told apart: the "
           "difference of {difference} percentage points lies within chance (95% interval {low} to {high}; {p})."),
    ),
    ("vgg_finetuned", "mlp"): (
        N_("The fine-tuned {backbone} ({a}) is more accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("The fine-tuned {backbone} ({a}) is less accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("The fine-tuned {backbone} ({a}) and the multilayer perceptron ({b}) cannot be told apart: the "
           "difference of {difference} percentage points lies within chance (95% interval {low} to {high}; {p})."),
    ),
    ("vgg_features", "mlp"): (
        N_("A classifier on frozen {backbone} features ({a}) is more accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("A classifier on frozen {backbone} features ({a}) is less accurate than the multilayer perceptron ({b}): "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("A classifier on frozen {backbone} features ({a}) and the multilayer perceptron ({b}) cannot be told apart: "
           "the difference of {difference} percentage points lies within chance "
           "(95% interval {low} to {high}; {p})."),
    ),
    ("vgg_finetuned", "vgg_features"): (
        N_("Fine-tuning paid: unfreezing the upper blocks raised the accuracy from {b} to {a}, "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("Fine-tuning did harm here: after the upper blocks were unfrozen the accuracy fell from {b} to {a}, "
           "by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("Fine-tuning changed the accuracy from {b} to {a}; the difference of {difference} percentage points "
           "lies within chance (95% interval {low} to {high}; {p})."),
    ),
    ("vgg_finetuned", "cnn"): (
        N_("Transfer learning paid: the fine-tuned {backbone} ({a}) is ahead of the convolutional network that was "
           "trained from scratch ({b}) by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("Transfer learning did not pay: the fine-tuned {backbone} ({a}) is behind the convolutional network that "
           "was trained from scratch ({b}) by {difference} percentage points (95% interval {low} to {high}; {p})."),
        N_("Transfer learning gave no certain gain: the fine-tuned {backbone} ({a}) and the convolutional network "
           "trained from scratch ({b}) differ by {difference} percentage points, which lies within chance "
           "(95% interval {low} to {high}; {p})."),
    ),
}  # fmt: skip


def conclude(results: Results, language: Language) -> dict[str, list[str]]:
    """Choose what the numbers allow to be said.

    Args:
        results: as in results.json, with "comparisons" of every pair of the main models.

    Returns:
        Sentences of "summary", "part1", "part2" and "overall".
    """
    return {
        "summary": _summary(results, language),
        "part1": _part1(results, language),
        "part2": _part2(results, language),
        "overall": _overall(results, language),
    }


def find_comparison(results: Results, a: str, b: str) -> dict[str, float]:
    """Return the paired test of accuracy a minus b, turned round if it was stored as b minus a."""
    for row in results["comparisons"]:
        if (row["a"], row["b"]) == (a, b):
            return row
        if (row["a"], row["b"]) == (b, a):
            turned = {"only_a": row["only_b"], "only_b": row["only_a"], "difference": -row["difference"]}
            turned |= {"ci95_low": -row["ci95_high"], "ci95_high": -row["ci95_low"]}
            return {**row, "a": a, "b": b, **turned}
    raise KeyError(f"there is no comparison of {a} and {b}")


def rank_models(results: Results) -> list[str]:
    """Return the main models by test accuracy, best first."""
    return sorted(MAIN, key=lambda name: -results["models"][name]["test_accuracy"])


def most_confused(confusion: list[list[int]]) -> tuple[int, int, int]:
    """Return the pair of classes most often confused in either direction, and how often."""
    n = len(confusion)
    pairs = [(confusion[i][j] + confusion[j][i], i, j) for i in range(n) for j in range(i + 1, n)]
    count, i, j = max(pairs, key=lambda pair: pair[0])
    return i, j, count


def _difference_values(row: dict, language: Language) -> dict[str, str]:
    """Word a difference without its sign, and its interval in the same direction."""
    low, high = row["ci95_low"], row["ci95_high"]
    if row["difference"] < 0:
        low, high = -high, -low
    return {
        "difference": language.number(abs(100 * row["difference"]), 2),
        "low": language.points(low, 2),
        "high": language.points(high, 2),
        "p": language.p_value(row["p_holm"]),
    }


def _verdict(results: Results, a: str, b: str, language: Language) -> str:
    row, (better, worse, tie) = find_comparison(results, a, b), VERDICTS[a, b]
    message = tie if row["p_holm"] >= SIGNIFICANT else better if row["difference"] > 0 else worse
    values = {name: language.percent(results["models"][name]["test_accuracy"], 2) for name in (a, b)}
    return language.text(message, a=values[a], b=values[b], **_difference_values(row, language))


def _summary(results: Results, language: Language) -> list[str]:
    best, second = rank_models(results)[:2]
    model = results["models"][best]
    low, high = model["test_accuracy_ci95"]
    if find_comparison(results, best, second)["p_holm"] < SIGNIFICANT:
        message = N_("The best network is “{model}”: it names {accuracy} of the {n} test pictures correctly "
                     "(95% interval {low} to {high}).")  # fmt: skip
    else:
        message = N_("The highest accuracy, within chance of the next, is that of “{model}”: it names {accuracy} of "
                     "the {n} test pictures correctly (95% interval {low} to {high}).")  # fmt: skip
    first = language.text(
        message, model=language.model(best), accuracy=language.percent(model["test_accuracy"], 2),
        n=language.integer(results["data"]["n_test"]), low=language.percent(low, 2), high=language.percent(high, 2),
    )  # fmt: skip
    return [first, _verdict(results, "cnn", "mlp", language), _verdict(results, "vgg_finetuned", "mlp", language)]


def _part1(results: Results, language: Language) -> list[str]:
    return [
        _verdict(results, "cnn", "mlp", language),
        _cost(results, "cnn", "mlp", language),
        *[_fit_quality(results, name, language) for name in networks_of_part(1)],
        *_what_mattered(results, "cnn", language),
        _weakest_class(results, "cnn", language),
    ]


def _part2(results: Results, language: Language) -> list[str]:
    return [
        _verdict(results, "vgg_features", "mlp", language),
        _chosen_classifier(results, language),
        _verdict(results, "vgg_finetuned", "vgg_features", language),
        _verdict(results, "vgg_finetuned", "mlp", language),
        _fit_quality(results, "vgg_finetuned", language),
        _weakest_class(results, "vgg_finetuned", language),
    ]


def _overall(results: Results, language: Language) -> list[str]:
    return [
        _winner(results, language),
        _verdict(results, "vgg_finetuned", "cnn", language),
        _cost(results, "vgg_finetuned", "cnn", language),
        _ensemble(results, language),
        _calibration(results, language),
    ]


def _cost(results: Results, a: str, b: str, language: Language) -> str:
    one, other = results["models"][a], results["models"][b]
    return language.text(
        N_("Cost of one answer: “{a}” takes {macs_a} multiply-accumulate operations and {params_a} parameters, "
           "“{b}” {macs_b} and {params_b}; training took {time_a} and {time_b}."),
        a=language.model(a), b=language.model(b),
        macs_a=language.compact(one["macs"]), macs_b=language.compact(other["macs"]),
        params_a=language.compact(one["n_params"]), params_b=language.compact(other["n_params"]),
        time_a=language.duration(one["train_seconds"]), time_b=language.duration(other["train_seconds"]),
    )  # fmt: skip


def _fit_quality(results: Results, name: str, language: Language) -> str:
    model = results["models"][name]
    train, val = model["history"]["accuracy"][-1], model["history"]["val_accuracy"][-1]
    if train - val > OVERFIT_GAP:
        message = N_("“{model}” overfits: in the last epoch it got {train} of the training pictures right, "
                     "but {val} of the validation pictures.")  # fmt: skip
    elif val > train:
        message = N_("“{model}” does not overfit: in the last epoch the accuracy on augmented training pictures, "
                     "{train}, was still below that on validation, {val}; longer training may help.")  # fmt: skip
    else:
        message = N_("“{model}” hardly overfits: in the last epoch the accuracy was {train} on training "
                     "and {val} on validation pictures.")  # fmt: skip
    return language.text(message, model=language.model(name), train=language.percent(train), val=language.percent(val))


def _what_mattered(results: Results, name: str, language: Language) -> list[str]:
    """Name the hyperparameters that moved the accuracy most and least; nothing where none was studied."""
    factors = [row for row in results["study"]["factors"] if row["network"] == name]
    if len(factors) < 2:
        return []
    first, last = factors[0], factors[-1]
    return [
        language.text(
            N_("In the study of “{model}” the factor “{first}” moved the validation accuracy most, by {most} "
               "percentage points between its best and its worst value; “{last}” moved it least, by {least}."),
            model=language.model(name), first=language.factor(first["factor"]), last=language.factor(last["factor"]),
            most=language.number(100 * first["spread"], 1), least=language.number(100 * last["spread"], 1),
        )
    ]  # fmt: skip


def _weakest_class(results: Results, name: str, language: Language) -> str:
    model = results["models"][name]
    scores = [scores["f1"] for scores in model["per_class"]]
    weakest = scores.index(min(scores))
    first, second, count = most_confused(model["confusion"])
    return language.text(
        N_("The accuracy of “{model}” is limited by the class “{weakest}” (F1 {f1}); most often it confuses "
           "“{first}” and “{second}”: {count} times."),
        model=language.model(name), weakest=language.class_name(weakest), f1=language.number(scores[weakest], 3),
        first=language.class_name(first), second=language.class_name(second), count=language.integer(count),
    )  # fmt: skip


def _chosen_classifier(results: Results, language: Language) -> str:
    chosen = results["chosen_classifier"]
    return language.text(
        N_("Of the classifiers on the cached features, “{model}” was chosen, for it is the best on validation "
           "({val})."),
        model=language.model(chosen), val=language.percent(results["models"][chosen]["val_accuracy"], 2),
    )  # fmt: skip


def _winner(results: Results, language: Language) -> str:
    first, second = rank_models(results)[:2]
    row = find_comparison(results, first, second)
    if row["p_holm"] < SIGNIFICANT:
        message = N_("The most accurate network is “{first}”; its lead over “{second}”, the next one, of {difference} "
                     "percentage points exceeds chance ({p}).")  # fmt: skip
    else:
        message = N_("No single winner can be named: “{first}” leads “{second}” by {difference} percentage points, "
                     "which lies within chance ({p}).")  # fmt: skip
    values = _difference_values(row, language)
    return language.text(
        message, first=language.model(first), second=language.model(second),
        difference=values["difference"], p=values["p"],
    )  # fmt: skip


def _ensemble(results: Results, language: Language) -> str:
    best = rank_models(results)[0]
    row = find_comparison(results, "ensemble", best)
    if row["p_holm"] >= SIGNIFICANT:
        message = N_("Averaging the networks’ answers ({a}) gave no certain gain over “{best}” alone ({b}): the "
                     "difference of {difference} percentage points lies within chance ({p}).")  # fmt: skip
    elif row["difference"] > 0:
        message = N_("The networks err on different pictures: their averaged answers ({a}) are ahead of “{best}” "
                     "alone ({b}) by {difference} percentage points ({p}), without any further training.")  # fmt: skip
    else:
        message = N_("Averaging the networks’ answers did harm: {a} against {b} of “{best}” alone, "
                     "{difference} percentage points less ({p}).")  # fmt: skip
    values = _difference_values(row, language)
    return language.text(
        message, best=language.model(best),
        a=language.percent(results["models"]["ensemble"]["test_accuracy"], 2),
        b=language.percent(results["models"][best]["test_accuracy"], 2),
        difference=values["difference"], p=values["p"],
    )  # fmt: skip


def _calibration(results: Results, language: Language) -> str:
    errors = {name: results["models"][name]["ece"] for name in MAIN}
    best, worst = min(errors, key=errors.__getitem__), max(errors, key=errors.__getitem__)
    return language.text(
        N_("The stated probabilities are most honest for “{best}” (expected calibration error {low}) and least "
           "honest for “{worst}” ({high}); with a temperature fitted on validation the errors are {best_scaled} "
           "and {worst_scaled}."),
        best=language.model(best), low=language.number(errors[best], 3),
        worst=language.model(worst), high=language.number(errors[worst], 3),
        best_scaled=language.number(results["models"][best]["ece_scaled"], 3),
        worst_scaled=language.number(results["models"][worst]["ece_scaled"], 3),
    )  # fmt: skip
