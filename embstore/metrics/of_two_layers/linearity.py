"""Linearity: how much of the next layer a linear map of this one explains."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.cross_moments import CrossMoments, slopes_between
from embstore.geometry.moments import Moments
from embstore.metrics.clusters import Totals
from embstore.metrics.families.next_layer import of_next_layer
from embstore.metrics.least_squares import Fit
from embstore.metrics.metric import Description
from embstore.metrics.two_layers import Pair


def linearity(fit: Fit, total: float, n: int) -> float:
    """Tell how well a linear map takes one layer to the next.

    1 − ‖Y − XA‖²/‖Y‖² with the least-squares map A, X and Y centred, in [0, 1]. With n not
    many times d_x a part of the fit is chance. NaN where Y has no variance, or where n is
    so small that every map fits (n − 1 <= rank of X).

    Args:
        fit: the map, or one to what is left of Y without a multiple of X's coordinates.
        total: ‖Y‖².
        n: tokens.

    Razzhigaev et al. 2024, arXiv 2405.12250.
    """
    if not total > 0 or n - 1 <= fit.rank:
        return float("nan")
    return max(0.0, 1.0 - fit.residual / total)


def linearity_of(X: NDArray[np.floating], Y: NDArray[np.floating]) -> float:
    """Return ``linearity`` of two arrays of the same tokens, (n, d_x) and (n, d_y)."""
    rows = np.arange(len(X))
    cross = CrossMoments.empty(X.shape[1], Y.shape[1], slopes_between(X, Y, rows))
    cross.add(X, Y)
    fit = Fit.of(Moments.of(X).scatter, cross.scatter, float(cross.squares.sum()))
    return linearity(fit, float(np.trace(Moments.of(Y).scatter)), len(X))


def totals(pair: Pair, value: float) -> Totals | None:
    """The map is at its optimum, so a token counts by its own residual and length alone."""
    moved = (1.0 - value) * pair.squares - pair.residual_squares
    return pair.totals(moved / mean_square(pair, pair.total))


def mean_square(pair: Pair, total: float) -> float:
    """Return a sum of squares over all tokens as a mean, in units of the centred sample."""
    return total / pair.n * pair.factor**2


def why_undefined(pair: Pair, n: int) -> str:
    """Say why there is no fit; layers of other widths have one."""
    if n - 1 <= pair.fit.rank:
        return f"{n} tokens for rank {pair.fit.rank}: every map fits"
    return "the next layer does not vary, or adds nothing"


METRICS = [
    of_next_layer(
        Description(
            name="linearity_next",
            title="Linearity to the next layer",
            symbol="L",
            formula="1 − ‖Y − XA‖²/‖Y‖², A the least-squares map, X and Y centred",
            bounds=("0", "1"),
            citation="Razzhigaev et al. 2024, arXiv 2405.12250",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            How much of the next layer a linear map explains. In a residual stream most of y is x,
            so it is close to 1 for that reason alone: look at `linearity_residual_next` too.
            Undefined without more tokens than the layer has directions, where every map fits.
            """,
        ),
        lambda pair: linearity(pair.fit, pair.total, pair.n),
        totals,
        transform="logit",
        why=why_undefined,
        needs_many=True,
    )
]
