"""α-ReQ: how fast variance falls from direction to direction, fitted with weights."""

import numpy as np

from embstore.metrics.families.spectral import spectral
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer.spectral_slope import FIRST, fitting_weights, tail
from embstore.types import FloatArray


def alpha_req(eigenvalues: FloatArray) -> float:
    """Measure how fast variance decays over directions, the first of them weighing most.

    α of the power law λ_i ~ i^−α, fitted by least squares of ln λ_i on ln i with weights 1/i for
    11 <= i <= 100, or as far as λ is above zero. NaN with fewer than 10 such directions.

    Agrawal et al. 2022, NeurIPS 35, with the fit of Stringer et al. 2019,
    doi 10.1038/s41586-019-1346-5, in whose code the weights are.

    >>> round(alpha_req(np.arange(1.0, 200.0) ** -1.5), 6)
    1.5
    """
    values = tail(eigenvalues)
    if values is None:
        return float("nan")
    return float(-_weights(len(values)) @ np.log(values / values[0]))


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``alpha_req``."""
    gradient = np.zeros(len(eigenvalues))
    values = tail(eigenvalues)
    if values is not None:
        gradient[FIRST - 1 : FIRST - 1 + len(values)] = -_weights(len(values)) / values
    return gradient


def _weights(n: int) -> FloatArray:
    return fitting_weights(1.0 / np.arange(FIRST, FIRST + n))


METRICS = [
    spectral(
        Description(
            name="alpha_req",
            title="α-ReQ",
            symbol="α",
            formula="−slope of ln λ_i on ln i, i = 11 … 100, weights 1/i",
            bounds=("0", "inf"),
            citation="Agrawal et al. 2022, NeurIPS 35; Stringer et al. 2019, "
            "doi 10.1038/s41586-019-1346-5",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The exponent as the code of these papers fits it, and that of Li et al. 2025 (arXiv
            2509.23024), who take ranks 12 to 100. `spectral_slope` is the fit without weights, with
            a minus: they differ in the third digit where the spectrum is a power law, and more
            where it bends.
            """,
        ),
        alpha_req,
        gradient,
        transform="linear",
    )
]
