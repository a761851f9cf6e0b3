"""Self-clustering: how much closer to one another directions lie than directions at random."""

import numpy as np

from embstore.metrics.families.directional import directional_of_sample
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def self_clustering(squares: float, n: int, d: int) -> float:
    """Tell where the directions lie between random, 0, and all alike, 1.

    (‖UUᵀ‖² − n − n(n − 1)/d) / (n² − n − n(n − 1)/d) for n unit vectors U of d dimensions:
    n + n(n − 1)/d is what n random directions have on average, n² what n equal ones have. The
    paper writes the norm without its square, but its mean and its largest value are those of the
    square.

    Args:
        squares: ‖UUᵀ‖², the sum of the squared cosines of all pairs, each with itself too.
        n: vectors.
        d: dimensions.

    Returns:
        A number in [−1/(n − 1), 1], NaN for fewer than two vectors or dimensions.

    Tsitsulin, Munkhoeva & Perozzi 2023, arXiv 2305.16562, definition 3.5.

    >>> self_clustering(4.0, 2, 3), self_clustering(2.0, 2, 2)
    (1.0, -1.0)
    """
    if n < 2 or d < 2:
        return float("nan")
    return (d * (squares - n) / (n * (n - 1)) - 1) / (d - 1)


def sums(cloud: Cloud) -> FloatArray:
    """Sum over the sample the squared cosines of each of its vectors with all, (n_sample,)."""
    return cloud.of_sample(lambda kept, X: kept.squared_cosines(X, cloud.sample_norms))


def _number(cloud: Cloud) -> float:
    n = int((cloud.sample_norms > 0).sum())
    if n < 2 or cloud.d < 2:
        return float("nan")
    return self_clustering(float(cloud.once(sums).sum()), n, cloud.d)


def influence(cloud: Cloud, _value: float) -> FloatArray:
    """Of the mean squared cosine over all pairs, scaled: twice each vector's own mean, (n,)."""
    found = cloud.once(sums)
    directed = cloud.sample_norms > 0
    n, d = int(directed.sum()), cloud.d
    # Vectors without a direction do not move it.
    each = np.where(directed, found, found[directed].mean())
    # Errors are those of a mean over all vectors, also those without a direction.
    return np.asarray(2 * d / (d - 1) * each / n) * (len(each) / n)


METRICS = [
    directional_of_sample(
        Description(
            name="self_clustering",
            title="Self-clustering",
            symbol="SC",
            formula="(‖UUᵀ‖² − n − n(n − 1)/d)/(n² − n − n(n − 1)/d), rows of U the sample's x/‖x‖",
            bounds=("-1/(n - 1)", "1"),
            citation="Tsitsulin et al. 2023, arXiv 2305.16562",
            unchanged_by=("rotation",),
            notes="""
            0 for random directions, 1 if all are the same up to sign. It is the mean squared
            cosine over all pairs of the sample, moved and scaled, so it sees a collapse onto
            directions that cancel in `mean_cosine`, and takes a common direction for clustering.
            Pairs of one window count, as published.
            """,
        ),
        _number,
        influence,
        transform="logit",
        why=lambda _cloud: "needs more than one dimension",
    )
]
