"""Stable rank: how many directions there would be if all had the variance of the largest."""

import numpy as np

from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray


def stable_rank(eigenvalues: FloatArray) -> float:
    """Count directions in units of the largest: a rank that noise does not raise.

    Σλ / λ₁ = ‖X‖²_F / ‖X‖²₂ of the centred vectors X, in [1, d]: 1 for points on a line, d
    for a round cloud. Never above the participation ratio.

    Rudelson & Vershynin 2007, doi 10.1145/1255443.1255449, who call it the numerical rank;
    He & Ozay 2022, ICML (PMLR 162), definition 4.1, who call it NESum.

    >>> stable_rank(np.array([2.0, 1.0, 1.0]))
    2.0
    """
    p = shares(eigenvalues)
    return float(1.0 / p[0]) if p is not None else float("nan")


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``stable_rank``."""
    gradient = np.full(len(eigenvalues), 1.0 / eigenvalues[0])
    gradient[0] -= eigenvalues.sum() / eigenvalues[0] ** 2
    return gradient


METRICS = [
    spectral(
        Description(
            name="stable_rank",
            title="Stable rank",
            symbol="srank",
            formula="Σλ/λ₁",
            bounds=("1", "d"),
            unit="dimensions",
            citation="Rudelson & Vershynin 2007, doi 10.1145/1255443.1255449",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            One over `anisotropy`, read as a count of directions: small anisotropies, which a plot
            squeezes together, are far apart here. The largest direction decides it. With few
            vectors that one is overestimated, so the number is biased low; sinks bring it close
            to 1. NESum (He & Ozay 2022, ICML) is the same number, Σλ_i/λ₁ of the centred
            covariance, under another name.
            """,
        ),
        stable_rank,
        gradient,
        transform="log",
    )
]
