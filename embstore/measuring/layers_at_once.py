"""How many layers are taken in, and measured, at once: one per core, if memory allows.

In the comments d is the width, s = 8·d² the bytes of one (d, d) matrix in float64, and n the
number of tokens whose vectors are kept.
"""

import math

from embstore.common.memory import total_memory

# What one worker holds at once: "squares" of s bytes, and "samples" of 4·d·n bytes.
# For a layer, squares: the scatter and the directions of one scope, and five arrays while
# those of the next are computed. Samples: the distinct points, the points of two scopes, and
# two copies while pairs are counted.
_LAYER_SQUARES, _LAYER_SAMPLES = 7, 5
# For a pair of layers, squares: three sums of a scope, six while they are decomposed; the map,
# its factor and the joint covariance of the tokens that all scopes share; and the covariance of
# a scope that has too many other tokens. Samples: two centred ones and two products, once for
# the shared tokens and once for such a scope.
_PAIR_SQUARES, _PAIR_SAMPLES = 13, 8
# Bytes for each kept token while one worker searches for neighbours: its products with a block
# of 512 tokens, up to four times 76 candidates, and 76 neighbours in two forms. Each scope adds
# two copies of 64 neighbours.
_SEARCH_BYTES = 4 * 512 + 8 * 4 * 76 + 16 * 76
_SCOPE_BYTES = 2 * 64 * 12

# All workers together take no more than this, or than that share of the machine's memory.
_ENOUGH_BYTES, _ENOUGH_SHARE = 3e9, 1 / 8
# Nor more than that share of what is free on another device, where they hold about as much.
_ENOUGH_THERE = 1 / 2


def bytes_of_one(d: int, n_sample: int, n_scopes: int, *, pairs: bool, search: bool) -> int:
    """Return what one worker needs while it measures a layer or a pair of layers.

    Args:
        d: the width.
        n_sample: tokens kept.
        n_scopes: sets of tokens.
        pairs: whether adjacent layers are compared.
        search: whether neighbours are searched for.
    """
    square, sample = 8 * d * d, 4 * d * n_sample
    found = n_sample * (_SEARCH_BYTES + _SCOPE_BYTES * n_scopes) if search else 0
    layer = _LAYER_SQUARES * square + _LAYER_SAMPLES * sample + found
    pair = _PAIR_SQUARES * square + _PAIR_SAMPLES * sample + found
    return max(layer, pair) if pairs else layer


def bytes_to_take_in(d: int, batch_tokens: int, *, pairs: bool) -> int:
    """Return what one worker needs while it takes in a batch of a layer, or of two.

    Copies in float32, centred ones in float64, and three sums.

    Args:
        d: the width.
        batch_tokens: of the batch.
        pairs: whether adjacent layers are compared.
    """
    return batch_tokens * d * (32 if pairs else 16) + 3 * 8 * d * d


def taken_in_at_once(need: int, cores: int, free_there: float = math.inf) -> int:
    """Return how many layers to take in at once, at least one.

    In half the memory that measuring may take: the next batch is made meanwhile.

    Args:
        need: bytes that each takes.
        cores: that may be used.
        free_there: bytes that are free on the device that computes, if it is not the CPU.
    """
    return layers_at_once(2 * need, cores, free_there)


def layers_at_once(need: int, cores: int, free_there: float = math.inf) -> int:
    """Return how many layers to measure at once, at least one.

    Wide layers go one after the other, with more cores to each product and decomposition.

    Args:
        need: bytes that each takes.
        cores: that may be used.
        free_there: bytes that are free on the device that computes, if it is not the CPU.
    """
    enough = max(_ENOUGH_BYTES, total_memory() * _ENOUGH_SHARE)
    enough = min(enough, free_there * _ENOUGH_THERE)
    return max(1, min(cores, int(enough // max(need, 1))))
