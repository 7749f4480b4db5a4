"""The ensemble: a weighted average of what the trained networks already answered."""

import numpy as np

MOST_ITERATIONS = 10_000
LEAST_CHANGE = 1e-8
LEAST_WEIGHT = 1e-3  # below it, a member is left out


def fit_weights(members: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Choose the weights of a linear opinion pool by the likelihood of validation labels.

    The negative log-likelihood is convex in the weights, so there is one optimum
    (Genest and Zidek, "Combining Probability Distributions", 1986, section 2). Expectation and maximisation of a
    mixture's shares (Dempster, Laird and Rubin, 1977, section 4.3) reaches it whatever the probabilities; a quadratic
    programme was seen to end at an edge where one member ruled a label out.

    Args:
        members: class probabilities of each network, (n, classes) each.
        labels: (n,).

    Returns:
        (len(members),) weights, none negative, that sum to 1.
    """
    given = np.stack([np.clip(p[np.arange(len(labels)), labels], 1e-7, 1) for p in members], axis=1).astype(float)
    weights = np.full(len(members), 1 / len(members))
    for _ in range(MOST_ITERATIONS):
        former, shares = weights, given * weights
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(weights - former).max() < LEAST_CHANGE:
            break
    weights = np.where(weights < LEAST_WEIGHT, 0, weights)
    return weights / weights.sum()


def pool(members: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Average class probabilities with weights; (n, classes) float32."""
    return np.einsum("m,mnc->nc", weights, np.stack(members)).astype("float32")
