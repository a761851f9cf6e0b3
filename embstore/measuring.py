"""One pass over a checkpoint: hidden states in, every measurement out.

Held in memory: one batch of hidden states, the moments of every layer, and the kept
sample. Tokens are split into disjoint groups (first of their window, sinks, the
rest); each scope merges the groups it wants, nothing is ever subtracted.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embstore.hidden_states import HiddenBatch
from embstore.massive import LargestCoordinates
from embstore.metrics import METRICS, N_NEIGHBORS, Metric, evaluate
from embstore.metrics.cloud import Cloud
from embstore.moments import Moments
from embstore.neighbors import Neighbors, nearest_neighbors, restrict
from embstore.parallel import Workers, workers
from embstore.types import (
    Layer,
    LayerKey,
    MassiveActivation,
    Measured,
    Measurement,
    Scope,
    Spectrum,
    Stack,
)

SINK_THRESHOLD = 8.0
ACCUMULATION_DTYPE = "float64"

_REST, _SINK, _FIRST = 0, 1, 2
_GROUPS: dict[Scope, tuple[int, ...]] = {
    "all": (_REST, _SINK, _FIRST),
    "no_first": (_REST, _SINK),
    "no_sinks": (_REST,),
}

Progress = Callable[[str, int, int], None]


class LayerRecord:
    """What is kept of one layer while batches go by."""

    def __init__(self, key: LayerKey, d: int, n_sample: int) -> None:
        self.key = key
        # Made when a group has its first token: most layers have no sinks, and two
        # (d, d) sums for nothing are much at d = 4096.
        self.moments: dict[int, Moments] = {}
        self.sample = np.empty((n_sample, d), dtype=np.float32)
        self.largest = LargestCoordinates()
        self.n_bad = 0

    def add(
        self,
        states: NDArray[np.floating],
        groups: NDArray[np.int8],
        kept: NDArray[np.int64],
        at: slice,
        tokens: NDArray[np.int64],
    ) -> None:
        """Take in states (n, d) of ``tokens`` with their groups (n,); ``kept`` ones are sampled."""
        finite = np.isfinite(states).all(axis=1)
        self.n_bad += int(len(finite) - finite.sum())
        if self.n_bad:
            return
        for group in np.unique(groups).tolist():
            if group not in self.moments:
                self.moments[group] = Moments.empty(states.shape[1])
            self.moments[group].add(states[groups == group])
        self.sample[at] = states[kept]
        self.largest.add(states, tokens)


@dataclass(frozen=True, eq=False)
class SampledHere:
    """Which positions of a batch are in the sample, and which of its rows they become."""

    positions: NDArray[np.int64]
    at: slice


@dataclass(eq=False)
class StackRecord:
    """What is kept of one stack: its layers, and the group of every sampled token."""

    layers: dict[LayerKey, LayerRecord]
    counts: NDArray[np.int64]
    sample_groups: NDArray[np.int8]
    # Token ids read so far, a row per window: 8 bytes a token.
    ids: list[NDArray[np.int64]]


def measure_batches(
    batches: Iterable[HiddenBatch],
    positions: NDArray[np.int64],
    *,
    sink_threshold: float = SINK_THRESHOLD,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Measured:
    """Measure every metric of every layer in every scope.

    Args:
        batches: the hidden states of all windows, in order.
        positions: the kept sample: ascending flat indices into (windows, window),
            padding not among them.
        sink_threshold: a token is a sink if its norm at any block exceeds this many
            times the median norm of its own window at that block (Sun et al. 2024
            describe such tokens; the rule is embstore's).
        progress: called as (stage, done, total): ``forward`` counts tokens,
            ``geometry`` layers.
    """
    stacks: dict[Stack, StackRecord] = {}
    forward_seconds = 0.0
    taken = tokens = 0
    began = time.perf_counter()
    results = []
    progress("forward", 0, 0)
    with workers() as pool:
        for batch in batches:
            forward_seconds += batch.seconds
            first = batch.start * batch.mask.shape[1]
            until = int(np.searchsorted(positions, first + batch.mask.size))
            sampled = SampledHere(positions[taken:until] - first, slice(taken, until))
            _take_in(stacks, batch, sampled, len(positions), sink_threshold, pool)
            taken = until
            tokens += int(batch.mask.sum())
            progress("forward", tokens, 0)
            # Or it would be kept while the next one is made.
            del batch
        records = [(stack, record) for stack in stacks.values() for record in stack.layers.values()]
        for result in pool.map(lambda pair: _measure_layer(*pair), records):
            results.append(result)
            progress("geometry", len(results), len(records))
    return Measured(
        layers=tuple(layer for layer, _, _ in results),
        measurements=tuple(m for _, measurements, _ in results for m in measurements),
        spectra=tuple(s for _, _, spectra in results for s in spectra),
        massive=tuple(m for stack, record in records for m in _massive(stack, record)),
        forward_seconds=forward_seconds,
        geometry_seconds=time.perf_counter() - began - forward_seconds,
    )


def _take_in(
    stacks: dict[Stack, StackRecord],
    batch: HiddenBatch,
    sampled: SampledHere,
    n_sample: int,
    sink_threshold: float,
    pool: Workers,
) -> None:
    """Add one batch to the records, its layers side by side."""
    flat_mask = batch.mask.ravel()
    # A position among all of the batch becomes a row among its tokens.
    kept = (np.cumsum(flat_mask) - 1)[sampled.positions]
    tokens = np.flatnonzero(flat_mask) + batch.start * batch.mask.shape[1]
    for stack in sorted({key.stack for key in batch.states}):
        states = {key: state for key, state in batch.states.items() if key.stack == stack}
        groups = token_groups(states, batch.mask, sink_threshold)[batch.mask]
        if stack not in stacks:
            records = {k: LayerRecord(k, s.shape[-1], n_sample) for k, s in states.items()}
            stacks[stack] = StackRecord(
                records, np.zeros(3, dtype=np.int64), np.zeros(n_sample, dtype=np.int8), []
            )
        record = stacks[stack]
        record.counts += np.bincount(groups, minlength=3)
        record.sample_groups[sampled.at] = groups[kept]
        record.ids.append(batch.ids[stack])

        def add(
            key: LayerKey,
            states: dict[LayerKey, Tensor] = states,
            groups: NDArray[np.int8] = groups,
            record: StackRecord = record,
        ) -> None:
            rows = states[key].float().numpy().reshape(-1, states[key].shape[-1])[flat_mask]
            record.layers[key].add(rows, groups, kept, sampled.at, tokens)

        for _ in pool.map(add, states):
            pass


def token_groups(
    states: dict[LayerKey, Tensor], mask: NDArray[np.bool_], sink_threshold: float
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
        norms = torch.linalg.vector_norm(state, dim=-1, dtype=torch.float64).numpy()
        # A block that is broken (NaN) or silent is no reason to drop a token.
        known = np.where(mask & np.isfinite(norms), norms, np.nan)
        usable = np.isfinite(known).any(axis=1)
        median = np.full(len(mask), np.inf)
        median[usable] = np.nanmedian(known[usable], axis=1)
        sinks |= mask & (known > sink_threshold * median[:, None])
    groups = np.where(sinks, np.int8(_SINK), np.int8(_REST))
    # With padding on the left the first token is not at position 0.
    nonempty = mask.any(axis=1)
    groups[nonempty, mask.argmax(axis=1)[nonempty]] = _FIRST
    return groups


def _measure_layer(
    stack: StackRecord, record: LayerRecord
) -> tuple[Layer, list[Measurement], list[Spectrum]]:
    key = record.key
    measurements: list[Measurement] = []
    spectra: list[Spectrum] = []
    neighbors = None if record.n_bad else nearest_neighbors(record.sample, N_NEIGHBORS)
    for scope, wanted in _GROUPS.items():
        if neighbors is None:
            n = int(stack.counts[list(wanted)].sum())
            reason = f"{record.n_bad} of {stack.counts.sum()} tokens have NaN or infinite values"
            measurements += [
                Measurement(key, scope, name, None, n, reason=reason) for name in METRICS
            ]
            continue
        keep = np.isin(stack.sample_groups, wanted)
        cloud = _cloud(record, wanted, neighbors, keep)
        measurements += [_measure(key, scope, metric, cloud) for metric in METRICS.values()]
        spectra.append(Spectrum(key, scope, cloud.eigenvalues, cloud.n))
    depth = key.layer / max(k.layer for k in stack.layers) if key.layer else 0.0
    layer = Layer(
        key=key,
        depth=depth,
        hidden_size=record.sample.shape[1],
        n_tokens=int(stack.counts.sum()),
        n_first=int(stack.counts[_FIRST]),
        n_sinks=int(stack.counts[_SINK]),
        n_sample=len(record.sample),
        n_duplicates=neighbors.n_duplicates if neighbors else 0,
        n_zero=sum(moments.n_zero for moments in record.moments.values()),
    )
    return layer, measurements, spectra


def _massive(stack: StackRecord, record: LayerRecord) -> list[MassiveActivation]:
    if record.n_bad:
        return []
    ids = np.concatenate(stack.ids)
    largest = record.largest
    rows, positions = np.divmod(largest.tokens, ids.shape[1])
    return [
        MassiveActivation(
            key=record.key,
            rank=rank,
            window_index=int(row),
            position=int(position),
            token_id=int(ids[row, position]),
            coordinate=int(coordinate),
            value=float(value),
        )
        for rank, (row, position, coordinate, value) in enumerate(
            zip(rows, positions, largest.coordinates, largest.values, strict=True), start=1
        )
    ]


def _cloud(
    record: LayerRecord,
    groups: tuple[int, ...],
    neighbors: Neighbors,
    keep: NDArray[np.bool_],
) -> Cloud:
    moments = Moments.empty(record.sample.shape[1])
    for group in groups:
        if group in record.moments:
            moments = moments.merge(record.moments[group])
    distances = restrict(neighbors, keep, N_NEIGHBORS).distances
    return Cloud.of(moments, record.sample[keep], distances)


def _measure(key: LayerKey, scope: Scope, metric: Metric, cloud: Cloud) -> Measurement:
    result = evaluate(metric, cloud)
    return Measurement(key, scope, metric.info.name, result.value, result.n, reason=result.reason)
