"""The neighbour search on a graphics card: candidates, their distances, and counts of pairs."""

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.common.float32 import all_of_float32
from embstore.geometry.arithmetic.choose import arithmetic_of
from embstore.geometry.neighbors.bounds import bounds_of
from embstore.geometry.neighbors.candidates import Candidates, centred, proven
from embstore.geometry.neighbors.loops import LEAST_SQUARE, MOST_SQUARE
from embstore.geometry.neighbors.rounded import leaders_within
from embstore.geometry.neighbors.ties import joined_within, rounding_of_width
from embstore.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

# Numbers held at a time: 256 MiB of float32 or of float64.
_BLOCK_PRODUCTS, _BLOCK_DIFFERENCES = 2**26, 2**25

# Splits the 53 bits of a float64 into two halves.
_SPLIT = 2.0**27 + 1

# One search at a time: they share the device's memory.
_one_at_a_time = threading.Lock()


def candidates_torch(points: NDArray[np.floating], m: int, device: str) -> Candidates:
    """Find ``m`` candidates for each of n > m distinct points, (n, d), with torch.

    The proof stays on the CPU: not every device has float64.
    """
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    n = len(points)
    moved = centred(points, np.arange(n))
    nearest = np.empty((n, m), dtype=np.int32)
    largest = np.empty(n, dtype=np.float32)
    rows = max(_BLOCK_PRODUCTS // n, 1)
    with _one_at_a_time, all_of_float32():
        vectors = torch.from_numpy(moved.vectors).to(device)
        halves = torch.from_numpy(moved.halves).to(device)
        for start in range(0, n, rows):
            block = vectors[start : start + rows]
            values = halves - block @ vectors.T
            values.diagonal(start).fill_(torch.inf)
            kept = values.topk(m, dim=1, largest=False)
            nearest[start : start + rows] = kept.indices.to("cpu", torch.int32).numpy()
            largest[start : start + rows] = kept.values[:, -1].cpu().numpy()
    return proven(moved, nearest, largest)


def exact_distances_torch(
    points: NDArray[np.floating],
    found: NDArray[np.int32],
    distances: NDArray[np.float64],
    device: str,
) -> None:
    """Compute candidates' distances as ``exact_distances`` does, on a device with float64."""
    import torch

    n, m = found.shape
    rows = max(_BLOCK_DIFFERENCES // (m * points.shape[1]), 1)
    with _one_at_a_time:
        vectors = torch.from_numpy(points).to(device)
        # By their number: which of equally near ones comes first is then the same in every run.
        others = torch.from_numpy(found).to(device).long().sort(dim=1).values
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            here = torch.arange(start, min(start + rows, n), device=device)
            lengths = _distances(vectors, here[:, None].expand(-1, m), others[part])
            ascending, order = lengths.sort(dim=1, stable=True)
            distances[part] = ascending.cpu().numpy()
            found[part] = others[part].gather(1, order).to("cpu", torch.int32).numpy()


def count_products_torch(
    points: NDArray[np.floating],
    rows: NDArray[np.int64],
    radii: FloatArray,
    member: NDArray[np.bool_],
    device: str,
) -> NDArray[np.int64]:
    """Count points within radii as ``count_products`` does, on a device with float64."""
    import torch

    n = len(points)
    n_scopes, n_radii = radii.shape
    counts = np.zeros((n_scopes, len(rows), n_radii), dtype=np.int64)
    moved = centred(points, np.arange(n))
    step = max(_BLOCK_PRODUCTS // n, 1)
    with _one_at_a_time, all_of_float32():
        given, vectors, members = (
            torch.from_numpy(array).to(device) for array in (points, moved.vectors, member)
        )
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            around = torch.from_numpy(rows[part]).to(device)
            bounds = bounds_of(moved, rows[part], radii)
            more, less, inside, outside = (
                torch.from_numpy(bound).to(device) for bound in bounds[:4]
            )
            products = vectors[around] @ vectors.T
            most, least = more - products, less - products
            for scope in range(n_scopes):
                counted = members[scope, around][:, None] & members[scope]
                counted[torch.arange(len(around), device=device), around] = False
                for r in range(n_radii):
                    surely = counted & (most <= inside[:, scope, r, None])
                    total = surely.sum(dim=1)
                    unsure = counted & ~surely & (least <= outside[:, scope, r, None])
                    total += _within(given, around, unsure, float(radii[scope, r]))
                    counts[scope, part, r] = total.cpu().numpy()
    return counts


def two_nearest_torch(X: "Tensor") -> FloatArray:
    """Return the distances from each distinct row of ``X``, (n, d), to the two nearest others.

    As ``in_groups.two_nearest`` says, of one group.
    """
    import torch

    Z = X.double()
    single = X.dtype != torch.float64 or bool((Z.float().double() == Z).all())
    rounding = rounding_of_width(X.shape[1], single=single)
    sizes = arithmetic_of(X).lengths(X)
    # Differences, not products: those lose near duplicates.
    apart = torch.cdist(Z, Z, compute_mode="donot_use_mm_for_euclid_dist")
    apart.fill_diagonal_(torch.inf)
    nearest = apart.amin(dim=1).cpu().numpy()
    if (nearest <= rounding * (2 * sizes + nearest)).any():
        distances, indices = (found.cpu().numpy() for found in apart.sort(dim=1))
        leaders = leaders_within(distances, indices, sizes, rounding)
        kept = np.flatnonzero(leaders == np.arange(len(leaders)))
        index = torch.from_numpy(kept).to(X.device)
        apart, sizes = apart[index][:, index], sizes[kept]
    least = apart.topk(min(2, len(apart) - 1), dim=1, largest=False).values
    return joined_within(least.cpu().numpy(), sizes, rounding)


def _within(points: "Tensor", around: "Tensor", unsure: "Tensor", radius: float) -> "Tensor":
    """Count for each row, (b,), the pairs of ``unsure``, (b, n), that are within a radius."""
    total = unsure.new_zeros(len(around)).long()
    places, others = unsure.nonzero(as_tuple=True)
    step = max(_BLOCK_DIFFERENCES // points.shape[1], 1)
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        near = _distances(points, around[places[part]], others[part]) <= radius
        total.index_add_(0, places[part], near.long())
    return total


def _roots(squares: "Tensor") -> "Tensor":
    """Return square roots, correctly rounded as NumPy's are.

    On some processors torch's are off in the last place, and then a point at a radius is counted
    on the wrong side. r + (s − r²)/2r mends that, with r² to twice the digits (Dekker 1971, doi
    10.1007/BF01397083).
    """
    import torch

    root = squares.sqrt()
    scaled = _SPLIT * root
    high = scaled - (scaled - root)
    low = root - high
    product = root * root
    rounded = (high * high - product) + 2 * high * low + low * low
    missing = ((squares - product) - rounded) / (2 * root)
    # Nothing is missing of the root of 0, nor of one beyond float64's range.
    found: Tensor = torch.where(torch.isfinite(missing), root + missing, root)
    return found


def _distances(points: "Tensor", one: "Tensor", other: "Tensor") -> "Tensor":
    """Return the distances of pairs of points, from float64 differences, of any shape."""
    import torch

    differences = points[one].double() - points[other].double()
    squares = differences.square().sum(dim=-1)
    found = _roots(squares)
    lost = (squares <= LEAST_SQUARE) | (squares >= MOST_SQUARE)
    if bool(lost.any()):
        differences = differences[lost]
        largest = differences.abs().amax(dim=-1, keepdim=True)
        scale = torch.where(largest > 0, largest, 1.0)
        found[lost] = (differences / scale).square().sum(dim=-1).sqrt() * scale[:, 0]
    return found
