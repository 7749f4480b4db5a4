"""The types of results.json are those of the documents that runs write."""

import gzip
import json
import re
import types
import typing
from base64 import b64decode

import numpy as np
import pytest
from invented import invent_journal, invent_run

from fmnist_report.evaluation.schema import Results, RunResults, StageRow
from fmnist_report.pipeline.files import read_json
from fmnist_report.presets import preset
from fmnist_report.report.full_runs import average_seeds


def compare(value, hint, place="results"):
    """Yield where a JSON value differs from a type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return
    if origin in (typing.Union, types.UnionType):
        tried = [list(compare(value, one, place)) for one in inner]
        if all(tried):
            yield from min(tried, key=len)
    elif typing.is_typeddict(hint):
        if not isinstance(value, dict):
            yield f"{place}: {type(value).__name__}"
            return
        hints = typing.get_type_hints(hint)
        yield from (f"{place}.{name}: missing" for name in sorted(hint.__required_keys__ - value.keys()))
        yield from (f"{place}.{name}: not in the type" for name in value.keys() - hints.keys())
        for name in hints.keys() & value.keys():
            yield from compare(value[name], hints[name], f"{place}.{name}")
    elif origin is dict:
        for name, one in value.items() if isinstance(value, dict) else [(None, None)]:
            yield from compare(name, inner[0], f"{place}, a key")
            yield from compare(one, inner[1], f"{place}.{name}")
    elif origin in (list, tuple):
        if not isinstance(value, list) or (origin is tuple and len(value) != len(inner)):
            yield f"{place}: {value!r}"
            return
        for number, one in enumerate(value):
            yield from compare(one, inner[number if origin is tuple else 0], f"{place}.{number}")
    else:
        kinds = {float: (float, int), type(None): (type(None),)}.get(hint, (hint,))
        if type(value) not in kinds:
            yield f"{place}: {type(value).__name__} in place of {hint}"


@pytest.mark.parametrize("name", ["quick", "standard"])
def test_results_of_an_invented_run_have_the_types(tmp_path, name):
    document = json.loads(json.dumps(invent_run(tmp_path, preset(name))))
    rows = json.loads(json.dumps(average_seeds([row | {"date": "2026-01-02"} for row in
                                                invent_journal(np.random.default_rng(0))])))  # fmt: skip
    for row in (*rows, *document["full_runs"]):
        for extra in row.keys() - typing.get_type_hints(Results)["journal"].__args__[0].__annotations__.keys():
            del row[extra]  # of the file with earlier runs, and the note of the first seed
    assert list(compare({**document, "journal": rows}, Results)) == []


def test_results_of_a_real_run_have_the_types(real_run):
    report = real_run.folder / "report"
    assert list(compare(read_json(report / "results.json"), RunResults)) == []
    page = (report / "report.en.html").read_text("utf-8")
    packed = re.search(r'<script[^>]* id="record"[^>]*>([^<]+)</script>', page)[1]
    record = json.loads(gzip.decompress(b64decode(packed)))
    del record["document"]
    for row in record["full_runs"]:
        for extra in row.keys() - typing.get_type_hints(Results)["journal"].__args__[0].__annotations__.keys():
            del row[extra]
    assert list(compare(record, Results)) == []


def test_what_differs_from_a_type_is_found():
    row = {"name": "cnn", "key": "0", "status": "cached", "seconds": 1, "created": "2026"}
    assert list(compare(row, StageRow)) == []
    assert list(compare(row | {"seconds": "1", "colour": "red"}, StageRow, "row")) == [
        "row.colour: not in the type", "row.seconds: str in place of <class 'float'>",
    ]  # fmt: skip
    assert list(compare(row | {"peak_memory_bytes": None}, StageRow)) == []
    assert list(compare({"key": "0"}, StageRow, "row"))[:1] == ["row.created: missing"]
    assert list(compare([1, True], list[int], "list")) == ["list.1: bool in place of <class 'int'>"]
    assert list(compare([1, 2.0, 3], tuple[int, float], "pair")) and not list(compare([1, 2.0], tuple[int, float]))
    assert list(compare(3, dict[str, int], "names")) and list(compare({"a": None}, dict[str, int], "names"))
