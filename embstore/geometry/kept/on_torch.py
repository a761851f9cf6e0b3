"""On a device that has float64: torch's products, and sums in float64 by blocks of rows."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embstore.common.float32 import all_of_float32
from embstore.geometry.arithmetic.tensors import slices, to_host
from embstore.geometry.kept.protocol import PairShift
from embstore.types import FloatArray

# Where all pairs are looked at, vectors of fewer numbers count as having so many: then 4,096 are
# taken at a time, and their products take 128 MiB.
_LEAST_WIDTH = 2**13


class KeptOnTorch:
    """For torch's tensors, on whichever device they are."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def centred(self, X: Tensor, mean: FloatArray, scale: float, name: str) -> Tensor:  # noqa: ARG002
        """As ``KeptArithmetic`` says."""
        centre = self._vector(mean)
        found = self._empty(X.shape)
        for block in slices(*X.shape):
            found[block] = ((X[block].double() - centre) * scale).float()
        return found

    def rest(
        self,
        X: Tensor,
        Y: Tensor,
        slopes: FloatArray,
        mean: FloatArray,
        scale: float,
        name: str,  # noqa: ARG002
    ) -> Tensor:
        """As ``KeptArithmetic`` says."""
        follows, centre = self._vector(slopes), self._vector(mean)
        found = self._empty(Y.shape)
        for block in slices(*Y.shape):
            left = Y[block].double()
            if X.shape == Y.shape:
                left = left - follows * X[block].double()
            found[block] = ((left - centre) * scale).float()
        return found

    def times(self, rows: Tensor, matrix: FloatArray, name: str) -> Tensor:  # noqa: ARG002
        """As ``KeptArithmetic`` says."""
        with all_of_float32():
            return rows @ self._single(matrix)

    def along(self, rows: Tensor, columns: FloatArray) -> NDArray[np.float32]:
        """As ``KeptArithmetic`` says."""
        with all_of_float32():
            found: NDArray[np.float32] = (rows @ self._single(columns)).cpu().numpy()
        return found

    def lengths(self, rows: Tensor) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        found = self._sums(len(rows))
        for block in slices(*rows.shape):
            found[block] = torch.linalg.vector_norm(rows[block].double(), dim=1)
        return to_host(found)

    def row_products(self, one: Tensor, other: Tensor) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        found = self._sums(len(one))
        for block in slices(*one.shape):
            found[block] = (one[block].double() * other[block].double()).sum(dim=1)
        return to_host(found)

    def square_sums(
        self, rows: Tensor, added: FloatArray, cells: NDArray[np.int64], n_cells: int
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        more, each = self._vector(added), torch.arange(n_cells, device=self._device)
        where = self._index(cells)
        sums = self._sums(n_cells, rows.shape[1])
        for block in slices(len(rows), max(rows.shape[1], n_cells)):
            # A product with zeros and ones, whose sums have the same order each time.
            member = (where[block] == each[:, None]).double()
            sums.addmm_(member, (rows[block].double() + more).square())
        return to_host(sums)

    def pair_terms(
        self, before: Tensor, rest: Tensor, mapped: Tensor, turned: Tensor, shift: PairShift
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        add_x, add_rest, slopes, fixed, add_turned = (
            self._vector(part)
            for part in (shift.x, shift.rest, shift.slopes, shift.fixed, shift.turned)
        )
        leverage, change = torch.from_numpy(shift.leverage).to(rest), self._single(shift.change)
        terms = self._sums(len(rest), 4)
        for block in slices(*rest.shape):
            x = (before[block].double() + add_x) * shift.unit
            left = rest[block].double() + add_rest
            y = left + slopes * x
            with all_of_float32():
                gained = leverage[block] @ change
            missed = left - mapped[block].double() - gained.double() - fixed
            terms[block, 0] = y.square().sum(dim=1)
            terms[block, 1] = missed.square().sum(dim=1)
            terms[block, 2] = (y * (turned[block].double() + add_turned)).sum(dim=1)
            terms[block, 3] = (left + (slopes - 1.0) * x).square().sum(dim=1)
        return to_host(terms)

    def squared_cosines(self, X: Tensor, norms: FloatArray) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        n, d = X.shape
        lengths = self._vector(norms)
        sums = self._sums(n)
        if d <= n:
            second = self._sums(d, d)
            for block in slices(n, d):
                U = _directions(X, lengths, block)
                second.addmm_(U.T, U)
            for block in slices(n, d):
                U = _directions(X, lengths, block)
                sums[block] = ((U @ second) * U).sum(dim=1)
            return to_host(sums)
        U = _directions(X, lengths, slice(None))
        for block in slices(n, n):
            sums[block] = (U[block] @ U.T).square().sum(dim=1)
        return to_host(sums)

    def gaussian_sums(
        self, X: Tensor, norms: FloatArray, windows: NDArray[np.int64], *, t: float
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        n, d = X.shape
        lengths, places = self._vector(norms), self._index(windows)
        sums = self._sums(n)
        width = max(d, _LEAST_WIDTH)
        for one in slices(n, width):
            U = _directions(X, lengths, one)
            for other in slices(n, width):
                if other.start < one.start:
                    continue
                near = (2 * t * (U @ _directions(X, lengths, other).T - 1.0)).exp_()
                near *= places[one, None] != places[other]
                near *= (lengths[one, None] > 0) & (lengths[other] > 0)
                sums[one] += near.sum(dim=1)
                if other.start > one.start:
                    sums[other] += near.sum(dim=0)
        return to_host(sums)

    def pair_distances(self, X: Tensor, rows: NDArray[np.int64]) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        points = X[self._index(rows)].double()
        # By a power of two, which rounds nothing: squares stay within range.
        scale = 2.0 ** float(torch.frexp(points.abs().max()).exponent)
        points = points / scale
        # Differences, not products: those lose near duplicates.
        apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        return to_host(apart * scale)

    def inner_products(
        self, X: Tensor, origins: NDArray[np.integer], neighbors: NDArray[np.integer]
    ) -> Iterator[tuple[slice, FloatArray]]:
        """As ``KeptArithmetic`` says."""
        around, others = self._index(origins), self._index(neighbors)
        n, k = neighbors.shape
        for block in slices(n, k * X.shape[1]):
            away = X[others[block]].double() - X[around[block], None].double()
            largest = away.abs().amax(dim=(1, 2), keepdim=True)
            away /= torch.where(largest > 0, largest, 1.0)
            yield block, to_host(away @ away.mT)

    def group_products(
        self, X: Tensor, groups: NDArray[np.int64], origin: FloatArray
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        Z = X[self._index(groups)].double() - self._vector(origin)
        return to_host(Z @ Z.mT)

    def _empty(self, shape: torch.Size) -> Tensor:
        return torch.empty(shape, dtype=torch.float32, device=self._device)

    def _sums(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=self._device)

    def _vector(self, values: FloatArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _index(self, values: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(values.astype(np.int64, copy=False)).to(self._device)

    def _single(self, values: FloatArray) -> Tensor:
        # Rounded first: half as much travels.
        return torch.from_numpy(values.astype(np.float32, order="C")).to(self._device)


def _directions(X: Tensor, lengths: Tensor, rows: slice) -> Tensor:
    """Return some vectors scaled to length one; those of length zero stay zero, (b, d)."""
    length = lengths[rows, None]
    return X[rows].double() / torch.where(length > 0, length, 1.0)
