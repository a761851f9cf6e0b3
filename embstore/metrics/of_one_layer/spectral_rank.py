"""Spectral rank: the count of directions that the spectral entropy stands for."""

import math

from embstore.metrics.families.spectral import spectral
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer import spectral_entropy
from embstore.types import FloatArray


def spectral_rank(eigenvalues: FloatArray) -> float:
    """Count directions by the entropy of their shares of variance.

    exp(-Σ p ln p) with p = λ/Σλ, in [1, min(n, d)].

    Cangelosi & Goriely 2007, doi 10.1186/1745-6150-2-2; as RankMe in the code of Li et al. 2025,
    arXiv 2509.23024.

    >>> import numpy as np
    >>> round(spectral_rank(np.array([1.0, 1.0, 0.0])), 12)
    2.0
    """
    return math.exp(spectral_entropy.spectral_entropy(eigenvalues))


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_rank``; directions without variance stay without."""
    return spectral_rank(eigenvalues) * spectral_entropy.gradient(eigenvalues)


METRICS = [
    spectral(
        Description(
            name="spectral_rank",
            title="Spectral rank",
            symbol="exp H",
            formula="exp(−Σ p ln p), p = λ/Σλ",
            bounds=("1", "min(n, d)"),
            unit="dimensions",
            citation="Cangelosi & Goriely 2007, doi 10.1186/1745-6150-2-2; "
            "Li et al. 2025, arXiv 2509.23024",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            exp(`spectral_entropy`), a count of directions between `participation_ratio` and
            `effective_rank`; also called von Neumann or eigenvalue-entropy rank. Three ranks by
            entropy differ in what they share out: this one variances (p = λ/Σλ), `effective_rank`
            their roots, so small directions count more, and `rankme` the roots without centring.
            The code of Li et al. and reptrix compute this one under the name RankMe.
            """,
        ),
        spectral_rank,
        gradient,
        transform="log",
    )
]
