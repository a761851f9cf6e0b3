"""embstore against the seed study's own code, PyPI llm-microscope 0.0.7.

The peer is installed on demand into the cache folder and never becomes a dependency.
"""

import ctypes
import dataclasses
import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from benchmarks.machine import limit_memory
from benchmarks.pairs import Pair
from benchmarks.quantities import (
    HEADER,
    Compared,
    Quantity,
    compare,
    lowest_ratio,
    memory_layer,
    memory_table,
    warm_up,
)
from benchmarks.saved_states import Cloud, clouds
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import Neighbors, nearest_neighbors
from embstore.metrics.of_one_layer.anisotropy import anisotropy
from embstore.metrics.of_one_layer.twonn import twonn
from embstore.metrics.of_two_layers.linearity import linearity_of

PEER = "llm-microscope==0.0.7"

# glibc's numbers for mallopt.
_M_MMAP_THRESHOLD = -3
# The peer's dimension allocates and frees arrays of the layer's size for every token, with
# small ones that stay in between. On glibc's heap the small ones can keep the freed space
# from being used again: by chance 0.1 GB or more than 15 at 4,096 x 576, and time spent on
# it. From pages of their own they take 0.1 GB every time.
_PEER_MMAP_THRESHOLD = 2**16
# What glibc settles at by itself once it has freed a large array.
_USUAL_MMAP_THRESHOLD = 2**25

DIMENSION = "TwoNN, each by its own rule"


def run(scale: Scale) -> Section:
    """Compare everything the peer computes, with huge pages for its arrays."""
    limit_memory()
    warm_up(QUANTITIES, scale.cache)
    found: list[Compared] = []
    layers = clouds(scale)
    for row in compare(QUANTITIES, layers, scale):
        found.append(row)
        if row.quantity.name == DIMENSION:
            found.append(_by_their_rule(row))
    text = (
        "The peer works in float32 for anisotropy and linearity. Its TwoNN fits the lowest fifth "
        "of the ratios and leaves duplicates out only after the search; embstore merges them and "
        "fits all but the largest tenth: two definitions. By the peer's rule on embstore's "
        "distances both agree. Here glibc gives the peer's arrays huge pages, which is kind to "
        "its dimension; the part after this one measures that as glibc does it by itself."
    )
    return Section(
        f"Against {PEER}, one thread",
        text,
        (
            Table(HEADER, tuple(row.row for row in found), n_names=3),
            memory_table("benchmarks.peers_llm_microscope", QUANTITIES, memory_layer(layers)),
        ),
        (
            Bar("anisotropy", lowest_ratio(found, "anisotropy")),
            Bar("linearity", lowest_ratio(found, "linearity")),
            Bar("dimension, huge pages", lowest_ratio(found, DIMENSION)),
        ),
    )


def plain_pages(scale: Scale) -> Section:
    """Compare the dimension of one layer with memory as glibc serves it."""
    limit_memory()
    dimension = [quantity for quantity in QUANTITIES if quantity.name == DIMENSION]
    warm_up(dimension, scale.cache)
    found = list(compare(dimension, [memory_layer(clouds(scale))], scale))
    text = (
        "As a user of the package meets it: ordinary pages. Only that arrays come from pages of "
        "their own is set, without which the peer can take more than 15 GB and be killed."
    )
    table = Table(HEADER, tuple(row.row for row in found), n_names=3)
    bar = Bar("dimension", lowest_ratio(found, DIMENSION))
    return Section(f"Dimension against {PEER}, ordinary pages", text, (table,), (bar,))


def _by_their_rule(row: Compared) -> Compared:
    """Compare the answers again, both by the peer's rule; the times are the row's above."""
    quantity = dataclasses.replace(
        row.quantity, name="TwoNN, both by the peer's rule", tolerance=_FLOAT32_RANKS
    )
    ours = lowest_fifth(nearest_neighbors(row.cloud.X, 2))
    return Compared(row.cloud, quantity, Pair(ours, row.pair.theirs, *[math.nan] * 3))


def lowest_fifth(neighbors: Neighbors) -> float:
    """Apply the peer's rule for TwoNN to embstore's distances.

    The slope through the origin over the lowest fifth of the ratios r₂/r₁, after
    points with r₂ = r₁ or r₁ = 0 are left out. Duplicates are not merged: a repeated
    point has r₁ = 0, and one whose nearest point is repeated has r₂ = r₁.
    """
    copies = np.bincount(neighbors.group)
    r1, r2 = neighbors.distances[:, 0], neighbors.distances[:, 1]
    usable = (copies == 1) & (copies[neighbors.indices[:, 0]] == 1) & (r2 > r1 * (1 + 1e-8))
    n = len(neighbors.group)
    logs = np.sort(np.log(r2[usable] / r1[usable]))
    left_out = n - len(logs)
    x = logs[: len(logs) // 5]
    y = -np.log1p(-(left_out + np.arange(1, len(x) + 1)) / n)
    return float(x @ y / (x @ x))


def _served(threshold: int, work: Callable[[Cloud], float]) -> Callable[[Cloud], float]:
    """Have arrays larger than ``threshold`` bytes come from pages of their own."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)

    def run_served(cloud: Cloud) -> float:
        if mallopt is not None:  # other C libraries have no heap that grows like this
            mallopt(_M_MMAP_THRESHOLD, threshold)
        return work(cloud)

    return run_served


@cache
def _peer(folder: Path) -> ModuleType:
    """Install the peer if need be and load the file with its functions."""
    target = folder / PEER
    file = target / "llm_microscope" / "functions.py"
    if not file.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(target), PEER], check=True)
    # By its path: the package's own __init__ imports a module that does not exist.
    spec = importlib.util.spec_from_file_location("llm_microscope_functions", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} cannot be loaded; delete {target} and run again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _their_anisotropy(cloud: Cloud) -> float:
    return float(_peer(cloud.cache).calculate_anisotropy_torch(torch.from_numpy(cloud.X)))


def _their_dimension(cloud: Cloud) -> float:
    return float(_peer(cloud.cache).intrinsic_dimension(torch.from_numpy(cloud.X), "cpu"))


def _their_linearity(cloud: Cloud) -> float:
    X, Y = torch.from_numpy(cloud.X), torch.from_numpy(cloud.Y)
    return float(_peer(cloud.cache).procrustes_similarity(X, Y))


# The peer's singular values and its sums of squares are float32: some hundred roundings
# of 6e-8. Its dimension is float64 but for the ranks, i/n in float32.
_FLOAT32_SUMS, _FLOAT32_RANKS = 1e-5, 1e-6
# It also divides by the singular value of the direction that layer norm leaves to rounding,
# which is noise in float32; embstore cuts that direction off.
_NOISY_DIRECTION = 1e-3

QUANTITIES = (
    Quantity(
        "anisotropy",
        _served(_USUAL_MMAP_THRESHOLD, lambda c: anisotropy(Moments.of(c.X).eigenvalues())),
        _served(_USUAL_MMAP_THRESHOLD, _their_anisotropy),
        _FLOAT32_SUMS,
    ),
    Quantity(
        "linearity",
        _served(_USUAL_MMAP_THRESHOLD, lambda c: linearity_of(c.X, c.Y)),
        _served(_USUAL_MMAP_THRESHOLD, _their_linearity),
        _NOISY_DIRECTION,
    ),
    Quantity(
        DIMENSION,
        _served(_USUAL_MMAP_THRESHOLD, lambda c: twonn(nearest_neighbors(c.X, 2).distances)),
        _served(_PEER_MMAP_THRESHOLD, _their_dimension),
        tolerance=None,
        # Eight seconds and more each.
        repeats=1,
    ),
)
