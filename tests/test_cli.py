"""Usage errors are reported before any work; a small real run writes a report, and a second one computes nothing."""

import base64
import dataclasses
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pypdf
import pytest
import typer
from conftest import CACHE_NAME, call_real_pipeline
from fontTools.ttLib import TTFont
from PIL import Image

from fmnist_report import machine
from fmnist_report.cli import app, lead_with_shared, main, parse_size
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.doctor import examine
from fmnist_report.errors import UsageError
from fmnist_report.networks import stages_of_part
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.fingerprint import find_sources
from fmnist_report.pipeline.plan import Plan
from fmnist_report.presets import preset
from fmnist_report.report.assets import TEMPLATES
from fmnist_report.report.publishing import list_stages
from fmnist_report.report.title_page import read_document
from fmnist_report.settings import feature_bytes
from run_all import build_pipeline

ROOT = Path(__file__).resolve().parent.parent
DEVICES = functools.cache(machine.find_devices)
SPEED = machine.Speed({"float32": 60.0}, {"float32": 110.0}, mnn=130.0)


@pytest.fixture(autouse=True)
def devices_once(monkeypatch):
    """Look for devices once, and measure nothing: each time a process imports TensorFlow."""
    monkeypatch.setattr(machine, "find_devices", DEVICES)
    monkeypatch.setattr(machine, "measure_speed", lambda: SPEED)
    monkeypatch.setattr("fmnist_report.request.measure_speed", lambda: SPEED)


@pytest.fixture
def any_disk(monkeypatch):
    """Let a run of `standard` begin on a disk without the 6 GB that its features need."""
    monkeypatch.setattr("fmnist_report.request.require_space", lambda folder, n_bytes, what: None)


def call(capsys, *arguments):
    code = main(build_pipeline, list(arguments))
    return code, capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prest", "quick"], "--preset"),
        (["--preset", "quik"], "did you mean 'quick'"),
        (["--lang", "fr"], "Unknown language 'fr'"),
        (["--lang", "en,uk"], "repeat --lang"),
        (["--set", "cnn.epoch=1"], "did you mean 'cnn.epochs'"),
        (["--set", "cnn.epochs=-1"], "cnn.epochs expects a number greater than 0, not '-1'"),
        (["--force", "cn"], "did you mean 'cnn'"),
        (["--only", "everything"], "Unknown stage"),
        (["--data-dir", "/nowhere"], "does not exist"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "give one of them"),
        (["--workers", "-1"], "expects 1 to 64 processes, not -1"),
        (["--scheduler", "127.0.0.1"], "expects an address such as tcp://"),
        (["--title-page", "/nowhere.toml"], "cannot be read"),
        (["--seed", "-1"], "seed"),
        (["--seed", str(2**31)], "--seed expects a number below 2**31"),
        (["stats"], "status"),
    ],
)
def test_wrong_use_is_one_sentence_and_code_2(capsys, tmp_path, arguments, sentence):
    code, output = call(capsys, "--cache-dir", str(tmp_path / "cache"), *arguments)
    assert code == 2
    assert sentence in output.err and "Traceback" not in output.err
    assert output.out == "" and not (tmp_path / "cache").exists()


def test_unwritable_folders_are_code_1_before_any_stage(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for option, other in (("--out", "--cache-dir"), ("--cache-dir", "--out")):
        code, output = call(capsys, option, str(tmp_path / "file" / "x"), other, str(tmp_path / "good"))
        assert code == 1
        assert "not writable" in output.err and option in output.err and "started" not in output.err


def test_too_little_disk_is_code_1_before_any_stage(capsys, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10**9})
    monkeypatch.setattr("fmnist_report.doctor.shutil.disk_usage", lambda folder: usage)
    code, output = call(capsys, "--cache-dir", str(tmp_path / "c"), "--out", str(tmp_path / "o"))
    assert code == 1
    assert "needs about 6.0 GB" in output.err and "1.0 GB free" in output.err and "started" not in output.err


def test_disk_is_checked_for_what_an_extraction_lacks(tmp_path, monkeypatch):
    """An interrupted extraction resumes from its shards, and a cached one needs no disk space."""
    from fmnist_report.request import prepare_computation

    asked = []
    monkeypatch.setattr("fmnist_report.request.require_space", lambda folder, n_bytes, what: asked.append(n_bytes))
    features = SimpleNamespace(stage=SimpleNamespace(name="features"), status="compute", key="k", components={})
    cache, settings = Cache(tmp_path), preset("standard")
    plan = SimpleNamespace(steps={"features": features}, pending=[features], cache=cache)
    request = SimpleNamespace(deterministic=False, cache_dir=tmp_path, settings=settings)
    prepare_computation(request, plan, plan.pending)
    shard = cache.work_folder("features", "k") / "unfinished" / "shard-00000.h5"
    shard.parent.mkdir()
    shard.write_bytes(bytes(1_000))
    prepare_computation(request, plan, plan.pending)
    features.status = "undecided"  # until it is known whether the data are the same
    prepare_computation(request, plan, plan.pending)
    plan.steps = plan.pending = {}
    prepare_computation(request, plan, plan.pending)
    assert asked == [feature_bytes(settings), feature_bytes(settings) - 1_000]


@pytest.mark.parametrize(("precision", "measured"), [('"auto"', 1), ('"float32"', 0)])
def test_the_machine_is_measured_before_a_stage_with_an_automatic_setting(tmp_path, monkeypatch, precision, measured):
    from fmnist_report.request import prepare_computation

    calls = []
    monkeypatch.setattr("fmnist_report.request.measure_speed", lambda: calls.append(1))
    steps = [SimpleNamespace(components={"setting cnn.epochs": "7", "setting cnn.precision": precision})]
    plan = SimpleNamespace(steps={}, pending=steps)
    prepare_computation(SimpleNamespace(deterministic=False, cache_dir=tmp_path), plan, plan.pending)
    assert len(calls) == measured


def test_brackets_in_names_are_printed(capsys, tmp_path):
    folder = tmp_path / "[new] photos [b]"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(folder / name / "1.png")
    _, output = call(capsys, "doctor", "--data-dir", str(folder), "--cache-dir", str(tmp_path / "c"))
    assert "[new]photos[b]" in "".join((output.err + output.out).split())


def test_settings_are_listed_as_the_options_set_them(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, output = call(capsys, "settings", "--preset", "quick", "--set", "cnn.epochs=3", "--cache-dir", str(tmp_path))
    words = {line.split()[0]: line.split()[1] for line in output.out.splitlines() if "." in line[:20]}
    headings = [
        line.split()[0] for line in output.out.splitlines() if line[:1].isalpha() and "." not in line.split()[0]
    ]
    assert headings[1:] == list(dict.fromkeys(name.partition(".")[0] for name in words)) and not output.err
    assert code == 0 and (words["cnn.epochs"], words["mlp.epochs"]) == ("3", "8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", ["0", "20", "80", "200"])
@pytest.mark.parametrize("command", ["settings", "status", "doctor", "cache ls"])
def test_asked_for_tables_are_on_stdout_with_whole_words_at_any_width(capsys, monkeypatch, tmp_path, columns, command):
    folder = tmp_path / ("long" * 30)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("KERAS_HOME", str(folder))
    verbose = ["--verbose"] if command == "doctor" else []
    code, output = call(capsys, *command.split(), *verbose, "--cache-dir", str(folder / "cache"))
    words = {"settings": "study.width_divisor", "status": "browser_model", "doctor": "Pango", "cache ls": "stage"}
    assert code in (0, 1) and not output.err and words[command] in output.out.split()
    assert str(folder) in output.out or command != "doctor"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_below_standard_output_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "run_all.py", "settings"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"Standard output is not writable (No space left on device)" in done.stderr
    assert b"Unexpected" not in done.stderr


def test_doctor_reports_one_source_and_what_is_wrong_before_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("fmnist_report.data.fashion_mnist.DEBIAN_FOLDER", tmp_path / "debian")
    sources = ("Fashion-MNIST", "VGG16")
    found = [finding for finding in examine(None, tmp_path / "cache") if finding.name in sources]
    absent = "not cached; will be downloaded on the first run"
    assert [(one.state, one.text) for one in found] == [("note", absent)] * 2
    (tmp_path / "cache" / "weights").mkdir(parents=True)
    (tmp_path / "cache" / "weights" / "vgg16_notop.h5").write_bytes(b"damaged")
    found = [finding for finding in examine(None, tmp_path / "cache") if finding.name == "VGG16"]
    assert [one.state for one in found] == ["note", "note"] and "cannot be read" in found[0].text
    assert found[1].text == absent and len(examine(None, tmp_path / "cache", True)) > 15


def test_doctor_reports_the_measured_speed_and_what_follows(tmp_path):
    (speed,) = (finding for finding in examine(None, tmp_path / "cache") if finding.name == "speed")
    assert speed.state == "ok" and "60 in float32, 130 in MNN" in speed.text and "mean MNN in float32" in speed.text


def test_missing_pango_is_code_1_before_any_stage(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("fmnist_report.doctor._loads", lambda names: False)
    code, output = call(capsys, "--cache-dir", str(tmp_path / "c"), "--out", str(tmp_path / "o"))
    assert code == 1 and "Pango" in output.err and "started" not in output.err


def test_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr("fmnist_report.doctor.declared_packages", lambda: ["numpy", "no-such-package"])
    from fmnist_report.doctor import stop_if_incomplete

    with pytest.raises(SystemExit, match="Missing Python packages: no-such-package; run `make setup`"):
        stop_if_incomplete()


def test_explain_prints_the_plan_and_computes_nothing(capsys, tmp_path):
    code, output = call(capsys, "--cache-dir", str(tmp_path / "cache"), "--explain")
    assert code == 0 and "finetune" in output.out and "not in the cache" in output.out and not output.err
    assert not (tmp_path / "cache").exists()


def test_status_of_an_empty_cache_is_stale(capsys, tmp_path):
    code, output = call(capsys, "--cache-dir", str(tmp_path / "cache"), "status", "--json")
    assert code == 1
    report = json.loads(output.out)
    assert report["stale"] and {stage["state"] for stage in report["stages"]} == {"stale"}


def test_version(capsys):
    code, output = call(capsys, "--version")
    assert code == 0 and output.out.startswith("fmnist_report ")


@pytest.mark.parametrize(("number", "code", "word"), [(2, 130, "Interrupted"), (15, 143, "Terminated")])
@pytest.mark.usefixtures("any_disk")
def test_signal_ends_in_a_sentence_and_its_code(capsys, tmp_path, monkeypatch, number, code, word):
    monkeypatch.setattr("fmnist_report.request.measure_speed", machine.Speed)
    monkeypatch.setattr("fmnist_report.request.run_plan", lambda *arguments: os.kill(os.getpid(), number))
    found, output = call(capsys, "--cache-dir", str(tmp_path / "c"), "--out", str(tmp_path / "o"))
    assert found == code and f"{word}; finished work is cached" in output.err


def test_sizes():
    assert [parse_size(text) for text in ("5GB", "300 MB", "1000", "1.5kb")] == [5 * 10**9, 3 * 10**8, 1000, 1500]
    with pytest.raises(UsageError, match="5GB"):
        parse_size("a lot")


def follow(plan):
    """Return the dependencies of each step, its own and those of its inputs."""
    found = {}
    for name, step in plan.steps.items():
        found[name] = (step.own, *(found[up.name] for up in step.stage.upstream.values()))
    return found


def test_changed_setting_changes_exactly_the_keys_that_depend_on_it(tmp_path, monkeypatch):
    known = functools.cache(lambda function: find_sources(function, {}))
    monkeypatch.setattr("fmnist_report.pipeline.plan.find_sources", lambda function, *rest: known(function))
    from fmnist_report.presets import override

    def keys(*assignments):
        settings = override(preset("standard"), assignments)
        line = build_pipeline(settings, read_document([], None), find_data_set(None), tmp_path)
        return follow(Plan(line, Cache(tmp_path)))

    on_features = {"classifiers", "head", "finetune", "control", "explain", "study", "duplicates", "blocks"}
    on_seeds = {f"{name}-{number}" for name in (*stages_of_part(1), *stages_of_part(2)) for number in (1, 2)} | {
        "seeds"
    }
    end = {"evaluation", "examples", "figures-uk", "html-uk", "pdf-uk", "figures-en", "html-en", "pdf-en"}
    for assignment, expected in {
        "cnn.epochs=3": {"cnn", "explain", "browser_model"} | end,
        "cnn.dropout=0.4": {"cnn", "explain", "browser_model", "permutation", "study"} | end,
        "head.width=64": {"head", "finetune", "control", "explain", "study", "blocks"} | end,
        "study.n_train=500": {"study"} | end,
        "duplicates.rms=5": {"duplicates"} | end,
        "finetune.epochs=9": {"finetune", "control", "explain", "blocks"} | end,
        "finetune.unfreeze=5": {"features"} | on_features | end,  # the cache has another boundary
        "features.size=48": {"features", "inputs"} | on_features | end,
        "features.backbone=ResNet50": {"weights", "features", "inputs"} | on_features | end,
        "seeds.n=3": on_seeds | end,
        "report.mistakes=9": end - {"evaluation", "examples"},
        "report.accent=#000000": {"html-uk", "pdf-uk", "html-en", "pdf-en"},
    }.items():
        before, after = keys(), keys(assignment)
        assert {name for name in after if before.get(name) != after[name]} == expected, assignment


def test_repeated_training_runs_read_the_head_of_their_own_seed(tmp_path):
    from fmnist_report.presets import override, preset
    from fmnist_report.report.title_page import read_document

    settings = override(preset("standard"), ["seeds.n=3"])
    line = {
        stage.name: stage for stage in build_pipeline(settings, read_document([], None), find_data_set(None), tmp_path)
    }
    assert line["finetune-2"].upstream["head"] is line["head-2"]
    assert [line[name].settings["seed"] for name in ("cnn", "cnn-1", "finetune-2")] == [0, 1, 2]


def test_first_run_writes_every_output(real_run):
    names = {path.name for path in real_run.first_report.iterdir()}
    assert names == {"report.uk.html", "report.uk.pdf", "report.en.html", "report.en.pdf", "results.json",
                     "predictions.npz"}  # fmt: skip


def test_results_can_be_recomputed_from_the_predictions(real_run):
    results = json.loads((real_run.first_report / "results.json").read_text("utf-8"))
    with np.load(real_run.first_report / "predictions.npz", allow_pickle=False) as arrays:
        assert arrays["y_test"].dtype == np.uint8
        for name, model in results["models"].items():
            assert arrays[name].dtype == np.float32 and arrays[name].shape == (150, 10)
            accuracy = (arrays[name].argmax(axis=1) == arrays["y_test"]).mean()
            assert model["test_accuracy"] == pytest.approx(accuracy)
            assert np.trace(model["confusion"]) == round(accuracy * 150)
    assert {"mlp", "cnn", "vgg_features", "vgg_finetuned"} <= set(results["models"])
    averaged = {name for name, model in results["models"].items() if model["mirror_gain"] is not None}
    assert {"mlp", "cnn", "vgg_head", "vgg_finetuned"} <= averaged and not {"vgg_lda", "ensemble"} & averaged
    assert {stage["status"] for stage in results["stages"]} == {"computed"}
    assert results["format"] == 3 and results["data"]["n_test"] == 150


def test_second_run_computes_nothing_and_imports_no_slow_library(real_run):
    second = real_run()
    assert second.returncode == 0, second.stderr
    assert "imported:\n" in second.stdout
    assert "started" not in second.stderr
    results = json.loads((real_run.folder / "report" / "results.json").read_text("utf-8"))
    assert {stage["status"] for stage in results["stages"]} == {"cached"}


def test_run_without_test_ends_at_validation(real_run, tmp_path):
    run = real_run("--no-test", "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["validation.json"]
    document = json.loads((tmp_path / "validation.json").read_text("utf-8"))
    assert {"mlp", "cnn", "vgg_features", "vgg_finetuned", "ensemble"} <= set(document["models"])
    assert "test" not in json.dumps(document) and "evaluation" not in run.stderr


def test_status_after_a_run_is_fresh(real_run):
    status = real_run("status", "--json")
    assert status.returncode == 0 and '"stale": false' in status.stdout and "imported:\n" in status.stdout


@pytest.mark.parametrize(
    ("stage", "name", "published", "options"),
    [
        ("pdf-en", "report.pdf", "report.en.pdf", []),
        ("html-en", "report.html", "report.en.html", []),
        ("html-en", "report.html", "report.en.html", ["--only", "pdf"]),
        ("evaluation", "predictions.npz", "predictions.npz", []),
    ],
)
def test_cache_verify_finds_a_flipped_bit_and_the_next_run_repairs_it(real_run, stage, name, published, options):
    path = next((real_run.cache / stage).glob(f"*/{name}"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    verify = real_run("cache", "verify")
    assert verify.returncode == 1 and "does not match its digest" in verify.stdout
    again = real_run(*options)
    assert again.returncode == 0 and "quarantined" in again.stderr
    assert (real_run.folder / "report" / published).read_bytes() != bytes(raw)
    assert real_run("cache", "verify").returncode == 0


def test_title_page_renders_only(real_run, tmp_path):
    (tmp_path / "title.toml").write_text('student = "О. <b>Студентка</b>"', "utf-8")
    run = real_run("--title-page", str(tmp_path / "title.toml"), "--lang", "uk", "--out", str(tmp_path / "report"))
    computed = {line.split(":")[0] for line in run.stderr.splitlines() if ": done in" in line}
    assert computed == {"html-uk", "pdf-uk"}
    html = (tmp_path / "report" / "report.uk.html").read_text("utf-8")
    assert "О. &lt;b&gt;Студентка" in html and "<b>Студентка" not in html


@pytest.mark.parametrize(("lang", "words"), [("uk", "Загальні висновки"), ("en", "Overall conclusions")])
def test_pdf_is_tagged_in_its_language_and_embeds_its_fonts(real_run, lang, words):
    pdf = pypdf.PdfReader(real_run.folder / "report" / f"report.{lang}.pdf")
    catalogue = pdf.trailer["/Root"]
    assert catalogue["/Lang"] == lang and "/StructTreeRoot" in catalogue and pdf.metadata.title
    text = "\n".join(page.extract_text() for page in pdf.pages)
    assert words in text.replace("\u00ad", "")
    fonts = {font for page in pdf.pages for font in page["/Resources"]["/Font"].get_object().values()}
    assert all("+" in font.get_object()["/BaseFont"] for font in fonts)
    assert len(pdf.pages) <= 25
    attached = json.loads(pdf.attachments["report-results.json"][0])
    whole = json.loads((real_run.folder / "report" / "results.json").read_text("utf-8"))
    assert attached["models"] == whole["models"]


def tagged_elements(element):
    """Yield the elements of a PDF's structure tree: (tag, dictionary)."""
    element = element.get_object() if hasattr(element, "get_object") else element
    if isinstance(element, pypdf.generic.DictionaryObject):
        if "/S" in element:
            yield element["/S"], element
        yield from tagged_elements(element.get("/K"))
    elif isinstance(element, list):
        for child in element:
            yield from tagged_elements(child)


@pytest.mark.parametrize("lang", ["uk", "en"])
def test_pdf_declares_pdf_ua_and_describes_every_figure(real_run, lang):
    pdf = pypdf.PdfReader(real_run.folder / "report" / f"report.{lang}.pdf")
    catalogue = pdf.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"] and catalogue["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid:part" in catalogue["/Metadata"].get_object().get_data()
    assert all(page["/Tabs"] == "/S" for page in pdf.pages if "/Annots" in page)
    tags = list(tagged_elements(catalogue["/StructTreeRoot"]["/K"]))
    names = {name for name, _ in tags}
    assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD", "/L", "/LI", "/Link", "/Caption"} <= names
    figures = [element for name, element in tags if name == "/Figure"]
    html = (real_run.folder / "report" / f"report.{lang}.html").read_text("utf-8")
    assert len(figures) == html.count('<figure id="figure-') > 10 and all(
        len(figure["/Alt"]) > 10 for figure in figures
    )
    assert len(pdf.outline[-1]) >= 7


@pytest.mark.parametrize("lang", ["uk", "en"])
def test_no_heading_and_no_list_is_empty(real_run, lang):
    page = (real_run.folder / "report" / f"report.{lang}.html").read_text("utf-8")
    assert not re.search(r"<(ul|ol|p)\b(?![^>]* role=.status)[^>]*>\s*</\1>", page)
    assert not re.search(r"</h3>\s*(</section>|<h\d)", page)


@pytest.mark.parametrize("lang", ["uk", "en"])
def test_html_asks_for_nothing_from_anywhere(real_run, lang):
    html = (real_run.folder / "report" / f"report.{lang}.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == html.count("<script") - html.count('<script type="application/') == 1
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html
    outside = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    sources = re.findall(r'(?:src=|url\(|<image [^>]*href=)"?([^")\s]+)', outside)
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    described = re.findall(r'<title id="alt-[^"]+">[^<]{10,}</title>', html)
    assert len(described) == html.count("<svg") > 5


@pytest.mark.parametrize("lang", ["uk", "en"])
def test_the_shipped_fonts_have_every_letter_of_the_page(real_run, lang):
    html = (real_run.folder / "report" / f"report.{lang}.html").read_text("utf-8")
    body = re.sub(r"<script.*?</script>", " ", html[html.index("<body") :], flags=re.S)
    listings = "".join(re.findall(r"<pre.*?</pre>", body, flags=re.S))
    assert listings
    for path in (TEMPLATES / "fonts").glob("*.ttf"):
        part = listings if path.stem == "ListingMono" else body
        letters = set(unescape(re.sub(r"<[^>]+>", " ", part))) - {"\n", "\u2060"}  # a word joiner draws nothing
        assert not {letter for letter in letters if ord(letter) not in TTFont(path).getBestCmap()}, path.name
    fonts = {name for page in pypdf.PdfReader(real_run.folder / "report" / f"report.{lang}.pdf").pages
             for name in page["/Resources"]["/Font"].values()}  # fmt: skip
    families = {font["/BaseFont"].partition("+")[2][:8] for font in (name.get_object() for name in fonts)}
    assert families == {"IBM-Plex", "Listing-"}


def test_features_are_readable_with_plain_h5py(real_run):
    with h5py.File(next((real_run.cache / "features").glob("*/shard-00000.h5"))) as file:
        assert file["mirror/block3_out"].shape == (200, 4, 4, 256)
        assert np.isfinite(file["original/block5_gap"][()]).all()


def test_a_stages_own_entry_reports_its_seconds():
    def step(provenance):
        return SimpleNamespace(
            key="k", status="cached", reason="", entry=SimpleNamespace(manifest={"provenance": provenance})
        )

    first, second = {"a": {"seconds": 5.0}}, {"a": {"seconds": 9.0}, "b": {"seconds": 1.0}}
    plan = SimpleNamespace(steps={"a": step(first), "b": step(second)})
    assert [row["seconds"] for row in list_stages(plan)] == [5.0, 1.0]


@pytest.mark.usefixtures("any_disk")
def test_deterministic_operations_are_requested_from_tensorflow_and_count_in_the_keys(capsys, tmp_path, monkeypatch):
    document = read_document(["en"], None)
    choices = [dataclasses.replace(preset("quick"), deterministic=on) for on in (False, True)]
    lines = [build_pipeline(settings, document, find_data_set(None), tmp_path) for settings in choices]
    keys = [follow(Plan(line, Cache(tmp_path))) for line in lines]
    same = {name for name in keys[0] if keys[0][name] == keys[1][name]}
    assert same == {"data", "weights", "reference"}
    monkeypatch.setenv("TF_DETERMINISTIC_OPS", "0")
    monkeypatch.setattr("fmnist_report.request.run_plan", lambda *arguments: None)
    monkeypatch.setattr("fmnist_report.request.measure_speed", machine.Speed)
    folders = ["--cache-dir", str(tmp_path / "c"), "--out", str(tmp_path / "o")]
    for option, value in (([], "0"), (["--deterministic"], "1")):
        assert call(capsys, *folders, *option)[0] == 0 and os.environ["TF_DETERMINISTIC_OPS"] == value
    code = "from tensorflow.python.framework import config; print(config.is_op_determinism_enabled())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_place_time_and_locale_do_not_make_a_cache_stale(real_run, tmp_path):
    (tmp_path / "link").symlink_to(real_run.cache)
    shutil.copytree(real_run.cache, tmp_path / "copy", ignore=shutil.ignore_patterns("features"))
    (tmp_path / "copy" / "features").symlink_to(real_run.cache / "features")
    elsewhere = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Kiritimati"}
    for place in ("link", "copy"):
        run = real_run("--cache-dir", str(tmp_path / place), "status", **elsewhere)
        assert run.returncode == 0, run.stderr


def test_pages_are_the_same_in_another_locale_and_time_zone(real_run):
    # Without another test's title page, and recomputed: the page shows when each stage was computed.
    again = ("--only", "html", "--force", "html")
    assert real_run(*again).returncode == 0
    pages = {path: path.read_bytes() for path in (real_run.folder / "report").glob("*.html")}
    elsewhere = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Kiritimati"}
    run = real_run(*again, **elsewhere)
    assert run.returncode == 0, run.stderr
    assert "html-uk: done in" in run.stderr and "html-en: done in" in run.stderr
    assert len(pages) == 2 and all(path.read_bytes() == page for path, page in pages.items())


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("status --cache-dir X --json", "--cache-dir X status --json"),
        ("cache verify --cache-dir=X", "--cache-dir=X cache verify"),
        ("--seed 1 cache prune --max-size 5GB --quiet", "--seed 1 --quiet cache prune --max-size 5GB"),
        ("doctor --data-dir D --debug", "--data-dir D --debug doctor"),
        ("--only status --cache-dir X", "--only status --cache-dir X"),  # here the name of a stage
        ("--quiet status --set a.b=1 --set c.d=2", "--quiet --set a.b=1 --set c.d=2 status"),
        ("--cache-dir X", "--cache-dir X"), ("status --cache-dir", "--cache-dir status"),
    ],
)  # fmt: skip
def test_shared_options_are_taken_after_a_command_too(given, led):
    assert lead_with_shared(typer.main.get_group(app), given.split()) == led.split()


def test_cache_of_another_folder_is_verified(capsys, tmp_path):
    assert call(capsys, "cache", "verify", "--cache-dir", str(tmp_path))[0] == 0
    assert call(capsys, "status", "--preset", "quick", "--cache-dir", str(tmp_path))[0] == 1


def test_a_file_in_place_of_a_data_folder_is_one_sentence(capsys, tmp_path):
    (tmp_path / "images.zip").write_text("x")
    code, output = call(capsys, "--data-dir", str(tmp_path / "images.zip"), "--cache-dir", str(tmp_path / "c"))
    assert code == 2 and "expects a folder" in output.err and "is a file" in output.err


def test_methods_are_introduced_and_every_source_of_theirs_is_cited(real_run):
    for lang in ("uk", "en"):
        html = (real_run.first_report / f"report.{lang}.html").read_text("utf-8")
        listed = re.findall(r'id="source-(\d+)"', html)
        assert len(listed) > 10 and set(re.findall(r'href="#source-(\d+)"', html)) == set(listed)
        references = html[html.index('<ol class="references">') : html.index('<p class="credits">')]
        places = re.findall(r"<li[^>]*>", references)
        for number, place in enumerate(places, 1):
            assert f'id="source-{number}"' in place


def test_every_figure_and_table_is_numbered_and_mentioned_before_it_stands(real_run):
    for lang in ("uk", "en"):
        html = (real_run.first_report / f"report.{lang}.html").read_text("utf-8")
        for kind, tag in (("figure", "figcaption"), ("table", "caption")):
            heads = re.findall(rf'<{tag}><b class="number">\D+(\d+)\.</b>', html)
            names = re.findall(rf'<{kind}[^>]* id="({kind}-\w+)"|<{kind} id="({kind}-\w+)"', html)
            names = [one or other for one, other in names]
            assert len(heads) == len(names) > 8 and heads == [str(i) for i in range(1, len(heads) + 1)]
            assert html.count(f"<{tag}>") == len(heads) + (
                html.count('<figure class="listing">') if tag == "figcaption" else 0
            )
            folded = "".join(re.findall(r"<details.*?</details>", html, flags=re.S))
            for number, name in enumerate(names, 1):
                if f'id="{name}"' in folded:  # in the page alone
                    continue
                mention = re.search(rf'<a href="#{name}">\D+(\d+)</a>', html)
                assert mention and mention[1] == str(number), name
                assert mention.start() < html.index(f'id="{name}"'), name


def test_others_can_open_what_is_kept_in_hdf5(real_run):
    """Current distributions ship the tools of HDF5 1.10, which read formats up to that version."""
    files = sorted(real_run.cache.glob("*/*/*.h5"))
    assert {path.parent.parent.name for path in files} >= {"features", "weights", "mlp", "cnn", "head", "finetune"}
    for path in files:
        raw = path.read_bytes()
        start = raw.index(b"\x89HDF\r\n\x1a\n")
        assert start in (0, 512) and raw[start + 8] <= 2, path
        with h5py.File(path) as file:
            names = set()
            file.visititems(lambda name, item: names.add(name) if isinstance(item, h5py.Dataset) else None)  # noqa: B023
        if shutil.which("h5ls"):
            told = subprocess.run(["h5ls", "-r", str(path)], capture_output=True, text=True)
            assert told.returncode == 0 and "ERROR" not in told.stdout + told.stderr
            assert sum(" Dataset " in line for line in told.stdout.splitlines()) == len(names)
        if shutil.which("h5dump") and path.stat().st_size < 2**20:
            told = subprocess.run(["h5dump", str(path)], capture_output=True, text=True)
            assert told.returncode == 0 and "unable" not in told.stderr


@pytest.mark.parametrize("command", ["--help", "cache --help", "status --help", "--version"])
def test_help_reads_in_any_terminal_and_names_no_types(command):
    env = {**os.environ, "PYTHONIOENCODING": "koi8-u", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "run_all.py", *command.split()], cwd=ROOT, env=env, capture_output=True)
    text = done.stdout.decode("koi8-u")
    assert done.returncode == 0 and not done.stderr and not re.search(r"<[a-z ]+(\[\w+\])?>", text)
    if command == "--help":
        opening = text.partition("Options:")[0]
        assert "Write the report on transfer learning" in opening and "Example: python run_all.py" in opening


def test_a_user_without_home_and_name_can_use_it(tmp_path):
    """As in a container with an arbitrary user id, for which Python finds no home folder."""
    code = "import os; os.environ.pop('HOME', None); import pwd; pwd.getpwuid = lambda number: {}[number]; " \
           "import sys; sys.argv[0] = 'run_all.py'; from run_all import *; sys.exit(main(build_pipeline))"  # fmt: skip
    env = {**os.environ, machine.MEASURED: json.dumps(dataclasses.asdict(SPEED))}
    for arguments in (["--help"], ["status", "--cache-dir", str(tmp_path)], ["doctor"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert "Unexpected" not in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert done.returncode == (1 if arguments[0] == "status" else 0)


WITHOUT_POSIX = """
import os, signal, sys
for module, name in ((os, "set_blocking"), (os, "getuid"), (os, "geteuid"), (os, "sched_getaffinity"), (os, "sysconf"),
                     (os, "getpgid"), (os, "killpg"), (os, "fchmod"), (os, "chown"), (os, "nice"),
                     (signal, "pthread_sigmask"), (signal, "SIGALRM"), (signal, "setitimer")):
    if hasattr(module, name):
        delattr(module, name)
sys.modules.update(dict.fromkeys(("pwd", "grp", "resource", "termios")))
"""


@pytest.mark.slow
def test_the_line_needs_no_name_that_posix_alone_has(real_run, tmp_path):
    """As far as that can be shown on another system: Windows has none of these names."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_POSIX, "utf-8")
    for stage in ("mlp", "study", "inputs", "figures", "html", "pdf"):
        done = real_run("--force", stage, PYTHONPATH=str(tmp_path))
        assert done.returncode == 0 and "Unexpected" not in done.stderr, done.stderr


@pytest.mark.parametrize("options", [["-I"], ["-P"]])
def test_it_starts_without_the_folder_of_the_script(tmp_path, options):
    command = [sys.executable, *options, str(ROOT / "run_all.py"), "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("fmnist_report "), done.stderr


@pytest.mark.slow
def test_the_users_environment_changes_neither_keys_nor_results(real_run, tmp_path):
    """Everything that others set for their own programs is set at once; equal bytes show that none of it counts."""
    home = tmp_path / "keras"
    home.mkdir()
    (home / "keras.json").write_text(
        json.dumps(
            {"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.01, "backend": "tensorflow"}
        )
    )
    for path in [*real_run.cache.glob("datasets/*"), *real_run.cache.glob("weights/*.h5")]:
        copy = tmp_path / CACHE_NAME / path.relative_to(real_run.cache)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    measured = json.loads(next(real_run.cache.glob("features/*/measured.json")).read_text("utf-8"))["speed"]
    done = call_real_pipeline(  # the engine, which is chosen by speed, is part of the features
        tmp_path, FMNIST_REPORT_SPEED=json.dumps(measured),
        KERAS_HOME=str(home), KERAS_BACKEND="", KERAS_MAX_EPOCHS="1", KERAS_MAX_STEPS_PER_EPOCH="1",
        TF_CPP_MIN_LOG_LEVEL="0", PYTHONSAFEPATH="", PYTHONHASHSEED="7", PYTHONOPTIMIZE="1", COLUMNS="0", TZ="UTC-9",
        LC_ALL="C", PYTHONUTF8="1", HDF5_USE_FILE_LOCKING="BEST_EFFORT", SOURCE_DATE_EPOCH="1", MPLBACKEND="TkAgg",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    def entries(cache):
        found = {f"{path.parent.parent.name}/{path.parent.name}" for path in cache.glob("*/*/manifest.json")}
        measured = ("evaluation", "examples", "figures", "html", "pdf")  # which read or show measured times
        return {name for name in found if not name.startswith(measured)}

    assert entries(tmp_path / CACHE_NAME) == entries(real_run.cache) and len(entries(real_run.cache)) > 10
    own, theirs = (folder / "predictions.npz" for folder in (tmp_path / "report", real_run.first_report))
    assert own.read_bytes() == theirs.read_bytes()
    for kind in ("mlp", "features"):
        for path in (tmp_path / CACHE_NAME / kind).glob("*/*.h5"):
            same = real_run.cache / path.relative_to(tmp_path / CACHE_NAME)
            assert path.read_bytes() == same.read_bytes(), path.name
