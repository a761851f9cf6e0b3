"""Cosine within a window: whether the tokens of one text point the same way."""

from embstore.metrics.families.within_windows import mean_over_windows
from embstore.metrics.metric import Description

METRICS = [
    mean_over_windows(
        Description(
            name="window_cosine",
            title="Cosine within windows",
            symbol="⟨cos⟩_w",
            formula="mean over windows of the mean cosine of its x with their mean",
            bounds=("-1", "1"),
            citation="Ethayarajh 2019, arXiv 1909.00512",
            unchanged_by=("rotation",),
            notes="""
            Called intra-sentence similarity (Ethayarajh 2019): high where a layer gives the tokens
            of one text one direction. A model whose directions are alike in all texts has a high
            one too: read it beside `mean_cosine`, which Ethayarajh subtracts. Over `all` tokens a
            sink decides the mean of its window.
            """,
        ),
        "cosine",
        "no window has two vectors with a direction",
        transform="atanh",
    )
]
