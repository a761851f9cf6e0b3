"""Components for a share of the variance: the classical count of principal components."""

from functools import partial

import numpy as np

from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray

_NOTES = {
    90: "A count, so it moves in whole steps, and its interval is widened to whole numbers.",
    95: "As `pca_dim_90`.",
    99: "As `pca_dim_90`. With n near d it is bounded by n, not by the model.",
}


def pca_dim(eigenvalues: FloatArray, share: float) -> float:
    """Count the principal components needed to reach a share of the variance.

    The smallest m with λ₁ + … + λ_m >= share · Σλ, in [1, d].

    Jolliffe 2002, Principal Component Analysis, chapter 6.

    >>> pca_dim(np.array([8.0, 1.0, 1.0]), 0.9)
    2.0
    """
    p = shares(eigenvalues)
    if p is None:
        return float("nan")
    # An exact share such as 8 + 1 of 10 must not fail by one rounding.
    reached = np.cumsum(p) >= share - 1e-12
    return float(np.argmax(reached) + 1)


def gradient(eigenvalues: FloatArray, share: float) -> FloatArray:
    """Differentiate ``pca_dim`` as if the number of components were continuous.

    Of the last component the part counts that is needed, so that m − 1 + part components
    reach the share exactly.
    """
    m = int(pca_dim(eigenvalues, share))
    last = eigenvalues[m - 1]
    part = (share * eigenvalues.sum() - eigenvalues[: m - 1].sum()) / last
    gradient = np.full(len(eigenvalues), share / last)
    gradient[: m - 1] -= 1.0 / last
    gradient[m - 1] -= part / last
    return gradient


METRICS = [
    spectral(
        Description(
            name=f"pca_dim_{percent}",
            title=f"Components for {percent} % of the variance",
            symbol=f"m{percent}",
            formula=f"smallest m with λ₁ + … + λ_m ≥ 0.{percent} Σλ",
            bounds=("1", "d"),
            unit="dimensions",
            citation="Jolliffe 2002, Principal Component Analysis, ch. 6",
            unchanged_by=("shift", "rotation", "duplication"),
            notes=notes,
        ),
        partial(pca_dim, share=percent / 100),
        partial(gradient, share=percent / 100),
        transform="count",
    )
    for percent, notes in _NOTES.items()
]
