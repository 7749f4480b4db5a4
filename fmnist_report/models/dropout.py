"""Dropout whose state can be stored and restored, whichever backend Keras runs on."""

from __future__ import annotations

import random

from keras import layers


def seeded_dropout(rate: float, name: str) -> layers.Dropout:
    """Return a dropout layer with a seed, of which Keras makes a state that is one of the network's variables.

    Without one, PyTorch's backend draws from the process's generator, which no bundle of an epoch holds.
    """
    return layers.Dropout(rate, seed=random.randint(1, 10**9), name=name)
