"""A stop signal ends a run in time, even if Python cannot handle it."""

import signal
import subprocess
import sys
import time

import pytest

RUN = """
import hashlib, sys, time
from fmnist_report.pipeline.signals import Stopped, stopping_in_time
try:
    with stopping_in_time(lambda sentence: print("ended:", sentence, flush=True)):
        print("ready", flush=True)
        {work}
except Stopped as stop:
    print("heard:", stop)
    sys.exit(stop.code)
"""
HEARS = "time.sleep(60)"
DEAF = "hashlib.pbkdf2_hmac('sha256', b'', b'', 300_000_000)"  # in C, for minutes


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (15, 143, "Terminated")])
@pytest.mark.parametrize(("work", "said"), [(HEARS, "heard:"), (DEAF, "ended:")])
def test_run_ends_with_a_sentence(number, code, word, work, said):
    process = subprocess.Popen([sys.executable, "-c", RUN.format(work=work)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)  # until it works
    started = time.monotonic()
    process.send_signal(number)
    output = process.communicate(timeout=30)[0]
    assert output.startswith(f"{said} {word}; finished work is cached") and process.returncode == code
    assert time.monotonic() - started < 20  # 2 on an idle machine
