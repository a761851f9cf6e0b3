"""Streamed, mergeable joint moments of two layers at the same tokens."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.choose import HOST, arithmetic_of
from embstore.geometry.arithmetic.protocol import Sums, Vectors
from embstore.geometry.moments import compilable, room_beside
from embstore.types import FloatArray

# In sums of so many float32 products rounding stays near 1e-7 of the whole.
_SINGLE_ROWS = 1024
# Rows enough to tell how a coordinate follows itself from layer to layer.
_SLOPE_ROWS = 512


def slopes_between(X: Vectors, Y: Vectors, rows: NDArray[np.int64]) -> FloatArray:
    """Return slopes for ``CrossMoments``, from the first few of some rows, (d_y,).

    Zeros where the layers, (n, d_x) and (n, d_y), differ in width, or for no rows.
    """
    if X.shape[1] != Y.shape[1] or not len(rows):
        return np.zeros(Y.shape[1])
    X, Y = compilable(X), compilable(Y)
    return arithmetic_of(X).slopes(X, Y, rows[:_SLOPE_ROWS])


@dataclass(eq=False)
class CrossMoments:
    """The sum of outer products of two layers' centred vectors of the same tokens.

    In a residual stream most of y is x, and a difference of sums of squares would lose what a
    block adds. So a fixed multiple of each coordinate of x is taken from the same coordinate
    of y, before any product is rounded, and the products are those of x and what is left,
    y − slopes∘x. Any slopes give the same answers; good ones keep the digits.

    Attributes:
        slopes: what is taken away, in each coordinate, (d_y,); zeros between unequal widths.
        n: number of tokens.
        mean_x: mean of the first layer's vectors, (d_x,).
        mean_rest: mean of what is left of the second's, (d_y,).
        scatter: sum over tokens of (x - mean_x)(rest - mean_rest)ᵀ, (d_x, d_y).
        squares: sum over tokens of (rest - mean_rest)², by coordinate, (d_y,).
    """

    slopes: FloatArray
    n: int
    mean_x: FloatArray
    mean_rest: FloatArray
    scatter: FloatArray
    squares: FloatArray

    @classmethod
    def empty(cls, d_x: int, d_y: int, slopes: FloatArray | None = None) -> Self:
        """Return the moments of no tokens; without slopes all of y is left."""
        slopes = np.zeros(d_y) if slopes is None else slopes
        return cls(slopes, 0, np.zeros(d_x), np.zeros(d_y), np.zeros((d_x, d_y)), np.zeros(d_y))

    @property
    def shape(self) -> tuple[int, int]:
        """Dimensions of the two layers."""
        return len(self.mean_x), len(self.mean_rest)

    def copy(self) -> "CrossMoments":
        """Return an independent copy."""
        return replace(
            self,
            mean_x=self.mean_x.copy(),
            mean_rest=self.mean_rest.copy(),
            scatter=self.scatter.copy(),
            squares=self.squares.copy(),
        )

    def joint(self, xx: FloatArray) -> FloatArray:
        """Return the sum of (x - mean_x)(y - mean_y)ᵀ, (d_x, d_y), given that of x and x."""
        return self.scatter + xx * self.slopes if self.slopes.any() else self.scatter

    def change(self, xx: FloatArray) -> FloatArray:
        """Return the sum of squares of the centred y − x by coordinate, for equal widths, (d,).

        Args:
            xx: the sum of (x - mean_x)(x - mean_x)ᵀ, (d, d).
        """
        beyond = self.slopes - 1.0
        change = self.squares + beyond * (2 * np.diag(self.scatter) + beyond * np.diag(xx))
        return np.maximum(change, 0.0)

    def add(
        self,
        X: Vectors,
        Y: Vectors,
        rows: NDArray[np.int64] | None = None,
        *,
        single: bool = False,
    ) -> None:
        """Add the same tokens' rows of ``X``, (n, d_x), and ``Y``, (n, d_y), in place.

        Args:
            X: the first layer's vectors.
            Y: the second layer's.
            rows: which of them; None for all.
            single: multiply blocks of 1,024 centred rows in float32, at half the cost, and
                sum the blocks in float64; good enough for vectors of about one length.
        """
        rows = np.arange(len(X)) if rows is None else rows
        step = _SINGLE_ROWS if single else max(len(rows), 1)
        X, Y = compilable(X), compilable(Y)
        for start in range(0, len(rows), step):
            self._add_block(X, Y, rows[start : start + step], single=single)

    def on_host(self) -> "CrossMoments":
        """Bring the scatter to the host, if it is elsewhere, and return these moments."""
        self.scatter = HOST.matrix(self.scatter)
        return self

    def _add_block(self, X: Vectors, Y: Vectors, rows: NDArray[np.int64], *, single: bool) -> None:
        arithmetic = arithmetic_of(X)
        mean_x, mean_rest, sizes = arithmetic.describe_pair(X, Y, rows, self.slopes)
        # By powers of two, which round nothing: products stay within range.
        scale_x, scale_rest = (float(2.0 ** -np.frexp(size)[1]) for size in sizes)
        means, scales = (mean_x, mean_rest), (scale_x, scale_rest)
        product, squares = arithmetic.product_of_pair(
            X, Y, rows, self.slopes, means, scales, single=single
        )
        self._sum_up(len(rows), *means, product, 1.0 / (scale_x * scale_rest), squares)

    def take_in(self, other: "CrossMoments") -> None:
        """Add the tokens behind other moments, with the same slopes, in place."""
        if other.n:
            self._sum_up(other.n, other.mean_x, other.mean_rest, other.scatter, 1.0, other.squares)

    def _sum_up(
        self,
        m: int,
        mean_x: FloatArray,
        mean_rest: FloatArray,
        product: Sums,
        unit: float,
        squares: FloatArray,
    ) -> None:
        n = self.n + m
        step_x, step_rest = mean_x - self.mean_x, mean_rest - self.mean_rest
        weight = self.n * (m / n)
        self.scatter = room_beside(product, self.scatter)
        arithmetic = arithmetic_of(self.scatter)
        steps = step_x, step_rest
        arithmetic.add_scatter(self.scatter, arithmetic.matrix(product), unit, steps, weight)
        self.squares += squares + weight * np.square(step_rest)
        self.mean_x += step_x * (m / n)
        self.mean_rest += step_rest * (m / n)
        self.n = n
