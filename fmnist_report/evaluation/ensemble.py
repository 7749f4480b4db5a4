"""Ensemble: a weighted average of the networks' predictions."""

import numpy as np

MOST_ITERATIONS = 10_000
LEAST_CHANGE = 1e-8
LEAST_WEIGHT = 1e-3  # members with smaller weights are dropped


def fit_weights(members: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Fit the weights of a linear opinion pool by maximum likelihood on validation labels.

    The negative log-likelihood is convex in the weights, so there is one optimum
    (Genest and Zidek, "Combining Probability Distributions", 1986, section 2). Expectation-maximisation for mixture
    weights (Dempster, Laird and Rubin, 1977, section 4.3) reaches it for any probabilities; sequential quadratic
    programming can stop at the boundary if a member assigns zero probability to a label.

    Args:
        members: class probabilities of each network, (n, classes) each.
        labels: (n,).

    Returns:
        (len(members),) non-negative weights that sum to 1.
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
