"""On a device that has float64: torch's products, in blocks of rows."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embstore.common.float32 import all_of_float32
from embstore.common.gpu_memory import free_bytes
from embstore.geometry import entropies, group_loops
from embstore.geometry.arithmetic.protocol import Description, Rows, Sums, Within
from embstore.geometry.arithmetic.tensors import slices, to_host
from embstore.geometry.arithmetic.widths import by_width
from embstore.types import FloatArray

# Bytes of a device's memory that sums of products leave to the model and its batches.
_LEFT_FREE = 2**31

# A slope beyond this belongs to a coordinate that hardly varies, as in ``own_slopes``.
_STEEPEST = 1e30


class OnTorch:
    """For torch's tensors, on whichever device they are."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def lengths(self, X: Tensor) -> FloatArray:
        """As ``Arithmetic`` says."""
        return _joined(_lengths(block) for block in _blocks(X))

    def n_bad(self, X: Tensor) -> int:
        """As ``Arithmetic`` says."""
        return int((~torch.isfinite(X).all(dim=1)).sum())

    def peaks(self, X: Tensor) -> FloatArray:
        """As ``Arithmetic`` says."""
        return to_host(X.abs().amax(dim=1).double())

    def take(self, X: Tensor, rows: Rows, out: NDArray[np.floating]) -> None:
        """As ``Arithmetic`` says."""
        out[:] = X[self._index(rows)].cpu().numpy()

    def means(self, X: Tensor, rows: Rows, ends: Rows) -> Tensor:
        """As ``Arithmetic`` says."""
        sizes = np.diff(ends, prepend=0)
        groups = self._index(np.repeat(np.arange(len(ends)), sizes))
        firsts = X[self._index(rows[ends - sizes])].double()
        total = self._zeros((len(ends), X.shape[1]))
        start = 0
        for block in _blocks(X, self._index(rows)):
            of_block = groups[start : start + len(block)]
            # From the first row on, so that one row is exactly its own mean.
            total.index_add_(0, of_block, block - firsts[of_block])
            start += len(block)
        return (firsts + total / self._vector(sizes.astype(np.float64))[:, None]).to(X.dtype)

    def within_groups(self, X: Tensor, rows: Rows, ends: Rows, what: Within) -> FloatArray:
        """As ``Arithmetic`` says."""
        found = np.full(len(ends), np.nan)
        for i, group in enumerate(np.split(rows, ends[:-1])):
            some = X[self._index(group)].double()
            if what == "cosine":
                found[i] = _cosine_to_mean(some)
            elif what == "entropy":
                found[i] = _entropy_of_directions(some)
            elif what == "matrix entropy":
                found[i] = _matrix_entropy(some)
            else:
                follow = np.flatnonzero(group[2:] == group[:-2] + 2)
                found[i] = _curvature(some, self._index(follow))
        return found

    def angles(self, layers: Sequence[Tensor], rows: Rows) -> FloatArray:
        """As ``Arithmetic`` says."""
        n, index = len(layers), self._index(rows)
        found = np.full((len(rows), n, n), np.nan)
        for width, places in by_width(layers).items():
            for part in slices(len(rows), width * len(places)):
                some = torch.stack([layers[place][index[part]] for place in places], dim=1).double()
                sizes = _lengths(some.reshape(-1, width)).reshape(*some.shape[:2], 1)
                units = torch.where(sizes > 0, some / sizes, torch.nan)
                angles = torch.arccos((units @ units.transpose(1, 2)).clamp(-1, 1))
                found[np.ix_(range(*part.indices(len(rows))), places, places)] = to_host(angles)
        return found

    def describe(self, X: Tensor, rows: Rows) -> Description:
        """As ``Arithmetic`` says."""
        first = X[int(rows[0])].double()
        sums = torch.zeros((3, X.shape[1]), dtype=torch.float64, device=self._device)
        n_zero, norm_max, abs_max = (first.new_zeros(()) for _ in range(3))
        for block in _blocks(X, self._index(rows)):
            # From the first row on, so that equal rows have exactly their own mean.
            sums[0] += (block - first).sum(dim=0)
            peak = block.abs().amax(dim=1, keepdim=True)
            # Scaled first: squares of huge and tiny vectors stay within range.
            scaled = block / torch.where(peak > 0, peak, 1.0)
            scaled_length = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
            units = scaled / torch.where(peak > 0, scaled_length, 1.0)
            sums[1] += units.sum(dim=0)
            sums[2] += units.square().sum(dim=0)
            n_zero += (peak == 0).sum()
            norm_max = torch.maximum(norm_max, (peak * scaled_length).amax())
            abs_max = torch.maximum(abs_max, peak.amax())
        found = to_host(torch.cat([first[None], sums]))
        counted = to_host(torch.stack([n_zero, norm_max, abs_max]))
        mean = found[0] + found[1] / len(rows)
        return Description(
            mean, found[2], found[3], int(counted[0]), float(counted[1]), float(counted[2])
        )

    def product(
        self,
        X: Tensor,
        rows: Rows,
        mean: FloatArray,
        *,
        half: bool = False,  # noqa: ARG002
    ) -> Tensor:
        """As ``Arithmetic`` says."""
        centre = self._vector(mean)
        total = self._zeros((X.shape[1], X.shape[1]))
        for block in _blocks(X, self._index(rows)):
            centred = block - centre
            total.addmm_(centred.T, centred)
        return total

    def compare(self, X: Tensor, Y: Tensor, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """As ``Arithmetic`` says."""
        index = self._index(rows)
        found = [_compared(x, y) for x, y in zip(_blocks(X, index), _blocks(Y, index), strict=True)]
        ratios, cosines = (_joined(part) for part in zip(*found, strict=True))
        return ratios, cosines

    def slopes(self, X: Tensor, Y: Tensor, rows: Rows) -> FloatArray:
        """As ``Arithmetic`` says."""
        index = self._index(rows)
        x, y = X[index].double(), Y[index].double()
        x, y = x - x[0], y - y[0]
        square = x.square().sum(dim=0) - x.sum(dim=0).square() / len(rows)
        product = (x * y).sum(dim=0) - x.sum(dim=0) * y.sum(dim=0) / len(rows)
        useful = (square > 0) & (product.abs() < _STEEPEST * square)
        found = torch.where(useful, product / torch.where(useful, square, 1.0), 0.0)
        return to_host(found.float().double())

    def describe_pair(
        self, X: Tensor, Y: Tensor, rows: Rows, slopes: FloatArray
    ) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
        """As ``Arithmetic`` says."""
        d_x, d_y = X.shape[1], Y.shape[1]
        start_x = X[int(rows[0])].double()
        start_rest = self._rest(start_x, Y[int(rows[0])].double(), slopes)
        sum_x, sum_rest = torch.zeros_like(start_x), torch.zeros_like(start_rest)
        squares = torch.zeros(2, dtype=torch.float64, device=self._device)
        for x, rest in self._pairs(X, Y, rows, slopes):
            sum_x += (x - start_x).sum(dim=0)
            sum_rest += (rest - start_rest).sum(dim=0)
            squares += torch.stack([x.square().sum(), rest.square().sum()])
        total_x, total_rest = to_host(squares)
        sizes = (
            float(np.sqrt(total_x / (len(rows) * d_x))),
            float(np.sqrt(total_rest / (len(rows) * d_y))),
        )
        return (
            to_host(start_x + sum_x / len(rows)),
            to_host(start_rest + sum_rest / len(rows)),
            sizes,
        )

    def product_of_pair(
        self,
        X: Tensor,
        Y: Tensor,
        rows: Rows,
        slopes: FloatArray,
        means: tuple[FloatArray, FloatArray],
        scales: tuple[float, float],
        *,
        single: bool,
    ) -> tuple[Tensor, FloatArray]:
        """As ``Arithmetic`` says."""
        dtype = torch.float32 if single else torch.float64
        mean_x, mean_rest = (self._vector(mean) for mean in means)
        shape = X.shape[1], Y.shape[1]
        total = torch.zeros(shape, dtype=dtype, device=self._device)
        squares = torch.zeros_like(mean_rest)
        with all_of_float32():
            for x, rest in self._pairs(X, Y, rows, slopes):
                left = rest - mean_rest
                squares += left.square().sum(dim=0)
                centred = ((x - mean_x) * scales[0]).to(dtype)
                total.addmm_(centred.T, (left * scales[1]).to(dtype))
        return total, to_host(squares)

    def add_scatter(
        self,
        scatter: Tensor,
        product: Tensor,
        unit: float,
        steps: tuple[FloatArray, FloatArray],
        weight: float,
    ) -> None:
        """As ``Arithmetic`` says."""
        scatter.add_(product.to(scatter.dtype), alpha=unit)
        step_x, step_y = (self._vector(step) for step in steps)
        scatter.addr_(step_x, step_y, alpha=weight)

    def room_for(self, shape: tuple[int, int]) -> Tensor | None:
        """As ``Arithmetic`` says."""
        if self._device.type == "cuda":
            need = 8 * shape[0] * shape[1]
            if free_bytes(str(self._device)) < _LEFT_FREE + need:
                return None
        return self._zeros(shape)

    def matrix(self, sums: Sums) -> Tensor:
        """As ``Arithmetic`` says."""
        return torch.as_tensor(sums, device=self._device)

    def _zeros(self, shape: tuple[int, int]) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=self._device)

    def _pairs(
        self, X: Tensor, Y: Tensor, rows: Rows, slopes: FloatArray
    ) -> Iterator[tuple[Tensor, Tensor]]:
        index = self._index(rows)
        for x, y in zip(_blocks(X, index), _blocks(Y, index), strict=True):
            yield x, self._rest(x, y, slopes)

    def _rest(self, x: Tensor, y: Tensor, slopes: FloatArray) -> Tensor:
        return y - self._vector(slopes) * x if x.shape == y.shape else y

    def _vector(self, values: FloatArray) -> Tensor:
        return torch.from_numpy(values).to(self._device)

    def _index(self, rows: Rows) -> Tensor:
        return torch.from_numpy(rows).to(self._device)


def _blocks(X: Tensor, index: Tensor | None = None) -> Iterator[Tensor]:
    """Yield rows in float64, a bounded number at a time."""
    for part in slices(len(X) if index is None else len(index), X.shape[1]):
        yield (X[part] if index is None else X[index[part]]).double()


def _lengths(block: Tensor) -> Tensor:
    """Return Euclidean norms, also where their squares leave float64's range, (n,)."""
    peak = block.abs().amax(dim=1, keepdim=True)
    scale = torch.where(peak > 0, peak, 1.0)
    found: Tensor = scale[:, 0] * torch.linalg.vector_norm(block / scale, dim=1)
    return found


def _units(X: Tensor) -> Tensor:
    """Return the directions of rows that have one."""
    sizes = _lengths(X)
    return X[sizes > 0] / sizes[sizes > 0, None]


def _cosine_to_mean(X: Tensor) -> float:
    units, mean = _units(X), X.mean(dim=0)
    size, longest = float(_lengths(mean[None])[0]), float(_lengths(X).max())
    if len(units) < 2 or size <= group_loops.NO_MEAN * longest:
        return float("nan")
    return float((units @ mean).mean()) / size


def _entropy_of_directions(X: Tensor) -> float:
    units = _units(X)
    if len(units) < 2:
        return float("nan")
    return _entropy_of_rows(units)


def _matrix_entropy(X: Tensor) -> float:
    largest = float(X.abs().max())
    if len(X) < 2 or largest == 0:
        return float("nan")
    # Scaled first: squares of huge and tiny vectors stay within range.
    return _entropy_of_rows(X / largest)


def _entropy_of_rows(X: Tensor) -> float:
    gram = X @ X.T if len(X) <= X.shape[1] else X.T @ X
    # So small a matrix takes a GPU as long as a core, and there are many cores.
    return entropies.entropy_of_values(np.asarray(np.linalg.eigvalsh(to_host(gram)), np.float64))


def _curvature(X: Tensor, follow: Tensor) -> float:
    """Return the mean angle between the steps to and from the rows after some."""
    one, other = X[follow + 1] - X[follow], X[follow + 2] - X[follow + 1]
    sizes = _lengths(one) * _lengths(other)
    cosines = (one * other).sum(dim=1)[sizes > 0] / sizes[sizes > 0]
    return float(torch.rad2deg(torch.arccos(cosines.clamp(-1, 1)).mean()))


def _compared(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    before, after = _lengths(x), _lengths(y)
    # Scaled first: a difference of huge vectors stays within range when squared.
    longest = torch.maximum(before, after)
    scale = torch.where(longest > 0, longest, 1.0)[:, None]
    x, y = x / scale, y / scale
    before, after = before / scale[:, 0], after / scale[:, 0]
    ratios = torch.linalg.vector_norm(y - x, dim=1) / before
    cosines = ((x * y).sum(dim=1) / (before * after)).clamp(-1.0, 1.0)
    both = (before > 0) & (after > 0)
    return ratios.masked_fill(before == 0, torch.nan), cosines.masked_fill(~both, torch.nan)


def _joined(parts: "Iterator[Tensor] | tuple[Tensor, ...]") -> FloatArray:
    return to_host(torch.cat(list(parts)))
