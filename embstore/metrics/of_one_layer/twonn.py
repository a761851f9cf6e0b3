"""TwoNN: the intrinsic dimension from each point's two nearest neighbours."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import log_ratios, too_many
from embstore.types import FloatArray


def twonn(distances: FloatArray, *, discard: float = 0.1) -> float:
    """Estimate the intrinsic dimension from the two nearest neighbours (TwoNN).

    The slope through the origin of -ln(1 - F) on ln(r₂/r₁), F the empirical
    distribution i/n of the ratio, the largest ratios discarded.

    Args:
        distances: to at least two neighbours, (n, >= 2).
        discard: share of the largest ratios left out of the fit, in (0, 1).

    Returns:
        A positive number, or NaN for fewer than three points or when more than a tenth of
        the ratios in the fit are 1.

    Facco et al. 2017, doi 10.1038/s41598-017-11873-y.
    """
    return fit(distances, kept_of(len(distances), discard=discard))


def kept_of(n: int, *, discard: float = 0.1) -> int:
    """Count the smallest of n ratios that TwoNN fits; the largest has ln(1 - F) = -inf."""
    return min(int(n * (1.0 - discard)), n - 1)


def fit(distances: FloatArray, kept: int) -> float:
    """Fit the regression of TwoNN to the ``kept`` smallest ratios."""
    n, k = distances.shape
    if k < 2 or n < 3 or kept < 1:
        return float("nan")
    x = np.sort(log_ratios(distances))[:kept]
    if too_many(x == 0):
        return float("nan")
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    return float(x @ y) / float(x @ x)


def influence(distances: FloatArray, value: float, *, kept: int) -> FloatArray:
    """Of the slope Σxy/Σx² over the ``kept`` smallest log ratios x, y = −ln(1 − F).

    Both sums are linear in the order statistics (L-statistics), so a token moves them by
    its own ratio and by the ranks it shifts.

    Args:
        distances: to at least two neighbours, (n, >= 2).
        value: the slope.
        kept: how many ratios the fit used.
    """
    x = log_ratios(distances)
    n = len(x)
    order = np.argsort(x, kind="stable")
    ordered = np.minimum(x[order], x[order[kept - 1]])
    # The integral of y(F(t)) dt up to each point, for Σxy; x² itself, cut at the last kept
    # ratio, for Σx².
    y = -np.log1p(-np.minimum(np.arange(1, n + 1), kept) / n)
    along = np.concatenate([[0.0], np.cumsum(y[:-1] * np.diff(ordered))])
    total = float(np.square(ordered[:kept]).sum()) / n
    result = np.empty(n)
    result[order] = (along - value * np.square(ordered)) / total
    return result


METRICS = [
    estimate(
        Description(
            name="twonn",
            title="Intrinsic dimension (TwoNN)",
            symbol="d₂ₙₙ",
            formula="slope through the origin of −ln(1 − F) on ln(r₂/r₁), largest 10 % discarded",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Facco et al. 2017, doi 10.1038/s41598-017-11873-y",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            With the rule of Facco et al.: a fit through all but the largest tenth of the ratios
            r₂/r₁. It sees the smallest scale there is, so it is sensitive to near duplicates.
            Which tokens are sampled matters: on one layer 4,096 contiguous tokens gave 5.5, the
            same number spread over all windows 7.65.
            """,
        ),
        lambda cloud: twonn(cloud.graph.distances),
        lambda cloud, value: influence(
            cloud.graph.distances, value, kept=kept_of(len(cloud.graph.distances))
        ),
        least=2,
    )
]
