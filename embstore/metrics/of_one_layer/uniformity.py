"""Uniformity: how evenly directions are spread over the sphere."""

import math

import numpy as np

from embstore.metrics.families.directional import directional_of_sample
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

# exp(−t‖u − v‖²), with the t of Wang & Isola's code and tables.
_T = 2.0


def uniformity(sums: FloatArray, pairs: float) -> float:
    """Tell how evenly directions are spread: the lower, the more so.

    ln of the mean of exp(−2‖u − v‖²) over pairs of unit vectors: 0 where all are equal, about
    −4 for many independent directions of many dimensions, −8 at the least, for two opposite ones.

    Args:
        sums: of exp(−2‖u − v‖²) over the pairs of each vector, (n,).
        pairs: how many these are, each counted from both ends.

    Returns:
        A number in [−8, 0]; NaN for no pairs.

    Wang & Isola 2020, arXiv 2005.10242.

    >>> uniformity(np.array([1.0, 1.0]), 2)
    0.0
    """
    return math.log(float(sums.sum()) / pairs) if pairs > 0 else float("nan")


def near_others(cloud: Cloud) -> tuple[FloatArray, FloatArray]:
    """Look at all pairs of the sample's directions that are of different windows.

    Returns:
        The sum of exp(−2‖u − v‖²) over the pairs of each vector, and their number, (n_sample,).
    """
    norms, windows = cloud.sample_norms, cloud.clusters.cells
    directed = norms > 0
    of_window = np.bincount(windows, directed, minlength=cloud.clusters.n_windows)
    counts = np.where(directed, directed.sum() - of_window[windows], 0.0)
    sums = cloud.of_sample(lambda kept, X: kept.gaussian_sums(X, norms, windows, t=_T))
    return sums, counts


def _number(cloud: Cloud) -> float:
    sums, counts = cloud.once(near_others)
    return uniformity(sums, float(counts.sum()))


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of ln of the mean over pairs: twice how far each vector's sum is from what its pairs have.

    A ratio of two sums over pairs, of which each vector is in its own. The pairs of a window are
    with the W − 1 others, so that its sum has 1/(W − 1) of what sets the others apart, too: it
    varies by (W − 2)/(W − 1) of what the window itself does (Arvesen 1969, doi
    10.1214/aoms/1177697287).
    """
    sums, counts = cloud.once(near_others)
    mean, windows = math.exp(value), cloud.clusters.n_windows
    share = (windows - 2) / (windows - 1)
    if not share > 0:
        return np.zeros(len(sums))
    moved = (sums - mean * counts) / (mean * counts.sum())
    return np.asarray(2 * len(sums) * moved / share)


def _why_undefined(cloud: Cloud) -> str:
    return f"{cloud.clusters.n_windows} window: it compares different ones"


METRICS = [
    directional_of_sample(
        Description(
            name="uniformity",
            title="Uniformity",
            symbol="L_uniform",
            formula="ln mean exp(−2‖u − v‖²) over pairs of the sample from different windows, "
            "u = x/‖x‖",
            bounds=("-8", "0"),
            citation="Wang & Isola 2020, arXiv 2005.10242",
            unchanged_by=("rotation",),
            notes="""
            0 where all vectors point the same way, about −4 for random directions in many
            dimensions: lower is more even. Most of it comes from the pairs that are nearest, so
            pairs of one window, which resemble each other, are left out; it needs two windows. In
            `embstore measure` each vector is a window, unless told otherwise, and all pairs count
            as in the authors' code.
            """,
        ),
        _number,
        influence,
        transform="linear",
        why=_why_undefined,
    )
]
