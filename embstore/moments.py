"""Streamed, mergeable moments of one layer's vectors: bounded memory, float64."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray


@dataclass(eq=False)
class Moments:
    """What first- and second-order metrics need to know about a set of vectors.

    Each batch is centred on its own mean before the product and merged by the
    pairwise update of Chan, Golub & LeVeque (1983), so a large common offset
    costs no digits, and any split of the vectors into batches gives the same sums.

    Attributes:
        n: number of vectors.
        mean: their mean, (d,).
        scatter: sum of outer products of the centred vectors, (d, d).
        unit_sum: sum of the vectors scaled to length one, (d,).
        unit_squares: sum of their squared coordinates, (d,).
        n_zero: vectors of length zero, which have no direction.
        norm_max: largest Euclidean norm.
        abs_max: largest absolute coordinate.
    """

    n: int
    mean: FloatArray
    scatter: FloatArray
    unit_sum: FloatArray
    unit_squares: FloatArray
    n_zero: int
    norm_max: float
    abs_max: float

    @classmethod
    def empty(cls, d: int) -> Self:
        """Return the moments of no vectors in ``d`` dimensions."""
        return cls(0, np.zeros(d), np.zeros((d, d)), np.zeros(d), np.zeros(d), 0, 0.0, 0.0)

    @classmethod
    def of(cls, X: NDArray[np.floating]) -> Self:
        """Return the moments of the rows of ``X``, (n, d), which must be finite."""
        X = np.asarray(X, dtype=np.float64)
        n, d = X.shape
        if n == 0:
            return cls.empty(d)
        mean = X.mean(axis=0)
        # Dividing by the largest coordinate first keeps squares of 1e200 finite.
        peak = np.abs(X).max(axis=1)
        directed = peak > 0
        U = X[directed] / peak[directed, None]
        lengths = np.sqrt(np.einsum("ij,ij->i", U, U))
        norm_max = float((lengths * peak[directed]).max()) if directed.any() else 0.0
        centred = X - mean
        return cls(
            n=n,
            mean=mean,
            scatter=centred.T @ centred,
            unit_sum=(1.0 / lengths) @ U,
            unit_squares=np.einsum("i,ij,ij->j", 1.0 / lengths**2, U, U),
            n_zero=int(n - directed.sum()),
            norm_max=norm_max,
            abs_max=float(peak.max()),
        )

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both sets of vectors together."""
        both = replace(
            self,
            mean=self.mean.copy(),
            scatter=self.scatter.copy(),
            unit_sum=self.unit_sum.copy(),
            unit_squares=self.unit_squares.copy(),
        )
        both._take_in(other)
        return both

    def add(self, X: NDArray[np.floating]) -> None:
        """Take the rows of ``X``, (n, d), in, in place."""
        self._take_in(Moments.of(X))

    def _take_in(self, other: "Moments") -> None:
        if other.n == 0:
            return
        n = self.n + other.n
        step = other.mean - self.mean
        self.scatter += other.scatter
        if self.n:
            self.scatter += np.outer(step, step) * (self.n * (other.n / n))
        self.mean += step * (other.n / n)
        self.unit_sum += other.unit_sum
        self.unit_squares += other.unit_squares
        self.n = n
        self.n_zero += other.n_zero
        self.norm_max = max(self.norm_max, other.norm_max)
        self.abs_max = max(self.abs_max, other.abs_max)

    def eigenvalues(self) -> FloatArray:
        """Return the covariance eigenvalues (divisor n - 1), largest first, (d,).

        Values below d * eps * the largest are rounding and returned as zero; so is
        everything beyond rank n - 1. With fewer than two vectors all are zero.
        """
        d = len(self.mean)
        if self.n < 2:
            return np.zeros(d)
        # eigvalsh squares entries; an even scale keeps huge and tiny data in range.
        scale = float(np.abs(self.scatter).max())
        # Equal vectors differ from their mean by its rounding, which is no variance.
        rounding = 8 * np.finfo(np.float64).eps * self.abs_max
        if scale <= self.n * rounding**2:
            return np.zeros(d)
        values = np.linalg.eigvalsh(self.scatter / scale)[::-1].astype(np.float64)
        cutoff = values[0] * d * np.finfo(np.float64).eps
        values = np.where(values > cutoff, values, 0.0)
        values[self.n - 1 :] = 0.0
        return values * (scale / (self.n - 1))
