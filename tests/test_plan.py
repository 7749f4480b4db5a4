"""A run computes missing entries, and the plan gives the reasons."""

import importlib.metadata
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from fmnist_report.errors import ReportError, UsageError
from fmnist_report.machine import peak_memory_bytes
from fmnist_report.pipeline import runner
from fmnist_report.pipeline.cache import MEASURED, Cache
from fmnist_report.pipeline.fingerprint import find_sources
from fmnist_report.pipeline.plan import DISTRIBUTIONS, Plan, find_named
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Execution, Stage

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
    """Return a function that plans and runs a pipeline of three stages and returns the computed ones."""
    package = tmp_path / "src" / "fmnist_report"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    cache = Cache(tmp_path / "cache", lambda message: None)
    cache.prepare()
    monkeypatch.setattr("fmnist_report.__path__", [str(package), *sys.modules["fmnist_report"].__path__])

    def run(width=1, depth=1, template="t", functions=FUNCTIONS, force=(), only=None):
        (package / "toy.py").write_text(functions)
        sys.modules.pop("fmnist_report.toy", None)
        first = Stage("first", "fmnist_report.toy:first", {"width": width})
        second = Stage("second", "fmnist_report.toy:second", {"depth": depth}, {"first": first})
        third = Stage("third", "fmnist_report.toy:third", {}, {"second": second}, digests={"template": template})
        plan = Plan([first, second, third], cache, force, only, root=tmp_path / "src")
        run.reasons = {name: step.reason for name, step in plan.steps.items()}
        run.expected = {name: step.status for name, step in plan.steps.items()}
        run_plan(plan, Progress(quiet=True), "test")
        computed = [name for name, step in plan.steps.items() if step.status == "computed"]
        assert {name for name, status in run.expected.items() if status == "compute"} <= set(computed)
        run.plan = plan
        return computed

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    run.cache = cache
    return run


def test_source_of_a_function_that_a_setting_names_counts(line, tmp_path):
    def plan(functions):
        (tmp_path / "src" / "fmnist_report" / "toy.py").write_text(functions)
        named = Stage("named", "fmnist_report.toy:third", {"deep": {"build": "fmnist_report.toy:first"}})
        other = Stage("other", "fmnist_report.toy:third", {"deep": {"build": "first"}})
        return [step.own for step in Plan([named, other], line.cache, root=tmp_path / "src").steps.values()]

    before, after = plan(FUNCTIONS), plan(FUNCTIONS.replace("def first(out,", "def first(out, /,"))
    assert before[0] != after[0] and before[1] == after[1] and "source of first" in before[0]


def test_first_run_computes_all(line):
    assert line() == ["first", "second", "third"]


def test_unchanged_run_computes_nothing(line):
    line()
    assert line() == []


def test_changed_setting_recomputes_what_depends_on_it(line):
    line()
    assert line(depth=2) == ["second", "third"]
    assert line.reasons["second"] == "setting depth: 1 → 2"
    assert line.expected == {"first": "cached", "second": "compute", "third": "undecided"}
    assert line.reasons["third"] == "decided after second"


def test_former_setting_is_still_cached(line):
    line()
    line(width=2)
    assert line(width=1) == []


def test_changed_function_body_recomputes(line):
    line()
    assert line(functions=FUNCTIONS.replace("str(width)", "str(width + 1)")) == ["first", "second", "third"]
    assert "source of first" in line.reasons["first"]


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


def test_damaged_upstream_is_computed_before_work_side_by_side(line, monkeypatch, tmp_path):
    line()
    first = line.plan.steps["first"].stage
    both = [
        Stage(
            f"second-{name}", "fmnist_report.toy:second", {"depth": 1}, {"first": first}, execution=Execution.PARALLEL
        )
        for name in "ab"
    ]
    plan = Plan([first, *both], line.cache, root=tmp_path / "src")
    (plan.steps["first"].entry.path / "first.txt").write_text("7")
    seen = []

    def compute(run, steps):
        seen.append(([step.stage.name for step in steps], plan.steps["first"].status))
        for step in steps:
            run._keep(step, runner.make_entry(run._job(step), run.progress))

    monkeypatch.setattr(runner._Run, "_compute_in_processes", compute)
    run_plan(plan, Progress(quiet=True), "test")
    assert seen == [(["second-a", "second-b"], "computed")]
    assert (plan.steps["second-b"].entry.path / "second.txt").read_text() == "11"


def test_pruned_upstream_of_a_cached_stage_is_not_needed(line):
    line()
    shutil.rmtree(line.cache.root / "second")
    assert line() == []


def test_failed_stage_leaves_no_entry(line):
    with pytest.raises(ZeroDivisionError):
        line(functions=FUNCTIONS.replace("str(depth)", "str(1 / 0)"))
    assert [stage for stage, *_ in line.cache.entries()] == ["first"]
    assert line() == ["second", "third"]


def test_same_content_invalidates_nothing_after_it(line):
    line()
    assert line(functions=FUNCTIONS.replace("str(width)", 'f"{width}"')) == ["first"]
    assert line.expected == {"first": "compute", "second": "undecided", "third": "undecided"}
    assert line.reasons["second"] == line.reasons["third"] == "decided after first"


def test_what_was_measured_does_not_count_for_those_who_do_not_read_it(tmp_path):
    cache = Cache(tmp_path, lambda message: None)
    cache.prepare()

    def run(force=()):
        first = Stage("first", "tests.test_plan:measure_itself", {})
        blind = Stage("blind", "tests.test_plan:copy_number", {}, {"first": first})
        seeing = Stage("seeing", "tests.test_plan:copy_number", {}, {"first": first}, measures=True)
        plan = Plan([first, blind, seeing], cache)
        for name in force:
            shutil.rmtree(tmp_path / name)
        if force:
            plan = Plan([first, blind, seeing], cache, only=None)
            plan.steps["first"].contents = None
            plan.steps["first"].forced = "forced"
        run_plan(plan, Progress(quiet=True), "test")
        return [name for name, step in plan.steps.items() if step.status == "computed"]

    assert run() == ["first", "blind", "seeing"] and run() == []
    assert run(force=["first"]) == ["first", "seeing"]


def measure_itself(out, progress):
    """A stage that writes the same number every time, and its duration."""
    (out / "number.txt").write_text("1")
    (out / MEASURED).write_text(str(time.perf_counter_ns()))


def copy_number(out, progress, *, first):
    (out / "number.txt").write_text((first / "number.txt").read_text())


def test_pruned_upstream_is_made_again_for_what_reads_it(line):
    line()
    shutil.rmtree(line.cache.root / "first")
    assert line(template="new") == ["third"]
    assert line(depth=2) == ["first", "second", "third"]


def test_names_of_stages_are_exact_or_those_of_a_group():
    names = ["mlp", "mlp-1", "mlp-2", "html-uk", "html-en"]
    assert find_named("mlp", names) == ["mlp"] and find_named("mlp-1", names) == ["mlp-1"]
    assert find_named("html", names) == ["html-uk", "html-en"]
    for name in ("mlp-foo", "mlp-1-2", "ht"):
        with pytest.raises(UsageError, match="Unknown stage"):
            find_named(name, names)


def test_versions_that_count_are_those_of_what_the_code_imports():
    stage = Stage("data", "fmnist_report.data.fashion_mnist:prepare_data", {})
    own = Plan([stage], Cache(Path("nowhere"))).steps["data"].own
    assert {name for name in own if name.startswith("version")} == {"version of numpy", "version of scikit-learn"}
    assert own["version of numpy"] == importlib.metadata.version("numpy")


def test_names_of_distributions_are_known():
    installed = importlib.metadata.packages_distributions()
    stage = Stage("pdf", "fmnist_report.report.pdf.writer:write_pdf", {})
    for package in find_sources([stage.function], {}).packages:
        assert DISTRIBUTIONS.get(package, package) in installed[package]
    for package, distribution in DISTRIBUTIONS.items():
        assert distribution in installed[package]


def test_unknown_stage_names_the_nearest(line):
    with pytest.raises(UsageError, match="did you mean 'third'"):
        line(force=["thrid"])


def tell_process(out, progress, *, fails):
    """A stage that writes its process id."""
    (out / "pid.txt").write_text(str(os.getpid()))
    if fails:
        raise ReportError("It cannot be done.")


@pytest.fixture
def run_apart(tmp_path):
    def run(fails):
        cache = Cache(tmp_path, lambda message: None)
        cache.prepare()
        plan = Plan(
            [Stage("lonely", "tests.test_plan:tell_process", {"fails": fails}, execution=Execution.SUBPROCESS)], cache
        )
        run_plan(plan, Progress(quiet=True), "test")
        return plan.steps["lonely"].entry

    return run


def test_a_subprocess_stage_has_a_process_of_its_own_whose_memory_is_recorded(run_apart):
    entry = run_apart(False)
    assert int((entry.path / "pid.txt").read_text()) != os.getpid()
    peak = entry.manifest["provenance"]["lonely"]["peak_memory_bytes"]
    assert 10**6 < peak < peak_memory_bytes()


def test_an_error_of_a_subprocess_stage_reaches_the_user(run_apart):
    with pytest.raises(ReportError, match="It cannot be done"):
        run_apart(True)


def test_a_stage_that_does_not_resume_begins_in_an_empty_folder(line):
    line()
    key = line.plan.steps["first"].key
    for name, step in line.plan.steps.items():
        shutil.rmtree(line.plan.cache.find(name, step.key).path)
    left = line.plan.cache.work_folder("first", key) / "left.txt"
    left.write_text("by a run that was killed")
    assert "first" in line()
    found = line.plan.cache.find("first", key).path.iterdir()
    assert {path.name for path in found} == {"first.txt", "manifest.json"}
