"""What a metric may look at: one layer's token vectors in one scope, summarised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from embstore.common.cached_attribute import cached_attribute
from embstore.geometry import gram
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.geometry.kept.choose import kept_arithmetic_of
from embstore.geometry.kept.protocol import KeptArithmetic, Single
from embstore.geometry.moments import EPS, Moments
from embstore.geometry.neighbors.mutual import mutual_share
from embstore.geometry.rank_one import add_outer_product
from embstore.geometry.row_loops import absolute_median, cosines_to, lengths
from embstore.metrics.apart import Own, UnitWindows
from embstore.metrics.clusters import AS_NEIGHBOR, LESS_IF_MUTUAL, Clusters
from embstore.metrics.neighbor_ratios import NEIGHBORS, inverse_effects, local_dimensions
from embstore.metrics.window_products import Products, own_windows
from embstore.types import FloatArray

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Graph:
    """The distinct points of a sample and how far their neighbours are.

    Attributes:
        distances: to the k nearest other points, ascending along each row, (n, k).
        indices: which points these are, (n, k).
        clusters: the windows the points came from.
        radii: of the correlation integral, (4,); NaN with fewer than 20 neighbours.
        within: for each point the share of all others within each radius, (n, 4).
        rows: the row of the sample that each point is, (n,).
    """

    distances: FloatArray
    indices: NDArray[np.int32]
    clusters: Clusters
    radii: FloatArray
    within: FloatArray
    rows: NDArray[np.int64]

    @cached_attribute
    def inverse_effects(self) -> FloatArray:
        """How much each neighbour moves the inverse dimension around a point, (n, 19)."""
        return inverse_effects(self.distances)

    def on_neighbors(self, effects: FloatArray) -> FloatArray:
        """Sum up what counts of what each point does to others, as their neighbour, (n,).

        Args:
            effects: how much each of a point's nearest neighbours, by being there, moves
                what is around that point, (n, <= k).
        """
        indices = self.indices[:, : effects.shape[1]]
        effects = effects[: len(indices)]
        sums = np.bincount(indices.ravel(), effects.ravel(), minlength=len(self.distances))
        return np.asarray(self.as_neighbor * sums)

    @cached_attribute
    def as_neighbor(self) -> float:
        """How much counts of what a point does to others as their neighbour."""
        return max(AS_NEIGHBOR, 1.0 - LESS_IF_MUTUAL * mutual_share(self.indices[:, :NEIGHBORS]))


# Of a sample whose neighbours nothing asks for.
NO_GRAPH = Graph(
    distances=np.zeros((0, 0)),
    indices=np.zeros((0, 0), dtype=np.int32),
    clusters=Clusters.of(np.zeros(0, dtype=np.int64)),
    radii=np.full(4, np.nan),
    within=np.zeros((0, 4)),
    rows=np.zeros(0, dtype=np.int64),
)


@dataclass(frozen=True, eq=False)
class Cloud:
    """A cloud of token vectors and the sample kept from it.

    Attributes:
        moments: of all n vectors.
        sample: the kept ones, (n_sample, d).
        clusters: their windows.
        graph: the sample's nearest neighbours.
        units: the vectors that errors of numbers from all n look at, (n_units, d).
        unit_clusters: their windows, and for how many vectors they stand.
        products: of the units of each window, if they are known already.
        eigen: how much of the covariance is decomposed. Along its directions errors of any
            function of the spectrum can be had; without values only the first is known.
        device: where it is decomposed.
        placed: the units where they are multiplied with its directions; None for where they are.
        placed_sample: the sample where it is multiplied with itself; None for where it is.
        by_window: numbers of each window alone, NaN where they are undefined, (n_windows,).
        why_not: of numbers that no window has, the reason.
    """

    moments: Moments
    sample: NDArray[np.floating]
    clusters: Clusters
    graph: Graph
    units: NDArray[np.floating]
    unit_clusters: Clusters
    products: Products | None = None
    eigen: Literal["directions", "values", "first"] = "directions"
    device: str = "cpu"
    placed: "Vectors | None" = None
    placed_sample: "Vectors | None" = None
    by_window: Mapping[str, FloatArray] = field(default_factory=dict)
    why_not: Mapping[str, str] = field(default_factory=dict)

    @cached_attribute
    def _made(self) -> "dict[Callable[[Cloud], object], object]":
        return {}

    def once(self, make: "Callable[[Cloud], Made]") -> "Made":
        """Return what a function makes of this cloud, made when it is first asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("Made", self._made[make])

    @property
    def n(self) -> int:
        """Vectors in the cloud."""
        return self.moments.n

    @property
    def d(self) -> int:
        """Dimensions."""
        return len(self.moments.mean)

    @property
    def n_unit(self) -> int:
        """Vectors with a direction, that is of non-zero length."""
        return self.moments.n - self.moments.n_zero

    @property
    def _fewer_than_dimensions(self) -> bool:
        """Whether the sample is all n vectors, and n < d: then (n, n) products say the same.

        Where only some vectors were kept there is no way around the (d, d) sum.
        """
        return len(self.sample) == self.n < self.d

    @cached_attribute
    def _eigen(self) -> tuple[FloatArray, FloatArray]:
        """The eigenvalues, (d,), and directions, (d, d) or those with variance, (d, < n)."""
        if self._fewer_than_dimensions:
            return gram.eigen_of(self.sample, self.moments, self.device)
        return self.moments.eigen(self.device)

    @cached_attribute
    def eigenvalues(self) -> FloatArray:
        """Of the covariance, largest first, (d,)."""
        if self.eigen == "directions":
            return self._eigen[0]
        if self._fewer_than_dimensions:
            return gram.eigenvalues_of(self.sample, self.moments, self.device)
        return self.moments.eigenvalues(self.device)

    @cached_attribute
    def trace(self) -> float:
        """The sum of the eigenvalues, which is the total variance."""
        if self.eigen == "first":
            return self.moments.total_variance
        return float(self.eigenvalues.sum())

    @cached_attribute
    def squared_norm(self) -> float:
        """The sum of the squared eigenvalues."""
        if self.eigen == "first":
            return self.moments.squared_norm
        return float(self.eigenvalues @ self.eigenvalues)

    @cached_attribute
    def _first(self) -> tuple[float, FloatArray]:
        return self.moments.first_eigen()

    @property
    def first_eigenvalue(self) -> float:
        """The largest."""
        return self._first[0] if self.eigen == "first" else float(self.eigenvalues[0])

    @cached_attribute
    def variance_sums(self) -> FloatArray:
        """Squared projections on the eigenvectors, summed over each cell, (n_cells, d)."""
        values, directions = self._eigen
        return self._square_sums(float(values.sum()), directions, np.zeros(directions.shape[1]))

    @cached_attribute
    def first_sums(self) -> FloatArray:
        """Squared projections on the first eigenvector, summed over each cell, (n_cells,)."""
        if self.eigen == "directions":
            return np.asarray(self.variance_sums[:, 0])
        return self._squares_over_cells(self._kept.along(self._centred, self._first[1]))

    @cached_attribute
    def square_sums(self) -> FloatArray:
        """Squared lengths of the centred units, summed over each cell, (n_cells,)."""
        if self.eigen == "directions":
            return np.asarray(self.variance_sums.sum(axis=1))
        return self._squares_over_cells(self._kept.lengths(self._centred))

    def _squares_over_cells(self, scaled: NDArray[np.floating]) -> FloatArray:
        return self.unit_clusters.sums(np.square(scaled, dtype=np.float64)) * self.trace

    @cached_attribute
    def _eigen_about_origin(self) -> tuple[FloatArray, FloatArray]:
        values, directions = self._eigen
        values = values * ((self.n - 1) / self.n) if self.n else values
        add = gram.add_mean if directions.shape[1] < self.d else add_outer_product
        values, directions = add(values, directions, self.moments.mean, self.device)
        # What is rounding has no direction of its own, and an error must not look along it.
        return np.where(values > values[0] * self.d * EPS, values, 0.0), directions

    @cached_attribute
    def eigenvalues_about_origin(self) -> FloatArray:
        """Of the mean of xxᵀ, x not centred, largest first, (d,)."""
        if self.eigen == "directions":
            return self._eigen_about_origin[0]
        return self.moments.eigenvalues_about_origin(self.device)

    @cached_attribute
    def square_sums_about_origin(self) -> FloatArray:
        """Squared projections, not centred, on those eigenvectors, by cell, (n_cells, d)."""
        values, directions = self._eigen_about_origin
        return self._square_sums(float(values.sum()), directions, self.moments.mean @ directions)

    @cached_attribute
    def own_windows(self) -> Own | None:
        """What tokens of one window have in common, about the mean; None if it tells nothing."""
        mean, scatter = self.moments.mean, self.moments.scatter
        total = float(np.trace(scatter)) / max(self.n, 1)
        windows = UnitWindows.of(self.unit_clusters, self.n)
        if not total > 0 or windows.why_not is not None:
            return None
        products = self.products or Products.of(self.units, windows.of_units, mean, self._placed)
        return own_windows(windows, (products, total**-0.5, mean, scatter))

    def _square_sums(self, total: float, directions: FloatArray, added: FloatArray) -> FloatArray:
        """Sum over each cell the squares of the centred units' projections plus a number each."""
        n_cells, n_directions = self.unit_clusters.counts.size, directions.shape[1]
        if not total > 0:
            return np.zeros((n_cells, self.d))
        scale = total**-0.5
        projected = self._kept.times(self._centred_by(scale), directions, "projected")
        found = self._kept.square_sums(projected, added * scale, self.unit_clusters.cells, n_cells)
        found *= total
        # Along directions that are left out nothing that counts has any length.
        left_out = np.zeros((n_cells, self.d - n_directions))
        return np.concatenate([found, left_out], axis=1) if n_directions < self.d else found

    def of_sample(self, work: "Callable[[KeptArithmetic[Any, Any], Vectors], Made]") -> "Made":
        """Return what is made of the sample's vectors, (n_sample, d), where they are."""
        there = self.sample if self.placed_sample is None else self.placed_sample
        return work(kept_arithmetic_of(there), there)

    @property
    def _kept(self) -> KeptArithmetic[Any, Any]:
        return kept_arithmetic_of(self._placed)

    @property
    def _placed(self) -> Vectors:
        return self.units if self.placed is None else self.placed

    @property
    def _centred(self) -> Single:
        """The centred units in units of the total variance's root, (n_units, d)."""
        return self._centred_by(self.trace**-0.5 if self.trace > 0 else 0.0)

    def _centred_by(self, scale: float) -> Single:
        """The centred units, scaled to length about one: float32 neither overflows nor vanishes.

        On the host the array is the thread's own, and lasts until the next is asked for.
        """
        centred: Single = self._kept.centred(self._placed, self.moments.mean, scale, "cloud")
        return centred

    @cached_attribute
    def spread(self) -> FloatArray:
        """Sum over each cell of xᵀCx, x centred and C the covariance, (n_cells,)."""
        if self.eigen == "directions":
            return np.asarray(self.variance_sums @ self.eigenvalues)
        scatter = self.moments.scatter / (max(self.n - 1, 1) * (self.trace or 1.0))
        centred = self._centred
        turned = self._kept.times(centred, scatter, "projected")
        along = self._kept.row_products(centred, turned)
        return self.unit_clusters.sums(along) * self.trace**2

    @cached_attribute
    def to_mean(self) -> FloatArray:
        """Product of each unit's direction with the mean direction, (n_units,).

        Without a direction, what all have on average: so it moves no mean.
        """
        mean = self.moments.unit_sum / max(self.n_unit, 1)
        cosines: FloatArray = cosines_to(self.units, mean)
        if self.moments.n_zero:
            cosines[lengths(self.units) == 0] = mean @ mean
        return cosines

    def directions_at(self, coordinate: int) -> FloatArray:
        """One coordinate of each unit's direction, the mean one's without one, (n_units,)."""
        norms: FloatArray = lengths(self.units)
        directed = np.full(len(norms), self.moments.unit_sum[coordinate] / max(self.n_unit, 1))
        np.divide(self.units[:, coordinate], norms, out=directed, where=norms > 0)
        return directed

    @cached_attribute
    def sample_norms(self) -> FloatArray:
        """Norms of the sample, (n_sample,)."""
        norms: FloatArray = lengths(self.sample)
        return norms

    @cached_attribute
    def sample_abs_median(self) -> float:
        """Median absolute coordinate of the sample."""
        if not self.sample.size:
            return float("nan")
        if self.sample.dtype == np.float32:
            return absolute_median(self.sample)
        return float(np.median(np.abs(self.sample)))

    @cached_attribute
    def local_dimensions(self) -> FloatArray:
        """Levina-Bickel estimate around each distinct point of the sample, (n_distinct,)."""
        return local_dimensions(self.graph.distances)
