"""Measurements of the machine."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_only_python_is_heard_while_something_is_imported():
    code = "import os, sys; from fmnist_report.machine import silent_imports\n" \
           "with silent_imports():\n    os.write(2, b'library\\n'); print('python', file=sys.stderr)\n" \
           "os.write(2, b'after\\n'); print('end', file=sys.stderr)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.split() == ["python", "after", "end"], done.stderr
