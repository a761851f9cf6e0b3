"""Estimates, before a run, how much memory it takes at its peak.

Written with d for the width, s = 8·d² for the bytes of one (d, d) sum in float64, and n
for the tokens kept. Nothing grows with the tokens fed but their ids, 8 bytes each, and
the vectors of first tokens and of sinks; d/2 of either become a sum.
"""

from dataclasses import dataclass, fields

from embstore.common.workers import n_workers as usual_workers
from embstore.models.description import ModelSize
from embstore.models.hidden_states import windows_per_batch

# What one worker holds at once, in sums and in kept samples of 4·d·n bytes.
# A layer: scatter and directions of the last scope, and the five arrays of the next one's
# decomposition, or of the merge before it; the distinct points, those of two scopes, and
# two copies to count pairs, or to project on directions.
_LAYER_SQUARES, _LAYER_SAMPLES = 7, 5
# A pair: three sums of a scope, and six of its decomposition; of the tokens that scopes
# share the map, the factor it came from and the joint covariance, and that of a scope with
# too many others. Two centred samples and two products, of the shared tokens and of such a
# scope.
_PAIR_SQUARES, _PAIR_SAMPLES = 13, 8
# Of each kept token, while one worker searches: products with a block of 512, up to four
# times 76 candidates, 76 neighbours in two forms; and 64 of these in every scope, twice.
_SEARCH_BYTES = 4 * 512 + 8 * 4 * 76 + 16 * 76
_SCOPE_BYTES = 2 * 64 * 12
# Of each kept token, layer and scope until pairs are measured: 30 neighbours and a row.
_NEAREST_BYTES = 31 * 8
# Measured with two small models: what is imported and compiled when a model first runs,
# and what the allocator keeps.
_RUNTIME_BYTES = 250_000_000


@dataclass(frozen=True)
class Extent:
    """How much goes through a model, and what is measured of it.

    Attributes:
        n_windows: sequences.
        window: tokens of each.
        n_sample: tokens kept.
        n_scopes: sets of tokens.
        pairs: whether adjacent layers are compared.
        batch_size: windows per forward pass; None for what fits the usual size.
        itemsize: bytes of a number in the model.
    """

    n_windows: int
    window: int
    n_sample: int
    n_scopes: int = 3
    pairs: bool = True
    batch_size: int | None = None
    itemsize: int = 4


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a run, beside the interpreter and the imported libraries.

    Attributes:
        weights: of the model, once loaded.
        moments: s for every hidden state (blocks, embedding, final norm), and the vectors
            or sums of first tokens and of as many sinks.
        pairs: s for every two adjacent layers, likewise.
        sample: 4·d·n for every hidden state, and the nearest neighbours.
        batch: hidden states of one batch, the model's own activations, and for each
            worker what taking in a layer, or a pair of layers, needs.
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
        """The peak: the last batch is gone before layers are measured."""
        kept = self.weights + self.moments + self.pairs + self.sample + self.runtime
        return kept + max(self.batch, self.work)

    def as_columns(self) -> dict[str, int]:
        """Return every part, and the total, by the name of a column in bytes."""
        parts = {f"{field.name}_bytes": getattr(self, field.name) for field in fields(self)}
        return {**parts, "total_bytes": self.total}


def estimate(size: ModelSize, extent: Extent, *, n_workers: int | None = None) -> MemoryEstimate:
    """Estimate a run's memory from above: what is measured lies between half and all of it.

    Args:
        size: of the model.
        extent: of the run.
        n_workers: layers measured side by side; None for what this machine gives.
    """
    d, n = size.hidden_size, extent.n_sample
    workers = n_workers or usual_workers()
    square = 8 * d * d
    sample = 4 * d * n
    # As many sinks as first tokens; few of either are kept as vectors.
    settled = extent.n_windows >= d // 2
    special = 2 * (square if settled else 4 * d * extent.n_windows)
    cross_special = 2 * square if settled else 0
    n_pairs = sum(size.n_layers) if extent.pairs else 0

    chosen = extent.batch_size or windows_per_batch(size.n_states, d, extent.window)
    batch_tokens = extent.window * min(chosen, extent.n_windows)
    # States, copies of captured ones, and inside a block eight of width d (residual, norm,
    # queries, keys, values, attention) and three inner ones.
    n_vectors = size.n_states + len(size.n_layers) + 8
    activations = batch_tokens * extent.itemsize * (n_vectors * d + 3 * size.widest)
    # Of one layer, or two: float32 copies, centred in float64; and the product's three sums.
    taking_in = batch_tokens * d * (32 if extent.pairs else 16) + 3 * square

    per_token = _SEARCH_BYTES + _SCOPE_BYTES * extent.n_scopes
    layer = _LAYER_SQUARES * square + _LAYER_SAMPLES * sample + per_token * n
    pair = _PAIR_SQUARES * square + _PAIR_SAMPLES * sample + per_token * n
    return MemoryEstimate(
        weights=size.n_parameters * extent.itemsize,
        moments=size.n_states * (square + special),
        pairs=n_pairs * (square + cross_special),
        sample=size.n_states * (sample + _NEAREST_BYTES * n * extent.n_scopes),
        batch=activations + workers * taking_in,
        work=workers * max(layer, pair if extent.pairs else 0),
    )
