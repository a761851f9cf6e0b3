"""Participation ratio: how many directions share the variance."""

import numpy as np

from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray


def participation_ratio(eigenvalues: FloatArray) -> float:
    """Count the directions that carry the variance, softly.

    (Σλ)² / Σλ², in [1, d]. Biased towards small values unless n is many times d.

    Gao et al. 2017, bioRxiv 214262; bias: Chun et al. 2025, arXiv 2509.26560.

    >>> participation_ratio(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    p = shares(eigenvalues)
    return float(1.0 / (p @ p)) if p is not None else float("nan")


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``participation_ratio``."""
    total, squares = eigenvalues.sum(), eigenvalues @ eigenvalues
    return np.asarray(2 * total / squares * (1 - total * eigenvalues / squares))


METRICS = [
    spectral(
        Description(
            name="participation_ratio",
            title="Participation ratio",
            symbol="PR",
            formula="(Σλ)²/Σλ²",
            bounds=("1", "d"),
            unit="dimensions",
            citation="Gao et al. 2017, doi 10.1101/214262; "
            "bias: Chun et al. 2025, arXiv 2509.26560",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            How many directions share the variance. It is biased low unless n is many times d: for
            isotropic vectors with n = 2,000 and d = 768 it reads about 554, not 768. Compare runs
            of equal n.
            """,
        ),
        participation_ratio,
        gradient,
        transform="log",
    )
]
