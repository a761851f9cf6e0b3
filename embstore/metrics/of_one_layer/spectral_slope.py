"""Spectral slope: how fast variance falls from direction to direction."""

import numpy as np

from embstore.metrics.families.spectral import spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray

# The first few directions do not follow a power law.
FIRST, _LAST, _LEAST = 11, 100, 10


def spectral_slope(eigenvalues: FloatArray) -> float:
    """Measure how fast variance decays over directions, as the exponent of a power law.

    The least-squares slope of ln λ_i on ln i for 11 <= i <= 100, or as far as λ is above
    zero. Negative; -1 is the edge beyond which a representation is smooth. NaN with fewer
    than 10 such directions.

    The range after Stringer et al. 2019, doi 10.1038/s41586-019-1346-5.

    >>> round(spectral_slope(np.arange(1.0, 200.0) ** -1.5), 6)
    -1.5
    """
    values = tail(eigenvalues)
    if values is None:
        return float("nan")
    # Relative to the first, so that the slope has the same digits at every scale.
    return float(fitting_weights(np.ones(len(values))) @ np.log(values / values[0]))


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_slope``."""
    gradient = np.zeros(len(eigenvalues))
    values = tail(eigenvalues)
    if values is not None:
        weights = fitting_weights(np.ones(len(values)))
        gradient[FIRST - 1 : FIRST - 1 + len(values)] = weights / values
    return gradient


def tail(eigenvalues: FloatArray) -> FloatArray | None:
    """Return the eigenvalues that a power law is fitted to, None if they are fewer than 10."""
    values = eigenvalues[FIRST - 1 : _LAST]
    values = values[values > 0]
    return values if len(values) >= _LEAST else None


def fitting_weights(weights: FloatArray) -> FloatArray:
    """Return what to multiply values from the 11th on with for their slope on ln i, (n,).

    Args:
        weights: how much the fit counts each value, (n,).
    """
    x = np.log(np.arange(FIRST, FIRST + len(weights)))
    x -= (weights @ x) / weights.sum()
    return np.asarray(weights * x / (weights @ (x * x)))


METRICS = [
    spectral(
        Description(
            name="spectral_slope",
            title="Spectral slope",
            symbol="−α",
            formula="least-squares slope of ln λ_i on ln i, i = 11 … 100",
            bounds=("-inf", "0"),
            citation="Stringer et al. 2019, doi 10.1038/s41586-019-1346-5",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            How fast the eigenvalues fall: −1 is a power law with exponent 1. The first 10
            eigenvalues are left out because sinks sit there. It needs at least 10 directions with
            variance from the 11th on. `alpha_req` is the same fit with the weights that papers use.
            """,
        ),
        spectral_slope,
        gradient,
        transform="linear",
    )
]
