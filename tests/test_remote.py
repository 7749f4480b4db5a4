"""A stage computed on a worker gives the same files as locally."""

import pytest

from fmnist_report.errors import ReportError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.remote import RemoteResult, store
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Execution, Stage


def write_number(out, progress, *, number):
    """A stage without upstream."""
    (out / "number.txt").write_text(str(number))


def add_one(out, progress, *, first):
    """A stage that reads the file of another stage."""
    (out / "number.txt").write_text(str(int((first / "number.txt").read_text()) + 1))


@pytest.fixture
def run(tmp_path, two_workers):
    def compute(workers=two_workers):
        cache = Cache(tmp_path / "cache", lambda message: None)
        cache.prepare()
        at = "tests.test_remote:"
        first = Stage("first", at + "write_number", {"number": 5})
        second = Stage("second", at + "add_one", upstream={"first": first}, execution=Execution.WORKERS)
        third = Stage("third", at + "add_one", upstream={"first": second}, execution=Execution.WORKERS)
        other = Stage("other", at + "add_one", upstream={"first": first}, execution=Execution.WORKERS)
        plan = Plan([first, second, third, other], cache)
        run_plan(plan, Progress(quiet=True), "test", workers)
        return {name: (step.entry.path / "number.txt").read_text() for name, step in plan.steps.items()}, plan

    return compute


def test_stages_are_computed_after_what_they_need(run):
    numbers, plan = run()
    assert numbers == {"first": "5", "second": "6", "third": "7", "other": "6"}
    assert {step.status for step in plan.steps.values()} == {"computed"}
    assert all(step.entry.damage(deep=True) is None for step in plan.steps.values())
    assert {step.status for step in run()[1].steps.values()} == {"cached"}


def test_entries_are_sent_where_workers_do_not_see_them(run, monkeypatch):
    monkeypatch.setattr("fmnist_report.pipeline.workers.DaskPool.sees", lambda pool, path, digest: False)
    assert run()[0]["third"] == "7"


def test_an_entry_too_large_to_be_sent_is_named(run, monkeypatch):
    monkeypatch.setattr("fmnist_report.pipeline.workers.DaskPool.sees", lambda pool, path, digest: False)
    monkeypatch.setattr("fmnist_report.pipeline.remote.MAX_SENT_BYTES", 0)
    with pytest.raises(ReportError, match="The entry first has 0.0 GB, which is not sent to workers"):
        run()


def test_a_file_that_changed_on_the_way_is_noticed(tmp_path):
    with pytest.raises(ReportError, match="was corrupted in transfer from the worker"):
        store(RemoteResult({"a": b"1"}, {"a": "0" * 64}, 0.0, None), tmp_path)
