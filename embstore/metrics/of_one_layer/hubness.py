"""Hubness: whether a few points are among the nearest neighbours of very many others."""

import numpy as np

from embstore.metrics.families.neighborhood import of_neighborhoods
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Graph
from embstore.types import FloatArray

# Radovanović et al. look at N_10 throughout.
HUB_NEIGHBORS = 10


def occurrences(graph: Graph, *, k: int = HUB_NEIGHBORS) -> FloatArray:
    """Count for each point of whose k nearest neighbours it is one, (n,); they sum to n·k."""
    listed = graph.indices[:, :k].ravel()
    return np.bincount(listed, minlength=len(graph.indices)).astype(np.float64)


def hubness(counts: FloatArray) -> float:
    """Tell how skewed the number of times is that a point is a neighbour of others.

    The third standardized moment Σ(N − N̄)³/(n σ³), as of the whole population. Near 0 where
    all points are neighbours about equally often; above 1 a few are hubs, which many have as a
    neighbour, and most are hardly anybody's. NaN without counts, or where all are equal.

    Args:
        counts: k-occurrences N, (n,), as from ``occurrences``.

    Radovanović, Nanopoulos & Ivanović 2010, JMLR 11.

    >>> round(hubness(np.array([0.0, 0.0, 0.0, 4.0])), 4)  # one point is everybody's
    1.1547
    """
    if not len(counts) or counts.min() == counts.max():
        return float("nan")
    return float(np.mean(((counts - counts.mean()) / counts.std()) ** 3))


METRICS = [
    of_neighborhoods(
        Description(
            name="hubness",
            title="Hubness",
            symbol="S_N10",
            formula="skewness over tokens of N_10, of how many others a token is among the 10 "
            "nearest",
            bounds=("-inf", "inf"),
            citation="Radovanović et al. 2010, JMLR 11, 2487-2531",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            Near 0 where all tokens are neighbours about equally often. Above 1 a few are hubs,
            which very many others have as a neighbour, and most are hardly anybody's; a search by
            similarity then returns the same few over and over. It grows with the intrinsic
            dimension and with n. It has no interval: one hub more or less moves a third moment
            far, and intervals that leave out one window after the other held in 83 of 100 samples
            of 256 dimensions.
            """,
        ),
        lambda cloud: hubness(occurrences(cloud.graph)),
        None,
        least=HUB_NEIGHBORS,
        why="all points are neighbours equally often",
    )
]
