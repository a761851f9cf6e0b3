"""Estimates, before a run, how long it takes: operations, divided by this machine's pace.

The pace is measured for a fraction of a second, with matrix products as wide as the model. The
geometry of a layer is counted in the operations of such products. The constants were fitted
to measured layers of 256 to 4,096 dimensions, and are right within a half.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch

from embstore.common.workers import n_workers, workers
from embstore.ingestion.memory_estimate import Extent
from embstore.models.description import ModelSize
from embstore.models.fast_linears import linear_pace

# Operations for t tokens fed and n tokens kept, in d dimensions. An operation takes as long as
# one of a float32 product on one core, so slower work has a larger factor.
# Search for neighbours, once for all scopes: factor · n² d.
# Sums, projections and errors, for each scope: factor · t d².
# Decompositions in float64, for each scope: factor · d³.
_SEARCH, _SUMS, _DECOMPOSITION = 4.0, 2.0, 30.0
# What eigenvalues take of eigenvalues with directions; the first alone takes d² and no d³.
_OF_A_DECOMPOSITION = {"directions": 1.0, "values": 0.25, "first": 0.0}
# The share of sums and decompositions that is spent on comparing adjacent layers.
_PAIRS = 0.4
# A forward pass takes this many times as long as its linear layers: attention, norms and
# activations come on top.
_BESIDE_LINEARS = 1.3
# Beside products: for each logit its share, logarithm and sums; for each weight of attention the
# same, of a kernel that keeps them all. Both wait for memory.
_LOGIT, _WEIGHT = 500.0, 300.0
_PROBE_ROWS, _WIDEST = 512, 8192
_PROBE_SECONDS = 0.05


@dataclass(frozen=True)
class Pace:
    """What this machine multiplies per second, in single operations.

    Attributes:
        linear: in a model's linear layers, on all cores or on the accelerator.
        product: in products of one thread of NumPy's linear algebra.
    """

    linear: float
    product: float


def probe_pace(size: ModelSize, device: torch.device, dtype: torch.dtype) -> Pace:
    """Time products as wide as the model's, for a fraction of a second."""
    # Wider products are no slower per operation.
    outputs, inputs = min(size.widest, _WIDEST), min(size.hidden_size, _WIDEST)
    linear = linear_pace(outputs, inputs, rows=_PROBE_ROWS, device=device, dtype=dtype)
    return Pace(linear, _product_pace(min(inputs, 1024)))


def estimate_seconds(size: ModelSize, extent: Extent, pace: Pace) -> float:
    """Estimate how long measuring takes, without loading and downloading.

    Args:
        size: of the model.
        extent: how much goes through it.
        pace: of this machine.
    """
    forward, geometry = operations(size, extent)
    return forward / pace.linear + geometry / (pace.product * n_workers())


def operations(size: ModelSize, extent: Extent) -> tuple[float, float]:
    """Count the operations of a forward pass, head and attention with it, and of the geometry.

    Args:
        size: of the model.
        extent: how much goes through it.
    """
    n_tokens = extent.n_windows * extent.window
    per_token = 2 * size.n_multiplied + 4 * extent.window * size.hidden_size * sum(size.n_layers)
    beside = 0.0
    if extent.head:
        beside += size.n_states * size.n_logits * (2 * size.hidden_size + _LOGIT)
    if extent.attention:
        beside += sum(size.n_layers) * size.n_heads * extent.window * _WEIGHT
    d, n = float(size.hidden_size), extent.n_sample
    decomposition = _DECOMPOSITION * _OF_A_DECOMPOSITION[extent.eigen]
    kinds = extent.n_window_scopes
    n_summed = n_tokens * extent.n_scopes + extent.n_windows * kinds
    of_sums = _SUMS * n_summed * d**2 + decomposition * d**3 * (extent.n_scopes + kinds)
    search = _SEARCH * (n**2 + kinds * extent.n_window_sample**2) * d if extent.search else 0.0
    geometry = search + of_sums * (1 if extent.pairs else 1 - _PAIRS)
    return n_tokens * (_BESIDE_LINEARS * per_token + beside), size.n_states * geometry


def _product_pace(width: int) -> float:
    """Return what one thread multiplies per second while all threads are at work."""
    with workers() as pool:
        paces = list(pool.map(_time_products, [width] * n_workers()))
    return sum(paces) / len(paces)


def _time_products(width: int) -> float:
    block = np.ones((_PROBE_ROWS, width), dtype=np.float32)
    operations, seconds = 0, 0.0
    began = time.perf_counter()
    while seconds < _PROBE_SECONDS:
        block @ block.T
        operations += 2 * _PROBE_ROWS**2 * width
        seconds = time.perf_counter() - began
    return operations / seconds
