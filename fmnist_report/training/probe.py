"""Measure this machine: VGG16's forward passes and training steps, as the stages compute them.

Run by machine.measure_speed in a process of its own; prints the fields of machine.Speed as lines of JSON, so that what
was measured counts even if the process crashes afterwards.
"""

import json
import time
import typing

import keras
import numpy as np

from fmnist_report.models.base import BaseInput, build_extractor
from fmnist_report.models.mnn import MnnNetwork
from fmnist_report.models.summary import describe_layers
from fmnist_report.models.transfer import build_top
from fmnist_report.settings import FineTuneSettings, HeadSettings
from fmnist_report.training.fitting import dtype_policy
from fmnist_report.training.optimizers import compile_network

GIVEN = BaseInput("VGG16", 64)
INFERENCE_SIZES, TRAINING_SIZES = (4, 16), (4, 32)  # images; what is hopeless with few is not measured with more
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
ROUNDS = 3
HOPELESS = 3.0  # a candidate this many times slower than the fastest is not measured further

Call = typing.Callable[[int], typing.Any]


def measure_in_turns(calls: dict[str, Call], sizes: typing.Sequence[int]) -> dict[str, float]:
    """Return the images per second of each call, the best of rounds in turn, so that other load affects all alike.

    Args:
        calls: functions of the number of images; one that fails is left out.
        sizes: numbers of images, in ascending order; the last counts, if a candidate reaches it.
    """
    rates: dict[str, float] = {}
    for n in sizes:
        calls = {name: call for name, call in calls.items() if _works(call, n)}  # also builds what later calls reuse
        best = dict.fromkeys(calls, 0.0)
        for _ in range(ROUNDS):
            for name, call in calls.items():
                if not 0 < HOPELESS * best[name] < max(best.values()):
                    started = time.perf_counter()
                    call(n)
                    best[name] = max(best[name], n / (time.perf_counter() - started))
        rates |= best
        calls = {name: call for name, call in calls.items() if HOPELESS * best[name] >= max(best.values())}
    return rates


def _works(call: Call, n: int) -> bool:
    try:
        call(n)
        return True
    except Exception:  # each library has its own errors for what a processor does not support
        return False


def measure_training() -> dict[str, float]:
    """Return GFLOP/s of steps that train blocks 4 and 5, by precision."""
    calls, n_macs = {}, 0
    for name, policy in POLICIES.items():
        with dtype_policy(policy):
            network = build_top(GIVEN, HeadSettings())
        compile_network(network, FineTuneSettings(), 100)
        n_macs = sum(row["macs"] for row in describe_layers(network))
        calls[name] = _train(network)
    gflop = 6e-9 * n_macs  # of one image: forwards, and backwards to inputs and to weights
    return {name: gflop * rate for name, rate in measure_in_turns(calls, TRAINING_SIZES).items()}


def _train(network: keras.Model) -> Call:
    rng, n = np.random.default_rng(0), max(TRAINING_SIZES)
    x = {name: rng.random((n, *tensor.shape[1:]), "float32") for name, tensor in network.input.items()}
    y = np.eye(network.output.shape[1], dtype="float32")[rng.integers(0, network.output.shape[1], n)]
    return lambda n: network.train_on_batch({name: values[:n] for name, values in x.items()}, y[:n])


def measure_inference() -> dict[str, float]:
    """Return GFLOP/s of the forward pass in Keras, by precision."""
    calls, n_macs = {}, 0
    for name, policy in POLICIES.items():
        network = _build_base(policy)
        calls[name] = _predict(network)
        n_macs = sum(row["macs"] for row in describe_layers(network))
    rates = measure_in_turns(calls, INFERENCE_SIZES)
    return {name: 2e-9 * n_macs * rate for name, rate in rates.items()}


def _build_base(policy: str) -> keras.Model:
    with dtype_policy(policy):
        extractor = build_extractor(GIVEN)
    return keras.Model(extractor.get_layer("base_input").output, extractor.output)


def measure_mnn() -> float:
    """Return how many times as fast as Keras in float32 MNN is; 0 if it cannot be used."""
    network = _build_base("float32")
    try:
        calls = {"keras": _predict(network), "mnn": _predict(MnnNetwork(network))}
    except Exception:  # not installed, or an error of its own kind
        return 0.0
    rates = measure_in_turns(calls, INFERENCE_SIZES)
    return rates.get("mnn", 0.0) / rates["keras"]


def _predict(network: keras.Model | MnnNetwork) -> Call:
    pixels = np.random.default_rng(0).random((max(INFERENCE_SIZES), GIVEN.size, GIVEN.size, 3), "float32")
    return lambda n: network.predict_on_batch(pixels[:n])


if __name__ == "__main__":
    inference = measure_inference()
    print(json.dumps({"inference": inference}), flush=True)
    print(json.dumps({"training": measure_training()}), flush=True)
    print(json.dumps({"mnn": inference["float32"] * measure_mnn()}), flush=True)
