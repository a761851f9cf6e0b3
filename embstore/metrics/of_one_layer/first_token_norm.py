"""Norm of first tokens, which massive activations make hundreds of times as long as others."""

from embstore.metrics.families.attention import of_attention
from embstore.metrics.metric import Description

METRICS = [
    of_attention(
        Description(
            name="first_token_norm",
            title="Norm of first tokens",
            symbol="‖x₁‖",
            formula="mean over windows of ‖x₁‖, x₁ the vector of the window's first token",
            bounds=("0", "inf"),
            unit="1",
            citation="Queipo-de-Llano et al. 2025, arXiv 2510.06477",
            degree=1,
            unchanged_by=("rotation",),
            notes="""
            Where it is far above `norm_p50`, attention sinks and a compressed spectrum are found
            at the same layers (Queipo-de-Llano et al. 2025). The first token is whichever stands
            first: a window cut from a text begins anywhere. Only in the scope `all`; the others
            have no first tokens. It needs no eager attention, and can be named alone.
            """,
        ),
        "first norm",
        transform="log",
        need="first norms",
        why="the scope has no first tokens, or each window is one vector",
    )
]
