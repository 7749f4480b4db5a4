"""Hardware description and precision benchmark of this machine."""

import contextlib
import dataclasses
import functools
import json
import logging
import os
import platform
import subprocess
import sys
import typing
from pathlib import Path

from fmnist_report.download import keras_home

SAFE_ISA = "AVX512_CORE_FP16"
MEASURED = "FMNIST_REPORT_PRECISION"  # this run's measurement, for the processes that it starts
PROBE = """
import time, keras
from keras import ops
def rate(dtype):
    x = keras.random.normal((64, 12, 12, 256), dtype=dtype, seed=0)
    kernel = keras.random.normal((3, 3, 256, 256), dtype=dtype, seed=1)
    wide = ops.reshape(x, (64 * 144, 256))
    def multiply():
        y = ops.conv(x, kernel, padding="same")
        ops.convert_to_numpy(ops.cast(ops.matmul(wide, kernel[0, 0]), "float32")[0, 0])
        ops.convert_to_numpy(ops.cast(y, "float32")[0, 0, 0, 0])
    multiply()
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < 1.0 or n < 3:
        multiply()
        n += 1
    return 2e-9 * n * 64 * 144 * 9 * 256 * 256 / (time.perf_counter() - started)
for dtype in ("float32", "bfloat16"):
    print(dtype, rate(dtype), flush=True)
"""


def find_backend() -> str:
    """Return the name of the Keras backend, found as Keras does but without importing it."""
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"]
    try:
        return json.loads((keras_home() / "keras.json").read_text("utf-8")).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def describe_hardware() -> dict[str, str | int | float]:
    """Return processor, cores available to this process, memory in GiB and operating system."""
    processor = _read_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    return {
        "processor": processor,
        "cores": count_cores(),
        "memory_gib": round(memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def count_cores() -> int:
    """Return the number of cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the machine's memory in bytes, or 0 if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def peak_memory_bytes() -> int | None:
    """Return the peak resident memory of this process in bytes, or None if unknown."""
    if peak := _read_value("/proc/self/status", "VmHWM"):  # on Linux, getrusage includes the parent's memory
        return int(peak.split()[0]) * 1024
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _read_value(path: str, name: str) -> str:
    """Return the first value of a name in one of Linux's files of "name: value" lines; empty if there is none."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text("utf-8").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""


@functools.cache
def measure_precision() -> tuple[str, dict[str, float]]:
    """Measure convolution in both precisions in a separate process, once per run.

    The process is separate because some virtual machines advertise matrix tiles (AMX) without
    supporting them, which crashes oneDNN with an illegal instruction. In that case its
    instruction set is limited and the measurement repeated.

    Returns:
        "bfloat16" if that is at least 1.2 times as fast, else "float32"; and the rates in GFLOP/s, empty in a child
        process that inherited the choice.
    """
    if MEASURED in os.environ:
        return os.environ[MEASURED], {}
    rates = _probe(os.environ)
    if "bfloat16" not in rates and "ONEDNN_MAX_CPU_ISA" not in os.environ:
        os.environ["ONEDNN_MAX_CPU_ISA"] = SAFE_ISA
        rates = _probe(os.environ)
    faster = rates.get("bfloat16", 0.0) >= 1.2 * rates.get("float32", float("inf"))
    os.environ[MEASURED] = "bfloat16" if faster else "float32"
    return os.environ[MEASURED], rates


def _probe(environment: os._Environ) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=dict(environment), capture_output=True, text=True, timeout=180
    )
    pairs = (line.split() for line in done.stdout.splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


LIBRARIES = {  # read on import
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow's log messages
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # lets several processes share an accelerator's memory
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the same for JAX
    "HDF5_USE_FILE_LOCKING": "FALSE",  # the cache has its own locks, and some file systems do not support locking
}


def prepare_libraries() -> None:
    """Configure libraries before their import, for this process and its children; existing variables take precedence.

    Silence TensorFlow's log messages, allocate accelerator memory on demand, and disable HDF5 file locking.
    """
    for name, value in LIBRARIES.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def find_devices() -> str:
    """Return the Keras backend and its devices, found in a separate process."""
    done = subprocess.run(
        [sys.executable, "-c", "import keras; print(keras.backend.backend(), *keras.distribution.list_devices())"],
        env={**LIBRARIES, **os.environ}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    words = (done.stdout.splitlines() or [""])[-1].split()
    if done.returncode or not words:
        return f"{find_backend()}, which cannot be imported: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    return f"{words[0]} on {', '.join(words[1:]) or 'unknown devices'}"


@contextlib.contextmanager
def silent_imports() -> typing.Iterator[None]:
    """Hide messages that libraries write to stderr while they are imported; Python's own output passes.

    Some messages of TensorFlow 2.21 cannot be silenced by its settings.
    """
    python = sys.stderr
    try:
        python.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is no such stream
        yield
        return
    with open(os.devnull, "w") as nowhere, os.fdopen(saved, "w", buffering=1, errors="backslashreplace") as own:
        os.dup2(nowhere.fileno(), 2)
        if python is sys.__stderr__:
            sys.stderr = own
        try:
            yield
        finally:
            own.flush()
            os.dup2(saved, 2)
            sys.stderr = python


def settle_precision(settings: typing.Any) -> typing.Any:
    """Return the settings with "auto" precision resolved, so that all workers use the same one."""
    if getattr(settings, "precision", "") != "auto":
        return settings
    return dataclasses.replace(settings, precision=measure_precision()[0])


def choose_precision(setting: str) -> str:
    """Convert a precision setting to a Keras dtype policy.

    Args:
        setting: "auto", "float32" or "bfloat16".

    Returns:
        "float32" or "mixed_bfloat16".
    """
    chosen = measure_precision()[0] if setting == "auto" else setting
    return "mixed_bfloat16" if chosen == "bfloat16" else "float32"
