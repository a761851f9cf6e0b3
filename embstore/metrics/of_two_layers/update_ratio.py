"""Update ratio: how far a block moves each token, relative to its length."""

import numpy as np

from embstore.metrics.families.next_layer import mean_of_steps
from embstore.metrics.metric import Description

METRICS = [
    mean_of_steps(
        Description(
            name="update_ratio",
            title="Relative size of the update",
            symbol="‖Δ‖/‖x‖",
            formula="mean over tokens of ‖y − x‖/‖x‖, y the same token one layer on",
            bounds=("0", "inf"),
            citation="Sun et al. 2025, The Curse of Depth, arXiv 2502.05795",
            unchanged_by=("rotation", "duplication"),
            notes="""
            How much a block changes a token relative to its length. A mean of ratios: short
            vectors weigh much, as after an embedding of small norm.
            """,
        ),
        lambda pair: pair.steps.mean_ratio if pair.steps else float("nan"),
        lambda pair: pair.steps.ratios if pair.steps else np.zeros(0),
        transform="log",
        count=lambda pair: pair.steps.n_ratios if pair.steps else 0,
    )
]
