"""Metrics of what a model's language-model head makes of the states of each layer.

``cloud.by_window`` has the mean of each window. Vectors without their model have none.
"""

from embstore.metrics.metric import Description, Family, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Transform
from embstore.metrics.window_means import window_mean
from embstore.types import TokenNumber

FAMILY = Family(
    name="head",
    title="Through the head",
    text="""
    What the model would predict from the states of a layer: its own final norm and language-model
    head, applied there (the logit lens: nostalgebraist 2020; Belrose et al. 2023,
    arXiv 2303.08112). At the last layer that is the model's own prediction; before a run, a trial
    compares both, and a model in which they differ is refused. Measured with `--head`, where the
    checkpoint has a head. Each window's mean over its tokens counts once. A scope says at which
    tokens is predicted. They depend on the tokenizer, so compare runs of one tokenizer; and early
    layers may write in another basis than the head reads (Belrose et al. 2023), so that a large
    divergence need not mean that nothing is known there yet. In the scopes `last` and `mean` they
    have no value.
    """,
)


def through_head(
    description: Description, what: TokenNumber, *, transform: Transform
) -> Metric[Cloud]:
    """The mean over windows of what the head makes of their tokens.

    Args:
        description: what it means.
        what: the number of each token.
        transform: where its interval is symmetric.
    """
    why = "no window has a token here that the head predicts from"
    return window_mean(description, FAMILY, what, why, need="head", transform=transform)
