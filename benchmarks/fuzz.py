"""Drive the property tests of tests/test_fuzz.py with Atheris, which looks for inputs that reach new code.

    make fuzz                     an hour, shared evenly among the tests
    make fuzz ARGS="--minutes 5"

Prints a table of inputs by test, as in docs/reliability.md; exit code 1 if any test failed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fuzz(name: str, arguments: list[str]) -> None:
    """Drive one test until libFuzzer's arguments say that it is enough; this process ends with it."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["fmnist_report"]):
        from tests import test_fuzz
    test = getattr(test_fuzz, name).hypothesis.fuzz_one_input
    atheris.Setup([sys.argv[0], *arguments], lambda raw: test(raw))
    atheris.Fuzz()


def list_tests() -> list[str]:
    """Name the property tests of test_fuzz.py, in order."""
    source = (ROOT / "tests" / "test_fuzz.py").read_text("utf-8")
    return re.findall(r"^@given.*?^def (test_\w+)", source, re.MULTILINE | re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--test", help="this one alone, in this process; further arguments are libFuzzer's")
    options, rest = parser.parse_known_args()
    if options.test:
        fuzz(options.test, rest)
        return
    names, n_failed, total = list_tests(), 0, 0
    seconds = round(60 * options.minutes / len(names))
    print("| test | inputs | seconds | failures |\n| --- | --- | --- | --- |")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--test", name, f"-max_total_time={seconds}", "-max_len=4096",
                       "-rss_limit_mb=4096", f"-artifact_prefix={folder}/"]  # fmt: skip
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
            counted = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
            inputs, spent = (int(counted[1]), int(counted[2])) if counted else (0, 0)
            failed = done.returncode != 0 or not counted
        total, n_failed = total + inputs, n_failed + failed
        print(f"| `{name}` | {inputs:,} | {spent:,} | {int(failed)} |", flush=True)
        if failed:
            print(done.stderr[-4000:], file=sys.stderr)
    print(f"| all | {total:,} | | {n_failed} |")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
