"""IsoScore: the participation ratio on a scale from 0 to 1."""

import numpy as np

from embstore.metrics.families.spectral import spectral
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer import participation_ratio
from embstore.types import FloatArray


def isoscore(eigenvalues: FloatArray) -> float:
    """Score how evenly the space is used: 0 for a line, 1 for a round cloud.

    (participation ratio - 1) / (d - 1), identical to the published definition.
    NaN in one dimension.

    Rudman et al. 2022, arXiv 2108.07344.

    >>> isoscore(np.array([1.0, 1.0, 0.0]))
    0.5
    """
    d = len(eigenvalues)
    if d == 1:
        return float("nan")
    return (participation_ratio.participation_ratio(eigenvalues) - 1.0) / (d - 1)


def gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``isoscore``."""
    return np.asarray(participation_ratio.gradient(eigenvalues) / (len(eigenvalues) - 1))


METRICS = [
    spectral(
        Description(
            name="isoscore",
            title="IsoScore",
            symbol="ι",
            formula="(participation_ratio − 1)/(d − 1)",
            bounds=("0", "1"),
            citation="Rudman et al. 2022, arXiv 2108.07344",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The participation ratio on a scale from 0 (one direction) to 1 (all alike); the
            published definition reduces to this. It has the bias of `participation_ratio`.
            """,
        ),
        isoscore,
        gradient,
        transform="logit",
    )
]
