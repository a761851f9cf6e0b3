"""Estimates, before a run, how much memory it takes at its peak.

In the comments d is the width, s = 8·d² the bytes of one (d, d) matrix of sums in float64, and
n the number of tokens whose vectors are kept.

Memory hardly grows with the tokens fed: each adds its id, 8 bytes. First tokens and sinks are
kept as vectors; once there are d/2 of them they have a matrix of sums as well, and no more are
kept than a quarter of the sample.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from embstore.choices import WINDOW_SCOPES, Scope
from embstore.common.workers import n_workers as usual_workers
from embstore.measuring.layers_at_once import (
    bytes_of_one,
    bytes_to_take_in,
    layers_at_once,
    taken_in_at_once,
)
from embstore.models.description import ModelSize
from embstore.models.hidden_states import windows_per_batch
from embstore.models.lens import BLOCK_BYTES

# Bytes for each kept token, layer and scope until pairs are measured: 30 neighbours and the
# number of a row.
_NEAREST_BYTES = 31 * 8
# What is imported and compiled when a model first runs, and what the allocator keeps: measured
# with two small models.
_RUNTIME_BYTES = 250_000_000
# Of a block of tokens: logits and their logarithms of shares, of two layers, and products of these.
_ARRAYS_OF_LOGITS = 6


@dataclass(frozen=True)
class Extent:
    """How much goes through a model, and what is measured of it.

    Attributes:
        n_windows: sequences.
        window: tokens of each.
        n_sample: tokens kept.
        n_scopes: sets of tokens.
        n_window_scopes: kinds of one vector for each window.
        pairs: whether adjacent layers are compared, through their joint covariance.
        search: whether neighbours are searched for.
        eigen: how much of each covariance is decomposed.
        batch_size: windows per forward pass; None for what fits the usual size.
        itemsize: bytes of a number in the model.
        head: whether its head is applied to every layer.
        attention: whether its attention is looked at.
    """

    n_windows: int
    window: int
    n_sample: int
    n_scopes: int = 3
    n_window_scopes: int = 0
    pairs: bool = True
    search: bool = True
    eigen: Literal["directions", "values", "first"] = "directions"
    batch_size: int | None = None
    itemsize: int = 4
    head: bool = False
    attention: bool = False

    @property
    def n_window_sample(self) -> int:
        """Windows that are kept as one vector each."""
        return min(self.n_sample, self.n_windows)


def scope_counts(scopes: Iterable[Scope]) -> dict[str, int]:
    """Count scopes as an ``Extent`` has them: those of tokens, and those of windows.

    >>> scope_counts(["all", "no_sinks", "last"])
    {'n_scopes': 2, 'n_window_scopes': 1}
    """
    of_windows = [scope in WINDOW_SCOPES for scope in scopes]
    return {"n_scopes": of_windows.count(False), "n_window_scopes": of_windows.count(True)}


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a run, beside the interpreter and the imported libraries.

    Attributes:
        weights: of the model, once loaded; with a head as if it shared none with the embeddings.
        moments: s/2 for every hidden state (blocks, embedding, final norm), as much for windows
            as one vector each, and first tokens and as many sinks as vectors or sums.
        pairs: s for every two adjacent layers, and as much for those that have sums.
        sample: 4·d·n for every hidden state, and the nearest neighbours.
        batch: hidden states of one batch, the model's own activations, its attention in one
            block, or logits of some tokens, where wanted, and for each worker what taking in a
            layer, or a pair of layers, needs.
        work: for each worker what measuring a layer, or a pair, needs.
        runtime: what running any model adds.
    """

    weights: int
    moments: int
    pairs: int
    sample: int
    batch: int
    work: int
    runtime: int = _RUNTIME_BYTES

    @property
    def total(self) -> int:
        """The peak. The last batch is gone before layers are measured, so only one counts."""
        kept = self.weights + self.moments + self.pairs + self.sample + self.runtime
        return kept + max(self.batch, self.work)

    def as_columns(self) -> dict[str, int]:
        """Return every part, and the total, by the name of a column in bytes."""
        parts = {f"{field.name}_bytes": getattr(self, field.name) for field in fields(self)}
        return {**parts, "total_bytes": self.total}


def estimate(size: ModelSize, extent: Extent, *, n_workers: int | None = None) -> MemoryEstimate:
    """Estimate a run's memory; in tests a run took between half and all of the estimate.

    Args:
        size: of the model.
        extent: of the run.
        n_workers: layers taken in and measured side by side if memory allows; None for what
            this machine gives.
    """
    d, n = size.hidden_size, extent.n_sample
    workers = n_workers or usual_workers()
    need = bytes_of_one(d, n, extent.n_scopes, pairs=extent.pairs, search=extent.search)
    square = 8 * d * d
    sample = 4 * d * n
    # As many sinks as first tokens: kept as vectors, and as sums if there are many.
    settled = extent.n_windows >= d // 2
    kept = min(2 * 4 * d * extent.n_windows, max(sample // 4, 4 * d * d))
    triangle = 4 * d * (d + 1)
    special = kept + (2 * triangle if settled else 0)
    cross_special = 2 * square if settled else 0
    n_pairs = sum(size.n_layers) if extent.pairs else 0

    chosen = extent.batch_size or windows_per_batch(size.n_states, d, extent.window)
    batch_tokens = extent.window * min(chosen, extent.n_windows)
    # For each token: its hidden states, copies of those that are captured, and inside a block
    # eight vectors of width d (residual, norm, queries, keys, values, attention) and three of
    # the widest layer.
    n_vectors = size.n_states + len(size.n_layers) + 8
    activations = batch_tokens * extent.itemsize * (n_vectors * d + 3 * size.widest)
    if extent.attention:
        # Before the softmax, after it, and in the model's own numbers; then of a window in float32.
        maps = size.n_heads * extent.window**2
        windows = min(chosen, extent.n_windows)
        activations += maps * (windows * (4 + 2 * extent.itemsize) + 2 * 4)
    logits = _ARRAYS_OF_LOGITS * BLOCK_BYTES if extent.head else 0
    taking_in = bytes_to_take_in(d, batch_tokens, pairs=extent.pairs)

    nearest = _NEAREST_BYTES * n * extent.n_scopes if extent.search else 0
    # Each kind of one vector a window has sums and a sample of its own.
    kinds = extent.n_window_scopes
    of_windows = 4 * d + (_NEAREST_BYTES if extent.search else 0)
    return MemoryEstimate(
        weights=(size.n_parameters + (size.n_logits * d if extent.head else 0)) * extent.itemsize,
        moments=size.n_states * (triangle * (1 + kinds) + special),
        pairs=n_pairs * (square * (1 + kinds) + cross_special),
        sample=size.n_states * (sample + nearest + kinds * extent.n_window_sample * of_windows),
        # Logits are made once the model has run.
        batch=max(activations, logits) + taken_in_at_once(taking_in, workers) * taking_in,
        work=layers_at_once(need, workers) * need,
    )
