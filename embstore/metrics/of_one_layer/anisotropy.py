"""Anisotropy: how much of the variance lies along one direction."""

import numpy as np

from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray


def anisotropy(eigenvalues: FloatArray) -> float:
    """Tell which share of the variance lies along the first principal direction.

    λ₁ / Σλ, in [1/d, 1]: 1/d for a round cloud, 1 for points on a line.

    Razzhigaev et al. 2024, arXiv 2311.05928.

    >>> anisotropy(np.array([3.0, 1.0]))
    0.75
    """
    p = shares(eigenvalues)
    return float(p[0]) if p is not None else float("nan")


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``anisotropy``."""
    total = eigenvalues.sum()
    gradient = np.full(len(eigenvalues), -eigenvalues[0] / total**2)
    gradient[0] += 1.0 / total
    return gradient


METRICS = [
    spectral(
        Description(
            name="anisotropy",
            title="Anisotropy",
            symbol="λ₁/Σλ",
            formula="largest covariance eigenvalue / sum of all",
            bounds=("1/d", "1"),
            citation="Razzhigaev et al. 2024, arXiv 2311.05928",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The share of the variance along one direction. It is not the mean cosine, and a value
            near 1 may come from a handful of tokens: see [caveats](caveats.md#anisotropy-near-1).
            """,
        ),
        anisotropy,
        gradient,
        transform="logit",
    )
]
