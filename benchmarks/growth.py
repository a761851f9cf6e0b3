"""How the time of the geometry grows with tokens, layers and width."""

import time
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.peak import Peak
from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.choices import Sampling
from embstore.inputs.token_sample import sample_positions
from embstore.measuring.checkpoint import measure_batches
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey

_BATCH_BYTES = 80 * 2**20


def run(scale: Scale) -> Section:
    """Measure made-up models: everything but the forward pass."""
    # What grows, its values, and tokens, layers and width before it does.
    if scale.quick:
        base = (512, 2, 64)
        series = [("tokens", [256, 512], base), ("layers", [1, 2], base), ("d", [32, 64], base)]
    else:
        base = (8_192, 8, 576)
        # Fewer layers where each takes a minute.
        wide = (8_192, 2, 576)
        series = [
            ("tokens", [4_096, 8_192, 16_384, 32_768, 65_536, 131_072], base),
            ("layers", [2, 4, 8, 16, 32], base),
            ("d", [256, 576, 1_024, 2_048, 4_096], wide),
        ]
    # Memory that one measurement frees the next may use again: all count from here.
    start = Peak()
    _measure(*base, start=start)
    tables = []
    for position, (what, values, usual) in enumerate(series):
        rows = []
        for value in values:
            sizes = list(usual)
            sizes[position] = value
            seconds, megabytes = _measure(*sizes, start=start)
            tokens, layers, d = sizes
            per_value = seconds / (tokens * layers * d) * 1e9
            cells = (f"{tokens:,}", f"{layers}", f"{d:,}", f"{seconds:.2f}")
            rows.append((*cells, f"{per_value:.1f}", f"{megabytes:,.0f}"))
        header = ("tokens", "layers", "d", "geometry s", "ns per token, layer, d", "peak MB")
        tables.append(Table(header, tuple(rows), f"More {what}", n_names=0))
    text = (
        f"Geometry of made-up layers, every metric and scope, two threads, sample of "
        f"{Sampling.sample:,}; nothing but `measure_batches`. The search costs n² d up to the "
        "sample's size and no more beyond it, the moments n d², the eigenvalues d³. Peak memory "
        "is above what the process held with nothing measured; one batch of hidden states is in it."
    )
    return Section("Growth", text, tables)


def _measure(tokens: int, layers: int, d: int, *, start: Peak) -> tuple[float, float]:
    """Return the geometry's seconds and the peak memory in MB."""
    window = min(512, tokens)
    positions = sample_positions(tokens // window, window, Sampling.sample, Sampling.seed)
    peak = Peak(start)
    measured = measure_batches(_batches(tokens // window, window, layers, d), positions)
    return measured.geometry_seconds, peak.megabytes()


def _batches(n_windows: int, window: int, layers: int, d: int) -> Iterator[HiddenBatch]:
    """Make hidden states on curved sheets of 12 dimensions; what that takes counts as forward."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(layers + 1, 24, d, generator=generator)
    keys = [LayerKey("decoder", i, "block" if i else "embedding") for i in range(layers + 1)]
    batch_size = max(1, min(32, _BATCH_BYTES // (len(keys) * window * d * 4)))
    for start in range(0, n_windows, batch_size):
        began = time.perf_counter()
        shape = (min(batch_size, n_windows - start), window)
        latent = torch.randn(*shape, 12, generator=generator)
        curved = torch.cat([latent, torch.sin(2 * latent)], dim=-1)
        states = {
            key: curved @ map_ + 0.1 * torch.randn(*shape, d, generator=generator)
            for key, map_ in zip(keys, maps, strict=True)
        }
        yield HiddenBatch(
            start=start,
            states=states,
            mask=np.ones(shape, dtype=np.bool_),
            ids={"decoder": np.zeros(shape, dtype=np.int64)},
            seconds=time.perf_counter() - began,
        )
