"""TwoNN by maximum likelihood: the same two distances, without a regression."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import log_ratios, too_many
from embstore.metrics.uncertainty import quantile_and_pace
from embstore.types import FloatArray


def twonn_ml(distances: FloatArray, *, censored: float = 0.1) -> float:
    """Estimate the intrinsic dimension by maximum likelihood on ln(r₂/r₁).

    The logarithms are exponential with the dimension as their rate. The largest are
    known only to exceed the largest kept: m / (Σ_{i<=m} x_i + (n - m) x_m), x ascending.
    A few tokens with extreme ratios then do not move it.

    Args:
        distances: to at least two neighbours, (n, >= 2).
        censored: share of the largest ratios that count as censored, in [0, 1).

    Returns:
        A positive number, or NaN for fewer than three points or when more than a tenth of
        the ratios are 1.

    Facco et al. 2017, doi 10.1038/s41598-017-11873-y; Denti et al. 2022,
    doi 10.1038/s41598-022-20991-1.
    """
    n, k = distances.shape
    m = int(n * (1.0 - censored))
    if k < 2 or n < 3 or m < 1:
        return float("nan")
    x = np.sort(log_ratios(distances))
    if too_many(x == 0):
        return float("nan")
    return m / float(x[:m].sum() + (n - m) * x[m - 1])


def influence(distances: FloatArray, value: float, *, censored: float = 0.1) -> FloatArray:
    """Of the censored maximum-likelihood slope p/E[min(x, ξ)], ξ the p-quantile of x, (n,).

    A token moves the mean by its own censored ratio, and by where it leaves the limit.
    """
    x = log_ratios(distances)
    p = 1.0 - censored
    limit, pace = quantile_and_pace(x, p)
    moved = np.minimum(x, limit) + censored * pace * (p - (x <= limit))
    return np.asarray(-(value**2) / p * moved)


METRICS = [
    estimate(
        Description(
            name="twonn_ml",
            title="Intrinsic dimension (TwoNN, maximum likelihood)",
            symbol="d₂ₙₙ ml",
            formula="m/(Σ_{i≤m} x_i + (n − m)x_m), x = ln(r₂/r₁) ascending, m = 90 % of n",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Facco et al. 2017, doi 10.1038/s41598-017-11873-y; "
            "Denti et al. 2022, doi 10.1038/s41598-022-20991-1",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The same data as `twonn` by maximum likelihood, censored at the largest tenth. It
            agrees with `twonn` where the model behind both holds.
            """,
        ),
        lambda cloud: twonn_ml(cloud.graph.distances),
        lambda cloud, value: influence(cloud.graph.distances, value),
        least=2,
    )
]
