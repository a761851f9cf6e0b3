"""Linearity of the residual: how much of what the next layer adds a linear map explains."""

from embstore.metrics.clusters import Totals
from embstore.metrics.families.next_layer import of_next_layer
from embstore.metrics.least_squares import Fit
from embstore.metrics.metric import Description
from embstore.metrics.of_two_layers.linearity import mean_square, why_undefined
from embstore.metrics.two_layers import Pair


def linearity_residual(fit: Fit, change: float, n: int) -> float:
    """Tell how well a linear map of one layer gives what the next adds to it.

    ``linearity`` for Y − X, which leaves the same residuals: the residual stream, which
    carries X on unchanged, does not inflate it. In [0, 1]; NaN where nothing is added.

    Args:
        fit: the map from X to Y.
        change: ‖Y − X‖², centred.
        n: tokens.

    Razzhigaev et al. 2024, arXiv 2405.12250.
    """
    if not change > 0 or n - 1 <= fit.rank:
        return float("nan")
    return min(1.0, max(0.0, 1.0 - fit.residual / change))


def totals(pair: Pair, value: float) -> Totals | None:
    """The map is at its optimum, so a token counts by its own residual and change alone."""
    moved = (1.0 - value) * pair.change_squares - pair.residual_squares
    return pair.totals(moved / mean_square(pair, pair.change))


def _why_undefined(pair: Pair, n: int) -> str:
    if len(pair.x.mean) != len(pair.y.mean):
        return "the two layers differ in width"
    return why_undefined(pair, n)


METRICS = [
    of_next_layer(
        Description(
            name="linearity_residual_next",
            title="Linearity of what the next layer adds",
            symbol="L_Δ",
            formula="linearity_next with Y − X in the place of Y",
            bounds=("0", "1"),
            citation="Razzhigaev et al. 2024, arXiv 2405.12250",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The same for what the block adds. Lower, noisier, and the one to compare between
            models.
            """,
        ),
        lambda pair: linearity_residual(pair.fit, pair.change, pair.n),
        totals,
        transform="logit",
        why=_why_undefined,
        needs_many=True,
    )
]
