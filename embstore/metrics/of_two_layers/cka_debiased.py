"""Debiased linear CKA: whether two layers have the same geometry, also seen on few tokens."""

import math

from embstore.metrics.apart import UnitWindows
from embstore.metrics.clusters import Totals
from embstore.metrics.families.next_layer import JOINT, of_next_layer
from embstore.metrics.metric import Description
from embstore.metrics.of_two_layers import cka
from embstore.metrics.two_layers import Pair
from embstore.types import FloatArray


def cka_debiased(pair: Pair) -> float:
    """Compare two layers' geometry by products of tokens of different windows.

    ‖Σ_xy‖²/(‖Σ_xx‖ ‖Σ_yy‖) with estimates of the three squares that are right on average (see
    ``embstore.metrics.apart``): 0 on average for independent layers, however few tokens there
    are. NaN with fewer than four windows, and where an estimated square is not positive.

    Nguyen et al. 2021, arXiv 2010.15327; Murphy et al. 2024, arXiv 2405.01012.
    """
    found = _squares(pair)
    if found is None:
        return float("nan")
    xx, xy, yy = found
    return xy / math.sqrt(xx * yy)


def _squares(pair: Pair) -> tuple[float, float, float] | None:
    """Return ‖Σ_xx‖², ‖Σ_xy‖² and ‖Σ_yy‖², scaled; None if undefined."""
    own = pair.own_windows
    if own is None:
        return None
    (along_x, along, along_y), n = _along(pair), pair.n
    cross = pair.joint_scatter * (pair.core.factor_x * pair.factor)
    xx = own.norm_squared(own.x, own.x, own.xx, own.x.scatter, n * along_x)
    xy = own.norm_squared(own.x, own.y, own.xy, cross, n * along)
    yy = own.norm_squared(own.y, own.y, own.yy, own.y.scatter, n * along_y)
    return (xx, xy, yy) if xx > 0 and yy > 0 else None


def _along(pair: Pair) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sum xᵀΣ_xx x, xᵀΣ_xy y and yᵀΣ_yy y over each cell, scaled, (n_cells,) each."""
    part = (pair.n - 1) / pair.n
    x, y = (
        spread * part * factor**4
        for spread, factor in ((pair.spread_x, pair.core.factor_x), (pair.spread_y, pair.factor))
    )
    return x, pair.clusters.sums(pair.joint), y


def totals(pair: Pair, value: float) -> Totals | None:
    """Each norm moves by a token's products with those of other windows."""
    own, found = pair.own_windows, _squares(pair)
    if own is None or found is None:
        return None
    (xx, _, yy), n = found, pair.n
    x, joint, y = (
        along - own.over_cells(within, pair.clusters) / n
        for along, within in zip(_along(pair), (own.xx, own.xy, own.yy), strict=True)
    )
    apart = pair.clusters.totals(2 * joint / math.sqrt(xx * yy) - value * (x / xx + y / yy))
    biased = cka.linear_cka(pair.x.scatter, pair.joint_scatter, pair.y.scatter)
    whole = cka.totals(pair, biased)
    # With few windows the first falls short, for the means are theirs too: then the error of the
    # biased number, as a share of it, is the larger one.
    both = apart, whole.scaled(value / biased) if whole and biased else None
    return max(both, key=lambda totals: totals.error if totals else 0.0)


def _why_undefined(pair: Pair, n: int) -> str:
    if n < 2:
        return f"{n} tokens"
    if not (pair.x.scatter.any() and pair.y.scatter.any()):
        return "all vectors of a layer are equal"
    windows = UnitWindows.of(pair.clusters, n)
    return windows.why_not or "too few windows: an estimate of a square is negative"


METRICS = [
    of_next_layer(
        Description(
            name="cka_debiased_next",
            title="Debiased linear CKA with the next layer",
            symbol="CKA*",
            formula="‖Σ_xy‖²/(‖Σ_xx‖‖Σ_yy‖), squares est. from tokens of different windows",
            bounds=("-inf", "inf"),
            citation="Nguyen et al. 2021, arXiv 2010.15327; Murphy et al. 2024, arXiv 2405.01012",
            unchanged_by=("shift", "rotation"),
            notes="""
            `cka_next` without the bias of few tokens: of independent noise with n = 128 and
            d = 256 that one reads about .67 and this about 0. Pairs of tokens of one window are
            left out, since they resemble each other, which is more than papers do. It can be
            slightly negative or above 1. It needs four windows.
            """,
        ),
        cka_debiased,
        totals,
        transform="linear",
        why=_why_undefined,
        needs=JOINT | {"spread", "window products"},
    )
]
