"""The ensemble's weights follow the validation labels."""

import numpy as np
import pytest

from fmnist_report.evaluation.ensemble import fit_weights, pool


def answers(rng, labels, sharpness):
    logits = rng.normal(size=(len(labels), 10))
    logits[np.arange(len(labels)), labels] += sharpness
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_network_that_guesses_gets_next_to_no_weight():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2_000)
    weights = fit_weights([answers(rng, labels, 3.0), np.full((2_000, 10), 0.1)], labels)
    assert weights.sum() == pytest.approx(1) and weights[0] > 0.9


def test_equal_networks_that_err_apart_share_the_weight():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 5_000)
    members = [answers(rng, labels, 3.0) for _ in range(3)]
    weights = fit_weights(members, labels)
    assert weights == pytest.approx([1 / 3] * 3, abs=0.1)
    together = (pool(members, weights).argmax(axis=1) == labels).mean()
    assert together > max((member.argmax(axis=1) == labels).mean() for member in members) + 0.05


def test_pooled_predictions_are_probabilities():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 100)
    pooled = pool([answers(rng, labels, 1.0), answers(rng, labels, 2.0)], np.array([0.25, 0.75]))
    assert pooled.dtype == np.float32 and pooled.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-5)


def test_a_network_that_rules_out_the_truth_once_is_not_ruled_out():
    labels = np.zeros(200, int)
    bold, timid = np.full((200, 2), 0.5), np.full((200, 2), 0.5)
    bold[:, 0], bold[:, 1] = 0.9, 0.1
    bold[0] = 0.0, 1.0
    weights = fit_weights([bold, timid], labels)
    assert weights == pytest.approx([0.9888, 0.0112], abs=1e-3)  # where the derivative of the likelihood is zero
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def test_next_to_nothing_is_nothing():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2_000)
    right = answers(rng, labels, 12.0)
    weights = fit_weights([right, *(np.full((2_000, 10), 0.1) for _ in range(4))], labels)
    assert list(weights) == [1.0, 0.0, 0.0, 0.0, 0.0]
