"""Entropy of the logit lens: how undecided the prediction from a layer is."""

from embstore.metrics.families.head import through_head
from embstore.metrics.metric import Description

METRICS = [
    through_head(
        Description(
            name="lens_entropy",
            title="Entropy of the logit lens",
            symbol="H_lens",
            formula="mean over windows of the mean over tokens of −Σp log p, p = softmax of the "
            "head's logits, over the vocabulary",
            bounds=("0", "inf"),
            unit="nats",
            citation="nostalgebraist 2020, interpreting GPT: the logit lens; Belrose et al. 2023, "
            "arXiv 2303.08112",
            unchanged_by=(),
            notes="""
            0 where one token has all the probability, the logarithm of the vocabulary's size where
            all are equally likely. Of an encoder with a prediction head it is that of the token at
            each place, which is not masked and so mostly known.
            """,
        ),
        "lens entropy",
        transform="linear",
    )
]
