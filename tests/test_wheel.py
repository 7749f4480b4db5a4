"""Installed from a wheel, the package finds its templates and fonts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
from fmnist_report.doctor import declared_packages, missing_packages
from fmnist_report.forecast import KNOWN
from fmnist_report.report.assets import FONTS, FULL_RUNS, TRIED_IN_BEST, template_digests
from fmnist_report.report.html import SECTIONS
from fmnist_report.report.language import Language
assert KNOWN.is_file() and FULL_RUNS.is_file() and TRIED_IN_BEST.is_file()
assert len(list(FONTS.glob("*.ttf"))) == 6
assert {"report.html", "sections/part1.html", "style.css", "pages.css", "uk.po"} <= set(template_digests("uk"))
assert Language("uk").model("cnn") != Language("en").model("cnn")
assert "part1" in SECTIONS
assert "tensorflow" in declared_packages() and not missing_packages()
print(FONTS)
"""


@pytest.mark.slow
def test_an_installed_wheel_finds_its_templates_and_fonts(tmp_path):
    source = tmp_path / "source"
    for name in ("fmnist_report", "templates"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    wheel, site = next(tmp_path.glob("*.whl")), tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, env={"PYTHONPATH": str(site)},
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0 and str(site) in done.stdout, done.stderr
