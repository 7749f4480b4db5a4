"""A key depends on the code of a function and its helpers, not on their comments."""

from fmnist_report.pipeline.fingerprint import find_sources

SOURCE = '''
from fmnist_report.helpers import scale
from fmnist_report import constants

LIMIT = 3

def stage(x):
    """Do it."""
    return helper(x) + scale(x) + constants.SIZE + LIMIT

def helper(x):
    return x + 1  # why

def unrelated(x):
    return x
'''


def write(root, source=SOURCE, helpers="def scale(x):\n    return 2 * x\n"):
    package = root / "fmnist_report"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "line.py").write_text(source)
    (package / "helpers.py").write_text(helpers)
    (package / "constants.py").write_text("SIZE = 5\n")
    return find_sources("fmnist_report.line:stage", {}, root).digests


def test_everything_reached_is_listed(tmp_path):
    assert list(write(tmp_path)) == ["LIMIT", "SIZE", "helper", "scale", "stage"]


def test_comment_and_docstring_do_not_count(tmp_path):
    before = write(tmp_path)
    after = write(tmp_path, SOURCE.replace("# why", "# because").replace("Do it.", "Do it well."))
    assert before == after


def test_annotations_of_arguments_do_not_count(tmp_path):
    before = write(tmp_path)
    assert before == write(tmp_path, SOURCE.replace("def stage(x):", "def stage(x: scale) -> unrelated:"))


def test_body_counts(tmp_path):
    before, after = write(tmp_path), write(tmp_path, SOURCE.replace("x + 1", "x + 2"))
    assert [name for name in before if before[name] != after[name]] == ["helper"]


def test_helper_in_another_module_counts(tmp_path):
    assert write(tmp_path) != write(tmp_path, helpers="def scale(x):\n    return 3 * x\n")


def test_unrelated_function_does_not_count(tmp_path):
    before = write(tmp_path)
    changed = SOURCE.replace("def unrelated(x):\n    return x", "def unrelated(x):\n    return 9")
    assert changed != SOURCE and before == write(tmp_path, changed)
