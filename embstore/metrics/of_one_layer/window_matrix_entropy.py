"""Matrix entropy of a window: as the entropy within windows, but long vectors count for more."""

from embstore.metrics.families.within_windows import mean_over_windows
from embstore.metrics.metric import Description

METRICS = [
    mean_over_windows(
        Description(
            name="window_matrix_entropy",
            title="Matrix entropy of windows",
            symbol="H_X",
            formula=(
                "mean over windows of −Σp log p, p the squared singular values of the window's X "
                "over their sum"
            ),
            bounds=("0", "log(min(n, d))"),
            unit="nats",
            citation="Queipo-de-Llano et al. 2025, arXiv 2510.06477",
            unchanged_by=("rotation",),
            notes="""
            The entropy of Queipo-de-Llano et al. 2025, not centred, with vectors as long as they
            are; they give it in bits, which are 1.443 times as many. One huge vector, such as that
            of an attention sink, brings it close to 0: they call such layers a compression valley.
            `window_entropy` takes directions alone and does not see it. It takes a decomposition
            for each window and layer.
            """,
        ),
        "matrix entropy",
        "no window has two vectors of which one is other than zero",
        transform="linear",
    )
]
