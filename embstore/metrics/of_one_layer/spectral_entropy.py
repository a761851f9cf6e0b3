"""Spectral entropy: how spread the variance is over directions."""

import numpy as np

from embstore.geometry.entropies import entropy
from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray


def spectral_entropy(eigenvalues: FloatArray) -> float:
    """Measure the spread of variance over directions, in nats.

    -Σ p ln p with p = λ/Σλ, in [0, ln min(n, d)].

    Skean et al. 2025, arXiv 2502.02013.

    >>> round(spectral_entropy(np.array([1.0, 1.0])), 6)
    0.693147
    """
    p = shares(eigenvalues)
    return entropy(p) if p is not None else float("nan")


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_entropy``; directions without variance stay without."""
    total = eigenvalues.sum()
    positive = eigenvalues > 0
    p = eigenvalues[positive] / total
    gradient = np.zeros(len(eigenvalues))
    gradient[positive] = -(np.log(p) + entropy(p)) / total
    return gradient


METRICS = [
    spectral(
        Description(
            name="spectral_entropy",
            title="Spectral entropy",
            symbol="H",
            formula="−Σ p ln p, p = λ/Σλ",
            bounds=("0", "log(min(n, d))"),
            unit="nats",
            citation="Skean et al. 2025, arXiv 2502.02013",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The entropy of the shares of variance; its exponential is another count of directions.
            """,
        ),
        spectral_entropy,
        gradient,
        transform="log",
    )
]
