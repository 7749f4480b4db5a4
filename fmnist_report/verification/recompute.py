"""Results computed again from predictions and labels, and compared with the recorded ones."""

from __future__ import annotations

import dataclasses
import math
import types
import typing

import numpy as np

from fmnist_report.evaluation.calibration import calibration_error, reliability
from fmnist_report.evaluation.comparison import difference_of_accuracies
from fmnist_report.evaluation.metrics import score_classes
from fmnist_report.evaluation.test_set import N_MISTAKES, compare
from fmnist_report.networks import MAIN, PAIRS, network_of_stage, stages_of_part
from fmnist_report.report.record import LABELS, NEAR
from fmnist_report.training.metrics import measure_accuracy, scale_temperature, wilson_interval

EXACT, ROUNDED = 1e-9, 1e-4  # tolerances: of counts and what follows from them; of what depends on quantised values
SCALED = 1e-3  # of calibration after scaling, which magnifies the quantisation
N_BINS = 15
TUNED = "vgg_finetuned"  # whose mistakes are shown
BUILT = tuple(
    map(network_of_stage, (*stages_of_part(1), *stages_of_part(2)))
)  # networks whose layers are listed in full


@dataclasses.dataclass(frozen=True)
class Field:
    """A recorded result and what it should be.

    place: its path in the results; kind: of the value, as in the table of the command.
    """

    kind: str
    place: str
    recorded: typing.Any
    right: typing.Any
    tolerance: float = EXACT

    @property
    def agrees(self) -> bool:
        """Whether both are equal within the tolerance."""
        return agree(self.recorded, self.right, self.tolerance)


def agree(recorded: typing.Any, right: typing.Any, tolerance: float) -> bool:
    """Return whether two values of JSON are equal, numbers within a tolerance."""
    if isinstance(right, dict):
        known = isinstance(recorded, dict) and set(right) <= set(recorded)
        return known and all(agree(recorded[name], value, tolerance) for name, value in right.items())
    if isinstance(right, list | tuple):
        same = isinstance(recorded, list | tuple) and len(recorded) == len(right)
        return same and all(agree(a, b, tolerance) for a, b in zip(recorded, right, strict=True))
    if isinstance(right, float | int) and not isinstance(right, bool):
        is_number = isinstance(recorded, float | int) and not isinstance(recorded, bool)
        return is_number and math.isclose(recorded, right, rel_tol=0, abs_tol=tolerance)
    return recorded == right


def recompute(results: dict[str, typing.Any], predictions: dict[str, np.ndarray]) -> list[Field]:
    """Compute everything that follows from the predictions for the test images.

    Args:
        results: as in results.json.
        predictions: labels and probabilities, as in record.unpack_predictions.
    """
    labels = predictions[LABELS]
    fields: list[Field] = [
        Field("count", "data.n_test", results["data"]["n_test"], len(labels)),
        Field("count", "the models", sorted(results["models"]), sorted({*MAIN, *results["models"]})),
        Field("count", "data.n_train", results["data"]["n_train"], sum(results["class_counts"])),
    ]
    for name, model in results["models"].items():
        if name in BUILT:  # the layers of a classifier on features are those of the base alone
            parts = sum(layer["n_params"] for layer in model["layers"])
            fields.append(Field("count", f"models.{name}.n_params", model["n_params"], parts))
        if name in predictions:
            near = predictions.get(NEAR)
            fields += _of_model(f"models.{name}", model, predictions[name], labels, near, results["data"])
    fields += _of_comparisons(results, predictions)
    fields += _of_ensemble(results, predictions)
    fields += _of_images(results, predictions)
    rounded = results.get("browser_model", {})
    if rounded.get("fits") and "cnn" in predictions:
        right = measure_accuracy(predictions["cnn"], labels)
        fields.append(Field("accuracy", "browser_model.accuracy", rounded.get("accuracy"), right))
    return fields


def _of_model(
    place: str, model: dict[str, typing.Any], probabilities: np.ndarray, y: np.ndarray, near: np.ndarray | None,
    data: dict[str, typing.Any],
) -> list[Field]:  # fmt: skip
    from sklearn.metrics import confusion_matrix

    n_classes, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    accuracy = measure_accuracy(probabilities, y)
    classes = score_classes(y, predicted, n_classes)
    scaled = scale_temperature(probabilities, model["temperature"])

    def field(kind: str, name: str, right: typing.Any, tolerance: float = EXACT) -> Field:
        return Field(kind, f"{place}.{name}", model.get(name), right, tolerance)

    found = [
        field("accuracy", "test_accuracy", accuracy),
        field("interval", "test_accuracy_ci95", list(wilson_interval(int((predicted == y).sum()), len(y)))),
        field("score", "macro_f1", float(np.mean([scores["f1"] for scores in classes]))),
        field("score", "per_class", classes),
        field("confusion", "confusion", confusion_matrix(y, predicted, labels=range(n_classes)).tolist()),
        field("calibration", "ece", calibration_error(probabilities, y), ROUNDED),
        field("calibration", "ece_scaled", calibration_error(scaled, y), SCALED),
    ]
    if near is not None and not near.all():
        found.append(field("accuracy", "test_accuracy_without_near", measure_accuracy(probabilities[~near], y[~near])))
    difference, low, high = difference_of_accuracies(model["val_accuracy"], data["n_val"], accuracy, len(y))
    found.append(field("interval", "val_minus_test", {"difference": difference, "low": low, "high": high}))
    # The quantisation may move an image at the edge of a bin of confidence to the next one.
    share = probabilities.max(axis=1) * N_BINS
    n_moved = int((np.abs(share - np.round(share)) < N_BINS * ROUNDED).sum())
    recorded = model.get("reliability", [])
    for number, right in enumerate(reliability(probabilities, y, N_BINS)):
        own = recorded[number] if number < len(recorded) and isinstance(recorded[number], dict) else {}
        for name, value in right.items():
            tolerance = float(n_moved) if name == "n" else n_moved / right["n"] + ROUNDED
            found.append(Field("calibration", f"{place}.reliability.{number}.{name}", own.get(name), value, tolerance))
    n_in_bins = sum(int(row.get("n", 0)) for row in recorded)
    found.append(Field("calibration", f"{place}.reliability, images in all bins", n_in_bins, len(y)))
    n_bins, tolerance = len(reliability(probabilities, y, N_BINS)), float(n_moved > 0)
    found.append(Field("calibration", f"{place}.reliability, number of bins", len(recorded), n_bins, tolerance))
    return found


def _of_comparisons(results: dict[str, typing.Any], predictions: dict[str, np.ndarray]) -> list[Field]:
    """Compute the comparisons of pairs, if the predictions of all their models are there."""
    needed = {name for pair in PAIRS for name in pair}
    pairs = [[row.get("a"), row.get("b")] for row in results["comparisons"]]
    listed = [Field("test", "comparisons, their pairs", pairs, [list(pair) for pair in PAIRS])]
    if not needed <= set(predictions):
        return listed
    candidates: dict[str, typing.Any] = {}
    for name in needed:
        same = (other for other in candidates if np.array_equal(predictions[other], predictions[name]))
        twin = next(same, None)
        candidates[name] = candidates[twin] if twin else types.SimpleNamespace(test=predictions[name])
    rows = compare(candidates, predictions[LABELS])
    recorded = {(row.get("a"), row.get("b")): row for row in results["comparisons"]}
    found = listed
    for row in rows:
        a, b = row["a"], row["b"]
        own = recorded.get((a, b), {})
        others = {name: value for name, value in row.items() if name not in ("a", "b")}
        found += [Field("test", f"comparisons.{a}-{b}.{name}", own.get(name), value) for name, value in others.items()]
    return found


def _of_ensemble(results: dict[str, typing.Any], predictions: dict[str, np.ndarray]) -> list[Field]:
    """Compute the ensemble's probabilities from its members, and name the classifier that stands for the features."""
    weights = results["ensemble_weights"]
    found = [Field("score", "ensemble_weights, their sum", float(sum(weights.values())), 1.0, ROUNDED)]
    if "ensemble" in predictions and set(weights) <= set(predictions):
        members = [
            weight * scale_temperature(predictions[name], results["models"][name]["temperature"])
            for name, weight in weights.items()
        ]
        mixed = np.sum(members, axis=0)
        n_other = int((mixed.argmax(axis=1) != predictions["ensemble"].argmax(axis=1)).sum())
        found.append(Field("image", "classes of the ensemble unlike its members'", n_other, 0, 2 + 0.001 * len(mixed)))
    return found


def _of_images(results: dict[str, typing.Any], predictions: dict[str, np.ndarray]) -> list[Field]:
    """Compute the counts of images that all networks miss, and what is said of single images."""
    if not set(MAIN) <= set(predictions):
        return []
    labels = predictions[LABELS]
    n_shown = {"mistakes": (results["mistakes"], int((predictions[TUNED].argmax(axis=1) != labels).sum()))}
    predicted = np.stack([predictions[name].argmax(axis=1) for name in MAIN])
    missed = (predicted != labels).all(axis=0)
    agreed = missed & (predicted == predicted[0]).all(axis=0)
    own = results["missed_by_all"]
    n_shown["missed_by_all.shown"] = (own.get("shown", []), int(agreed.sum()))
    found = [
        *(Field("image", f"{place}, how many", len(rows), min(N_MISTAKES, n)) for place, (rows, n) in n_shown.items()),
        *(
            Field("image", f"{place}, each once", len({row["index"] for row in rows}), len(rows))
            for place, (rows, _) in n_shown.items()
        ),
        Field("count", "missed_by_all.n", own.get("n"), int(missed.sum())),
        Field("count", "missed_by_all.n_agreed", own.get("n_agreed"), int(agreed.sum())),
    ]
    for place, rows in (("mistakes", results["mistakes"]), ("missed_by_all.shown", own.get("shown", []))):
        for number, row in enumerate(rows):
            index = row["index"]
            if not isinstance(index, int) or not 0 <= index < len(labels):
                found.append(Field("image", f"{place}.{number}.index", index, "the index of a test image"))
                continue
            found.append(Field("image", f"{place}.{number}.label", row["label"], int(labels[index])))
            for name in MAIN:
                right = [int(predictions[name][index].argmax()), float(predictions[name][index].max())]
                own_row = row["predictions"].get(name)
                found.append(Field("image", f"{place}.{number}.{name}", own_row, right, ROUNDED))
    return found


def correct(results: dict[str, typing.Any], fields: list[Field]) -> None:
    """Replace recorded results that do not agree by the right ones, in place."""
    for field in fields:
        if field.agrees:
            continue
        *path, last = field.place.split(".")
        if path and path[0] == "comparisons":
            a, b = path[1].split("-")
            targets = [row for row in results["comparisons"] if (row.get("a"), row.get("b")) == (a, b)]
        else:
            target: typing.Any = results
            for name in path:
                target = target[int(name)] if isinstance(target, list) else target.get(name, {})
            targets = (
                [target["predictions"]]
                if isinstance(target, dict) and "predictions" in target and last in MAIN
                else [target]
            )
        for target in targets:
            if isinstance(target, dict):
                target[last] = field.right
