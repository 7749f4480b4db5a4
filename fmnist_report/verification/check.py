"""The command check: whether a report's numbers follow from its own predictions and the labels."""

from __future__ import annotations

import base64
import collections
import dataclasses
import hashlib
import re
import struct
import typing
from pathlib import Path

import numpy as np

from fmnist_report.data.custom.detection import FASHION_MNIST
from fmnist_report.data.custom.tree import show_name
from fmnist_report.data.digests import FASHION_MNIST_SHA256, data_digest
from fmnist_report.data.fashion_mnist import find_data
from fmnist_report.data.idx import LABELS_MAGIC
from fmnist_report.data.split import stratify
from fmnist_report.errors import ReportError
from fmnist_report.evaluation.results import FORMAT
from fmnist_report.report.explorer import list_words
from fmnist_report.report.language import Language, name_classes
from fmnist_report.report.record import LABELS, NEAR
from fmnist_report.verification.blocks import Difference, compare_blocks, compare_drawings, join_drawings, set_apart
from fmnist_report.verification.network import run_network
from fmnist_report.verification.printed import print_again, strip_data
from fmnist_report.verification.recompute import Field, correct, recompute
from fmnist_report.verification.submission import Submission, limits, read_submission

NETWORK_SECONDS = 6.0
MOST_CHANGED = 0.02  # share of the test images whose class the rounding of the network's weights may change

KINDS = {
    "label": "labels of the test images",
    "count": "numbers of images",
    "accuracy": "accuracies",
    "interval": "intervals",
    "test": "tests of differences",
    "score": "scores by class",
    "confusion": "tables of confusions",
    "calibration": "calibration",
    "image": "single images",
    "network": "the network in the page",
    "page": "the page's source, styles and scripts",
    "text": "numbers printed in sentences",
    "table": "numbers printed in tables",
    "figure": "numbers drawn in figures",
}


@dataclasses.dataclass
class Verdict:
    """The outcome of a check.

    n_agreed: number of values that agree, by kind; differences: by kind, those that do not.
    remarks: what was not compared, and why.
    """

    n_agreed: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    differences: list[tuple[str, Difference]] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """A table: what, how many agree, how many differ."""
        differing = collections.Counter(kind for kind, _ in self.differences)
        known = [kind for kind in KINDS if self.n_agreed[kind] or differing[kind]]
        return [(KINDS[kind], f"{self.n_agreed[kind]:,}", f"{differing[kind]:,}") for kind in known]

    def add(self, field: Field) -> None:
        """Count a recomputed value."""
        if field.agrees:
            self.n_agreed[field.kind] += 1
        else:
            difference = Difference(f"results, {field.place}", _spell(field.recorded), _spell(field.right))
            self.differences.append((field.kind, difference))


def check_document(path: Path, data_dir: Path | None, cache_dir: Path) -> tuple[Submission, Verdict]:
    """Check a report or its results, offline.

    Args:
        data_dir, cache_dir: where the files of Fashion-MNIST may be.

    Raises:
        ReportError: it cannot be read as a document of this program.
    """
    with limits(path.name):
        return _check(path, data_dir, cache_dir)


def _check(path: Path, data_dir: Path | None, cache_dir: Path) -> tuple[Submission, Verdict]:
    submission = read_submission(path)
    verdict = Verdict()
    try:
        describe_limits(submission)
        if submission.results["format"] != FORMAT:
            found = submission.results["format"]
            raise ReportError(f"The results have format {found!r}; this version checks {FORMAT}.")
        official = _find_official(data_dir, cache_dir)
        _check_predictions(submission, official, verdict)
        if submission.kind != "json":
            _check_print(submission, verdict)
    except (ReportError, MemoryError):
        raise
    except Exception as error:  # of forged results
        raise ReportError(f"{path.name} has results that no run of this program writes ({error!r}).") from None
    return submission, verdict


def _find_official(data_dir: Path | None, cache_dir: Path) -> dict[str, np.ndarray]:
    """Return Fashion-MNIST's arrays, if its files are at hand."""
    try:
        return find_data(data_dir, cache_dir, fetch=False)[0]
    except ReportError:
        return {}


def _check_predictions(submission: Submission, official: dict[str, np.ndarray], verdict: Verdict) -> None:
    if not submission.predictions:
        verdict.differences.append(("count", Difference("predictions", "none", "those of every model")))
        verdict.remarks.append("There are no predictions in it, so nothing could be computed again.")
        return
    results, predictions = submission.results, submission.predictions
    _check_labels(results, predictions[LABELS], official, verdict)
    fields = recompute(results, predictions)
    fields += _of_explorer(submission)
    for field in fields:
        verdict.add(field)
    if missing := sorted(set(results["models"]) - set(predictions)):
        if "vgg_finetuned" in missing or len(missing) == len(results["models"]):
            verdict.differences.append(("count", Difference("predictions", f"none of {', '.join(missing)}", "all")))
        verdict.remarks.append(f"The predictions of {', '.join(missing)} are not in it, so these were not checked.")
    if results["duplicates"].get("test", {}).get("n_near") and NEAR not in predictions:
        verdict.remarks.append("Accuracies without near duplicates were not checked: it does not say which these are.")
    if submission.kind == "html":
        _check_network(submission, official, verdict)
    correct(results, fields)


def _check_labels(
    results: dict[str, typing.Any], labels: np.ndarray, official: dict[str, np.ndarray], verdict: Verdict
) -> None:
    """Compare the labels with the official ones: by their digest, or by the files if they are a sample."""
    if results["data"].get("sha256") != data_digest():
        described = results.get("document", {"classes": []})
        if described["classes"] is None and described.get("data_name") == FASHION_MNIST:
            place = "the digest of the data, called Fashion-MNIST"
            verdict.differences.append(("label", Difference(place, str(results["data"].get("sha256")), data_digest())))
        verdict.remarks.append("The labels are those in the document: there are no official ones of this data set.")
        return
    written = struct.pack(">2I", LABELS_MAGIC, len(labels)) + labels.astype("uint8").tobytes()
    if hashlib.sha256(written).hexdigest() == FASHION_MNIST_SHA256["t10k-labels-idx1-ubyte"]:
        verdict.n_agreed["label"] += len(labels)
        return
    if "y_test" not in official:
        verdict.remarks.append(
            "The labels are a sample, which was not compared with the official ones: their files are not at hand (give "
            "their folder with --data-dir)."
        )
        return
    every = official["y_test"]
    seed = results["run"]["settings"]["data"]["split_seed"]
    right = every[stratify(np.arange(len(every)), every, results["data"]["n_test"], seed)]
    if len(right) != len(labels):
        verdict.differences.append(("label", Difference("labels", f"{len(labels):,}", f"{len(right):,}")))
        return
    verdict.n_agreed["label"] += int((right == labels).sum())
    for number in np.flatnonzero(right != labels):
        verdict.differences.append(("label", Difference(f"label {number}", str(labels[number]), str(right[number]))))


def _of_explorer(submission: Submission) -> list[Field]:
    """Compare what the page says of single images with the predictions."""
    data = submission.explorer
    if "index" not in data:
        return []
    labels = submission.predictions[LABELS]
    index = np.frombuffer(base64.b64decode(data["index"]), "<i4")
    own = np.frombuffer(base64.b64decode(data["label"]), "<u2")
    models = [model["name"] for model in data["models"]]
    predicted = np.frombuffer(base64.b64decode(data["predicted"]), "<u2").reshape(len(index), len(models)).T
    found = [Field("image", "page.label", own.tolist(), labels[index].tolist())]
    for model, row in zip(data["models"], predicted, strict=True):
        name = model["name"]
        right = submission.predictions[name][index].argmax(axis=1)
        found.append(Field("image", f"page.predicted.{name}", row.tolist(), right.tolist()))
        recorded = submission.results["models"][name]["confusion"]
        found.append(Field("confusion", f"page.confusion.{name}", model["confusion"], recorded))
    return found


def _check_network(submission: Submission, official: dict[str, np.ndarray], verdict: Verdict) -> None:
    """Run the network in the page on the test images, and compare it with the predictions of the trained one."""
    results, labels = submission.results, submission.predictions[LABELS]
    if not results["browser_model"]["fits"] and not submission.explorer.get("network"):
        return
    if not submission.explorer.get("network"):
        verdict.differences.append(("network", Difference("the network in the page", "none", "that of the record")))
        return
    if results["data"].get("sha256") != data_digest() or "x_test" not in official:
        verdict.remarks.append("The network in the page was not run: the test images are not at hand (--data-dir).")
        return
    seed = results["run"]["settings"]["data"]["split_seed"]
    rows = stratify(np.arange(len(official["y_test"])), official["y_test"], len(labels), seed)
    chosen = np.random.default_rng().permutation(len(rows))  # others each time, so that no forger knows them
    found = run_network(submission.explorer["network"], official["x_test"][rows[chosen]], NETWORK_SECONDS)
    chosen = chosen[: len(found)]
    trained, own = submission.predictions["cnn"][chosen].argmax(axis=1), labels[chosen]
    n_changed = int((found != trained).sum())
    n_expected = min(results["browser_model"]["n_changed"], MOST_CHANGED * len(labels))
    # Of the images that rounding changes, a sample may have more than its share.
    most = n_expected if len(found) == len(labels) else n_expected * len(found) / len(labels)
    verdict.remarks.append(
        f"The network in the page classifies {float((found == own).mean()):.2%} of {len(found):,} test images drawn at "
        f"random correctly; the predictions in it {float((trained == own).mean()):.2%}."
    )
    if n_changed <= 2 + most + 4 * np.sqrt(most):
        verdict.n_agreed["network"] += len(found) - n_changed
    else:
        place = f"the network in the page, {len(found):,} images"
        told = f"{n_changed:,} predictions differ from those in it"
        verdict.differences.append(("network", Difference(place, told, f"about {most:.0f}")))


def _check_print(submission: Submission, verdict: Verdict) -> None:
    """Compare every printed number with what follows from the results."""
    expected, drawn, names, page = print_again(submission.results, submission.explorer)
    if submission.kind == "html":
        _check_source(submission, page, drawn, verdict)
    found = compare_blocks(set_apart(expected), set_apart(submission.blocks))
    for place in submission.strange:
        verdict.differences.append(("page", Difference(place, "drawn or added outside the text", "nothing")))
    printed = join_drawings(submission.blocks)
    if submission.kind == "pdf":
        printed = {names[int(number)]: text for number, text in printed.items() if int(number) < len(names)}
    compare_drawings({name: text for name, text in join_drawings(expected).items() if name in drawn}, printed, found)
    verdict.n_agreed.update(found.n_agreed)
    verdict.differences += [(difference.kind, difference) for difference in found.differences]
    if n := len(set(names) - drawn):
        verdict.remarks.append(f"{n} figures of images were not compared: they cannot be drawn without the images.")


def _check_source(submission: Submission, page: str, drawn: set[str], verdict: Verdict) -> None:
    """Compare the page's whole source, except data and figures of images: styles and scripts decide what is seen."""
    own, right = (strip_data(text, drawn) for text in (submission.page, page))
    if own == right:
        verdict.n_agreed["page"] += 1
    else:
        first = next((i for i, (a, b) in enumerate(zip(own, right, strict=False)) if a != b), min(len(own), len(right)))
        shown, expected = (show_name(text[max(0, first - 30) : first + 50]) for text in (own, right))
        where = "the page's source (changed, saved by a browser, or made by another version)"
        verdict.differences.append(("page", Difference(where, shown, expected)))
    words = submission.explorer.get("words")
    if words is not None:
        described = submission.results["document"]
        language = Language(
            described["lang"], name_classes(described["classes"], submission.results["data"]),
            submission.results["features"]["backbone"],
        )  # fmt: skip
        verdict.add(Field("page", "the texts of the explorer", words, list_words(language)))
        verdict.add(Field("page", "the classes of the explorer", submission.explorer["classes"], language.classes))
        labels = [model["label"] for model in submission.explorer["models"]]
        names = [language.model(model["name"]) for model in submission.explorer["models"]]
        verdict.add(Field("page", "the models of the explorer", labels, names))


def describe_limits(submission: Submission) -> list[str]:
    """Say what a check cannot prove, and how to find out."""
    run = submission.results["run"]
    seconds = sum(float(stage.get("seconds") or 0.0) for stage in submission.results["stages"])
    key = next((stage["key"] for stage in submission.results["stages"] if stage["name"] == "evaluation"), "")
    preset, seed, key = plain_name(run["preset"]), int(run["seed"]), plain_name(str(key)[:12])
    return [
        "This cannot prove that the predictions came from the trained networks. What does not follow from them (times, "
        "costs, curves, validation, short studies, seeds, explanations, machine) was compared with the record in the "
        "document alone.",
        f"A rerun would: python run_all.py --preset {preset} --seed {seed}, about {seconds / 60:.0f} minutes on such a "
        f"machine; with the same settings and code, the evaluation has the key {key}.",
    ]


def plain_name(text: str) -> str:
    """Return a name from a document as it may be printed in a command; raise ValueError for one that may not."""
    if not re.fullmatch(r"[\w-]*", text):
        raise ValueError(f"{text!r} is no name")
    return text


def _spell(value: typing.Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else show_name(str(value))
    return text if len(text) <= 80 else text[:79] + "…"
