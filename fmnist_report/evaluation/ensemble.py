"""The ensemble: a weighted average of what the trained networks already answered."""

import numpy as np


def fit_weights(members: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Choose the weights of a linear opinion pool by the likelihood of validation labels.

    The negative log-likelihood is convex in the weights, so there is one optimum
    (Genest and Zidek, "Combining Probability Distributions", 1986, section 2).

    Args:
        members: class probabilities of each network, (n, classes) each.
        labels: (n,).

    Returns:
        (len(members),) weights, none negative, that sum to 1.
    """
    from scipy.optimize import minimize

    given = np.stack([np.clip(p[np.arange(len(labels)), labels], 1e-7, 1) for p in members], axis=1).astype(float)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        pooled = given @ weights
        return -np.log(pooled).mean(), -(given / pooled[:, None]).mean(axis=0)

    found = minimize(
        loss,
        np.full(len(members), 1 / len(members)),
        jac=True,
        method="SLSQP",
        bounds=[(1e-9, 1)] * len(members),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    weights = np.where(found.x < 1e-3, 0, found.x)
    return weights / weights.sum()


def pool(members: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Average class probabilities with weights; (n, classes) float32."""
    return np.einsum("m,mnc->nc", weights, np.stack(members)).astype("float32")
