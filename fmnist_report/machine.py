"""Hardware description and speed of this machine, and the precision and runtime that follow from it."""

import contextlib
import dataclasses
import functools
import importlib
import json
import logging
import os
import platform
import subprocess
import sys
import typing
from pathlib import Path

from fmnist_report.download import keras_home
from fmnist_report.errors import ReportError

PROJECT = Path(__file__).resolve().parent.parent
SAFE_ISA = "AVX512_CORE_FP16"
MEASURED = "FMNIST_REPORT_SPEED"  # this run's measurement, for the processes that it starts
PROBE_SECONDS = 300  # of a very slow machine
# Memory limits of a container, in versions 2 and 1 of control groups.
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
UNUSABLE = "which cannot be imported"  # of a backend
MARGIN = 1.2  # what another precision or runtime must gain, more than repeated measurements differ
KERAS, MNN = "keras", "mnn"  # the runtimes of feature extraction


BACKENDS = ("tensorflow", "jax", "torch")


def find_backend() -> str:
    """Return the name of the Keras backend, found as Keras does but without importing it; an empty variable is none."""
    return _locate_backend()[0]


def _locate_backend() -> tuple[str, str]:
    """Return the name of the Keras backend, and the variable or file that names it."""
    if named := os.environ.get("KERAS_BACKEND"):
        return named, "the environment variable KERAS_BACKEND"
    file = keras_home() / "keras.json"
    try:
        return json.loads(file.read_text("utf-8")).get("backend", "tensorflow"), str(file)
    except (OSError, ValueError, AttributeError):
        return "tensorflow", "Keras"


def require_backend() -> None:
    """Raise ReportError if the Keras backend is not one of BACKENDS."""
    name, place = _locate_backend()
    if name not in BACKENDS:
        raise ReportError(
            f"Keras 3 has no backend {name!r}, which {place} names; change it to {', '.join(BACKENDS)}, or set "
            "KERAS_BACKEND=tensorflow."
        )


def settle_keras() -> None:
    """Set what a keras.json may have changed, if Keras is imported: floating-point type, epsilon and image format."""
    if "keras" in sys.modules:
        config = importlib.import_module("keras").config
        config.set_floatx("float32")
        config.set_epsilon(1e-7)
        config.set_image_data_format("channels_last")


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
    """Return the memory in bytes that this process may use, 0 if unknown; a container may have less than its host."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        physical = 0
    limits = [limit for limit in map(_read_limit, CGROUP_LIMITS) if limit]
    return min([physical, *limits]) if physical else min(limits, default=0)


def _read_limit(file: str) -> int:
    """Return the memory limit in a file of the control group, in bytes; 0 without any."""
    try:
        return int(Path(file).read_text("ascii"))
    except (OSError, ValueError):  # "max" is no limit
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


@dataclasses.dataclass(frozen=True)
class Speed:
    """The measured speed of this machine in GFLOP/s, each the best of several rounds in turn.

    Args:
        inference: forward passes of VGG16 in Keras, by precision: float32, bfloat16.
        training: steps that train VGG16's last two blocks, by precision.
        mnn: forward passes in MNN, in float32; 0 if it is not installed or cannot be used.
    """

    inference: dict[str, float] = dataclasses.field(default_factory=dict)
    training: dict[str, float] = dataclasses.field(default_factory=dict)
    mnn: float = 0.0

    def precision(self, of: str = "training") -> str:
        """Return "bfloat16" if it is at least MARGIN times as fast as float32, else "float32".

        Args:
            of: "training" or "inference".
        """
        rates = getattr(self, of)
        faster = rates.get("bfloat16", 0.0) >= MARGIN * rates.get("float32", float("inf"))
        return "bfloat16" if faster else "float32"

    def choose(self, precision: str = "auto") -> tuple[str, str]:
        """Return the fastest runtime of feature extraction, "keras" or "mnn", and its dtype policy.

        Args:
            precision: that of Keras: "auto", "float32" or "bfloat16", which excludes MNN.
        """
        chosen = self.precision("inference") if precision == "auto" else precision
        if precision != "bfloat16" and self.mnn >= MARGIN * self.inference.get(chosen, float("inf")):
            return MNN, "float32"
        return KERAS, "mixed_bfloat16" if chosen == "bfloat16" else "float32"


@functools.cache
def measure_speed() -> Speed:
    """Measure this machine in a separate process, once per run; a child process inherits the result.

    The process is separate because some virtual machines advertise matrix tiles (AMX) without
    supporting them, which crashes oneDNN with an illegal instruction. In that case its
    instruction set is limited and the measurement repeated.
    """
    if MEASURED not in os.environ:
        speed = _probe(os.environ)
        if not speed.training and "ONEDNN_MAX_CPU_ISA" not in os.environ:  # it crashed
            speed = _probe({**os.environ, "ONEDNN_MAX_CPU_ISA": SAFE_ISA})
            if speed.training:
                os.environ["ONEDNN_MAX_CPU_ISA"] = SAFE_ISA
        os.environ[MEASURED] = json.dumps(dataclasses.asdict(speed))
    return Speed(**json.loads(os.environ[MEASURED]))


def known_speed() -> dict[str, typing.Any] | None:
    """Return what measure_speed found in this run, as a dictionary, or None if it was not called."""
    return json.loads(os.environ[MEASURED]) if MEASURED in os.environ else None


def describe_speed(speed: Speed) -> str:
    """Return a sentence with the measured speed, and what follows from it for automatic settings."""

    def list_rates(rates: dict[str, float], *more: str) -> str:
        return ", ".join([*(f"{rate:.0f} in {precision}" for precision, rate in rates.items()), *more])

    if not speed.training:
        return "not measured, because Keras could not be run; so automatic settings mean float32"
    mnn = [f"{speed.mnn:.0f} in MNN"] if speed.mnn else []
    runtime, policy = speed.choose()
    features = "MNN in float32" if runtime == MNN else f"Keras in {policy.removeprefix('mixed_')}"
    return (
        f"VGG16 runs at {list_rates(speed.inference, *mnn)} and trains at {list_rates(speed.training)} (GFLOP/s); so "
        f"automatic settings mean {features} for the features of VGG16, and training in {speed.precision()}"
    )


def _probe(environment: typing.Mapping[str, str]) -> Speed:
    """Run training.probe, whose lines are JSON: the field of Speed and its rates. Those before an end count."""
    try:
        lines = subprocess.run(
            [sys.executable, "-m", "fmnist_report.training.probe"],
            env={**LIBRARIES, **environment}, cwd=PROJECT, capture_output=True, timeout=PROBE_SECONDS,
        ).stdout  # fmt: skip
    except subprocess.TimeoutExpired as error:
        lines = error.stdout or b""
    found: dict[str, typing.Any] = {}
    for line in lines.decode(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            found |= json.loads(line)
    return Speed(**found)


LIBRARIES = {  # read on import
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow's log messages
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # lets several processes share an accelerator's memory
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the same for JAX
    "HDF5_USE_FILE_LOCKING": "FALSE",  # the cache has its own locks, and some file systems do not support locking
    "TF_ENABLE_ONEDNN_OPTS": "1",  # without AVX-512, TensorFlow 2.21 leaves oneDNN off, which is slower
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
        return f"{find_backend()}, {UNUSABLE}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    return f"{words[0]} on {', '.join(words[1:]) or 'unknown devices'}"


@contextlib.contextmanager
def silent_imports() -> typing.Iterator[None]:
    """Hide messages that libraries write to stdout and stderr by themselves; Python's own output passes.

    Some messages of TensorFlow 2.21 and of MNN 3.6 cannot be silenced by their settings.
    """
    with _silent("stdout", 1), _silent("stderr", 2):
        yield


@contextlib.contextmanager
def _silent(name: str, number: int) -> typing.Iterator[None]:
    """Discard what is written to a file descriptor, but not what is written to Python's stream of that name."""
    python = getattr(sys, name)
    try:
        python.flush()
        saved = os.dup(number)
    except (OSError, ValueError, AttributeError):  # there is no such stream
        yield
        return
    with open(os.devnull, "w") as nowhere, os.fdopen(saved, "w", buffering=1, errors="backslashreplace") as own:
        os.dup2(nowhere.fileno(), number)
        if python is getattr(sys, f"__{name}__"):
            setattr(sys, name, own)
        try:
            yield
        finally:
            own.flush()
            os.dup2(saved, number)
            setattr(sys, name, python)


def settle_precision(settings: typing.Any, of: str = "training") -> typing.Any:
    """Return the settings with "auto" precision resolved, so that all workers use the same one.

    Args:
        of: "training" or "inference", as in Speed.precision.
    """
    if getattr(settings, "precision", "") != "auto":
        return settings
    return dataclasses.replace(settings, precision=measure_speed().precision(of))


def choose_precision(setting: str, of: str = "training") -> str:
    """Convert a precision setting to a Keras dtype policy.

    Args:
        setting: "auto", "float32" or "bfloat16".
        of: "training" or "inference", as in Speed.precision.

    Returns:
        "float32" or "mixed_bfloat16".
    """
    chosen = measure_speed().precision(of) if setting == "auto" else setting
    return "mixed_bfloat16" if chosen == "bfloat16" else "float32"


def choose_runtime(runtime: str, precision: str) -> tuple[str, str]:
    """Choose the runtime of feature extraction and its dtype policy.

    Args:
        runtime: "auto", "keras" or "mnn", which computes in float32.
        precision: "auto", "float32" or "bfloat16".

    Returns:
        "keras" or "mnn"; "float32" or "mixed_bfloat16".
    """
    if runtime == MNN:
        return MNN, "float32"
    if runtime == KERAS:
        return KERAS, choose_precision(precision, "inference")
    return measure_speed().choose(precision)
