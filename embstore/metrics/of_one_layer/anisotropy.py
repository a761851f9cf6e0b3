"""Anisotropy: how much of the variance lies along one direction."""

import numpy as np

from embstore.metrics.families.spectral import FAMILY, shares, why_undefined
from embstore.metrics.metric import Description, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, describe, from_totals
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


def _anisotropy(cloud: Cloud) -> float:
    # The other directions count together: only the first needs to be known.
    first = cloud.first_eigenvalue
    return anisotropy(np.array([first, max(cloud.trace - first, 0.0)]))


def _interval(cloud: Cloud, number: float) -> Interval | None:
    """Move λ₁ by what tokens have along the first direction, and Σλ by their whole length."""
    moved = (cloud.first_sums - number * cloud.square_sums) / cloud.trace
    totals = cloud.unit_clusters.totals(moved) if cloud.unit_clusters.n_windows > 1 else None
    # Projections are multiplied in float32.
    return from_totals(number, totals, transform="logit", rounding=1e-6)


METRICS = [
    Metric(
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
        FAMILY,
        describe("logit"),
        compute=_anisotropy,
        count=lambda cloud: cloud.n,
        interval=_interval,
        why=why_undefined,
        needs=frozenset({"covariance"}),
        needs_many=True,
        of_spectrum=anisotropy,
    )
]
