"""The cached run of standard that the measurements read, and what they share of it."""

from __future__ import annotations

import os
import sys
import typing
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fmnist_report.cache import Cache, Entry  # noqa: E402
from fmnist_report.data import load_arrays  # noqa: E402
from fmnist_report.data_sets import find_data_set  # noqa: E402
from fmnist_report.document import read_document  # noqa: E402
from fmnist_report.hardware import choose_precision  # noqa: E402
from fmnist_report.plan import Plan  # noqa: E402
from fmnist_report.progress import Progress  # noqa: E402
from fmnist_report.settings import preset  # noqa: E402
from run_all import build_line  # noqa: E402

QUIET = Progress(quiet=True)
POLICY = choose_precision("auto")  # before TensorFlow starts, whose instruction set it may limit
STANDARD = preset("standard")
Figures = dict[str, typing.Any]


class Entries:
    """The cached entries of a run of standard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        cache = Cache(root)
        self.plan = Plan(build_line(STANDARD, read_document([], None), find_data_set(None), root), cache)

    def entry(self, stage: str) -> Entry:
        """Return a stage's entry; ends where there is none."""
        found = self.plan.steps[stage].entry
        if found is None:
            sys.exit(f"The cache has no {stage} of standard; run `make report` first.")
        return found

    def __getitem__(self, stage: str) -> Path:
        return self.entry(stage).path

    def pictures(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "pictures.npz")

    def labels(self) -> dict[str, np.ndarray]:
        return load_arrays(self["data"] / "labels.npz")

    def base(self):
        """Return VGG16's weights."""
        from fmnist_report.weights import load_base

        return load_base(self["weights"])
