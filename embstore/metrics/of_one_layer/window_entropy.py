"""Entropy within a window: how evenly the directions of one text's tokens are spread."""

from embstore.metrics.families.within_windows import mean_over_windows
from embstore.metrics.metric import Description

METRICS = [
    mean_over_windows(
        Description(
            name="window_entropy",
            title="Entropy within windows",
            symbol="H_w",
            formula=(
                "mean over windows of −Σp log p, p the eigenvalues of UUᵀ over their sum, "
                "U the window's x/‖x‖"
            ),
            bounds=("0", "log(min(n, d))"),
            unit="nats",
            citation="Skean et al. 2025, arXiv 2502.02013",
            unchanged_by=("rotation",),
            notes="""
            The prompt entropy of Skean et al. 2025: matrix-based entropy (Giraldo et al. 2014,
            arXiv 1211.2459) of order 1 of one text's tokens, not centred. 0 where all tokens of a
            window point the same way, log W where the W tokens of each are at right angles; some
            divide by log W. The repository of Skean et al. centres each window first and sets
            negative products to 0, so its numbers are others, some above log W. It takes a
            decomposition for each window and layer.
            """,
        ),
        "entropy",
        "no window has two vectors with a direction",
        transform="linear",
    )
]
