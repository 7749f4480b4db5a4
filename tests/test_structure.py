"""Project layout: packages, the reader of the test labels, the table of networks, and names in the documents."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fmnist_report import networks
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.doctor import declared_packages
from fmnist_report.evaluation.results import RENDERING, STAGES
from fmnist_report.pipeline.fingerprint import Module
from fmnist_report.pipeline.plan import DISTRIBUTIONS
from fmnist_report.presets import PRESETS, override, preset
from fmnist_report.report.title_page import read_document
from run_all import build_pipeline

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fmnist_report"
PACKAGES = ("pipeline", "data", "models", "training", "experiments", "evaluation", "report", "verification")
INNER = {"data": ("custom",), "report": ("conclusions", "conclusions/kinds", "figures", "pdf", "sections")}
BINARY = (".png", ".ttf", ".pdf", ".npz")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def test_imports_follow_the_order_of_the_packages():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_those_of_the_layout_with_empty_init_files():
    packages = [PACKAGE / name for name in PACKAGES]
    packages += [PACKAGE / name / inner for name, within in INNER.items() for inner in within]
    found = {path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"}
    assert found == set(packages)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    inside = {".".join(path.relative_to(ROOT).parts) for path in (PACKAGE, *found)}
    assert inside == {name for name in declared if not name.startswith("fmnist_report.templates")}
    for package in packages:
        assert (package / "__init__.py").read_text("utf-8") == "", f"{package.name}/__init__.py is not empty"
        modules = {path.stem for path in package.glob("*.py")}
        assert not modules & {path.name for path in package.iterdir() if path.is_dir()}, "a module shadows a package"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_can_be_followed(path):
    """The fingerprint follows only `from fmnist_report.package.module import name`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            assert all(alias.name != "*" for alias in node.names), f"line {node.lineno}: import of everything"
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.startswith("fmnist_report")]
            assert not ours, f"line {node.lineno}: import {ours[0]}"


def test_only_the_evaluation_reads_the_test_labels():
    readers = [path.stem for path in MODULES if "test_labels" in path.read_text("utf-8")]
    assert sorted(readers) == ["split", "test_set"]


def make_pipeline(*assignments):
    settings = override(preset("standard"), assignments)
    return build_pipeline(settings, read_document([], None), find_data_set(None), ROOT / "nowhere")


def test_every_stage_has_a_label_in_the_order_of_the_pipeline():
    kinds = [stage.name.partition("-")[0] for stage in make_pipeline("seeds.n=2")]
    assert list(dict.fromkeys(kind for kind in kinds if kind not in RENDERING)) == list(STAGES)


def test_every_compared_network_has_a_stage_and_a_look_of_its_own():
    stages = {stage.name for stage in make_pipeline()}
    rows = networks.NETWORKS
    assert {row.stage for row in (*rows, *networks.ON_FEATURES) if row.stage} <= stages
    assert len({row.name for row in rows}) == len({row.colour for row in rows}) == len({row.label for row in rows})
    assert networks.stages_of_part(1)[:2] == ("mlp", "cnn") and networks.stages_of_part(2) == ("head", "finetune")
    assert all(row.build and hasattr(preset("standard"), row.stage) for row in rows if row.part == 1)
    assert networks.network_of_stage("head") == "vgg_head" and networks.network_of_stage("finetune") == "vgg_finetuned"
    with pytest.raises(KeyError, match="add it to networks.py"):
        networks.network_of_stage("none")


def test_every_network_with_trials_has_settings_for_them():
    settings = preset("standard")
    for stage in networks.make_trial_specs(settings):
        assert hasattr(settings.study, f"{stage}_steps"), stage


def test_no_other_file_lists_or_colours_the_networks():
    colours = {row.colour for row in networks.NETWORKS}
    for path in [*MODULES, *ROOT.glob("templates/*.css"), *ROOT.glob("templates/*.html")]:
        text = path.read_text("utf-8")
        if path.name not in ("networks.py", "diagrams.py"):
            assert not any(colour in text.lower() for colour in colours - {"#d55e00"}), path
        assert path.name == "networks.py" or '"mlp", "cnn", "vgg' not in text, path


def test_architecture_names_every_package_and_module():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert all(f"`{package}/`" in text for package in PACKAGES)
    for path in MODULES:
        assert f"{path.stem}.py" in text, f"docs/architecture.md does not name {path.relative_to(PACKAGE)}"


def test_documents_name_every_option_command_and_preset():
    text = (ROOT / "README.md").read_text("utf-8") + (ROOT / "docs" / "usage.md").read_text("utf-8")
    source = (PACKAGE / "cli.py").read_text("utf-8")
    options = set(re.findall(r'"(--[a-z-]+)"', source)) - {"--help"}
    assert len(options) > 12
    commands = set(re.findall(r"^def (?:cache_)?(status|settings|doctor|ls|verify|prune)\b", source, re.M))
    for word in options | commands | set(PRESETS):
        assert word in text, f"neither README.md nor docs/usage.md names {word}"


def test_documents_cite_tests_that_exist():
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").glob("*.py")]
    there = {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.M)} | {"test_set"}  # a module
    for path in (ROOT / "docs").glob("*.md"):
        cited = re.findall(r"(?:\.py::|[`…\s])(test_\w+)`", path.read_text("utf-8"))
        assert not [name for name in cited if name not in there], path


def test_docstrings_name_modules_that_exist():
    for path in MODULES:
        tree = ast.parse(path.read_text("utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
        text = "\n".join(texts)
        named = re.findall(rf"\b({'|'.join(PACKAGES)})\.(\w+)\.\w+", text)
        for package, module in [*named, *re.findall(rf"\b({'|'.join(PACKAGES)})/(\w+)\.py\b", text)]:
            assert (PACKAGE / package / f"{module}.py").is_file(), (path.name, f"{package}.{module}")


def test_every_module_docstring_begins_with_one_sentence():
    for path in MODULES:
        first = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        assert first.split("\n")[0].endswith("."), path


def test_every_imported_distribution_is_declared_and_locked():
    found = set()
    for path in MODULES:
        name = "fmnist_report." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found |= set(Module(name, ROOT).outside.values())
    imported = {DISTRIBUTIONS.get(name, name) for name in found} - {"jax", "torch"}  # which Keras can take instead
    declared = set(declared_packages())
    assert imported - {"distributed", "pyarrow"} <= declared
    assert declared <= imported, "declared, but not imported"
    locks = {name: (ROOT / name).read_text("utf-8") for name in ("requirements.lock", "requirements-dev.lock")}
    pinned = {name: set(re.findall(r"^([\w.-]+)==", text, re.M)) for name, text in locks.items()}
    assert declared <= pinned["requirements.lock"] and {"distributed", "pyarrow"} <= pinned["requirements-dev.lock"]
    assert not {"pytest", "distributed", "pyarrow", "ruff"} & pinned["requirements.lock"]


def test_no_file_names_a_package_host():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for path in (ROOT / name for name in names if not name.endswith(BINARY + ("test_structure.py",))):
        if path.is_file():
            assert not re.search(r"pypi\.org|pythonhosted|debian\.org|npmjs", path.read_text("utf-8")), path


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_what_benchmarks_import_is_there(path):
    """Benchmarks are long and rarely run, so outdated imports are detected here."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("fmnist_report."):
            continue
        module = ROOT / Path(*node.module.split(".")).with_suffix(".py")
        folder = module.with_suffix("")
        there = {file.stem for file in folder.glob("*.py")}
        for statement in ast.parse(module.read_text("utf-8")).body if module.is_file() else []:
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            there |= {target.id for target in targets if isinstance(target, ast.Name)}
            there |= {statement.name} if hasattr(statement, "name") else set()
            there |= {alias.asname or alias.name for alias in getattr(statement, "names", [])}
        assert {alias.name for alias in node.names} <= there, (path.name, node.module)


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_links_lead_to_files(path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []
