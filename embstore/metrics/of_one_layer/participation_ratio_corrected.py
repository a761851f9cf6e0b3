"""The participation ratio without the bias of few vectors."""

from embstore.metrics.apart import UnitWindows
from embstore.metrics.families.spectral import FAMILY
from embstore.metrics.metric import Description, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, describe, from_totals


def participation_ratio_corrected(cloud: Cloud) -> float:
    """Count the directions that carry the variance, as many vectors would show.

    (tr Σ)² / ‖Σ‖², with estimates of both that are right on average, since they compare
    tokens of different windows only: see ``embstore.metrics.apart``. NaN with fewer than four
    windows, and where an estimate is not positive.

    Chun et al. 2025, arXiv 2509.26560; Himeno & Yamada 2014, doi 10.1016/j.jmva.2014.04.020.
    """
    found = _estimates(cloud)
    return found[0] / found[1] if found else float("nan")


def _estimates(cloud: Cloud) -> tuple[float, float] | None:
    """Return (tr Σ)² and ‖Σ‖², in units of the squared total variance; None if undefined."""
    own = cloud.own_windows
    if own is None:
        return None
    scale = _scale(cloud)
    along = cloud.spread * ((cloud.n - 1) * scale**2)
    top = own.trace_squared()
    bottom = own.norm_squared(own.x, own.x, own.xx, own.x.scatter, along)
    return (top, bottom) if top > 0 and bottom > 0 else None


def _scale(cloud: Cloud) -> float:
    """One over the mean square of the centred vectors: those of ``own_windows`` have 1."""
    return cloud.n / float(cloud.moments.scatter.trace())


def _interval(cloud: Cloud, number: float) -> Interval | None:
    """As much of the number as the error of ``participation_ratio`` is of that one.

    Without a token's own window, as in the number, the first order falls short with few
    windows, for the mean is theirs too, and is many times too large where each has a sink.
    """
    trace, squares = cloud.trace, cloud.squared_norm
    # The derivative of the participation ratio is linear in the covariance: it takes no eigenvalue.
    slope = 2 * trace / squares * (cloud.square_sums - cloud.spread * (trace / squares))
    share = number / (trace**2 / squares)
    totals = cloud.unit_clusters.totals(slope * share)
    # Products are made in float32.
    return from_totals(number, totals, transform="log", rounding=1e-6)


def _why_undefined(cloud: Cloud, n: int) -> str:
    if n < 2:
        return f"{n} tokens"
    if cloud.trace == 0:
        return "all vectors are equal"
    windows = UnitWindows.of(cloud.unit_clusters, n)
    return windows.why_not or "too few windows: an estimate of a square is negative"


METRICS = [
    Metric(
        Description(
            name="participation_ratio_corrected",
            title="Participation ratio, corrected",
            symbol="PR*",
            formula="est. of (tr Σ)² / est. of ‖Σ‖², from tokens of different windows",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Chun et al. 2025, arXiv 2509.26560; Himeno & Yamada 2014, "
            "doi 10.1016/j.jmva.2014.04.020",
            unchanged_by=("shift", "rotation"),
            notes="""
            `participation_ratio` without the bias of few vectors: for isotropic vectors with
            n = d = 256 that one reads about 128 and this 255. Pairs of tokens of one window are
            left out, since they resemble each other. The price is a larger error, so it can
            exceed d. It needs four windows. In `embstore measure` each vector is a window.
            """,
        ),
        FAMILY,
        describe("log"),
        compute=participation_ratio_corrected,
        count=lambda cloud: cloud.n,
        interval=_interval,
        why=_why_undefined,
        needs=frozenset({"covariance", "spread", "window products"}),
    )
]
