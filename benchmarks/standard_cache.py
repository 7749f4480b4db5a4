"""Helpers of the benchmarks: access to the cached run of standard, and alternating timings."""

from __future__ import annotations

import dataclasses
import os
import statistics
import sys
import time
import typing
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fmnist_report.data.custom.detection import find_data_set  # noqa: E402
from fmnist_report.machine import choose_precision, choose_runtime  # noqa: E402
from fmnist_report.models.arrays import Weights  # noqa: E402
from fmnist_report.models.base import BaseInput, copy_layers, set_base_weights  # noqa: E402
from fmnist_report.models.transfer import build_assembled, build_top  # noqa: E402
from fmnist_report.models.weights import load_base  # noqa: E402
from fmnist_report.pipeline.cache import Cache, Entry  # noqa: E402
from fmnist_report.pipeline.files import load_arrays  # noqa: E402
from fmnist_report.pipeline.plan import Plan  # noqa: E402
from fmnist_report.pipeline.progress import Progress  # noqa: E402
from fmnist_report.presets import preset  # noqa: E402
from fmnist_report.report.title_page import read_document  # noqa: E402
from fmnist_report.training.fitting import dtype_policy  # noqa: E402
from run_all import build_pipeline  # noqa: E402

QUIET = Progress(quiet=True)
ROUNDS = 3
RUNTIME, POLICY = choose_runtime("auto", "auto")  # before TensorFlow starts: it may limit its instruction set
TRAINING = choose_precision("auto")
STANDARD = preset("standard")
GIVEN = BaseInput(STANDARD.features.backbone, STANDARD.features.size)
Figures = dict[str, typing.Any]


class Entries:
    """The cached entries of a run of standard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        cache = Cache(root)
        self.plan = Plan(build_pipeline(STANDARD, read_document([], None), find_data_set(None), root), cache)

    def entry(self, stage: str) -> Entry:
        """Return a stage's entry; exit if there is none."""
        found = self.plan.steps[stage].entry
        if found is None:
            sys.exit(f"The cache has no {stage} of standard; run `make report` first.")
        return found

    def __getitem__(self, stage: str) -> Path:
        return self.entry(stage).path

    def images(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "images.npz")

    def labels(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "labels.npz")

    def base(self) -> Weights:
        """Return VGG16's weights."""
        return load_base(self["weights"])

    def fine_tuned(self, policy: str = TRAINING, unfreeze: int = 4, dropout: float = 0.2) -> tuple:
        """Build the part that fine-tuning trains from the cached boundary, and the same network from pixels."""
        head = dataclasses.replace(STANDARD.head, dropout=dropout)
        with dtype_policy(policy):
            top, whole = build_top(GIVEN, head, unfreeze, unfreeze), build_assembled(GIVEN, head, unfreeze)
        for network in (top, whole):
            set_base_weights(network, self.base())
        copy_layers(top, whole)
        return top, whole


def seconds(function: typing.Callable[[], typing.Any]) -> float:
    """Time one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def in_turn(rounds: int = ROUNDS, **sides: typing.Callable[[], typing.Any]) -> dict[str, float]:
    """Time all sides alternately, once per round; return the medians in seconds."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, function in sides.items():
            times[name].append(seconds(function))
    return {name: statistics.median(found) for name, found in times.items()}


def product_rates(base_side: int = 2_048) -> dict[str, float]:
    """Return GFLOP/s of matrix products in float32 and bfloat16, the best of several, as an upper bound."""
    import tensorflow as tf

    def rate(dtype: str) -> float:
        x = tf.cast(tf.random.stateless_normal((base_side, base_side), (0, 1)), dtype)
        product = tf.function(lambda x: tf.linalg.matmul(x, x)[0, 0])
        product(x)
        return 2e-9 * base_side**3 / min(seconds(lambda: product(x).numpy()) for _ in range(20))

    return {dtype: rate(dtype) for dtype in ("float32", "bfloat16")}
