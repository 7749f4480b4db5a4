"""Shared fixtures: small random inputs, and real data downloaded as in a run."""

import functools
import os
import random
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import filelock
import hypothesis
import numpy as np
import pytest
from hypothesis import Phase
from invented import invent_run

from benchmarks.crash import TINY
from fmnist_report import machine
from fmnist_report.data import fashion_mnist
from fmnist_report.data.split import DatasetInfo
from fmnist_report.errors import ReportError
from fmnist_report.models import vgg16
from fmnist_report.pipeline import processes
from fmnist_report.pipeline.files import read_json, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.presets import preset

hypothesis.settings.register_profile("usual", max_examples=60, deadline=None)
hypothesis.settings.register_profile(
    "few", max_examples=6, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)  # for mutants
hypothesis.settings.load_profile("usual")
ROOT = Path(__file__).resolve().parent.parent
SLOW_IMPORTS = {"h5py", "keras", "matplotlib", "pandas", "scipy", "sklearn", "tensorflow", "weasyprint"}
CACHE_NAME = "cache of ґ's"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests of the real run; start with one and end with the others: workers run other tests meanwhile."""
    real = [item for item in items if "real_run" in item.fixturenames]
    for item in real:
        item.add_marker("real_run")
    items[:] = [*real[:1], *(item for item in items if item not in real), *real[1:]]


LEFT_OUT = set()


def pytest_deselected(items):
    LEFT_OUT.update(item.nodeid for item in items if item.get_closest_marker("slow") or "real_run" in item.keywords)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # an xdist worker, whose output is reported by the controller
        session.config.workeroutput["left_out"] = sorted(LEFT_OUT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left_out", []))


def pytest_terminal_summary(terminalreporter):
    """Report skipped tests."""
    skipped = {f"{report.nodeid.partition('[')[0]} ({report.longrepr[2].removeprefix('Skipped: ')})"
               for report in terminalreporter.stats.get("skipped", [])}  # fmt: skip
    if LEFT_OUT or skipped:
        counts = f"{len(LEFT_OUT)} slow or of the real run (make test-all runs all), {len(skipped)} skipped"
        terminalreporter.write_sep("-", f"left out: {counts}")
        for line in [*sorted(LEFT_OUT), *sorted(skipped)]:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Train trials in the test's own process, so that monkeypatching affects them."""
    monkeypatch.setattr(processes, "count_processes", lambda: 1)


@pytest.fixture(autouse=True)
def same_weights():
    """Initialise every network as if its test ran alone: Keras draws seeds of initial weights from this generator."""
    random.seed(0)


@pytest.fixture
def quiet():
    return Progress(quiet=True)


@pytest.fixture
def data_folder(tmp_path):
    """A data entry with 40 training, 20 validation and 20 test images of noise; a bright column shows the class."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    labels = {split: np.arange(n) % 10 for split, n in (("train", 40), ("val", 20), ("test", 20))}
    images = {}
    for split, y in labels.items():
        x = rng.integers(0, 200, (len(y), 7, 7)).repeat(4, axis=1).repeat(4, axis=2)
        x[np.arange(len(y)), :, 2 * y + 4] = 255
        images[split] = x.astype("uint8")
    np.savez(folder / "images.npz", **images)
    np.savez(folder / "labels.npz", **{split: labels[split].astype("uint8") for split in ("train", "val")})
    np.savez(folder / "test_labels.npz", test=labels["test"].astype("uint8"))
    write_json(folder / "dataset.json", asdict(DatasetInfo()))
    return folder


@pytest.fixture
def feature_folder(request, tmp_path, data_folder, quiet, monkeypatch, extractions):
    """A features entry extracted by a VGG16 of random weights at 32 × 32 pixels, in shards of 13 images."""
    from fmnist_report.pipeline.workers import LOCAL
    from fmnist_report.settings import FeatureSettings
    from fmnist_report.training import features

    monkeypatch.setattr(features, "load_base", lambda folder: random_base())
    unfreeze = getattr(request, "param", 4)  # the first block that fine-tuning will train
    once = extractions / str(unfreeze)
    if not once.is_dir():
        once.mkdir()
        settings = FeatureSettings(size=32, batch_size=5, shard=13, precision="float32")
        call = {"unfreeze": unfreeze, "data": data_folder, "weights": tmp_path, "workers": LOCAL}
        features.extract_features(once, quiet, features=settings, **call)
        write_json(once / "manifest.json", {})
    return Path(shutil.copytree(once, tmp_path / "features"))


@pytest.fixture(scope="session")
def extractions(tmp_path_factory):
    """Return the folder in which extractions are shared between tests."""
    return tmp_path_factory.mktemp("extractions")


@pytest.fixture
def random_weights(tmp_path, monkeypatch):
    """A weights entry that reads as the kernels of random_base."""
    from fmnist_report.experiments import interpretation as explain
    from fmnist_report.experiments import trials
    from fmnist_report.training import finetune

    trials._open_once.cache_clear()
    for module in (explain, finetune, trials):
        monkeypatch.setattr(module, "load_base", lambda folder: random_base())
    return tmp_path


@pytest.fixture
def subset(data_folder, feature_folder, random_weights):
    """32 training and 20 validation images with their features, and a small head to start fine-tuning from."""
    from fmnist_report.experiments.trials import SubsetSource
    from fmnist_report.settings import HeadSettings

    head = HeadSettings(width=8, batch_size=16, epochs=1)
    return SubsetSource(data_folder, 32, 20, feature_folder, random_weights, head, 4).open()


@pytest.fixture(scope="session")
def invented_run(tmp_path_factory):
    """An invented run of best: its folder, with an entry per stage, and its results document, which no test changes."""
    folder = tmp_path_factory.mktemp("invented")
    return SimpleNamespace(folder=folder, document=invent_run(folder, preset("best")))


@pytest.fixture(scope="session")
def two_workers():
    """Two workers of one thread each, in processes on this machine."""
    from fmnist_report.pipeline.workers import Workers, start_workers

    workers = Workers(n=2)
    with start_workers(workers):
        yield workers


@functools.cache
def random_base(seed=0):
    """Kernels of He's scale and small biases for VGG16's 13 convolutions."""
    from fmnist_report.models.arrays import kernel_shapes

    rng = np.random.default_rng(seed)
    return {
        layer: (
            (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:3]))).astype("f4"),
            (rng.normal(size=shape[3:]) * 0.01).astype("f4"),
        )
        for layer, shape in kernel_shapes().items()
    }


@pytest.fixture(scope="session")
def real_run(tmp_path_factory, worker_id):
    """A tiny run on real data and weights, through the command line; skipped if these are unavailable.

    It runs once; each xdist worker has a copy of its files. Calling it runs the pipeline again. first is the completed
    process, first_report the report folder, traces the code executed by its stages.
    """
    for find in (functools.partial(fashion_mnist.find_data, None), vgg16.find_weights):
        try:
            find(ROOT / "cache")
        except ReportError as error:
            pytest.skip(str(error))
    folder, shared = tmp_path_factory.mktemp("run"), tmp_path_factory.getbasetemp()
    if worker_id == "master":
        start_real_run(folder)
    else:
        shared = shared.parent / "real run"
        with filelock.FileLock(f"{shared}.lock"):
            if not (shared / "ended.json").is_file():
                shutil.rmtree(shared, ignore_errors=True)
                shared.mkdir()
                start_real_run(shared)
        shutil.copytree(shared, folder, dirs_exist_ok=True, symlinks=True)
    ended = read_json(folder / "ended.json")
    first = subprocess.CompletedProcess([], ended["code"], "", ended["stderr"])
    run = functools.partial(call_real_pipeline, folder, **ended["speed"])
    run.first, run.folder, run.cache, run.traces = first, folder, folder / CACHE_NAME, folder / "traces"
    assert first.returncode == 0, first.stderr
    run.first_report = shutil.copytree(folder / "report", folder / "first report")
    return run


def start_real_run(folder):
    """Run the tiny pipeline for the first time, traced; ended.json has how it ended and the speed of the machine."""
    machine.measure_speed()  # once; the processes that later tests start inherit it
    speed = {name: os.environ[name] for name in (machine.MEASURED, "ONEDNN_MAX_CPU_ISA") if name in os.environ}
    for path in [*ROOT.glob("cache/datasets/*.gz"), *ROOT.glob("cache/weights/*.h5")]:
        copy = folder / CACHE_NAME / path.relative_to(ROOT / "cache")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (folder / "traces").mkdir()
    tracing = {"PYTHONPATH": str(ROOT / "tests" / "tracing"), "FMNIST_TRACE": str(folder / "traces")}
    first = call_real_pipeline(folder, **speed, **tracing)
    write_json(folder / "ended.json", {"code": first.returncode, "stderr": first.stderr, "speed": speed})


def call_real_pipeline(folder, *more, **environment):
    arguments = ["--preset", "quick", "--cache-dir", str(folder / CACHE_NAME), "--out", str(folder / "report")]
    for assignment in (*TINY, "features.shard=200"):
        arguments += ["--set", assignment]
    code = "import sys; sys.argv[0] = 'run_all.py'; from run_all import *; code = main(build_pipeline); " \
           f"print('imported:', *sorted({SLOW_IMPORTS} & sys.modules.keys())); sys.exit(code)"  # fmt: skip
    command = [sys.executable, "-c", code, *arguments, *more]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
