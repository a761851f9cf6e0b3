"""Metrics of where attention goes, and of the first token that much of it goes to.

``cloud.by_window`` has one number of each window. Vectors without their model have none.
"""

from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Transform
from embstore.metrics.window_means import window_mean
from embstore.types import TokenNumber

FAMILY = Family(
    name="attention",
    title="Attention",
    text="""
    Where the attention of a block goes: to many tokens or to few, and to the first. Measured with
    `--attention`, which runs the model with eager attention, the only kernel that gives its
    weights; other numbers of such a run differ in the last digits from those of another kernel.
    The attention of block *l* stands with layer *l*, whose state it leads to, and with the state
    after the final norm; the embedding has none. Of an encoder-decoder that is self-attention, not
    the decoder's attention to the encoder. A scope says which tokens attend; what they attend to
    is always the whole window. Each window counts once. All of these depend on how long windows
    are, so compare runs of one window size. In the scopes `last` and `mean` they have no value.
    """,
)


def of_attention(
    description: Description,
    what: TokenNumber,
    *,
    transform: Transform,
    need: Need = "attention",
    why: str = "no window has a token here that attends",
) -> Metric[Cloud]:
    """The mean over windows of a number of attention.

    Args:
        description: what it means.
        what: the number of each token.
        transform: where its interval is symmetric.
        need: what makes it ready.
        why: the reason where no window has it.
    """
    return window_mean(description, FAMILY, what, why, need=need, transform=transform)
