"""Effective rank: a smooth count of the directions in use."""

import numpy as np

from embstore.geometry.entropies import entropy
from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray


def effective_rank(eigenvalues: FloatArray) -> float:
    """Count directions by the entropy of the singular values.

    exp(-Σ q ln q) with q = σ/Σσ and σ = √λ, in [1, min(n, d)].

    Roy & Vetterli 2007, EUSIPCO.

    >>> effective_rank(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    q = shares(np.sqrt(eigenvalues))
    return float(np.exp(entropy(q))) if q is not None else float("nan")


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``effective_rank``; directions without variance stay without."""
    sigma = np.sqrt(eigenvalues)
    positive = sigma > 0
    q = sigma[positive] / sigma.sum()
    of_q = entropy(q)
    gradient = np.zeros(len(eigenvalues))
    slope = -np.exp(of_q) * (np.log(q) + of_q) / sigma.sum()
    gradient[positive] = slope / (2 * sigma[positive])
    return gradient


METRICS = [
    spectral(
        Description(
            name="effective_rank",
            title="Effective rank",
            symbol="erank",
            formula="exp(−Σ q ln q), q = σ/Σσ",
            bounds=("1", "min(n, d)"),
            unit="dimensions",
            citation="Roy & Vetterli 2007, EUSIPCO",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            A smooth count of directions that weighs small singular values more than the
            participation ratio does. `rankme` is the same of vectors that are not centred, and
            lower where they have a common direction; `spectral_rank` the same of eigenvalues.
            """,
        ),
        effective_rank,
        gradient,
        transform="log",
    )
]
