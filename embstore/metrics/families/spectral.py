"""Metrics of the covariance spectrum: how unevenly variance spreads over directions.

Each is a function of the eigenvalues of the covariance, largest first, (d,). Multiplying all of
them by one number changes nothing. It is NaN where all variance is zero.

Its ``gradient`` has the derivatives with respect to the eigenvalues, (d,). Nothing else is needed
for a standard error: to first order, a token at x moves eigenvalue j, with eigenvector v_j, by
(v_j · (x − mean))² − λ_j.
"""

from collections.abc import Callable

from embstore.metrics.metric import Description, Family, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, Transform, describe, from_totals
from embstore.types import FloatArray

FAMILY = Family(
    title="Spectrum of the covariance",
    text="""
    How the variance of the cloud is spread over directions. All are functions of the eigenvalues
    λ₁ ≥ … ≥ λ_d of the covariance of the centred vectors, with σ_i = √λ_i and p_i = λ_i/Σλ. The
    eigenvalues themselves are stored in table `spectrum`, so a later metric of this kind needs no
    new forward pass. They see every token fed to the model. A few tokens with huge norms can
    decide all of them: compare scope `all` with `no_sinks`.
    """,
)


def spectral(
    description: Description,
    value: Callable[[FloatArray], float],
    gradient: Callable[[FloatArray], FloatArray],
    *,
    transform: Transform,
) -> Metric[Cloud]:
    """A function of the eigenvalues, whose error comes through its derivatives."""

    def interval(cloud: Cloud, number: float) -> Interval | None:
        sums = cloud.variance_sums @ gradient(cloud.eigenvalues)
        totals = cloud.unit_clusters.totals(sums)
        # Projections are multiplied in float32.
        return from_totals(number, totals, transform=transform, rounding=1e-6)

    return Metric(
        description,
        FAMILY,
        describe(transform),
        compute=lambda cloud: value(cloud.eigenvalues),
        count=lambda cloud: cloud.n,
        interval=interval,
        why=_why_undefined,
    )


def shares(values: FloatArray) -> FloatArray | None:
    """Each value's share of their sum, (d,), or None if they are all zero."""
    total = values.sum()
    return values / total if total > 0 else None


def _why_undefined(cloud: Cloud, n: int) -> str:
    if n < 2:
        return f"{n} tokens"
    if cloud.eigenvalues[0] == 0:
        return "all vectors are equal"
    if cloud.d == 1:
        return "needs more than one dimension"
    return "fewer than 10 directions with variance from the 11th on"
