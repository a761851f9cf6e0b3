"""Loss per window: how well each next token is predicted from a layer."""

from embstore.metrics.families.head import through_head
from embstore.metrics.metric import Description

METRICS = [
    through_head(
        Description(
            name="window_loss",
            title="Loss per window",
            symbol="L",
            formula="mean over windows of the mean over tokens of −log p(next token), p through "
            "the final norm and the head",
            bounds=("0", "inf"),
            unit="nats",
            citation="Belrose et al. 2023, arXiv 2303.08112; Viswanathan et al. 2025, "
            "arXiv 2501.10573",
            unchanged_by=(),
            notes="""
            At the last layer the model's own loss, as it is trained on: the cross-entropy of next
            tokens, of which a window's first has none and its last predicts none. exp of it is
            the perplexity. At other layers that of the logit lens. Windows are cut from the
            text and overlap nowhere, so that tokens have less context than with a sliding window,
            and the loss is a little higher. Only for decoders: states of an encoder, and of an
            encoder-decoder's decoder whose encoder has read the same text, have seen what they
            would predict. How much each window differs is kept (`window_effects`), so that loss
            can be set against another number of each window, as Viswanathan et al. do with the
            dimension of each prompt.
            """,
        ),
        "loss",
        transform="linear",
    )
]
