"""A run computes what is missing, and the plan says why."""

import os
import sys

import pytest

from fmnist_report import fingerprint, running
from fmnist_report.cache import Cache
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.hardware import peak_memory_bytes
from fmnist_report.plan import Plan
from fmnist_report.progress import Progress
from fmnist_report.running import run_plan
from fmnist_report.stages import Stage

FUNCTIONS = '''
def first(out, progress, *, width):
    """Write the width."""
    (out / "first.txt").write_text(str(width))  # a comment

def second(out, progress, *, first, depth):
    (out / "second.txt").write_text((first / "first.txt").read_text() + str(depth))

def third(out, progress, *, second):
    (out / "third.txt").write_text((second / "second.txt").read_text())
'''


@pytest.fixture
def line(tmp_path, monkeypatch):
    """Return a function that plans and runs a line of three stages and tells what it computed."""
    package = tmp_path / "src" / "fmnist_report"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    cache = Cache(tmp_path / "cache", lambda message: None)
    cache.prepare()
    digests = fingerprint.source_digests
    monkeypatch.setattr("fmnist_report.plan.source_digests", lambda f, modules: digests(f, modules, tmp_path / "src"))
    monkeypatch.setattr("fmnist_report.__path__", [str(package), *sys.modules["fmnist_report"].__path__])

    def run(width=1, depth=1, template="t", functions=FUNCTIONS, force=(), only=None):
        (package / "toy.py").write_text(functions)
        sys.modules.pop("fmnist_report.toy", None)
        first = Stage("first", "fmnist_report.toy:first", {"width": width})
        second = Stage("second", "fmnist_report.toy:second", {"depth": depth}, {"first": first})
        third = Stage("third", "fmnist_report.toy:third", {}, {"second": second}, digests={"template": template})
        plan = Plan([first, second, third], cache, force, only)
        run.reasons = {name: step.reason for name, step in plan.steps.items()}
        pending = [step.stage.name for step in plan.pending]
        run_plan(plan, Progress(quiet=True), "test")
        computed = [name for name, step in plan.steps.items() if step.status == "computed"]
        assert set(pending) <= set(computed)
        run.plan = plan
        return computed

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    run.cache = cache
    return run


def test_first_run_computes_all(line):
    assert line() == ["first", "second", "third"]


def test_unchanged_run_computes_nothing(line):
    line()
    assert line() == []


def test_changed_setting_recomputes_what_depends_on_it(line):
    line()
    assert line(depth=2) == ["second", "third"]
    assert line.reasons["second"] == "setting depth: 1 → 2"
    assert line.reasons["third"].startswith("upstream second: ")


def test_former_setting_is_still_cached(line):
    line()
    line(width=2)
    assert line(width=1) == []


def test_changed_function_body_recomputes(line):
    line()
    assert line(functions=FUNCTIONS.replace("str(width)", "str(width + 1)")) == ["first", "second", "third"]
    assert "source of fmnist_report.toy:first" in line.reasons["first"]


def test_changed_comment_and_docstring_do_not(line):
    line()
    changed = FUNCTIONS.replace("a comment", "another").replace("Write the width.", "Write it.")
    assert line(functions=changed) == []


def test_changed_template_renders_only(line):
    line()
    assert line(template="new") == ["third"]
    assert line.reasons["third"] == "content of template: t → new"


def test_forced_stage_takes_what_depends_on_it_along(line):
    line()
    assert line(force=["second"]) == ["second", "third"]


def test_only_stops_after_the_stage(line):
    assert line(only="second") == ["first", "second"]


def test_damaged_entry_is_computed_again_in_the_same_run(line):
    line()
    (line.plan.steps["first"].entry.path / "first.txt").write_text("7")
    assert line(depth=2) == ["first", "second", "third"]
    assert (line.plan.steps["third"].entry.path / "third.txt").read_text() == "12"


def test_damaged_upstream_of_lanes_is_computed_before_they_part(line, monkeypatch):
    line()
    first = line.plan.steps["first"].stage
    lanes = [
        Stage(f"second-{name}", "fmnist_report.toy:second", {"depth": 1}, {"first": first}, lane=name) for name in "ab"
    ]
    plan = Plan([first, *lanes], line.cache)
    (plan.steps["first"].entry.path / "first.txt").write_text("7")
    seen = []
    monkeypatch.setattr(running._Run, "_run_lanes", lambda *_: seen.append(plan.steps["first"].status))
    run_plan(plan, Progress(quiet=True), "test")
    assert seen == ["computed"]
    assert (plan.steps["second-b"].entry.path / "second.txt").read_text() == "11"


def test_pruned_upstream_of_a_cached_stage_is_not_needed(line):
    line()
    import shutil

    shutil.rmtree(line.cache.root / "second")
    assert line() == []


def test_failed_stage_leaves_no_entry(line):
    with pytest.raises(ZeroDivisionError):
        line(functions=FUNCTIONS.replace("str(depth)", "str(1 / 0)"))
    assert [stage for stage, *_ in line.cache.entries()] == ["first"]
    assert line() == ["second", "third"]


def test_unknown_stage_names_the_nearest(line):
    with pytest.raises(UsageError, match="did you mean 'third'"):
        line(force=["thrid"])


def tell_process(out, progress, *, fails):
    """A stage that leaves its process's number behind."""
    (out / "pid.txt").write_text(str(os.getpid()))
    if fails:
        raise ReportError("It cannot be done.")


@pytest.fixture
def run_apart(tmp_path):
    def run(fails):
        cache = Cache(tmp_path, lambda message: None)
        cache.prepare()
        plan = Plan([Stage("lonely", "tests.test_plan:tell_process", {"fails": fails}, apart=True)], cache)
        run_plan(plan, Progress(quiet=True), "test")
        return plan.steps["lonely"].entry

    return run


def test_a_stage_apart_has_a_process_of_its_own_whose_memory_is_recorded(run_apart):
    entry = run_apart(False)
    assert int((entry.path / "pid.txt").read_text()) != os.getpid()
    peak = entry.manifest["provenance"]["lonely"]["peak_memory_bytes"]
    assert 10**6 < peak < peak_memory_bytes()


def test_an_error_of_a_stage_apart_reaches_the_user(run_apart):
    with pytest.raises(ReportError, match="It cannot be done"):
        run_apart(True)
