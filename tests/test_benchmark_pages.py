"""The pages of docs/ that benchmarks generate are those of their stored figures."""

import importlib
import sys
from pathlib import Path

import pytest

from fmnist_report.pipeline.files import read_json

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["performance", "tuning_page"])
def test_a_page_is_that_of_its_stored_figures(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.import_module(name)
    committed = module.PAGE.read_text("utf-8")
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    module.write_page(*[read_json(module.FIGURES)] if name == "performance" else [])
    assert (tmp_path / "page.md").read_text("utf-8") == committed
    for made in (name, "study_design"):
        sys.modules.pop(made, None)
