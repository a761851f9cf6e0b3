"""Estimates, before a run, how long it takes: what is to be multiplied, by this machine's pace.

The pace is probed: products of the model's own width, for a fraction of a second. What a
layer's geometry takes is written as operations of such products. Their constants were
fitted to measured layers of 256 to 4,096 dimensions, which they meet within a half.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch

from embstore.common.workers import n_workers, workers
from embstore.ingestion.memory_estimate import Extent
from embstore.models.description import ModelSize
from embstore.models.fast_linears import linear_pace

# Of n kept and t fed tokens in d dimensions, in operations of one core's float32 products.
# Search for neighbours, once for all scopes: x n² d. Sums, projections and errors: x t d²
# for each scope. Decompositions in float64, slow beside products: x d³ for each scope.
_SEARCH, _SUMS, _DECOMPOSITION = 4.0, 2.0, 30.0
# Comparing adjacent layers is about this share of the sums and decompositions.
_PAIRS = 0.4
# Attention, norms and activations, beside the linear layers.
_BESIDE_LINEARS = 1.3
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
    # Wider ones multiply as fast.
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
    n_tokens = extent.n_windows * extent.window
    per_token = 2 * size.n_multiplied + 4 * extent.window * size.hidden_size * sum(size.n_layers)
    forward = _BESIDE_LINEARS * n_tokens * per_token / pace.linear
    d, n = float(size.hidden_size), extent.n_sample
    of_sums = (_SUMS * n_tokens * d**2 + _DECOMPOSITION * d**3) * extent.n_scopes
    geometry = _SEARCH * n**2 * d + of_sums * (1 if extent.pairs else 1 - _PAIRS)
    return forward + size.n_states * geometry / (pace.product * n_workers())


def _product_pace(width: int) -> float:
    """Return what one of all threads multiplies per second while all do."""
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
