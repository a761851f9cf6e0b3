"""One pass over a checkpoint: hidden states in, every measurement out.

Held in memory: one batch of hidden states, the moments of every layer and of adjacent
ones, and the kept sample. Tokens are split into disjoint groups (first of their window,
sinks, the rest); each scope merges the groups it wants, nothing is ever subtracted. Where
asked, each window is one vector more, in a population of its own.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from embstore.choices import TOKEN_SCOPES, Scope
from embstore.common.allocator import release_freed_memory
from embstore.common.gpu_memory import free_bytes
from embstore.common.workers import Workers, n_workers, workers
from embstore.geometry.arithmetic.choose import make_ready
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.measuring.collect import LayerRecord, PairRecord
from embstore.measuring.evaluate import LayerResult, measure_layer, measure_pair
from embstore.measuring.layers_at_once import (
    bytes_of_one,
    bytes_to_take_in,
    layers_at_once,
    taken_in_at_once,
)
from embstore.measuring.parts import Part, StackParts
from embstore.measuring.scopes import SINK_THRESHOLD
from embstore.measuring.stack import StackRecord
from embstore.measuring.tokens_read import sampled_of
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import MassiveActivation, Measured, Measurement, Stack

ACCUMULATION_DTYPE = "float64"

# From so many dimensions on what a batch took is given back before layers are measured.
_WIDE = 2048

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Choice:
    """What is measured, and how.

    Attributes:
        scopes: which sets of tokens, and which vectors of windows.
        selection: which metrics.
        sink_threshold: a token is a sink if its norm at any block exceeds this many
            times the median norm of its own window at that block (Sun et al. 2024
            describe such tokens; the rule is embstore's).
        device: where neighbours are searched, covariances decomposed and kept tokens
            multiplied: ``cpu``, ``cuda``, ``mps``. Hidden states are summed up where they are.
        seed: of an approximate search.
        n_workers: cores that layers are measured on; None for all of this process.
    """

    scopes: tuple[Scope, ...] = TOKEN_SCOPES
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
    windows: NDArray[np.int64] | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Measured:
    """Measure the chosen metrics of every layer, and of each layer with the next.

    Args:
        batches: the hidden states of all windows, each once.
        positions: the kept sample: ascending flat indices into (windows, window), where
            windows are in the order of the draw; padding not among them.
        choice: what to measure; None for everything that looks at tokens.
        windows: those that are kept where each window is one vector, ascending; none if not given.
        progress: called as (stage, done, total): ``forward`` counts tokens,
            ``geometry`` layers and pairs of layers.
    """
    choice = choice or Choice()
    windows = np.zeros(0, dtype=np.int64) if windows is None else windows
    stacks: dict[Stack, StackParts] = {}
    forward_seconds = 0.0
    tokens = 0
    make_ready(choice.device)
    began = time.perf_counter()
    progress("forward", 0, 0)
    with contextlib.ExitStack() as entered:
        pool: Workers | None = None
        for batch in batches:
            pool = pool or entered.enter_context(_taking_in(batch, choice))
            forward_seconds += batch.seconds
            sampled, at = sampled_of(batch, positions)
            for stack in sorted({key.stack for key in batch.states}):
                if stack not in stacks:
                    widths = {
                        key: state.shape[-1]
                        for key, state in batch.states.items()
                        if key.stack == stack
                    }
                    of_sample = positions // batch.places
                    stacks[stack] = StackParts(
                        *(widths, of_sample, windows, choice.scopes, choice.selection)
                    )
                stacks[stack].add(
                    *(stack, batch, sampled, at),
                    sink_threshold=choice.sink_threshold,
                    pool=pool,
                )
            tokens += int(batch.mask.sum())
            progress("forward", tokens, 0)
            # Drop the batch: it would stay in memory while the next one is made.
            del batch
    parts = [part for of_stack in stacks.values() for part in of_stack.finish()]
    _measure(parts, len(positions), choice, progress)
    results = [(part, result) for part in parts for result in part.results.values()]
    of_layers = (m for part, result in results for m in part.in_all(result.measurements))
    of_pairs = (m for part in parts for m in part.in_all(part.of_pairs))
    of_tokens = [of_stack.tokens for of_stack in stacks.values()]
    return Measured(
        layers=tuple(result.layer for part, result in results if part.stack in of_tokens),
        measurements=(*of_layers, *of_pairs),
        spectra=tuple(s for part, result in results for s in part.in_all(result.spectra)),
        massive=tuple(
            coordinate
            for stack in of_tokens
            for layer in stack.layers.values()
            for coordinate in _massive(stack, layer)
        ),
        curves=tuple(c for part, result in results for c in part.in_all(result.curves)),
        forward_seconds=forward_seconds,
        geometry_seconds=time.perf_counter() - began - forward_seconds,
        distances=tuple(found for part in parts for found in part.distances),
    )


def _taking_in(batch: HiddenBatch, choice: Choice) -> contextlib.AbstractContextManager[Workers]:
    """Start as many workers as may take in layers of such batches side by side."""
    cores = choice.n_workers or n_workers()
    widest = max(state.shape[-1] for state in batch.states.values())
    need = bytes_to_take_in(widest, batch.mask.size, pairs=bool(choice.selection.of_pair))
    at_once = taken_in_at_once(need, cores, free_bytes(choice.device))
    return workers(at_once, threads=cores // at_once)


def _measure(parts: list[Part], n_sample: int, choice: Choice, progress: Progress) -> None:
    """Measure every layer, then every layer with the next, and note it with its part."""
    selection, device = choice.selection, choice.device
    layers = [(part, record) for part in parts for record in part.stack.layers.values()]
    pairs = [(part, record) for part in parts for record in part.stack.pairs]
    search = partial(nearest_neighbors, device=device, seed=choice.seed)

    def of_layer(item: tuple[Part, LayerRecord]) -> LayerResult:
        part, record = item
        return measure_layer(part.stack, record, part.scopes, search, selection, device=device)

    def of_pair(item: tuple[Part, PairRecord]) -> list[Measurement]:
        part, record = item
        return measure_pair(part.stack, record, part.results, part.scopes, selection, device=device)

    # Wide layers go one after the other, each with more of the cores.
    cores = choice.n_workers or n_workers()
    widest = max((record.d for _, record in layers), default=0)
    if widest >= _WIDE:
        # Layers need arrays of other sizes than batches did, for which kept memory has no room.
        release_freed_memory()
    at_once = layers_at_once(
        _bytes_of_one(widest, n_sample, choice), cores, free_bytes(choice.device)
    )
    total = len(layers) + len(pairs)
    done = 0
    with workers(at_once, threads=cores // at_once) as pool:
        for (part, _), result in zip(layers, pool.map(of_layer, layers), strict=True):
            part.results[result.layer.key] = result
            progress("geometry", done := done + 1, total)
        for (part, _), found in zip(pairs, pool.map(of_pair, pairs), strict=True):
            part.of_pairs.extend(found)
            progress("geometry", done := done + 1, total)


def _bytes_of_one(d: int, n_sample: int, choice: Choice) -> int:
    """Return what measuring one layer of width d takes, or one pair of them."""
    return bytes_of_one(
        d,
        n_sample,
        # Windows as one vector each are measured apart, in one scope each.
        len([scope for scope in choice.scopes if scope in TOKEN_SCOPES]) or 1,
        pairs=bool(choice.selection.of_pair),
        search=choice.selection.needs("neighbors"),
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
