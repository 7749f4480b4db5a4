"""Fuzz the property tests of tests/test_fuzz.py with Atheris, which searches for inputs that reach new code.

    make fuzz                                an hour of CPU time, divided evenly among the tests
    make fuzz ARGS="--minutes 5 --jobs 2"    five minutes of CPU time, two tests in parallel

Prints a table of inputs by test, as in docs/reliability.md; exit code 1 if any test failed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one test until the limits in libFuzzer's arguments; this process ends with it."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["fmnist_report"]):
        from tests import test_fuzz
    test = getattr(test_fuzz, name).hypothesis.fuzz_one_input
    atheris.Setup([sys.argv[0], *arguments], lambda raw: test(raw))
    atheris.Fuzz()


def list_tests() -> list[str]:
    """Return the names of the property tests of test_fuzz.py, in order."""
    source = (ROOT / "tests" / "test_fuzz.py").read_text("utf-8")
    return re.findall(r"^@given.*?^def (test_\w+)", source, re.MULTILINE | re.DOTALL)


def fuzz_apart(name: str, seconds: int) -> tuple[str, int, int, str]:
    """Fuzz one test in a separate process; return its name, inputs, seconds, and failure."""
    with tempfile.TemporaryDirectory() as folder:
        limits = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=4096", f"-artifact_prefix={folder}/"]
        command = [sys.executable, __file__, "--test", name, *limits]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    counted = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
    inputs, spent = (int(counted[1]), int(counted[2])) if counted else (0, 0)
    return name, inputs, spent, "" if counted and done.returncode == 0 else done.stderr[-4000:] or "no output"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="for all tests together")
    parser.add_argument("--jobs", type=int, default=1, help="number of parallel tests")
    parser.add_argument("--test", help="only this test, in this process; further arguments are passed to libFuzzer")
    options, rest = parser.parse_known_args()
    if options.test:
        fuzz(options.test, rest)
        return
    names = list_tests()
    seconds = max(1, round(60 * options.minutes / len(names)))
    print("| test | inputs | seconds | failures |\n| --- | --- | --- | --- |")
    total = n_failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, inputs, spent, failure in pool.map(lambda name: fuzz_apart(name, seconds), names):
            total, n_failed = total + inputs, n_failed + bool(failure)
            print(f"| `{name}` | {inputs:,} | {spent:,} | {int(bool(failure))} |", flush=True)
            if failure:
                print(failure, file=sys.stderr)
    print(f"| all | {total:,} | | {n_failed} |")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
