"""Against the limit: the geometry's time over that of the work it cannot do without."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk, ssyrk
from scipy.sparse.linalg import eigsh

from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.common.allocator import keep_freed_memory
from embstore.inputs.token_sample import sample_positions
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.selection import PRESETS, Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey

CHOICES = ("core", "default")
WIDTHS = (576, 2048, 4096)

_WINDOWS = 16
_BATCH_BYTES = 80 * 2**20
# A sink is so many times as long as other tokens, as in SmolLM2.
_SINK = 150.0
# Of the standard deviations along the principal directions: variance falls as i^-1.5.
_DECAY = 0.75


@dataclass(frozen=True)
class Part:
    """A piece of work that no geometry of these numbers can do without.

    Attributes:
        name: as the table says it.
        times: how often it is done, by choice: for each layer, each pair, each layer and scope.
        work: does it once, bare.
    """

    name: str
    times: dict[str, int]
    work: Callable[[], object]


def run(scale: Scale) -> Section:
    """Time the geometry of made-up layers and its bare parts in turns."""
    # As an ingest does.
    keep_freed_memory()
    widths = (32, 64) if scale.quick else WIDTHS
    tokens, sample = (512, 256) if scale.quick else (Sampling.tokens, Sampling.sample)
    rows: list[tuple[str, ...]] = []
    pieces: list[tuple[str, ...]] = []
    bars = []
    for d, bar_width in zip(widths, WIDTHS, strict=False):
        # The widest takes minutes; of the others a slow moment must not count.
        repeats = scale.repeats(1 if d == max(WIDTHS) else 3)
        ours, parts = _in_turns(tokens, sample, d, repeats)
        for choice in CHOICES:
            bare = sum(part.times[choice] * seconds for part, seconds in parts)
            ratio = ours[choice] / bare
            rows.append((f"{d:,}", choice, f"{ours[choice]:.2f}", f"{bare:.2f}", f"{ratio:.2f}"))
            bars.append(Bar(f"limit, {choice}, {bar_width}", ratio))
        for part, seconds in parts:
            counts = (str(part.times[choice]) for choice in CHOICES)
            pieces.append((part.name, f"{d:,}", f"{seconds * 1000:,.0f}", *counts))
    text = (
        f"Geometry of two made-up layers of {tokens:,} tokens in {_WINDOWS} windows, a sink in "
        f"each, a sample of {sample:,}, scopes {' and '.join(DEFAULT_SCOPES)}, one thread; nothing "
        "but `measure_batches`. Bare: what any program that gives these numbers must do, on arrays "
        "that lie ready: products for moments and all pairs of the sample, half of each that is "
        "symmetric; the joint product of both layers; one decomposition for each layer and scope, "
        "of which `core` takes the first vector alone. Projections for errors, and telling which "
        "products are the largest, are not in it. Geometry and parts take turns; seconds are the "
        "processor's, and medians."
    )
    header = ("d", "metrics", "geometry s", "bare s", "geometry / bare")
    how_often = ("part", "d", "ms", *(f"times in {choice}" for choice in CHOICES))
    tables = (
        Table(header, tuple(rows), n_names=2),
        Table(how_often, tuple(pieces), "The bare parts"),
    )
    return Section("Geometry against its limit, one thread", text, tables, tuple(bars))


def _in_turns(
    tokens: int, sample: int, d: int, repeats: int
) -> tuple[dict[str, float], list[tuple[Part, float]]]:
    """Return the median seconds of each choice's geometry and of each bare part."""
    layers = _layers(tokens, d)
    parts = _parts(layers, sample)
    bare: dict[str, list[float]] = {part.name: [] for part in parts}
    ours: dict[str, list[float]] = {choice: [] for choice in CHOICES}
    # Before anything is timed, compiled loops are read and memory is had from the system.
    _geometry(layers, sample, "core")
    _geometry([layer[:, :32] for layer in layers], sample, "default")
    for part in parts:
        bare[part.name].append(_seconds(part.work))
    for _ in range(repeats):
        for choice in CHOICES:
            ours[choice].append(_geometry(layers, sample, choice))
        for part in parts:
            bare[part.name].append(_seconds(part.work))
    return (
        {choice: statistics.median(found) for choice, found in ours.items()},
        [(part, statistics.median(bare[part.name])) for part in parts],
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _parts(layers: list[NDArray[np.float32]], sample: int) -> list[Part]:
    """Make arrays ready, in which the work that cannot be left out is done bare."""
    n_layers, n_scopes = len(layers), len(DEFAULT_SCOPES)
    x, y = (np.ascontiguousarray(layer - layer.mean(axis=0)) for layer in layers)
    double = x.astype(np.float64)
    d = x.shape[1]
    scatter, joint = np.empty((d, d)), np.empty((d, d), dtype=np.float32)
    some = np.ascontiguousarray(x[:: len(x) // sample][:sample])
    pairs = np.empty((len(some), len(some)), dtype=np.float32, order="F")
    np.dot(double.T, double, out=scatter)
    covariance = scatter / len(x)
    layer_wise = {"core": n_layers, "default": n_layers}
    return [
        Part(
            "moments, float64, half",
            layer_wise,
            partial(dsyrk, 1.0, double.T, c=scatter.T, lower=1, overwrite_c=1),
        ),
        Part(
            "all pairs of the sample, float32, half",
            layer_wise,
            partial(ssyrk, 1.0, some.T, trans=1, c=pairs, overwrite_c=1),
        ),
        Part(
            "first eigenvector, float64",
            {"core": n_layers * n_scopes, "default": 0},
            partial(eigsh, covariance, k=1, which="LA", v0=np.ones(d)),
        ),
        Part(
            "eigenvalues and vectors, float64",
            {"core": 0, "default": n_layers * n_scopes},
            partial(np.linalg.eigh, covariance),
        ),
        Part(
            "joint moments of two layers, float32",
            {"core": 0, "default": n_layers - 1},
            partial(np.dot, x.T, y, out=joint),
        ),
    ]


def _layers(tokens: int, d: int) -> list[NDArray[np.float32]]:
    """Make two layers with a decaying spectrum, the second near the first, each (tokens, d)."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.arange(1, d + 1, dtype=torch.float32) ** -_DECAY
    latent = torch.randn(tokens, d, generator=generator) * spread
    mixed, change = torch.randn(2, d, d, generator=generator) / d**0.5
    # A turn alone: a product with what is mixed would have directions of hardly any variance.
    turn, _ = torch.linalg.qr(mixed)
    x = latent @ turn
    y = x + torch.tanh(latent @ change)
    length = float(x.norm(dim=1).median())
    for layer in (x, y):
        # The first of each window, in few coordinates.
        layer[:: tokens // _WINDOWS, : max(2, d // 256)] += _SINK * length
    return [x.numpy(), y.numpy()]


def _geometry(layers: list[NDArray[np.float32]], sample: int, choice: str) -> float:
    """Return the processor's seconds of everything but the forward pass."""
    window = len(layers[0]) // _WINDOWS
    positions = sample_positions(_WINDOWS, window, sample, Sampling.seed)
    what = Choice(scopes=DEFAULT_SCOPES, selection=Selection(PRESETS[choice]))
    return _seconds(partial(measure_batches, _batches(layers, window), positions, what))


def _batches(layers: list[NDArray[np.float32]], window: int) -> Iterator[HiddenBatch]:
    """Hand over states as a forward pass would, in batches as large as its."""
    d = layers[0].shape[1]
    batch_size = max(1, _BATCH_BYTES // (len(layers) * window * d * 4))
    for start in range(0, _WINDOWS, batch_size):
        stop = min(start + batch_size, _WINDOWS)
        shape = (stop - start, window)
        yield HiddenBatch(
            start=start,
            states={
                LayerKey("decoder", i, "block"): torch.from_numpy(
                    np.ascontiguousarray(layer[start * window : stop * window])
                ).reshape(*shape, d)
                for i, layer in enumerate(layers, start=1)
            },
            mask=np.ones(shape, dtype=np.bool_),
            ids={"decoder": np.zeros(shape, dtype=np.int64)},
            seconds=0.0,
        )
