"""The exact search against pynndescent as samples grow, on real hidden states."""

import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.saved_states import layer_files
from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.demo import MODELS
from embstore.geometry.neighbors.search import Neighbors, nearest_neighbors
from embstore.metrics.neighbor_ratios import local_dimensions
from embstore.metrics.of_one_layer.mle import mle
from embstore.metrics.of_one_layer.twonn import twonn
from embstore.metrics.registry import N_NEIGHBORS

_LAYER = 12
_HEADER = (
    *("n", "distinct", "exact s", "pynndescent s", "exact / pynndescent", "recall"),
    *("recall as embstore estimates it", "TwoNN off by", "MLE off by"),
)


def run(scale: Scale) -> Section:
    """Search growing samples of one layer of SmolLM2 both ways."""
    sizes = [256, 512] if scale.quick else [2_000, 4_096, 8_000, 16_000, 32_000, 64_000, 100_000]
    item = MODELS[0]
    # Whole windows, so a few more than the largest sample.
    tokens = -(-sizes[-1] // 512) * 512
    (file,) = layer_files(item, [_LAYER], tokens=tokens, cache=scale.cache).values()
    X = np.load(file)
    order = np.random.default_rng(0).permutation(len(X))
    _, first = _search(X[order[: sizes[0]]], "pynndescent")
    _search(X[order[: sizes[0]]], "exact")
    _, later = _search(X[order[: sizes[0]]], "pynndescent")
    rows = [_row(X[order[:n]]) for n in sizes]
    text = (
        f"{item.name}, layer {_LAYER}, random samples of {len(X):,} tokens, {N_NEIGHBORS} "
        "neighbours, each search on one thread and run once. The first approximate search of a "
        f"process took {first - later:.0f} s more than the next, which numba spends on compiling "
        "it; the table leaves that out. Recall is the share of returned neighbours that are no "
        "farther than the last true one."
    )
    return Section(
        "Exact against approximate neighbours, one thread", text, (Table(_HEADER, tuple(rows)),)
    )


def _row(X: NDArray[np.float32]) -> tuple[str, ...]:
    exact, exact_seconds = _search(X, "exact")
    near, near_seconds = _search(X, "pynndescent")
    k = min(N_NEIGHBORS, exact.distances.shape[1], near.distances.shape[1])
    # The same differences summed in another order move the last digits.
    hits = near.distances[:, :k] <= exact.distances[:, k - 1 : k] * (1 + 1e-12)
    told = "" if near.recall is None else f"{near.recall:.4f}"
    return (
        *(f"{len(X):,}", f"{len(exact.points):,}", f"{exact_seconds:.2f}", f"{near_seconds:.2f}"),
        *(f"{exact_seconds / near_seconds:.2f}", f"{hits.mean():.4f}", told),
        _off(twonn(near.distances), twonn(exact.distances)),
        _off(mle(local_dimensions(near.distances)), mle(local_dimensions(exact.distances))),
    )


def _off(found: float, true: float) -> str:
    return f"{found / true - 1:+.2%}"


def _search(X: NDArray[np.float32], method: str) -> tuple[Neighbors, float]:
    began = time.perf_counter()
    if method == "exact":
        found = nearest_neighbors(X, N_NEIGHBORS, method="exact")
    else:
        found = nearest_neighbors(X, N_NEIGHBORS, method="pynndescent")
    return found, time.perf_counter() - began
