"""Metrics of two layers at the same tokens: how one layer's vectors become the next's.

Formulas are written for a layer X and the next, Y, each row one token. Everything of
second order comes from sums over all tokens (covariances), never from an (n, d)
decomposition; only the errors look at the kept sample.
"""

from collections.abc import Callable

import numpy as np

from embstore.metrics.clusters import Totals
from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.two_layers import Pair
from embstore.metrics.uncertainty import Interval, Transform, describe, from_totals
from embstore.types import FloatArray

FAMILY = Family(
    name="next_layer",
    title="A layer and the next",
    text="""
    x is a token's vector in one layer and y the same token's in the next. The value stands with
    the earlier layer, so the last one has none. Not measured with `--no-pairs`. The state after
    the final norm is not a layer further on and is compared with none.
    """,
)

JOINT: frozenset[Need] = frozenset({"covariance", "joint covariance"})

# Tokens are multiplied in float32. Where the true error is nil (equal, scaled, turned layers)
# up to 2.3e-7 of the number is found for one, in clouds with sinks or with windows of very
# different scale; above this level an error is right to a tenth.
_ROUNDING = 5e-7


def of_next_layer(
    description: Description,
    compute: Callable[[Pair], float],
    totals: Callable[[Pair, float], Totals | None],
    *,
    transform: Transform,
    why: Callable[[Pair, int], str],
    count: Callable[[Pair], int] = lambda pair: pair.n,
    needs: frozenset[Need] = JOINT,
    needs_many: bool = False,
) -> Metric[Pair]:
    """A metric of a layer and the next.

    Args:
        description: what it means.
        compute: its value.
        totals: how much each window moves that value.
        transform: where its interval is symmetric.
        why: the reason for an undefined value, given the number of tokens.
        count: the tokens behind the value.
        needs: what it takes.
        needs_many: it is biased unless there are many times more tokens than dimensions.
    """

    def interval(pair: Pair, value: float) -> Interval | None:
        return from_totals(value, totals(pair, value), transform=transform, rounding=_ROUNDING)

    how = describe(transform)
    return Metric(description, FAMILY, how, compute, count, interval, why, needs, needs_many)


def mean_of_steps(
    description: Description,
    compute: Callable[[Pair], float],
    values: Callable[[Pair], FloatArray],
    *,
    transform: Transform,
    count: Callable[[Pair], int],
) -> Metric[Pair]:
    """A mean over tokens of how each moves from a layer to the next.

    Args:
        description: what it means.
        compute: the mean over all tokens.
        values: of the pair's units, NaN for those without one, (n_units,).
        transform: where its interval is symmetric.
        count: the tokens behind the mean.
    """

    def totals(pair: Pair, mean: float) -> Totals | None:
        found = values(pair)
        # Tokens without a value do not move the mean, which is over fewer than all.
        more = pair.n / max(count(pair), 1)
        return pair.totals(np.where(np.isnan(found), mean, found) * more)

    def why(pair: Pair, n: int) -> str:
        return f"{n} tokens with a direction" if pair.steps else "the two layers differ in width"

    return of_next_layer(
        description,
        compute,
        totals,
        transform=transform,
        why=why,
        count=count,
        needs=frozenset(),
    )
