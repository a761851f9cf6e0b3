"""Attention entropy: over how many tokens attention is spread."""

from embstore.metrics.families.attention import of_attention
from embstore.metrics.metric import Description

METRICS = [
    of_attention(
        Description(
            name="attention_entropy",
            title="Attention entropy",
            symbol="H_att",
            formula="mean over windows of the mean over tokens and heads of −Σ_j A_ij log A_ij, "
            "A_ij the attention of token i to token j",
            bounds=("0", "inf"),
            unit="nats",
            citation="Zhai et al. 2023, arXiv 2303.06296",
            unchanged_by=(),
            notes="""
            As Zhai et al. 2023 define it, not divided by its largest value. In a decoder the
            token at position i, from 1, sees i tokens and has at most log i: over a window of T
            tokens the mean is at most log(T!)/T, 5.2 for 512. Low where attention sinks take most
            of it.
            """,
        ),
        "attention entropy",
        transform="linear",
    )
]
