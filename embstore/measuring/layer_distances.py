"""How far every two layers of a stack are apart, at the same tokens, while batches go by.

The angle between a token's vectors in two layers, over π, is averaged over tokens. Windows are the
unit of its error: a mean is a sum over windows by a count, and the spread of such a ratio follows
from the squares of both, so no window has to be remembered.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.common.workers import Workers
from embstore.geometry.arithmetic.choose import arithmetic_of
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.measuring.scopes import GROUPS
from embstore.metrics.conventions import errors_of_an_interval
from embstore.metrics.selection import Selection
from embstore.types import FloatArray, LayerDistance, LayerKey

# Below this share of a distance an error is rounding.
_ROUNDING = 1e-7


class LayerDistances:
    """The distances between a stack's layers, in some scopes."""

    def __init__(self, layers: Sequence[LayerKey], scopes: Sequence[Scope]) -> None:
        """Make room.

        Args:
            layers: of the stack; the state after the final norm is not a layer further on.
            scopes: which tokens, or windows, count.
        """
        following = [key for key in layers if key.site != "final_norm"]
        self._layers = sorted(following, key=lambda key: key.layer)
        self._sums = {scope: _Sums(len(self._layers)) for scope in scopes}

    @property
    def wanted(self) -> bool:
        """Whether any are collected."""
        return bool(self._sums)

    def add(
        self,
        vectors: Mapping[LayerKey, Vectors],
        mask: NDArray[np.bool_],
        groups: NDArray[np.int8],
        pool: Workers,
    ) -> None:
        """Take in one batch.

        Args:
            vectors: of each layer that is not broken, (windows * window, d).
            mask: which positions are tokens, (windows, window).
            groups: each token's group, (windows, window).
            pool: workers.
        """
        if not self.wanted:
            return
        places = [i for i, key in enumerate(self._layers) if key in vectors]
        layers = [vectors[self._layers[i]] for i in places]
        if not layers:
            return
        windows = [np.flatnonzero(row) + i * mask.shape[1] for i, row in enumerate(mask)]
        angles = pool.map(partial(_angles, layers), windows)
        for rows, found in zip(windows, angles, strict=True):
            of_rows = groups.ravel()[rows]
            for scope, sums in self._sums.items():
                sums.add(found[np.isin(of_rows, GROUPS[scope])], places)

    def add_rows(self, layers: Sequence[Vectors], windows: NDArray[np.int64]) -> None:
        """Take in all vectors of every layer, (n, d) each, whose windows are ascending, (n,)."""
        (ends,) = np.nonzero(np.diff(windows, append=windows[-1:] + 1))
        for rows in np.split(np.arange(len(windows)), ends[:-1] + 1):
            self._sums["all"].add(_angles(layers, rows), list(range(len(layers))))

    def of(self, scope: Scope) -> list[LayerDistance]:
        """Return the distance of every two layers, the earlier one first."""
        found = (self.between(*two, scope) for two in combinations(self._layers, 2))
        return [distance for distance in found if distance is not None]

    def between(self, one: LayerKey, other: LayerKey, scope: Scope) -> LayerDistance | None:
        """Return the distance of two layers, the earlier one first; None if it is not collected."""
        if scope not in self._sums:
            return None
        at = self._layers.index(one), self._layers.index(other)
        return self._sums[scope].distance(one, other, scope, at)


def distances_for(
    layers: Iterable[LayerKey], scopes: Sequence[Scope], selection: Selection
) -> LayerDistances:
    """Return what collects distances, if they are wanted; else what collects nothing."""
    return LayerDistances(list(layers), scopes if selection.needs("layer distances") else ())


class _Sums:
    """Sums over windows, of two layers each: of distances, of tokens, and of products of both."""

    def __init__(self, n_layers: int) -> None:
        shape = (n_layers, n_layers)
        self._distance, self._tokens = np.zeros(shape), np.zeros(shape)
        self._distance_squares, self._products, self._token_squares = np.zeros((3, *shape))
        self._windows = np.zeros(shape, dtype=np.int64)

    def add(self, angles: FloatArray, places: Sequence[int]) -> None:
        """Take in a window's distances, (tokens, layers, layers), NaN where there is none."""
        at = np.ix_(places, places)
        distance, tokens = np.nansum(angles, axis=0), np.isfinite(angles).sum(axis=0)
        self._distance[at] += distance
        self._tokens[at] += tokens
        self._distance_squares[at] += distance * distance
        self._products[at] += distance * tokens
        self._token_squares[at] += tokens * tokens
        self._windows[at] += tokens > 0

    def distance(
        self, key: LayerKey, other: LayerKey, scope: Scope, at: tuple[int, int]
    ) -> LayerDistance:
        """Return the mean over all tokens, with the error that windows tell."""
        n, n_windows = int(self._tokens[at]), int(self._windows[at])
        if not n:
            return LayerDistance(key, other.layer, scope, None, 0)
        mean = float(self._distance[at]) / n
        spread = float(
            self._distance_squares[at]
            - 2 * mean * self._products[at]
            + mean * mean * self._token_squares[at]
        )
        found = LayerDistance(key, other.layer, scope, mean, n)
        if n_windows < 2:
            return found
        error = float(np.sqrt(max(spread, 0.0) * n_windows / (n_windows - 1))) / n
        if not error > _ROUNDING * mean:
            return found
        reach = error * errors_of_an_interval(n_windows - 1)
        low, high = max(mean - reach, 0.0), min(mean + reach, 1.0)
        return LayerDistance(key, other.layer, scope, mean, n, error, low, high)


def _angles(layers: Sequence[Vectors], rows: NDArray[np.int64]) -> FloatArray:
    """Return the angles over π between layers, (rows, layers, layers)."""
    return arithmetic_of(layers[0]).angles(layers, rows) / np.pi
