"""How far the prediction from a layer is from the model's own."""

from embstore.metrics.families.head import through_head
from embstore.metrics.metric import Description

METRICS = [
    through_head(
        Description(
            name="lens_kl",
            title="Divergence of the logit lens from the output",
            symbol="KL_lens",
            formula="mean over windows of the mean over tokens of KL(q ‖ p) = Σq log(q/p), q from "
            "the last layer, p from this one",
            bounds=("0", "inf"),
            unit="nats",
            citation="Belrose et al. 2023, arXiv 2303.08112",
            unchanged_by=(),
            notes="""
            The direction of Belrose et al. 2023: from the model's output to the lens, which is
            what a lens is trained to make small. It is 0 at the last layer.
            """,
        ),
        "lens divergence",
        transform="log",
    )
]
