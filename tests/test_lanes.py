"""Work side by side: results by name, errors, a process that dies."""

import math
import os

import pytest

from fmnist_report.errors import ReportError
from fmnist_report.lanes import run_side_by_side


def test_results_come_by_name_from_other_processes():
    assert run_side_by_side(math.sqrt, {"first": (4.0,), "second": (9.0,)}) == {"first": 2.0, "second": 3.0}
    found = run_side_by_side(os.getpid, {"first": (), "second": ()})
    assert len({os.getpid(), *found.values()}) == 3


def test_an_error_is_raised_here():
    with pytest.raises(ValueError, match="math domain error"):
        run_side_by_side(math.sqrt, {"good": (4.0,), "bad": (-1.0,)})


def test_a_process_that_dies_is_named():
    with pytest.raises(ReportError, match="The process for first ended before its work was done"):
        run_side_by_side(os._exit, {"first": (9,)})
