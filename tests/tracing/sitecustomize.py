"""Tracing of a run: records the functions of the package that every stage executes, in all processes.

FMNIST_TRACE is the output folder of <stage's function>.<process>.json: [file, first line] of each function.
"""

import importlib.util
import json
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("FMNIST_TRACE")
PACKAGE = str(Path(__file__).resolve().parents[2] / "fmnist_report") + os.sep
OPTIMIZED = 1  # code flag of functions, not set for module and class bodies


def watch(call_stage):
    """Return call_stage with all calls inside it recorded."""

    def watched(function, arguments):
        seen, found = {}, []  # code objects by identity, because hashing them is slow

        def note(frame, event, argument):
            code = frame.f_code
            if event != "call" or id(code) in seen:
                return
            seen[id(code)] = code
            if code.co_filename.startswith(PACKAGE) and code.co_flags & OPTIMIZED and not is_importing(frame):
                found.append([code.co_filename, code.co_firstlineno])

        threading.setprofile(note)
        sys.setprofile(note)
        try:
            call_stage(function, arguments)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            path = Path(FOLDER) / f"{function.replace(':', '-')}.{os.getpid()}.{id(found)}.json"
            path.write_text(json.dumps(found), "utf-8")

    return watched


def is_importing(frame):
    """Return whether a module of the package is being imported, outside any stage."""
    while frame:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


class Finder:
    """Import hook that patches the runner when it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "fmnist_report.pipeline.runner":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_watch(module):
            execute(module)
            module.call_stage = watch(module.call_stage)

        spec.loader.exec_module = execute_and_watch
        return spec


if FOLDER:
    sys.meta_path.insert(0, Finder())
