"""What a two-layer metric may look at: a layer and the next in one scope, summarised.

Scopes differ by a few tokens of many, the first of each window and the sinks, whose
vectors are at hand. So what costs n·d² is computed once, for the tokens that all share
(the ``Core``), and each scope corrects it by its own few tokens at n·d for each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embstore.common.cached_attribute import cached_attribute
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.geometry.cross_moments import CrossMoments
from embstore.geometry.kept.choose import kept_arithmetic_of
from embstore.geometry.kept.protocol import KeptArithmetic, PairShift, Single
from embstore.geometry.moments import Moments
from embstore.metrics.apart import Own, UnitWindows
from embstore.metrics.clusters import Clusters, Totals
from embstore.metrics.least_squares import Fit, Gain
from embstore.metrics.window_products import Products, own_windows
from embstore.types import FloatArray, LayerDistance


@dataclass(frozen=True, eq=False)
class Overlap:
    """How many neighbours each point shares between the two layers.

    Attributes:
        shares: of its nearest neighbours, for each point distinct in both layers, (n,).
        clusters: the points' windows.
        as_neighbor: what counts of what each point adds to the shares of others, beyond what
            the neighbour would that took its place, (n,).
    """

    shares: FloatArray
    clusters: Clusters
    as_neighbor: FloatArray


@dataclass(frozen=True, eq=False)
class Steps:
    """How far each kept token moves and turns, and the means over all tokens.

    Attributes:
        ratios: ‖y − x‖/‖x‖ of the units, NaN where x is zero, (n_units,).
        cosines: cos(x, y) of the units, NaN where either is zero, (n_units,).
        mean_ratio: over all tokens with x not zero; NaN for none.
        mean_cosine: over all tokens where neither is zero; NaN for none.
        n_ratios: tokens behind ``mean_ratio``.
        n_cosines: tokens behind ``mean_cosine``.
    """

    ratios: FloatArray
    cosines: FloatArray
    mean_ratio: float
    mean_cosine: float
    n_ratios: int
    n_cosines: int


@dataclass(frozen=True, eq=False)
class Core:
    """Two layers at the tokens that scopes share, or at all tokens of one scope.

    Its arrays are the thread's own, one set for each ``name``: they last until the thread
    looks at another core of that name.

    Attributes:
        name: of its arrays.
        x: moments of the layer.
        y: moments of the next.
        cross: their joint second moment.
        units_x: the layer's kept vectors of every scope, (n_units, d_x).
        units_y: the next layer's, the same tokens, (n_units, d_y).
        device: where the map is computed.
        placed: both layers' units where they are multiplied with it; None for where they are.
    """

    name: str
    x: Moments
    y: Moments
    cross: CrossMoments
    units_x: NDArray[np.floating]
    units_y: NDArray[np.floating]
    device: str = "cpu"
    placed: tuple[Vectors, Vectors] | None = None

    @cached_attribute
    def fit(self) -> Fit:
        """The least-squares map from the layer to what is left of the next."""
        total = float(self.cross.squares.sum())
        return Fit.of(self.x.scatter, self.cross.scatter, total, self.device)

    @cached_attribute
    def factor(self) -> float:
        """What brings the next layer's vectors to length about one, for float32."""
        return _factor(self.y)

    @cached_attribute
    def factor_x(self) -> float:
        """What brings the layer's vectors to length about one."""
        return _factor(self.x)

    @cached_attribute
    def covariance(self) -> FloatArray:
        """Of the layer with the next, scaled, (d_x, d_y)."""
        scale = self.factor_x * self.factor / max(self.x.n, 1)
        return np.asarray(self.cross.joint(self.x.scatter) * scale)

    @property
    def kept(self) -> KeptArithmetic[Any, Any]:
        """What multiplies the units."""
        return kept_arithmetic_of(self.there[0])

    @property
    def there(self) -> tuple[Vectors, Vectors]:
        """Both layers' units where they are multiplied."""
        return (self.units_x, self.units_y) if self.placed is None else self.placed

    @cached_attribute
    def centred(self) -> tuple[Single, Single]:
        """Units of x and of what is left of y, about the core's means, scaled."""
        X, Y = self.there
        cross = self.cross
        return (
            self.kept.centred(X, self.x.mean, self.factor_x, f"{self.name} x"),
            self.kept.rest(X, Y, cross.slopes, cross.mean_rest, self.factor, f"{self.name} rest"),
        )

    @cached_attribute
    def map(self) -> FloatArray:
        """The map of ``fit`` between the scaled vectors, (d_x, d_y)."""
        return np.asarray(self.fit.map * (self.factor / self.factor_x))

    @cached_attribute
    def mapped(self) -> Single:
        """The layer's centred units times the map, (n_units, d_y)."""
        return self._times("mapped", self.map)

    @cached_attribute
    def turned(self) -> Single:
        """The layer's centred units times ``covariance``, (n_units, d_y)."""
        return self._times("turned", self.covariance)

    def _times(self, what: str, matrix: FloatArray) -> Single:
        product: Single = self.kept.times(self.centred[0], matrix, f"{self.name} {what}")
        return product


def _factor(moments: Moments) -> float:
    total = float(np.trace(moments.scatter)) / max(moments.n, 1)
    return float(total**-0.5) if total > 0 else 1.0


@dataclass(frozen=True, eq=False)
class Pair:
    """A layer and the next in one scope, at the same n tokens.

    Attributes:
        core: the tokens that most of the work is done for.
        added: the scope's other tokens in both layers, (k, d_x) and (k, d_y), which a core
            of full rank can take in; None if the core has all.
        x: moments of the layer.
        y: moments of the next.
        cross: their joint second moment.
        clusters: the windows of the core's units, as far as they are in this scope.
        spread_x: sum over each cell of xᵀC_xx x, C the covariance, (n_cells,).
        spread_y: the same for the next layer.
        overlap: of nearest neighbours.
        steps: of the tokens, None where the layers differ in width.
        products: of the units of each window in both layers, if they are known already.
        distance: the mean angle between the tokens' vectors; None if it is not known.
    """

    core: Core
    added: tuple[NDArray[np.floating], NDArray[np.floating]] | None
    x: Moments
    y: Moments
    cross: CrossMoments
    clusters: Clusters
    spread_x: FloatArray
    spread_y: FloatArray
    overlap: Overlap
    steps: Steps | None
    products: tuple[Products, Products] | None = None
    distance: LayerDistance | None = None

    @property
    def n(self) -> int:
        """Tokens in both layers."""
        return self.x.n

    @property
    def d(self) -> int:
        """Dimensions of the earlier layer."""
        return len(self.x.mean)

    def totals(self, influence: FloatArray) -> Totals | None:
        """Return what each window moves a number, from what each unit does, (n_units,)."""
        return self.clusters.totals(self.clusters.sums(influence))

    @property
    def factor(self) -> float:
        """The squares of tokens, below, are in units of ``factor``⁻²."""
        return self.core.factor

    @property
    def fit(self) -> Fit:
        """The least-squares map from the layer to what is left of the next."""
        return self._fitted[0]

    @cached_attribute
    def joint_scatter(self) -> FloatArray:
        """Sum of outer products of the centred vectors of both layers, (d_x, d_y)."""
        return self.cross.joint(self.x.scatter)

    @property
    def total(self) -> float:
        """Sum of squares of the next layer's centred vectors."""
        return float(np.trace(self.y.scatter))

    @property
    def change(self) -> float:
        """Sum of squares of the centred differences y − x; NaN between unequal widths."""
        if self.x.scatter.shape != self.y.scatter.shape:
            return float("nan")
        change = self.cross.change(self.x.scatter)
        # Rounding of x and y, each by half a unit in its last place, is no change.
        unit = float(np.finfo(self.core.units_x.dtype).eps) / 2
        sizes = [
            np.diag(moments.scatter) + moments.n * np.square(moments.mean)
            for moments in (self.x, self.y)
        ]
        beyond = change > 2 * unit**2 * (sizes[0] + sizes[1])
        return float(change.sum()) if beyond.any() else 0.0

    @property
    def squares(self) -> FloatArray:
        """‖y‖² of the centred units, (n_units,)."""
        return self._terms[0]

    @property
    def residual_squares(self) -> FloatArray:
        """‖y − xA‖² of the centred units, (n_units,)."""
        return self._terms[1]

    @property
    def joint(self) -> FloatArray:
        """Of the centred units xᵀC_xy y with the joint covariance, (n_units,)."""
        return self._terms[2]

    @property
    def change_squares(self) -> FloatArray:
        """‖y − x‖² of the centred units, for layers of one width, (n_units,)."""
        return self._terms[3]

    @cached_attribute
    def own_windows(self) -> Own | None:
        """What tokens of one window have in common, in both layers; None if it tells nothing."""
        x, y, core = self.x, self.y, self.core
        windows = UnitWindows.of(self.clusters, self.n)
        if not (x.scatter.any() and y.scatter.any()) or windows.why_not is not None:
            return None
        products = self.products or (
            Products.of(core.units_x, windows.of_units, x.mean, core.there[0]),
            Products.of(core.units_y, windows.of_units, y.mean, core.there[1]),
        )
        return own_windows(
            windows,
            (products[0], core.factor_x, x.mean, x.scatter),
            (products[1], core.factor, y.mean, y.scatter),
        )

    @cached_attribute
    def _shift(self) -> tuple[FloatArray, FloatArray]:
        """The core's means of x and of what is left of y, less the scope's."""
        core = self.core
        return core.x.mean - self.x.mean, core.cross.mean_rest - self.cross.mean_rest

    @cached_attribute
    def _beyond(self) -> tuple[FloatArray, FloatArray]:
        """Rows whose products are what the scope's sums have beyond the core's."""
        slopes = self.cross.slopes
        if self.added is None or not len(self.added[0]):
            return np.zeros((0, len(self.x.mean))), np.zeros((0, len(slopes)))
        x, y = (rows.astype(np.float64) for rows in self.added)
        rest = y - slopes * x if x.shape == y.shape else y
        # The added tokens, and all of the core's at their mean.
        root = self.core.x.n**0.5
        shift_x, shift_rest = self._shift
        return (
            np.vstack([x - self.x.mean, root * shift_x]),
            np.vstack([rest - self.cross.mean_rest, root * shift_rest]),
        )

    @cached_attribute
    def _fitted(self) -> tuple[Fit, Gain]:
        return self.core.fit.with_tokens(*self._beyond, float(self.cross.squares.sum()))

    @cached_attribute
    def _terms(self) -> tuple[FloatArray, ...]:
        """‖y‖², ‖y − xA‖², xᵀC_xy y and ‖y − x‖²: the core's, for other means and sums."""
        core, gain, slopes = self.core, self._fitted[1], self.cross.slopes
        kept, (X, rest) = core.kept, core.centred
        factor_x, factor = core.factor_x, core.factor
        unit = factor / factor_x
        shift_x, shift_rest = self._shift[0] * factor_x, self._shift[1] * factor
        alike = X.shape == rest.shape
        # Between unequal widths nothing is carried on, and what is left is all of y.
        before, shift_before = (X, shift_x) if alike else (rest, shift_rest)
        # xA for x about the scope's mean: the core's, a constant, and what the map gained.
        to_gain, gained = gain.gain / factor_x, gain.change * factor
        shift = PairShift(
            x=shift_before,
            rest=shift_rest,
            slopes=slopes,
            unit=unit,
            leverage=kept.along(X, to_gain),
            change=gained,
            fixed=shift_x @ core.map + (shift_x @ to_gain) @ gained,
            turned=shift_x @ core.covariance,
        )
        terms = kept.pair_terms(before, rest, core.mapped, core.turned, shift)
        beyond_x, beyond_rest = self._beyond
        beyond_y = beyond_rest + slopes * beyond_x if alike else beyond_rest
        to_x, to_y = (
            (rows * scale).T for rows, scale in ((beyond_x, factor_x), (beyond_y, factor))
        )
        along_x = kept.along(X, to_x) + shift_x @ to_x
        along_y = kept.along(rest, to_y) + shift_rest @ to_y
        if alike:
            carried = slopes[:, np.newaxis] * to_y * unit
            along_y += kept.along(X, carried) + shift_x @ carried
        joint = core.x.n * terms[:, 2] + (along_x * along_y).sum(axis=1)
        return terms[:, 0], terms[:, 1], joint / max(self.n, 1), terms[:, 3]
