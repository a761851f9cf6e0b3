"""On the CPU: compiled loops and NumPy's products."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from embstore.common.scratch import scratch
from embstore.geometry import entropies, group_loops, pair_loops, row_loops, triangles
from embstore.geometry.arithmetic.protocol import Description, Rows, Sums, Within
from embstore.geometry.arithmetic.widths import by_width
from embstore.types import FloatArray

# Coordinates of directions that are multiplied at once.
_ANGLE_VALUES = 1 << 20


class OnHost:
    """For NumPy's arrays. Products last until the thread makes the next of their kind."""

    def lengths(self, X: NDArray[np.floating]) -> FloatArray:
        """As ``Arithmetic`` says."""
        found: FloatArray = row_loops.lengths(X)
        return found

    def n_bad(self, X: NDArray[np.floating]) -> int:
        """As ``Arithmetic`` says."""
        # One cheap pass first: a finite sum of squares proves that every value is finite. An
        # infinite one proves nothing, since the sum may have overflowed.
        if np.isfinite(np.vdot(X, X)):
            return 0
        return int((~np.isfinite(X).all(axis=1)).sum())

    def peaks(self, X: NDArray[np.floating]) -> FloatArray:
        """As ``Arithmetic`` says."""
        found: FloatArray = row_loops.peaks(X)
        return found

    def take(self, X: NDArray[np.floating], rows: Rows, out: NDArray[np.floating]) -> None:
        """As ``Arithmetic`` says."""
        if X.dtype == out.dtype:
            # With mode "raise" NumPy would make a copy first.
            np.take(X, rows, axis=0, out=out, mode="clip")
        else:
            out[:] = X[rows]

    def means(self, X: NDArray[np.floating], rows: Rows, ends: Rows) -> NDArray[np.floating]:
        """As ``Arithmetic`` says."""
        found = np.empty((len(ends), X.shape[1]), X.dtype)
        group_loops.mean_rows(X, rows, ends, found)
        return found

    def within_groups(
        self, X: NDArray[np.floating], rows: Rows, ends: Rows, what: Within
    ) -> FloatArray:
        """As ``Arithmetic`` says."""
        found = np.empty(len(ends))
        if what == "cosine":
            group_loops.cosines_to_means(X, rows, ends, found)
        elif what == "curvature":
            group_loops.curvatures(X, rows, ends, found)
        else:
            of_group = (
                entropies.entropy_of_directions if what == "entropy" else entropies.matrix_entropy
            )
            for i, group in enumerate(np.split(rows, ends[:-1])):
                found[i] = of_group(X[group])
        return found

    def angles(self, layers: Sequence[NDArray[np.floating]], rows: Rows) -> FloatArray:
        """As ``Arithmetic`` says."""
        n = len(layers)
        found = np.full((len(rows), n, n), np.nan)
        for width, places in by_width(layers).items():
            step = max(_ANGLE_VALUES // (width * len(places)), 1)
            units = np.empty((step, len(places), width))
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                for at, place in enumerate(places):
                    group_loops.directions(layers[place], some, units[: len(some), at])
                block = units[: len(some)]
                cosines = np.clip(block @ block.transpose(0, 2, 1), -1.0, 1.0)
                found[np.ix_(range(start, start + len(some)), places, places)] = np.arccos(cosines)
        return found

    def describe(self, X: NDArray[np.floating], rows: Rows) -> Description:
        """As ``Arithmetic`` says."""
        mean, unit_sum, unit_squares = np.empty((3, X.shape[1]))
        described = row_loops.describe_rows(X, rows, mean, unit_sum, unit_squares)
        return Description(mean, unit_sum, unit_squares, *described)

    def product(
        self, X: NDArray[np.floating], rows: Rows, mean: FloatArray, *, half: bool = False
    ) -> FloatArray:
        """As ``Arithmetic`` says."""
        d = X.shape[1]
        centred = scratch("x float64", (len(rows), d), np.float64)
        row_loops.centre_rows(X, rows, mean, centred)
        out = scratch("product float64", (d, d), np.float64)
        # NumPy's product would mirror what BLAS computes, which costs more than a product of few
        # rows. To BLAS, which counts by columns, what is above the diagonal is below it.
        dsyrk(1.0, centred.T, c=out.T, lower=1, overwrite_c=1)
        if not half:
            triangles.mirror(out)
        return out

    def compare(
        self, X: NDArray[np.floating], Y: NDArray[np.floating], rows: Rows
    ) -> tuple[FloatArray, FloatArray]:
        """As ``Arithmetic`` says."""
        ratios, cosines = np.empty((2, len(rows)))
        pair_loops.compare_rows(X, Y, rows, ratios, cosines)
        return ratios, cosines

    def slopes(self, X: NDArray[np.floating], Y: NDArray[np.floating], rows: Rows) -> FloatArray:
        """As ``Arithmetic`` says."""
        found: FloatArray = pair_loops.own_slopes(X, Y, rows)
        return found

    def describe_pair(
        self, X: NDArray[np.floating], Y: NDArray[np.floating], rows: Rows, slopes: FloatArray
    ) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
        """As ``Arithmetic`` says."""
        mean_x, mean_rest = np.empty(X.shape[1]), np.empty(Y.shape[1])
        sizes = pair_loops.describe_pair(X, Y, rows, slopes, mean_x, mean_rest)
        return mean_x, mean_rest, sizes

    def product_of_pair(
        self,
        X: NDArray[np.floating],
        Y: NDArray[np.floating],
        rows: Rows,
        slopes: FloatArray,
        means: tuple[FloatArray, FloatArray],
        scales: tuple[float, float],
        *,
        single: bool,
    ) -> tuple[NDArray[np.floating], FloatArray]:
        """As ``Arithmetic`` says."""
        dtype = np.float32 if single else np.float64
        shape = X.shape[1], Y.shape[1]
        x, rest = (
            scratch(f"{name} {dtype.__name__}", (len(rows), d), dtype)
            for name, d in zip(("x", "rest"), shape, strict=True)
        )
        squares = np.empty(shape[1])
        pair_loops.centre_pair(X, Y, rows, slopes, *means, *scales, x, rest, squares)
        out = scratch(f"product {dtype.__name__}", shape, dtype)
        return np.dot(x.T, rest, out=out), squares

    def add_scatter(
        self,
        scatter: FloatArray,
        product: NDArray[np.floating],
        unit: float,
        steps: tuple[FloatArray, FloatArray],
        weight: float,
    ) -> None:
        """As ``Arithmetic`` says."""
        if scatter.ndim == 1:
            triangles.add_scatter(scatter, product, unit, steps[0], weight)
        else:
            row_loops.add_scatter(scatter, product, unit, *steps, weight)

    def room_for(self, shape: tuple[int, int]) -> None:  # noqa: ARG002
        """As ``Arithmetic`` says."""
        return

    def matrix(self, sums: Sums) -> FloatArray:
        """As ``Arithmetic`` says."""
        on_host: FloatArray = sums if isinstance(sums, np.ndarray) else sums.cpu().numpy()
        return on_host
