"""Tracing of a run: records the functions of the package that every stage executes, in all processes.

FMNIST_TRACE is the output folder of <stage's function>.<process>.<number>.json: [file, line] of each function.

Modules of the package are compiled with a call at the start of each function, so other packages run at full speed.
"""

import ast
import builtins
import importlib.machinery
import itertools
import json
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("FMNIST_TRACE")
PACKAGE = str(Path(__file__).resolve().parents[2] / "fmnist_report") + os.sep
RUNNER = "fmnist_report.pipeline.runner"
NOTE = "_note_of_trace"
NUMBERS = itertools.count()  # of the traces of this process
OF_THREAD = threading.local()  # found: places executed by the stage of this thread; absent outside stages


def note(file, line):
    """Record the start of a function."""
    found = getattr(OF_THREAD, "found", None)
    if found is not None and (file, line) not in found and not is_importing(sys._getframe(2)):
        found.add((file, line))


def is_importing(frame):
    """Return whether a module of the package is being imported, outside any stage."""
    while frame:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


def watch(call_stage):
    """Return call_stage with all functions executed inside it recorded, also by threads started meanwhile."""

    def watched(function, arguments):
        found = OF_THREAD.found = set()

        def join(frame, event, argument):
            OF_THREAD.found = found
            sys.setprofile(None)

        threading.setprofile(join)
        try:
            call_stage(function, arguments)
        finally:
            threading.setprofile(None)
            del OF_THREAD.found
            path = Path(FOLDER) / f"{function.replace(':', '-')}.{os.getpid()}.{next(NUMBERS)}.json"
            path.write_text(json.dumps(sorted(found)), "utf-8")

    return watched


class Instrument(ast.NodeTransformer):
    """Adds a call of note at the start of every function and lambda of a file."""

    def __init__(self, path):
        self.path = path

    def call(self, node):
        arguments = [ast.Constant(self.path), ast.Constant(node.lineno)]
        return ast.copy_location(ast.Call(ast.Name(NOTE, ast.Load()), arguments, []), node)

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.body.insert(ast.get_docstring(node, clean=False) is not None, ast.Expr(self.call(node)))
        return node

    def visit_Lambda(self, node):
        self.generic_visit(node)
        both = ast.Tuple([self.call(node), node.body], ast.Load())
        node.body = ast.Subscript(both, ast.Constant(1), ast.Load())
        return node


class Loader(importlib.machinery.SourceFileLoader):
    """Loads an instrumented module; the runner's calls of stages are watched."""

    def get_code(self, name):
        path = self.get_filename(name)
        tree = Instrument(path).visit(ast.parse(self.get_data(path), path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def exec_module(self, module):
        super().exec_module(module)
        if module.__name__ == RUNNER:
            module.call_stage = watch(module.call_stage)


class Finder:
    """Import hook for the modules of the package."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "fmnist_report":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


if FOLDER:
    setattr(builtins, NOTE, note)
    sys.meta_path.insert(0, Finder())
