"""Sink rate: the share of heads whose attention goes to the first token."""

from embstore.metrics.families.attention import of_attention
from embstore.metrics.metric import Description

METRICS = [
    of_attention(
        Description(
            name="sink_rate",
            title="Sink rate",
            symbol="SR",
            formula="mean over windows of the share of heads with 1/T Σ_i A_i1 > 0.3, A_i1 the "
            "attention of token i to the window's first",
            bounds=("0", "1"),
            unit="1",
            citation="Gu et al. 2024, arXiv 2410.10781; Queipo-de-Llano et al. 2025, "
            "arXiv 2510.06477",
            unchanged_by=(),
            notes="""
            The threshold of 0.3 is that of both papers. The mean is over all tokens of the window,
            the first among them, which in a decoder attends to itself alone; `no_first` leaves it
            out. Attention to one token falls with the length of the window: Gu et al. 2024 take
            64 tokens. In windows of fewer than 10 tokens (without the first fewer than 6, in an
            encoder fewer than 4) attention spread evenly is above the threshold, too.
            """,
        ),
        "attention to first",
        transform="logit",
    )
]
