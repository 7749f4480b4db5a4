"""The layout stays true: import order, who reads the test labels, and what the README names."""

import ast
import re
from pathlib import Path

import pytest

from fmnist_report.settings import PRESETS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fmnist_report"
ORDER = [
    "errors", "backbones", "settings", "fingerprint", "progress", "locks", "files", "sources", "data_sets", "cache",
    "stages", "plan", "lanes", "hardware", "cluster", "remote", "running", "idx", "data", "own_data", "weights",
    "models.architecture", "models.dropout", "models.blocks", "models.mlp", "models.cnn", "models.backbone",
    "batches", "optimizers", "training", "stores", "features", "overlap", "classifiers", "finetune", "gradients",
    "explain", "trials", "statistics", "study", "tuning", "inputs", "ensemble", "candidates", "seeds", "validation",
    "evaluation", "results", "language", "conclusions", "advice", "captions", "published", "canvas", "vector",
    "diagrams", "galleries", "explanations", "figures", "document", "report", "pdf", "publishing", "doctor",
    "signals", "cli",
]  # fmt: skip


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fmnist_report"):
            name = node.module.removeprefix("fmnist_report").lstrip(".")
            if name:
                yield name


def test_every_module_has_its_place():
    found = {".".join(p.relative_to(PACKAGE).with_suffix("").parts) for p in PACKAGE.rglob("*.py")}
    assert {name for name in found if not name.endswith("__init__")} == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_modules_import_only_from_above(name):
    path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    for other in imported_modules(path):
        assert ORDER.index(other) < ORDER.index(name), f"{name} imports {other}, which comes later"


def test_modules_right_of_the_results_do_not_import_keras():
    for name in ORDER[ORDER.index("ensemble") :]:
        text = PACKAGE.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")
        assert not re.search(r"^\s*(import|from) (keras|tensorflow)", text, re.M), name


def test_test_labels_are_read_by_the_evaluation_alone():
    readers = [p.stem for p in PACKAGE.rglob("*.py") if "test_labels" in p.read_text("utf-8")]
    assert sorted(readers) == ["data", "evaluation"]


def test_readme_names_every_module():
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in ORDER:
        assert f"{name.split('.')[-1]}.py" in readme, f"README.md does not name {name}"


def test_readme_names_every_option_command_and_preset():
    readme = (ROOT / "README.md").read_text("utf-8")
    source = (PACKAGE / "cli.py").read_text("utf-8")
    options = set(re.findall(r'"(--[a-z-]+)"', source)) - {"--help"}
    assert len(options) > 12
    commands = set(re.findall(r"^def (?:cache_)?(status|doctor|ls|verify|prune)\b", source, re.M))
    for word in options | commands | set(PRESETS):
        assert word in readme, f"README.md does not name {word}"


def test_every_module_says_what_it_does_in_one_line():
    for path in PACKAGE.rglob("*.py"):
        first = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        assert first.split("\n")[0].endswith("."), path


def test_no_file_names_a_package_host():
    for name in ("requirements.lock", "pyproject.toml", "Makefile", "README.md"):
        assert not re.search(r"pypi\.org|pythonhosted|debian\.org|npmjs", (ROOT / name).read_text("utf-8")), name
