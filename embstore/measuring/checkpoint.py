"""One pass over a checkpoint: hidden states in, every measurement out.

Held in memory: one batch of hidden states, the moments of every layer and of adjacent
ones, and the kept sample. Tokens are split into disjoint groups (first of their window,
sinks, the rest); each scope merges the groups it wants, nothing is ever subtracted.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embstore.choices import SCOPES, Scope
from embstore.common.workers import n_workers, workers
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.measuring.collect import LayerRecord, PairRecord
from embstore.measuring.evaluate import LayerResult, measure_layer, measure_pair
from embstore.measuring.layers_at_once import bytes_of_one, layers_at_once
from embstore.measuring.scopes import SINK_THRESHOLD, same_tokens
from embstore.measuring.stack import StackRecord
from embstore.measuring.tokens_read import sampled_of
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import (
    CurvePoint,
    LayerKey,
    MassiveActivation,
    Measured,
    Measurement,
    Spectrum,
    Stack,
)

ACCUMULATION_DTYPE = "float64"

Progress = Callable[[str, int, int], None]
Scoped = TypeVar("Scoped", Measurement, Spectrum, CurvePoint)


@dataclass(frozen=True)
class Choice:
    """What is measured, and how.

    Attributes:
        scopes: which sets of tokens.
        selection: which metrics.
        sink_threshold: a token is a sink if its norm at any block exceeds this many
            times the median norm of its own window at that block (Sun et al. 2024
            describe such tokens; the rule is embstore's).
        device: where neighbours are searched, covariances decomposed and kept tokens
            multiplied: ``cpu``, ``cuda``, ``mps``. Hidden states are summed up where they are.
        seed: of an approximate search.
        n_workers: cores that layers are measured on; None for all of this process.
    """

    scopes: tuple[Scope, ...] = SCOPES
    selection: Selection = field(default_factory=Selection)
    sink_threshold: float = SINK_THRESHOLD
    device: str = "cpu"
    seed: int = 0
    n_workers: int | None = None


def measure_batches(
    batches: Iterable[HiddenBatch],
    positions: NDArray[np.int64],
    choice: Choice | None = None,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Measured:
    """Measure the chosen metrics of every layer, and of each layer with the next.

    Args:
        batches: the hidden states of all windows, each once.
        positions: the kept sample: ascending flat indices into (windows, window), where
            windows are in the order of the draw; padding not among them.
        choice: what to measure; None for everything.
        progress: called as (stage, done, total): ``forward`` counts tokens,
            ``geometry`` layers and pairs of layers.
    """
    choice = choice or Choice()
    selection = choice.selection
    stacks: dict[Stack, StackRecord] = {}
    forward_seconds = 0.0
    tokens = 0
    began = time.perf_counter()
    progress("forward", 0, 0)
    with workers(choice.n_workers) as pool:
        for batch in batches:
            forward_seconds += batch.seconds
            sampled, at = sampled_of(batch, positions)
            for stack in sorted({key.stack for key in batch.states}):
                states = {key: state for key, state in batch.states.items() if key.stack == stack}
                if stack not in stacks:
                    records = [
                        LayerRecord(
                            key,
                            state.shape[-1],
                            len(positions),
                            covariance=selection.needs("covariance"),
                        )
                        for key, state in states.items()
                    ]
                    stacks[stack] = StackRecord(
                        records,
                        positions // batch.places,
                        pairs=bool(selection.of_pair),
                        joint=selection.needs("joint covariance"),
                    )
                stacks[stack].add(
                    states,
                    batch.mask,
                    batch.ids[stack],
                    batch.windows,
                    batch.places,
                    sampled,
                    at,
                    sink_threshold=choice.sink_threshold,
                    pool=pool,
                )
            tokens += int(batch.mask.sum())
            progress("forward", tokens, 0)
            # Drop the batch: it would stay in memory while the next one is made.
            del batch, states
    layers = [(stack, record) for stack in stacks.values() for record in stack.layers.values()]
    pairs = [(stack, record) for stack in stacks.values() for record in stack.pairs]
    total = len(layers) + len(pairs)
    results: dict[LayerKey, LayerResult] = {}
    search = partial(nearest_neighbors, device=choice.device, seed=choice.seed)

    # An encoder has no sinks, so two of its scopes are one: each is measured once.
    same = {name: same_tokens(stack.counts, choice.scopes) for name, stack in stacks.items()}

    def of_layer(item: tuple[StackRecord, LayerRecord]) -> LayerResult:
        scopes = list(same[item[1].key.stack])
        return measure_layer(*item, scopes, search, selection, device=choice.device)

    def of_pair(item: tuple[StackRecord, PairRecord]) -> list[Measurement]:
        scopes = list(same[item[1].x.key.stack])
        return measure_pair(*item, results, scopes, selection, device=choice.device)

    # Wide layers go one after the other, each with more of the cores.
    cores = choice.n_workers or n_workers()
    widest = max((record.d for _, record in layers), default=0)
    at_once = layers_at_once(_bytes_of_one(widest, len(positions), choice), cores)
    with workers(at_once, threads=cores // at_once) as pool:
        for result in pool.map(of_layer, layers):
            results[result.layer.key] = result
            progress("geometry", len(results), total)
        measurements = [m for result in results.values() for m in result.measurements]
        for done, found in enumerate(pool.map(of_pair, pairs), start=len(results) + 1):
            measurements += found
            progress("geometry", done, total)
    return Measured(
        layers=tuple(result.layer for result in results.values()),
        measurements=_in_all(measurements, same),
        spectra=_in_all((s for result in results.values() for s in result.spectra), same),
        massive=tuple(m for stack, record in layers for m in _massive(stack, record)),
        curves=_in_all((c for result in results.values() for c in result.curves), same),
        forward_seconds=forward_seconds,
        geometry_seconds=time.perf_counter() - began - forward_seconds,
    )


def _bytes_of_one(d: int, n_sample: int, choice: Choice) -> int:
    """Return what measuring one layer of width d takes, or one pair of them."""
    return bytes_of_one(
        d,
        n_sample,
        len(choice.scopes),
        pairs=bool(choice.selection.of_pair),
        search=choice.selection.needs("neighbors"),
    )


def _in_all(
    found: Iterable[Scoped], same: Mapping[Stack, Mapping[Scope, list[Scope]]]
) -> tuple[Scoped, ...]:
    """Repeat what was found in one scope for those that hold the same tokens."""
    return tuple(
        replace(item, scope=scope) for item in found for scope in same[item.key.stack][item.scope]
    )


def _massive(stack: StackRecord, record: LayerRecord) -> list[MassiveActivation]:
    if record.n_bad:
        return []
    largest = record.largest
    rows, positions = np.divmod(largest.tokens, stack.read.places)
    return [
        MassiveActivation(
            key=record.key,
            rank=rank,
            window_index=int(row),
            position=int(position),
            token_id=stack.read.token_id(int(row), int(position)),
            coordinate=int(coordinate),
            value=float(value),
        )
        for rank, (row, position, coordinate, value) in enumerate(
            zip(rows, positions, largest.coordinates, largest.values, strict=True), start=1
        )
    ]
