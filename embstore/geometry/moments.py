"""Streamed, mergeable moments of one layer's vectors: bounded memory, float64."""

from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from embstore.geometry import triangles
from embstore.geometry.arithmetic.choose import HOST, arithmetic_of, eigh, eigvalsh
from embstore.geometry.arithmetic.protocol import Sums, Vectors
from embstore.types import FloatArray

EPS = float(np.finfo(np.float64).eps)
# Of fewer dimensions a decomposition is as fast as Lanczos's method.
_LEAST_LANCZOS = 64


@dataclass(eq=False)
class Moments:
    """What first- and second-order metrics need to know about a set of vectors.

    Each batch is centred on its own mean before the product and merged by the
    pairwise update of Chan, Golub & LeVeque (1983), so a large common offset
    costs no digits, and any split of the vectors into batches gives the same sums.

    Attributes:
        n: number of vectors.
        mean: their mean, (d,).
        scatter: sum of outer products of the centred vectors, (d, d); (0, 0) where it is not
            wanted, and then nothing that comes from it is known. While vectors are added it may
            be a triangle, or on their device: see ``whole``.
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
    def empty(cls, d: int, *, scatter: bool = True, packed: bool = False) -> Self:
        """Return the moments of no vectors in ``d`` dimensions, with or without a scatter.

        Packed ones keep a triangle of it, in half the room, and tell what comes from it only
        once they are ``whole``.
        """
        side = d if scatter else 0
        sums = triangles.empty(side) if packed else np.zeros((side, side))
        return cls(0, np.zeros(d), sums, np.zeros(d), np.zeros(d), 0, 0.0, 0.0)

    @classmethod
    def of(cls, X: NDArray[np.floating], *, scatter: bool = True) -> Self:
        """Return the moments of the rows of ``X``, (n, d), which must be finite."""
        moments = cls.empty(X.shape[1], scatter=scatter)
        moments.add(X)
        return moments

    def add(self, X: Vectors, rows: NDArray[np.int64] | None = None) -> None:
        """Add the rows of ``X``, (n, d), or only the given ones, in place."""
        rows = np.arange(len(X)) if rows is None else rows
        if not len(rows):
            return
        X = compilable(X)
        arithmetic = arithmetic_of(X)
        found = arithmetic.describe(X, rows)
        product = self.scatter
        if self.has_scatter:
            product = arithmetic.product(X, rows, found.mean, half=self.scatter.ndim == 1)
        self.take_in(Moments(len(rows), found.mean, product, *found[1:]))

    @property
    def has_scatter(self) -> bool:
        """Whether there is a scatter."""
        return len(self.scatter) > 0

    def whole(self) -> "Moments":
        """Return an independent copy, its scatter a matrix on the host."""
        sums = cast("Sums", self.scatter)
        if not isinstance(sums, np.ndarray):
            # Once: every scope asks for it. As a triangle it takes half the room.
            product, none = HOST.matrix(sums), np.zeros(len(self.mean))
            triangle = triangles.empty(len(self.mean))
            triangles.add_scatter(triangle, product, 1.0, none, 0.0)
            # Only now: another thread may ask for the same sums.
            self.scatter = triangle
        if self.has_scatter and self.scatter.ndim == 1:
            scatter = np.empty((len(self.mean), len(self.mean)))
            triangles.fill(self.scatter, scatter)
        else:
            scatter = self.scatter.copy()
        return replace(
            self,
            mean=self.mean.copy(),
            scatter=scatter,
            unit_sum=self.unit_sum.copy(),
            unit_squares=self.unit_squares.copy(),
        )

    def take_in(self, other: "Moments") -> None:
        """Add the vectors behind other moments, in place."""
        if other.n == 0:
            return
        n = self.n + other.n
        step = other.mean - self.mean
        if self.has_scatter:
            self.scatter = room_beside(other.scatter, self.scatter)
            arithmetic = arithmetic_of(self.scatter)
            product = arithmetic.matrix(other.scatter)
            arithmetic.add_scatter(self.scatter, product, 1.0, (step, step), self.n * (other.n / n))
        self.mean += step * (other.n / n)
        self.unit_sum += other.unit_sum
        self.unit_squares += other.unit_squares
        self.n = n
        self.n_zero += other.n_zero
        self.norm_max = max(self.norm_max, other.norm_max)
        self.abs_max = max(self.abs_max, other.abs_max)

    def eigenvalues(self, device: str = "cpu") -> FloatArray:
        """Return the covariance eigenvalues (divisor n - 1), largest first, (d,).

        Values below d * eps * the largest are rounding and returned as zero; so is
        everything beyond rank n - 1. With fewer than two vectors all are zero.
        """
        scale = self.scale
        if scale == 0:
            return np.zeros(len(self.mean))
        return self.cut(eigvalsh(self.scatter / scale, device)[::-1])

    def eigen(self, device: str = "cpu") -> tuple[FloatArray, FloatArray]:
        """Return the eigenvalues with the directions they belong to.

        Args:
            device: where they are computed, if it has float64.

        Returns:
            The eigenvalues, as above, and as columns in the same order unit vectors, (d, d).
        """
        scale = self.scale
        if scale == 0:
            return np.zeros(len(self.mean)), np.eye(len(self.mean))
        values, vectors = eigh(self.scatter / scale, device)
        return self.cut(values[::-1]), vectors[:, ::-1]

    def first_eigen(self) -> tuple[float, FloatArray]:
        """Return the largest eigenvalue with its direction, a unit vector, (d,).

        By Lanczos's method, whose products cost d² each where a decomposition costs d³.
        """
        scale, d = self.scale, len(self.mean)
        if scale == 0 or d < _LEAST_LANCZOS:
            values, directions = self.eigen()
            return float(values[0]), directions[:, 0]
        # By a fixed draw: a start at right angles to the direction would never find it.
        start = np.random.default_rng(0).standard_normal(d)
        try:
            values, vectors = eigsh(self.scatter / scale, k=1, which="LA", v0=start, tol=0.0)
        except ArpackNoConvergence:
            values, directions = self.eigen()
            return float(values[0]), directions[:, 0]
        return float(values[0]) * (scale / (self.n - 1)), vectors[:, 0]

    def eigenvalues_about_origin(self, device: str = "cpu") -> FloatArray:
        """Return the eigenvalues of the mean of xxᵀ, x not centred, largest first, (d,)."""
        scale, d = self.scale, len(self.mean)
        unit = max((scale / max(self.n, 1)) ** 0.5, float(np.abs(self.mean).max(initial=0.0)))
        if not unit > 0:
            return np.zeros(d)
        mean = self.mean / unit
        about = np.outer(mean, mean)
        if scale:
            about += self.scatter / (unit * self.n) / unit
        values = eigvalsh(about, device)[::-1]
        return np.asarray(np.where(values > values[0] * d * EPS, values, 0.0) * unit * unit)

    @property
    def total_variance(self) -> float:
        """The trace of the covariance, its divisor n - 1."""
        return float((np.diag(self.scatter) / (self.n - 1)).sum()) if self.scale else 0.0

    @property
    def squared_norm(self) -> float:
        """The squared Frobenius norm of the covariance, its divisor n - 1."""
        scale = self.scale
        if not scale:
            return 0.0
        unit = scale / (self.n - 1)
        scaled = self.scatter / scale
        return float(np.vdot(scaled, scaled)) * unit * unit

    @property
    def scale(self) -> float:
        """The largest entry of the scatter, which keeps huge and tiny data in range; or 0."""
        # It lies on the diagonal, for no product of two is larger than both squares.
        scale = float(np.diag(self.scatter).max())
        # Equal vectors differ from their mean by its rounding, which is no variance.
        varied = self.n >= 2 and scale > self.n * (8 * EPS * self.abs_max) ** 2
        return scale if varied else 0.0

    def cut(self, descending: NDArray[np.floating]) -> FloatArray:
        """Turn eigenvalues of the scatter over ``scale``, largest first, into the covariance's.

        What is rounding, or beyond rank n - 1, becomes zero.
        """
        values = np.where(descending > descending[0] * len(descending) * EPS, descending, 0.0)
        values[self.n - 1 :] = 0.0
        return np.asarray(values * (self.scale / (self.n - 1)))


def room_beside(product: Sums, sums: Sums) -> Sums:
    """Return sums where a product is that is to be added, or where they are, without room there.

    Else every product would come to the host.

    Args:
        product: (d_x, d_y).
        sums: the same, or a triangle of it, which is on the host.
    """
    if not isinstance(sums, np.ndarray) or isinstance(product, np.ndarray):
        return sums
    beside = arithmetic_of(product).room_for((product.shape[0], product.shape[1]))
    if beside is None:
        return sums
    if not sums.any():
        return beside
    whole = sums
    if sums.ndim == 1:
        whole = np.empty((product.shape[0], product.shape[1]))
        triangles.fill(sums, whole)
    return arithmetic_of(product).matrix(whole)


def compilable(X: Vectors) -> Vectors:
    """Convert dtypes that compiled loops cannot read, such as float16."""
    if not isinstance(X, np.ndarray) or X.dtype in (np.float32, np.float64):
        return X
    return X.astype(np.float64)
