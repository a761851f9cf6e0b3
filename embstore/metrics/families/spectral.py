"""Metrics of a spectrum: how unevenly variance spreads over directions.

Each is a function of the eigenvalues of the covariance, largest first, (d,), or of those of the
mean of xxᵀ, which is the same about the origin. Multiplying all of them by one number changes
nothing, and it is NaN where all are zero, but for ``output_variance``.

Its ``gradient`` has the derivatives with respect to the eigenvalues, (d,). Nothing else is needed
for a standard error: to first order, a token at x moves eigenvalue j, with eigenvector v_j, by
(v_j · (x − mean))² − λ_j, about the origin by (v_j · x)² − λ_j.
"""

from collections.abc import Callable

from embstore.metrics.conventions import TOKENS_PER_DIMENSION
from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, Transform, describe, from_totals
from embstore.types import FloatArray

FAMILY = Family(
    name="spectral",
    title="Spectrum of the covariance",
    text=f"""
    How the variance of the cloud is spread over directions. All are functions of the eigenvalues
    λ₁ ≥ … ≥ λ_d of the covariance of the centred vectors, with σ_i = √λ_i and p_i = λ_i/Σλ. The
    eigenvalues themselves are stored in table `spectrum`, and `embstore derive` computes from them,
    without a forward pass, what a run has not measured: all of these but `rankme`, which alone does
    not centre, and `participation_ratio_corrected`. They see every token fed to the model. A few
    tokens with huge norms can decide all of them: compare scope `all` with `no_sinks`.

    With few vectors large eigenvalues come out too large and small ones too small, so all of these
    are biased: answers, charts and reports say so below {TOKENS_PER_DIMENSION} tokens a dimension.
    """,
)


def spectral(
    description: Description,
    value: Callable[[FloatArray], float],
    gradient: Callable[[FloatArray], FloatArray],
    *,
    transform: Transform,
) -> Metric[Cloud]:
    """A function of the covariance's eigenvalues, whose error comes through its derivatives."""
    return _of_spectrum(
        *(description, value, gradient, transform),
        spectrum=lambda cloud: cloud.eigenvalues,
        sums=lambda cloud: cloud.variance_sums,
        why=why_undefined,
        needs=frozenset({"covariance", "spectrum"}),
        of_spectrum=value,
    )


def spectral_about_origin(
    description: Description,
    value: Callable[[FloatArray], float],
    gradient: Callable[[FloatArray], FloatArray],
    *,
    transform: Transform,
) -> Metric[Cloud]:
    """The same of vectors as they are, not centred."""
    return _of_spectrum(
        *(description, value, gradient, transform),
        spectrum=lambda cloud: cloud.eigenvalues_about_origin,
        sums=lambda cloud: cloud.square_sums_about_origin,
        why=lambda _cloud, n: "0 tokens" if n < 1 else "all vectors are zero",
        needs=frozenset({"covariance", "spectrum", "spectrum about origin"}),
    )


def _of_spectrum(
    description: Description,
    value: Callable[[FloatArray], float],
    gradient: Callable[[FloatArray], FloatArray],
    transform: Transform,
    *,
    spectrum: Callable[[Cloud], FloatArray],
    sums: Callable[[Cloud], FloatArray],
    why: Callable[[Cloud, int], str],
    needs: frozenset[Need],
    of_spectrum: Callable[[FloatArray], float] | None = None,
) -> Metric[Cloud]:
    def interval(cloud: Cloud, number: float) -> Interval | None:
        if cloud.unit_clusters.n_windows < 2:
            return None
        totals = cloud.unit_clusters.totals(sums(cloud) @ gradient(spectrum(cloud)))
        # Projections are multiplied in float32.
        return from_totals(number, totals, transform=transform, rounding=1e-6)

    return Metric(
        description,
        FAMILY,
        describe(transform),
        compute=lambda cloud: value(spectrum(cloud)),
        count=lambda cloud: cloud.n,
        interval=interval,
        why=why,
        needs=needs,
        needs_many=True,
        of_spectrum=of_spectrum,
    )


def shares(values: FloatArray) -> FloatArray | None:
    """Each value's share of their sum, (d,), or None if they are all zero."""
    total = values.sum()
    return values / total if total > 0 else None


def why_undefined(cloud: Cloud, n: int) -> str:
    """Say why a cloud of n vectors has no such number."""
    return why_not_of(cloud.trace, cloud.d, n)


def why_not_of(trace: float, d: int, n: int) -> str:
    """Say why n vectors of d dimensions have no such number, given the sum of eigenvalues."""
    if n < 2:
        return f"{n} tokens"
    if trace == 0:
        return "all vectors are equal"
    if d == 1:
        return "needs more than one dimension"
    return "fewer than 10 directions with variance from the 11th on"
