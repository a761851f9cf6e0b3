"""Adjacent cosine: how far a block turns each token."""

import numpy as np

from embstore.metrics.families.next_layer import mean_of_steps
from embstore.metrics.metric import Description

METRICS = [
    mean_of_steps(
        Description(
            name="adjacent_cosine",
            title="Cosine with the next layer",
            symbol="cos(x, y)",
            formula="mean over tokens of cos(x, y), y the same token one layer on",
            bounds=("-1", "1"),
            citation="Gromov et al. 2024, arXiv 2403.17887",
            unchanged_by=("rotation", "duplication"),
            notes="""
            Near 1 where a block hardly turns its input; such blocks are candidates for removal.
            """,
        ),
        lambda pair: pair.steps.mean_cosine if pair.steps else float("nan"),
        lambda pair: pair.steps.cosines if pair.steps else np.zeros(0),
        transform="atanh",
        count=lambda pair: pair.steps.n_cosines if pair.steps else 0,
    )
]
