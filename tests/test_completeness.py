"""A stage's key covers every function of the package that the stage executes."""

import ast
import json
from pathlib import Path

from test_structure import MODULES, PACKAGE, make_pipeline

from fmnist_report.pipeline.fingerprint import find_sources
from fmnist_report.pipeline.plan import list_functions

# These do not affect results: display of a run, and distribution of tasks.
UNCOUNTED = {"fmnist_report.pipeline.progress", "fmnist_report.pipeline.workers", "fmnist_report.pipeline.stage"}
SILENT = {"silent_imports", "_silent", "settle_keras"}  # which hide messages of libraries, or undo a keras.json


def definitions():
    """Map (file, first line of a function) to the (module, name) of the top-level definition around it."""
    found = {}
    for path in MODULES:
        module = "fmnist_report." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [node.name] if hasattr(node, "name") else [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
            first = min([node.lineno, *(found.lineno for found in getattr(node, "decorator_list", []))])
            for line in range(first, node.end_lineno + 1):
                found[str(path), line] = (module, names)
    return found


def test_keys_hold_what_the_stages_of_the_tiny_line_execute(real_run):
    around, modules, traced = definitions(), {}, {}
    for path in real_run.traces.glob("*.json"):
        function = path.name.split(".json")[0].rsplit(".", 2)[0].replace("-", ":")
        traced.setdefault(function, set()).update(map(tuple, json.loads(path.read_text("utf-8"))))
    stages: dict[str, list] = {}
    for stage in make_pipeline():
        stages.setdefault(stage.function, []).append(stage)
    assert set(traced) == set(stages)
    for function, executed in traced.items():
        held = {name for stage in stages[function]
                for name in find_sources(list_functions(stage), modules).definitions}  # fmt: skip
        assert len(executed) > 0, function
        for place in executed:
            module, names = around[place]
            if module not in UNCOUNTED and not SILENT & set(names):
                assert any((module, name) in held for name in names), f"{function} executes {module}:{names[0]}"


def test_definitions_are_found_by_their_lines():
    place = str(Path(PACKAGE / "training" / "metrics.py"))
    text = Path(place).read_text("utf-8").split("\n")
    line = next(number for number, words in enumerate(text, 1) if words.startswith("def wilson_interval"))
    assert definitions()[place, line] == ("fmnist_report.training.metrics", ["wilson_interval"])
