"""Which tokens count: every token is in one group, every scope is some of the groups.

A window that stands as one vector is in the group of the token it is from.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.geometry.arithmetic.choose import arithmetic_of, vectors_of

if TYPE_CHECKING:
    from torch import Tensor

    from embstore.types import LayerKey

SINK_THRESHOLD = 8.0

REST, SINK, FIRST = 0, 1, 2
GROUPS: dict[Scope, tuple[int, ...]] = {
    "all": (REST, SINK, FIRST),
    "no_first": (REST, SINK),
    "no_sinks": (REST,),
    "last": (REST, SINK, FIRST),
    "mean": (REST,),
}


def token_groups(
    states: "dict[LayerKey, Tensor]", mask: NDArray[np.bool_], sink_threshold: float
) -> NDArray[np.int8]:
    """Tell for each token of some windows whether it is first, a sink, or neither.

    Args:
        states: one stack's hidden states, each (windows, window, d).
        mask: which positions are tokens, (windows, window).
        sink_threshold: multiple of the window's median norm above which a token is
            a sink.

    Returns:
        0 for the rest, 1 for sinks, 2 for first tokens, (windows, window).
    """
    sinks = np.zeros(mask.shape, dtype=bool)
    for key, state in states.items():
        if key.site != "block":
            continue
        vectors = vectors_of(state)
        norms = arithmetic_of(vectors).lengths(vectors).reshape(mask.shape)
        # A block that is broken (NaN) or silent is no reason to drop a token.
        known = np.where(mask & np.isfinite(norms), norms, np.nan)
        usable = np.isfinite(known).any(axis=1)
        median = np.full(len(mask), np.inf)
        median[usable] = np.nanmedian(known[usable], axis=1)
        sinks |= mask & (known > sink_threshold * median[:, None])
    groups = np.where(sinks, np.int8(SINK), np.int8(REST))
    # With padding on the left the first token is not at position 0.
    nonempty = mask.any(axis=1)
    groups[nonempty, mask.argmax(axis=1)[nonempty]] = FIRST
    return groups


def same_tokens(counts: NDArray[np.int64], scopes: Sequence[Scope]) -> dict[Scope, list[Scope]]:
    """Gather the scopes that hold the same tokens, under the first of them.

    Args:
        counts: tokens in each group, (3,).
        scopes: which.

    >>> same_tokens(np.array([90, 0, 10]), ["all", "no_first", "no_sinks"])
    {'all': ['all'], 'no_first': ['no_first', 'no_sinks']}
    """
    first: dict[tuple[int, ...], Scope] = {}
    same: dict[Scope, list[Scope]] = {}
    for scope in scopes:
        groups = tuple(group for group in GROUPS[scope] if counts[group])
        same.setdefault(first.setdefault(groups, scope), []).append(scope)
    return same
