"""Dimension of windows: TwoNN by maximum likelihood, each window a cloud of its own."""

from embstore.metrics.families.within_windows import mean_over_windows
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer.twonn_ml import twonn_ml
from embstore.types import FloatArray

# Of fewer the estimate errs by more than a quarter of itself.
_LEAST = 20


def dimension_of_window(distances: FloatArray) -> float:
    """Estimate the dimension of the tokens of one window.

    Args:
        distances: of its distinct vectors to their two nearest in the window, (n, 2).

    Returns:
        A positive number, or NaN for fewer than 20 vectors or when more than a tenth of them have
        neighbours equally far.
    """
    return twonn_ml(distances) if len(distances) >= _LEAST else float("nan")


METRICS = [
    mean_over_windows(
        Description(
            name="window_twonn_ml",
            title="Intrinsic dimension of windows (TwoNN, maximum likelihood)",
            symbol="d_w",
            formula="mean over windows of twonn_ml of the window's vectors alone",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Viswanathan et al. 2025, arXiv 2501.10573; "
            "Facco et al. 2017, doi 10.1038/s41598-017-11873-y",
            unchanged_by=("shift", "rotation"),
            notes="""
            Each prompt as a cloud of its own, as Viswanathan et al. 2025 have it (Gride at rank 1,
            here without the tenth of the largest ratios). Lower than `twonn_ml`, for which a
            token's nearest neighbours are mostly in other windows: a window has few tokens, of
            one topic. Windows of fewer than 20 distinct vectors have none. How much each window
            differs is kept (`window_effects`): the question `loss_correlation` sets it against the
            window's loss.
            """,
        ),
        "dimension",
        "no window has 20 distinct vectors whose neighbours lie at unequal distances",
        transform="log",
    )
]
