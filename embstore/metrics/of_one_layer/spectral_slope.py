"""Spectral slope: how fast variance falls from direction to direction."""

import numpy as np

from embstore.metrics.families.spectral import spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray

_FIRST, _LAST, _LEAST = 11, 100, 10


def spectral_slope(eigenvalues: FloatArray) -> float:
    """Measure how fast variance decays over directions, as the exponent of a power law.

    The least-squares slope of ln λ_i on ln i for 11 <= i <= 100, or as far as λ is above
    zero: the first few directions do not follow the law. Negative; -1 is the edge beyond
    which a representation is smooth. NaN with fewer than 10 such directions.

    Agrawal et al. 2022, α-ReQ, NeurIPS 35; the range after Stringer et al. 2019,
    doi 10.1038/s41586-019-1346-5.

    >>> round(spectral_slope(np.arange(1.0, 200.0) ** -1.5), 6)
    -1.5
    """
    tail = _tail(eigenvalues)
    if len(tail) < _LEAST:
        return float("nan")
    # Relative to the first, so that the slope has the same digits at every scale.
    return float(_slope_weights(len(tail)) @ np.log(tail / tail[0]))


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_slope``."""
    tail = _tail(eigenvalues)
    gradient = np.zeros(len(eigenvalues))
    gradient[_FIRST - 1 : _FIRST - 1 + len(tail)] = _slope_weights(len(tail)) / tail
    return gradient


def _tail(eigenvalues: FloatArray) -> FloatArray:
    tail = eigenvalues[_FIRST - 1 : _LAST]
    return tail[tail > 0]


def _slope_weights(n: int) -> FloatArray:
    """Weights whose product with n values is their least-squares slope on ln i."""
    x = np.log(np.arange(_FIRST, _FIRST + n))
    x -= x.mean()
    return np.asarray(x / (x @ x))


METRICS = [
    spectral(
        Description(
            name="spectral_slope",
            title="Spectral slope",
            symbol="−α",
            formula="least-squares slope of ln λ_i on ln i, i = 11 … 100",
            bounds=("-inf", "0"),
            citation="Agrawal et al. 2022, NeurIPS 35; Stringer et al. 2019, "
            "doi 10.1038/s41586-019-1346-5",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            How fast the eigenvalues fall: −1 is a power law with exponent 1. The first 10
            eigenvalues are left out because sinks sit there. It needs at least 10 directions with
            variance from the 11th on.
            """,
        ),
        spectral_slope,
        gradient,
        transform="linear",
    )
]
