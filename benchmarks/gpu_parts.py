"""Geometry over the forward pass on a device, part by part, for wide models of random weights."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from transformers import LlamaConfig, LlamaModel

from benchmarks.limit import CHOICES
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Table
from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.common.float64 import has_float64
from embstore.geometry.arithmetic.choose import eigh, eigvalsh, vectors_of
from embstore.geometry.arithmetic.factor import factor_of
from embstore.geometry.arithmetic.on_torch import OnTorch
from embstore.geometry.kept.choose import placed
from embstore.geometry.kept.on_torch import KeptOnTorch
from embstore.geometry.neighbors.on_accelerator import (
    candidates_torch,
    count_products_torch,
    exact_distances_torch,
)
from embstore.geometry.row_loops import lengths
from embstore.inputs.token_sample import sample_positions
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.local_shapes import WIDE
from embstore.metrics.registry import N_NEIGHBORS
from embstore.metrics.selection import PRESETS, Selection
from embstore.models.hidden_states import HiddenBatch, batch_bytes_on, windows_per_batch
from embstore.types import LayerKey

WIDTHS = (2048, 4096)

_WINDOWS = 16
_LAYERS = 2
# Of a model of 32 blocks, whose batches these are.
_STATES = 34


def wide_models(device: torch.device, scale: Scale) -> tuple[list[Table], list[Bar]]:
    """Time random models of the wide widths, two blocks each, and each part of their geometry.

    Not where sums in float64 cannot be made: there an ingest's states go to the host.
    """
    if not has_float64(str(device)):
        return [], []
    rows: list[tuple[str, ...]] = []
    parts: list[tuple[str, ...]] = []
    bars: list[Bar] = []
    for d, bar_width in zip((128, 256) if scale.quick else WIDTHS, WIDTHS, strict=True):
        model = _Model(d, device, 512 if scale.quick else Sampling.tokens)
        sample = 256 if scale.quick else Sampling.sample
        forward = _median(scale, device, model.run)
        for choice in CHOICES:
            whole = _median(
                scale, device, partial(_measure, model, sample, str(device), PRESETS[choice])
            )
            geometry = whole - forward
            rows.append(
                (f"{d:,}", choice, f"{forward:.3f}", f"{geometry:.3f}", f"{geometry / forward:.2f}")
            )
            if choice == "core" and bar_width == WIDTHS[0]:
                bars.append(Bar("gpu, core", geometry / forward))
        for name, work in _parts(model, sample, device):
            parts.append((name, f"{d:,}", f"{1000 * _median(scale, device, work):,.1f}"))
    return [
        Table(
            ("d", "metrics", "forward s", "geometry s", "geometry / forward"),
            tuple(rows),
            f"{_LAYERS} blocks of random weights in bfloat16, {_WINDOWS} windows",
            n_names=2,
        ),
        Table(("part, one layer", "d", "ms"), tuple(parts), "The parts, each done once"),
    ], bars


class _Model:
    """Two blocks of random weights in bfloat16, as wide as a large model's."""

    def __init__(self, d: int, device: torch.device, tokens: int) -> None:
        config = LlamaConfig(
            vocab_size=1000,
            hidden_size=d,
            intermediate_size=4 * d,
            num_hidden_layers=_LAYERS,
            num_attention_heads=d // 64,
            num_key_value_heads=d // 64,
            max_position_embeddings=max(tokens // _WINDOWS, 64),
        )
        torch.manual_seed(0)
        self.model = LlamaModel(config).to(device, torch.bfloat16).eval()
        self.ids = torch.randint(1000, (_WINDOWS, tokens // _WINDOWS), device=device)
        window = self.ids.shape[1]
        self.n_batch = windows_per_batch(_STATES, d, window, batch_bytes_on(device))

    @torch.inference_mode()
    def states(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """Return the hidden states of the embedding and of each block."""
        found = self.model(ids, output_hidden_states=True, use_cache=False).hidden_states
        assert found is not None
        return list(found)

    def run(self) -> None:
        """Run the model and leave its states."""
        for _ in self.batches():
            pass

    def batches(self) -> Iterator[HiddenBatch]:
        """Run the model as an ingest does, some windows at a time."""
        host = self.ids.cpu().numpy()
        for start in range(0, _WINDOWS, self.n_batch):
            ids = self.ids[start : start + self.n_batch]
            yield HiddenBatch(
                start=start,
                states={
                    LayerKey("decoder", i, "block" if i else "embedding"): state
                    for i, state in enumerate(self.states(ids))
                },
                mask=np.ones(tuple(ids.shape), dtype=np.bool_),
                ids={"decoder": host[start : start + self.n_batch]},
                seconds=0.0,
            )


def _measure(model: _Model, sample: int, device: str, names: tuple[str, ...]) -> None:
    positions = sample_positions(_WINDOWS, model.ids.shape[1], sample, Sampling.seed)
    choice = Choice(scopes=DEFAULT_SCOPES, selection=Selection(names), device=device)
    measure_batches(model.batches(), positions, choice)


def _parts(
    model: _Model, sample: int, device: torch.device
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what a layer's geometry is made of, each to be done once with all that it takes."""
    where = str(device)
    # By the device's arithmetic, also where the device is a CPU that stands for one.
    before, after = (
        torch.as_tensor(vectors_of(s), device=device) for s in model.states(model.ids)[:2]
    )
    arithmetic, kept = OnTorch(device), KeptOnTorch(device)
    rows = np.arange(len(before))
    mean = arithmetic.describe(after, rows).mean
    d = after.shape[1]
    none, slopes = (np.zeros(d), np.zeros(d)), np.zeros(d)
    yield "moments, float64", lambda: arithmetic.product(after, rows, mean)
    yield (
        "joint moments, float32",
        lambda: arithmetic.product_of_pair(
            before, after, rows, slopes, none, (1.0, 1.0), single=True
        ),
    )
    scatter = np.asarray(arithmetic.product(after, rows, mean).cpu()) / len(rows)
    yield "eigenvalues, float64", lambda: eigvalsh(scatter, where)
    yield "eigenvalues and vectors, float64", lambda: eigh(scatter, where)
    yield "factor for the map, float64", lambda: factor_of(scatter + np.eye(d), where)
    units = after[:: len(after) // sample][:sample].cpu().numpy()
    there = placed(units, where)
    assert isinstance(there, torch.Tensor)
    centred = kept.centred(there, mean, 1.0, "")
    yield "projections for errors, float32", lambda: kept.times(centred, scatter, "")
    yield "kept tokens to the device", lambda: placed(units, where)
    of_windows = np.arange(len(units)).reshape(_WINDOWS, -1)
    yield (
        "products within windows, float64",
        lambda: kept.group_products(there, of_windows, mean),
    )
    norms = lengths(units)
    yield (
        "products of directions, float64",
        lambda: kept.gaussian_sums(there, norms, np.arange(len(units)), t=2.0),
    )
    yield "second moment of directions, float64", lambda: kept.squared_cosines(there, norms)
    yield (
        "distances for a tree, float64",
        lambda: kept.pair_distances(there, np.arange(min(len(units), 2048))),
    )
    m = N_NEIGHBORS + 12
    yield "candidates, float32", lambda: candidates_torch(units, m, where)
    found = candidates_torch(units, m, where).indices
    distances = np.empty(found.shape)
    yield (
        "exact distances, float64",
        lambda: exact_distances_torch(units, found.copy(), distances, where),
    )
    exact_distances_torch(units, found, distances, where)
    yield (
        "products within neighbourhoods of 64, float64",
        lambda: list(kept.inner_products(there, found[:, 0], found[:, :WIDE])),
    )
    radii = np.median(distances[:, [9, 19]], axis=0)[None]
    every = np.full((1, len(units)), True)
    yield (
        "counts of all pairs",
        lambda: count_products_torch(units, np.arange(len(units)), radii, every, where),
    )


def _median(scale: Scale, device: torch.device, work: Callable[[], object]) -> float:
    """Return the median seconds of some runs after a first, until the device is done."""
    seconds = []
    for _ in range(1 + scale.repeats(3)):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
