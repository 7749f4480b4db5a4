"""A report can be checked: an untouched one has no difference, and every kind of tampering is named."""

import base64
import copy
import dataclasses
import gzip
import io
import json
import re
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pypdf
import pypdf.annotations
import pytest

from fmnist_report.data.digests import data_digest
from fmnist_report.errors import ReportError
from fmnist_report.pipeline.files import load_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.presets import preset
from fmnist_report.report.document import Document
from fmnist_report.report.figures.charts import build_charts, in_style
from fmnist_report.report.figures.vector import figure_to_svg
from fmnist_report.report.html import render_page, split_svg
from fmnist_report.report.language import Language
from fmnist_report.report.pdf.writer import write_pdf
from fmnist_report.report.record import LABELS, PREDICTIONS, RESULTS, pack_predictions, unpack_predictions
from fmnist_report.verification import check as checking
from fmnist_report.verification import submission as reading
from fmnist_report.verification.blocks import Block, compare_blocks, list_numbers, read_page
from fmnist_report.verification.check import check_document, describe_limits
from fmnist_report.verification.compare import READING, compare_documents
from fmnist_report.verification.network import run_network
from fmnist_report.verification.printed import Drawings

EXPLORER = {"n_missing": 0, "network": {"operations": [], "whole": "", "fine": ""}}
TITLE_PAGE = {"student": "Ada 2", "group": "KN-31", "earlier_accuracy": 0.885}


def make(folder, invented_run, lang="en", name="best", results=None, classes=None, predictions=None):
    """Write a report's HTML and what its PDF is made from; return their folder."""
    settings = preset(name)
    results = copy.deepcopy(results or invented_run.document)
    results["data"]["sha256"] = data_digest() if classes is None else "5a" * 32
    results["run"] |= {"preset": settings.preset, "settings": dataclasses.asdict(settings)}
    language = Language(lang, classes, results["features"]["backbone"])
    with in_style():
        drawn = {name: split_svg(figure_to_svg(chart, name)) for name, chart in build_charts(results, language).items()}
    arrays = predictions or load_arrays(invented_run.folder / "evaluation" / "predictions.npz")
    data_name = "Fashion-MNIST" if classes is None else "Pets 7"
    document = Document(results, settings, language, TITLE_PAGE, data_name, classes is None, Drawings(drawn),
                        EXPLORER, pack_predictions(arrays))  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(render_page(document), "utf-8")
    write_json(folder / "results.json", document.record)
    (folder / "predictions.npz").write_bytes(document.predictions)
    return folder


@pytest.fixture(scope="module")
def report(invented_run, tmp_path_factory):
    """A report of the invented run, in both forms."""
    folder = make(tmp_path_factory.mktemp("report"), invented_run)
    write_pdf(folder, Progress(quiet=True), html=folder)
    return SimpleNamespace(folder=folder, html=folder / "report.html", pdf=folder / "report.pdf",
                           page=(folder / "report.html").read_text("utf-8"), run=invented_run)  # fmt: skip


PRINTED_AGAIN = {}


@pytest.fixture(autouse=True)
def print_once(monkeypatch):
    """Make the page of equal results once for all tests of this module, which takes most of a check."""
    monkeypatch.setattr(checking, "_find_official", lambda data_dir, cache_dir: {})
    original = checking.print_again

    def remember(results, explorer):
        key = json.dumps([results, explorer], sort_keys=True, default=str)
        if key not in PRINTED_AGAIN:
            PRINTED_AGAIN[key] = original(results, explorer)
        return PRINTED_AGAIN[key]

    monkeypatch.setattr(checking, "print_again", remember)


@pytest.fixture
def print_unchanged(report, print_once, monkeypatch):
    """Compare with the print of the untouched report, for tests of what the predictions say of a record."""
    submission = reading.read_submission(report.html)
    untouched = checking.print_again(submission.results, submission.explorer)
    monkeypatch.setattr(checking, "print_again", lambda results, explorer: untouched)


def check(path):
    return check_document(path, None, path.parent)[1]


def check_text(tmp_path, page):
    path = tmp_path / "report.html"
    path.write_text(page, "utf-8")
    return check(path)


def told(verdict):
    return [(kind, found.printed, found.right) for kind, found in verdict.differences]


@pytest.mark.parametrize("kind", ["html", "pdf"])
def test_an_untouched_report_agrees_in_every_number(report, kind):
    verdict = check(getattr(report, kind))
    assert told(verdict) == []
    agreed = verdict.n_agreed
    assert agreed["text"] > 300 and agreed["table"] > 500 and agreed["figure"] > 300 and agreed["calibration"] > 200
    assert agreed["accuracy"] == 2 * len(report.run.document["models"]) + 1 and agreed["test"] > 50
    assert any("labels are a sample, which was not compared" in remark for remark in verdict.remarks)


@pytest.mark.parametrize(
    ("lang", "name", "classes"),
    [("uk", "best", None), ("uk", "quick", None), ("en", "standard", None), ("uk", "standard", list("абвгґдеєжз"))],
)
def test_reports_of_every_preset_in_both_languages_and_of_other_data_agree(tmp_path, invented_run, lang, name, classes):
    folder = make(tmp_path, invented_run, lang, name, classes=classes)
    assert told(check(folder / "report.html")) == []


def test_the_results_beside_predictions_agree(tmp_path, report):
    (tmp_path / "results.json").write_text(json.dumps(report.run.document))
    arrays = load_arrays(report.run.folder / "evaluation" / "predictions.npz")
    np.savez(tmp_path / "predictions.npz", **arrays)
    assert told(check(tmp_path / "results.json")) == []


def printed_place(page, pattern):
    """Return the start of the first digit of a match's group 1, behind the beginning of the sections."""
    found = re.compile(pattern, re.DOTALL).search(page, page.index("<main>"))
    return found.start(1)


def change_digit(page, pattern):
    """Change the first digit of group 1; return the page, and the former and the new digit."""
    place = printed_place(page, pattern)
    new = str((int(page[place]) + 3) % 10)
    return page[:place] + new + page[place + 1 :]


PRINTED = {
    "a sentence": ("text", r"classifies (\d\d\.\d\d)% of"),
    "an interval": ("text", r"95% CI (\d\d\.\d\d)% to"),
    "the abstract's number of images": ("text", r"On (\d\d,\d\d\d) training images"),
    "a cell": ("table", r'id="table-results".*?<td[^>]*>(\d\d\.\d\d)%'),
    "a score by class": ("table", r'id="table-per_class".*?<td[^>]*>(\d\.\d+)|id="table-per_class".*?<td[^>]*>(\d+)'),
    "a chart": ("figure", r'<figure id="figure-comparison".*?<text[^>]*>(\d\d\.\d)'),
    "a value on a bar": ("figure", r'<figure id="figure-comparison".*<text[^>]*>(\d\d\.\d\d)%</text>.*?</figure>'),
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_changed_digit_is_found_with_its_place(tmp_path, report, name):
    kind, pattern = PRINTED[name]
    verdict = check_text(tmp_path, change_digit(report.page, pattern))
    assert sorted(found for found, _ in verdict.differences) == sorted(["page", kind]), told(verdict)
    difference = next(found for found_kind, found in verdict.differences if found_kind == kind)
    assert difference.place and difference.printed != difference.right


def rewrite(page, change, predictions=None):
    """Return a page whose record of the results is changed in place by a function."""

    def encode(raw):
        return base64.b64encode(raw).decode()

    found = re.search(r'id="record">([^<]*)<', page)
    results = json.loads(gzip.decompress(base64.b64decode(found[1])))
    change(results)
    page = page.replace(found[1], encode(gzip.compress(json.dumps(results).encode())))
    if predictions is not None:
        former = re.search(r'id="predictions">([^<]*)<', page)[1]
        page = page.replace(former, encode(predictions))
    return page


def set_path(*path, to):
    def change(results):
        target = results
        for name in path[:-1]:
            target = target[name]
        assert target[path[-1]] != to
        target[path[-1]] = to

    return change


def swap_rows(results):
    rows = results["models"]["cnn"]["per_class"]
    rows[2], rows[6] = rows[6], rows[2]


def swap_models(results):
    models = results["models"]
    models["cnn"], models["mlp"] = models["mlp"], models["cnn"]


def better_p(results):
    results["comparisons"][0]["p_holm"] = 0.049


def other_mistake(results):
    results["mistakes"][0]["label"] = (results["mistakes"][0]["label"] + 1) % 10


EDITED = {
    "an accuracy": (set_path("models", "cnn", "test_accuracy", to=0.97), "accuracy"),
    "an interval": (set_path("models", "cnn", "test_accuracy_ci95", to=[0.9, 0.99]), "interval"),
    "a macro-F1": (set_path("models", "mlp", "macro_f1", to=0.95), "score"),
    "scores of two classes, swapped": (swap_rows, "score"),
    "a confusion": (set_path("models", "cnn", "confusion", 0, 1, to=0), "confusion"),
    "a calibration error": (set_path("models", "cnn", "ece", to=0.001), "calibration"),
    "a scaled calibration error": (set_path("models", "cnn", "ece_scaled", to=0.5), "calibration"),
    "a bin of the reliability": (set_path("models", "cnn", "reliability", 0, "n", to=999), "calibration"),
    "a p-value": (better_p, "test"),
    "two networks, swapped": (swap_models, "accuracy"),
    "accuracy without near duplicates": (set_path("models", "cnn", "test_accuracy_without_near", to=0.999), "accuracy"),
    "a difference of validation and test": (set_path("models", "cnn", "val_minus_test", "low", to=-0.5), "interval"),
    "images missed by all": (set_path("missed_by_all", "n", to=1), "count"),
    "the label of a mistake": (other_mistake, "image"),
    "the number of test images": (set_path("data", "n_test", to=10_000), "count"),
}


@pytest.mark.parametrize("name", EDITED)
def test_an_edited_record_is_found_by_the_predictions(tmp_path, report, print_unchanged, name):
    change, kind = EDITED[name]
    verdict = check_text(tmp_path, rewrite(report.page, change))
    assert kind in [found for found, _ in verdict.differences], told(verdict)[:5]
    assert all(found.place.startswith("results, ") for found_kind, found in verdict.differences if found_kind == kind)


def test_an_edited_accuracy_is_found_even_if_the_report_was_printed_anew_with_it(tmp_path, invented_run):
    results = copy.deepcopy(invented_run.document)
    results["models"]["cnn"]["test_accuracy"] += 0.02
    verdict = check(make(tmp_path, invented_run, results=results) / "report.html")
    kinds = {kind for kind, _ in verdict.differences}
    assert {"accuracy", "table"} <= kinds
    right = f"{invented_run.document['models']['cnn']['test_accuracy']:.6g}"
    assert ("accuracy", f"{results['models']['cnn']['test_accuracy']:.6g}", right) in told(verdict)


def test_validation_results_that_differ_from_the_print_are_found(tmp_path, report):
    """They cannot be computed again, but record and print must agree."""
    verdict = check_text(tmp_path, rewrite(report.page, set_path("models", "cnn", "val_accuracy", to=0.999)))
    assert {kind for kind, _ in verdict.differences} & {"text", "table", "figure"}


def changed_predictions(report):
    arrays = load_arrays(report.run.folder / "evaluation" / "predictions.npz")
    arrays["cnn"] = np.roll(arrays["cnn"], 1, axis=0)
    return arrays


def test_changed_predictions_and_those_of_another_run_are_found(tmp_path, report):
    packed = pack_predictions(changed_predictions(report))
    verdict = check_text(tmp_path, rewrite(report.page, lambda results: None, packed))
    assert {"accuracy", "confusion", "score", "test"} <= {kind for kind, _ in verdict.differences}
    assert all("mlp" not in found.place for kind, found in verdict.differences if kind == "accuracy")


def test_other_labels_are_found(tmp_path, report, monkeypatch):
    arrays = load_arrays(report.run.folder / "evaluation" / "predictions.npz")
    every = arrays[LABELS].copy()
    monkeypatch.setattr(checking, "_find_official", lambda data_dir, cache_dir: {"y_test": every})
    assert "label" not in [kind for kind, _ in check_text(tmp_path, report.page).differences]
    arrays[LABELS][7] = (arrays[LABELS][7] + 1) % 10
    verdict = check_text(tmp_path, rewrite(report.page, lambda results: None, pack_predictions(arrays)))
    assert ("label", str(arrays[LABELS][7]), str(every[7])) in told(verdict)


def test_official_labels_are_known_by_their_digest_alone():
    from fmnist_report.data import fashion_mnist

    try:
        labels = fashion_mnist.find_data(None, checking.Path("cache"), fetch=False)[0]["y_test"]
    except ReportError:
        pytest.skip("Fashion-MNIST is not at hand")
    for changed in (labels, np.roll(labels, 1)):
        verdict = checking.Verdict()
        checking._check_labels({"data": {"sha256": data_digest()}}, changed, {}, verdict)
        assert verdict.n_agreed["label"] == (len(labels) if changed is labels else 0)
        assert len(verdict.remarks) == (0 if changed is labels else 1)


def test_a_changed_word_and_a_removed_sentence_are_found(tmp_path, report):
    main = report.page.index("<main>")
    head, body = report.page[:main], report.page[main:]
    worse = head + body.replace("more accurate than", "less accurate than", 1)
    (difference,) = [found for kind, found in check_text(tmp_path, worse).differences if kind == "text"]
    assert "less accurate" in difference.printed and "more accurate" in difference.right
    sentence = re.search(r"<p>[^<]{80,}</p>", body)[0]
    kinds = [kind for kind, _ in check_text(tmp_path, head + body.replace(sentence, "", 1)).differences]
    assert sorted(kinds) == ["page", "text"]
    added = head + body.replace(sentence, f"{sentence}<p>It reaches 99.99%.</p>", 1)
    assert "99.99" in " ".join(found.printed for _, found in check_text(tmp_path, added).differences)


def test_tampering_with_the_text_of_a_pdf_is_found(tmp_path, report):
    """The text is changed as someone would who has the page: the attachments stay."""
    page = report.page
    for name in ("a sentence", "a cell", "a value on a bar"):
        page = change_digit(page, PRINTED[name][1])
    for file in ("results.json", "predictions.npz"):
        (tmp_path / file).write_bytes((report.folder / file).read_bytes())
    (tmp_path / "report.html").write_text(page, "utf-8")
    write_pdf(tmp_path, Progress(quiet=True), html=tmp_path)
    verdict = check(tmp_path / "report.pdf")
    assert sorted(kind for kind, _ in verdict.differences) == ["figure", "table", "text"], told(verdict)


def attach(path, **changed):
    """Write a copy of a PDF with other attachments; None removes one."""
    reader = pypdf.PdfReader(path)
    writer = pypdf.PdfWriter(clone_from=reader)
    kept = {name: content[0] for name, content in reader.attachments.items()}
    names = {"results": RESULTS, "predictions": PREDICTIONS}
    kept |= {names[name]: content for name, content in changed.items()}
    del writer._root_object["/Names"]["/EmbeddedFiles"]
    for name, content in kept.items():
        if content is not None:
            writer.add_attachment(name, content)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_edited_attachments_of_a_pdf_are_found(tmp_path, report):
    path = tmp_path / "report.pdf"
    results = json.loads((report.folder / "results.json").read_text())
    results["models"]["cnn"]["test_accuracy"] = 0.99
    path.write_bytes(attach(report.pdf, results=json.dumps(results).encode()))
    assert "accuracy" in [kind for kind, _ in check(path).differences]
    path.write_bytes(attach(report.pdf, predictions=None))
    assert any("no predictions" in remark for remark in check(path).remarks)
    path.write_bytes(attach(report.pdf, results=None))
    with pytest.raises(ReportError, match="no attached results"):
        check(path)


HOSTILE = {
    "empty": b"",
    "not a report": b"<html><body>hello</body></html>",
    "no PDF": b"%PDF-1.7\nhello",
    "another JSON": b'{"a": 1}',
    "deep JSON": b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "bytes": bytes(range(256)) * 100,
    "deep HTML": b"<div>" * 100_000,
    "a record that is no gzip": b'<script type="application/octet-stream" id="record">AAAA</script>',
    "a record that is no base64": b'<script type="application/octet-stream" id="record">A</script>',
    "a large record": b'<script type="application/octet-stream" id="record">'
    + base64.b64encode(gzip.compress(b" " * 2**27)) + b"</script>",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_end_in_a_sentence(tmp_path, name):
    path = tmp_path / "report.html"
    path.write_bytes(HOSTILE[name])
    began = time.monotonic()
    with pytest.raises(ReportError, match="report|read|results"):
        check(path)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("kind", ["html", "pdf"])
def test_damaged_documents_end_in_a_sentence_or_differ(tmp_path, report, kind):
    raw = getattr(report, kind).read_bytes()
    for cut in (len(raw) // 3, len(raw) - 2_000):
        (tmp_path / "report").write_bytes(raw[:cut])
        try:
            verdict = check(tmp_path / "report")
        except ReportError as error:
            assert "report" in str(error)
        else:
            assert verdict.differences or verdict.remarks


def test_too_large_documents_are_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    (tmp_path / "a.pdf").write_bytes(b"%PDF" + bytes(200))
    with pytest.raises(ReportError, match="has more than"):
        check(tmp_path / "a.pdf")


def test_predictions_that_lie_about_their_size_are_refused(tmp_path, report):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("y_test.npy", bytes(2**20))
    with pytest.raises(ReportError, match="cannot be read as a report"):
        check_text(tmp_path, rewrite(report.page, lambda results: None, buffer.getvalue()))
    with pytest.raises(ReportError, match="cannot be read as a report"):
        check_text(tmp_path, rewrite(report.page, lambda results: None, b"PK no zip"))


@pytest.mark.parametrize("value", [None, {}, 10**9])
@pytest.mark.parametrize(
    "path", [("models", "cnn"), ("data",), ("missed_by_all",), ("run",), ("mistakes",), ("document",)]
)
def test_results_of_no_run_end_in_a_sentence_or_differ(tmp_path, report, path, value):
    try:
        verdict = check_text(tmp_path, rewrite(report.page, set_path(*path, to=value)))
    except ReportError as error:
        assert "report.html" in str(error) or "results" in str(error)
    else:
        assert verdict.differences


def test_scripts_in_a_document_are_not_executed_and_nothing_is_unpickled(tmp_path, report):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('unpickled')",))

    buffer = io.BytesIO()
    np.savez(buffer, y_test=np.array([Trap()], dtype=object))
    with pytest.raises(ReportError, match="cannot be read"):
        check_text(tmp_path, rewrite(report.page, lambda results: None, buffer.getvalue()))


def test_packed_predictions_keep_every_class_and_are_small():
    rng = np.random.default_rng(0)
    for sharpness in (0.1, 1.0, 20.0):
        logits = rng.normal(size=(3_000, 10)) * sharpness
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        packed = pack_predictions({LABELS: np.zeros(3_000, "uint8"), "cnn": probabilities.astype("float32")})
        found = unpack_predictions(packed)["cnn"]
        assert (found.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert np.abs(found - probabilities).max() < 0.01 and np.allclose(found.sum(axis=1), 1)
        assert np.abs(found.max(axis=1) - probabilities.max(axis=1)).max() < 2e-5
        assert len(packed) < 3_000 * 10 * 2


def test_ties_are_packed_in_their_order():
    probabilities = np.full((4, 3), 1 / 3, "float32")
    probabilities[1, 2] += 1e-7
    probabilities[2] = [0.2, 0.4, 0.4]
    found = unpack_predictions(pack_predictions({LABELS: np.zeros(4, "uint8"), "cnn": probabilities}))["cnn"]
    assert (found.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_models_that_do_not_fit_are_left_out():
    rng = np.random.default_rng(0)
    arrays = {LABELS: np.zeros(500, "uint8"), **{name: rng.dirichlet(np.ones(50), 500) for name in ("mlp", "cnn")}}
    one = len(pack_predictions({name: arrays[name] for name in (LABELS, "mlp")}))
    assert list(unpack_predictions(pack_predictions(arrays, one + 1_000))) == [LABELS, "mlp"]


def test_numbers_are_compared_by_block():
    expected = [Block("A", "It has 12 of 95.5%, −0.3 to 4–5", "text"), Block("B", "same 1", "table")]
    printed = [Block("A", "It has 12 of 95.6%, −0.3 to 4–5", "text"), Block("B", "same 1", "table")]
    found = compare_blocks(expected, printed)
    assert [(one.printed, one.right) for one in found.differences] == [("95.6", "95.5")] and found.n_agreed["text"] == 4
    assert list_numbers("−0.3 and 1\u00a0234,5 and 4–5 and 7%") == ["−0.3", "1", "234,5", "4", "5", "7"]
    page = "<main><p>a <b>1</b></p><details class='data'>x</details><p hidden>y</p></main>"
    assert [block.text for block in read_page(page)] \
        == ["a 1"]  # fmt: skip


def test_limits_name_the_rerun(report):
    text = " ".join(describe_limits(check_document(report.html, None, report.folder)[0]))
    assert "cannot prove that the predictions came from" in text and "--preset best --seed 0" in text


def test_the_network_of_a_page_is_carried_out_as_keras_does():
    keras = pytest.importorskip("keras")
    from fmnist_report.models.browser_model import carry_over, round_network
    from fmnist_report.models.cnn import build_cnn
    from fmnist_report.settings import CNNSettings

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 28, 28)).astype("uint8")
    for residual in (False, True):
        network = build_cnn(CNNSettings(widths=(4, 8, 8), residual=residual), (28, 28), 10)
        carried = carry_over(network)
        round_network(network)
        described = {"operations": carried.operations, "mirror": False,
                     "whole": base64.b64encode(carried.whole.tobytes()).decode(),
                     "fine": base64.b64encode(carried.fine.tobytes()).decode()}  # fmt: skip
        expected = np.asarray(network.predict_on_batch(images[..., None].astype("float32"))).argmax(axis=1)
        assert (run_network(described, images) == expected).mean() > 0.98
        assert len(run_network(described, images, most_seconds=0)) == 50
    with pytest.raises(ValueError, match="network of the page is damaged"):
        run_network({"whole": "", "fine": "", "operations": [{"op": "x"}]}, images)


def test_two_reports_are_compared_in_settings_machine_and_accuracy(tmp_path, report, invented_run):
    results = copy.deepcopy(invented_run.document)
    arrays = changed_predictions(report)
    results["models"]["cnn"]["test_accuracy"] = float((arrays["cnn"].argmax(axis=1) == arrays[LABELS]).mean())
    results["run"]["hardware"] = {**results["run"]["hardware"], "cores": 64}
    other = make(tmp_path, invented_run, "uk", "standard", results, predictions=arrays) / "report.html"
    found = compare_documents(report.pdf, other)
    assert ("machine.cores", "2", "64") in found.circumstances and ("preset", "best", "standard") in found.circumstances
    assert any(name.startswith("cnn.") for name, _, _ in found.settings) and READING in found.remarks
    rows = {row["name"]: row for row in found.models}
    assert rows["cnn"]["p_holm"] < 0.001 and rows["cnn"]["high"] < 0 and rows["cnn"]["difference"] < 0
    assert rows["mlp"]["p_holm"] == 1 and rows["mlp"]["only_first"] == 0
    same = compare_documents(report.pdf, report.html)
    assert not same.settings and not same.circumstances


def test_reports_without_common_test_images_are_compared_without_a_test(tmp_path, report):
    arrays = load_arrays(report.run.folder / "evaluation" / "predictions.npz")
    arrays[LABELS] = np.roll(arrays[LABELS], 1)
    (tmp_path / "report.html").write_text(rewrite(report.page, lambda results: None, pack_predictions(arrays)))
    found = compare_documents(report.html, tmp_path / "report.html")
    assert "Their test images differ, so no difference can be tested." in found.remarks
    assert all("p_holm" not in row for row in found.models)


# What someone who tried to fool the check did.


def first_wins(results):
    forged = {**results["comparisons"][0], "p_holm": 1e-9}
    results["comparisons"] = [forged, *results["comparisons"]]


UNPRINTABLE = ("a missing network", "no comparisons")
FORGED = {
    "a comparison twice": (first_wins, "test"),
    "no comparisons": (lambda results: results.update(comparisons=[]), "test"),
    "no mistakes": (lambda results: results.update(mistakes=[]), "image"),
    "one mistake many times": (lambda results: results.update(mistakes=results["mistakes"][:1] * 24), "image"),
    "a missing network": (lambda results: results["models"].pop("cnn"), "count"),
    "fewer training images": (lambda results: results["data"].update(n_train=500), "count"),
    "fewer parameters": (lambda results: results["models"]["cnn"].update(n_params=12), "count"),
    "weights of the ensemble": (lambda results: results["ensemble_weights"].update(cnn=3.0), "score"),
    "one more bin": (
        lambda results: results["models"]["cnn"]["reliability"].append({"confidence": 0.99, "accuracy": 1.0, "n": 9}),
        "calibration",
    ),
    "another data set's digest": (lambda results: results["data"].update(sha256="0" * 64), "label"),
}


@pytest.mark.parametrize("name", FORGED)
def test_results_that_are_incomplete_or_contradict_themselves_are_found(request, tmp_path, report, name):
    change, kind = FORGED[name]
    if name not in UNPRINTABLE:
        request.getfixturevalue("print_unchanged")
    try:
        verdict = check_text(tmp_path, rewrite(report.page, change))
    except ReportError as error:
        assert name in UNPRINTABLE and "no run of this program" in str(error)
    else:
        assert kind in [found for found, _ in verdict.differences], told(verdict)[:4]


def test_a_report_without_predictions_does_not_pass(tmp_path, report):
    page = re.sub(r'id="predictions">[^<]*<', 'id="predictions"><', report.page)
    assert ("count", "none", "those of every model") in told(check_text(tmp_path, page))


def test_an_ensemble_better_than_its_members_is_found(tmp_path, report):
    arrays = load_arrays(report.run.folder / "evaluation" / "predictions.npz")
    wrong = np.flatnonzero(arrays["ensemble"].argmax(axis=1) != arrays[LABELS])[:60]
    arrays["ensemble"][wrong] = np.eye(10, dtype="float32")[arrays[LABELS][wrong]]
    verdict = check_text(tmp_path, rewrite(report.page, lambda results: None, pack_predictions(arrays)))
    assert any("unlike its members" in found.place for _, found in verdict.differences)


SHOWN = {
    "a script": ("<script>", '<script>document.body.innerHTML=document.body.innerHTML.replace("9","8");'),
    "a style": ("</style>", "p{font-size:0}p::after{content:'97.62%'}</style>"),
    "a hidden element": ("<main>", "<main><p hidden style='display:inline!important'>It reaches 99.99%.</p>"),
    "a second header": ("<main>", "<main><header>It reaches 99.99%.</header>"),
    "a drawing": ("<main>", "<main><svg><text>99.99%</text></svg>"),
    "a comment that browsers end": ("<main>", "<main><!--><p>99.99%</p><!-- -->"),
    "another student": ("Ada 2", "Eve 3"),
    "a chart's mark": (
        '<figure id="figure-comparison">',
        '<figure id="figure-comparison"><img src="data:image/png;base64,">',
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_changes_the_display_of_a_page_is_found(tmp_path, report, name):
    former, new = SHOWN[name]
    assert former in report.page
    verdict = check_text(tmp_path, report.page.replace(former, new, 1))
    assert "page" in [kind for kind, _ in verdict.differences]


def test_a_page_with_a_byte_order_mark_is_read(tmp_path, report):
    (tmp_path / "report.html").write_text("\ufeff" + report.page, "utf-8")
    assert told(check(tmp_path / "report.html")) == []


def draw_on(path, page, content):
    """Write a copy of a PDF with more content on a page."""
    writer = pypdf.PdfWriter(clone_from=path)
    stream = pypdf.generic.DecodedStreamObject()
    target = writer.pages[page]
    stream.set_data(target["/Contents"].get_object().get_data() + content)
    target[pypdf.generic.NameObject("/Contents")] = writer._add_object(stream)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"BT /%s 12 Tf 50 50 Td <%s> Tj ET", "text outside the structure"),
        (b"/Artifact BMC BT /%s 12 Tf 50 50 Td [<%s>] TJ ET EMC", "text as decoration"),
        (b"BT 3 Tr /%s 12 Tf ET", "invisible text"),
    ],
)
def test_text_that_is_drawn_over_a_pdf_is_found(tmp_path, report, content, sentence):
    fonts = pypdf.PdfReader(report.pdf).pages[2]["/Resources"]["/Font"]
    name, font = next(iter(fonts.items()))
    written = font.get_object()["/ToUnicode"].get_object().get_data().decode("latin-1")
    glyph = re.findall(r"<([0-9a-f]{4})> <0039>|<([0-9a-f]{4})> <0061>", written, re.IGNORECASE)[0]
    code = ("".join(glyph) * 9).encode()
    content = content % ((name[1:].encode(), code) if content.count(b"%s") == 2 else (name[1:].encode(),))
    (tmp_path / "report.pdf").write_bytes(draw_on(report.pdf, 2, b"\nQ\n" + content))
    places = [found.place for kind, found in check(tmp_path / "report.pdf").differences if kind == "page"]
    assert any(sentence in place for place in places), places


def test_a_note_on_a_pdf_is_found(tmp_path, report):
    writer = pypdf.PdfWriter(clone_from=report.pdf)
    writer.add_annotation(2, pypdf.annotations.FreeText(text="99.99 %", rect=(50, 50, 200, 100)))
    with open(tmp_path / "report.pdf", "wb") as file:
        writer.write(file)
    assert any("an annotation /FreeText" in found.place for _, found in check(tmp_path / "report.pdf").differences)


@pytest.mark.parametrize("change", [
    lambda results: results["stages"][0].update(seconds="x"), lambda results: results["stages"].insert(0, 3),
    lambda results: results["run"].pop("preset"), lambda results: results["run"].update(preset="x; rm -r y"),
    lambda results: results["run"].update(seed="\x1b[31m0"),
])  # fmt: skip
def test_what_a_rerun_would_be_is_not_taken_from_forged_results(tmp_path, report, change):
    with pytest.raises(ReportError, match="report.html has results that no run of this program writes"):
        check_text(tmp_path, rewrite(report.page, change))


def test_networks_that_would_need_much_memory_are_refused():
    images = np.zeros((50, 28, 28), "uint8")
    start = {"op": "input", "inputs": [], "shape": [28, 28, 1]}
    for step in (
        {"op": "convolve", "inputs": [0], "shape": [28, 28, 1], "kernel": [300, 300, 1, 1], "weights": 0, "scale": 0},
        {"op": "relu", "inputs": [0], "shape": [10**6, 10**6, 1]},
        {"op": "relu", "inputs": [-1], "shape": [28, 28, 1]},
    ):
        with pytest.raises(ValueError, match="too large"):
            run_network({"whole": "", "fine": "", "operations": [start, step]}, images)
    with pytest.raises(ValueError, match="too large"):
        run_network({"whole": "", "fine": "", "operations": [start] * 501}, images)


def test_hostile_documents_are_compared_within_the_same_limits(tmp_path, report):
    (tmp_path / "deep.json").write_bytes(HOSTILE["deep JSON"])
    with pytest.raises(ReportError, match="nested more deeply|cannot be read"):
        compare_documents(report.html, tmp_path / "deep.json")
