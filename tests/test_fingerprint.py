"""A key depends on the code of a function and its helpers, not on their comments."""

import hashlib
import os

import pytest

from fmnist_report.pipeline import fingerprint
from fmnist_report.pipeline.fingerprint import SourceRecords, find_sources

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
    return find_sources(["fmnist_report.line:stage"], {}, root).digests


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


def remember(root):
    """Plan once with records in root/sources.json; returns the digests and how many modules were parsed."""
    parsed, parse = [], fingerprint.parse_module
    sources, modules = SourceRecords(root / "sources.json"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "parse_module", lambda *given: parsed.append(given) or parse(*given))
        found = find_sources(["fmnist_report.line:stage"], modules, root, sources.records).digests
    sources.save([module.key for module in modules.values()])
    return found, len(parsed)


def test_a_module_is_parsed_again_only_when_its_content_changes(tmp_path):
    expected = write(tmp_path)
    assert remember(tmp_path) == (expected, 3) and remember(tmp_path) == (expected, 0)
    path = tmp_path / "fmnist_report" / "helpers.py"
    moment = path.stat()
    changed = write(tmp_path, helpers="def scale(x):\n    return 3 * x\n")
    os.utime(path, ns=(moment.st_atime_ns, moment.st_mtime_ns))  # no time stamp counts
    assert changed != expected and remember(tmp_path) == (changed, 1)


@pytest.mark.parametrize("damage", ["cut", "a byte", "empty", "other JSON", "a folder"])
def test_damaged_records_cost_only_the_time_of_parsing(tmp_path, damage):
    expected, path = write(tmp_path), tmp_path / "sources.json"
    remember(tmp_path)
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage == "other JSON":
        path.write_bytes(hashlib.sha256(b"{}").hexdigest().encode() + b"\n{}")
    else:
        changed = content.replace(b"helper", b"hepler", 1)
        path.write_bytes({"cut": content[:-9], "a byte": changed, "empty": b""}[damage])
    assert remember(tmp_path) == (expected, 3)


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    write(tmp_path)
    (tmp_path / ".sources.json.1.tmp").write_bytes(b"half")
    remember(tmp_path)
    assert (tmp_path / "sources.json").is_file() and not list(tmp_path.glob(".*.tmp"))


def test_another_version_of_python_or_of_the_parser_parses_again(tmp_path, monkeypatch):
    expected = write(tmp_path)
    remember(tmp_path)
    monkeypatch.setattr(fingerprint, "PARSER", b"another")
    assert remember(tmp_path) == (expected, 3)


def test_a_name_that_becomes_a_module_is_seen_although_its_importer_stays(tmp_path):
    """`from package import name` is the value of a module or a module itself, depending on the other files."""
    write(tmp_path)
    before, _ = remember(tmp_path)
    (tmp_path / "fmnist_report" / "constants.py").unlink()
    (tmp_path / "fmnist_report" / "__init__.py").write_text("constants = 5\n")
    after, _ = remember(tmp_path)
    assert "SIZE" in before and "SIZE" not in after and "constants" in after
