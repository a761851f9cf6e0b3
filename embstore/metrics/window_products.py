"""Each unit multiplied with the others of its window, and what ``apart`` sums up of that."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.kept.choose import kept_arithmetic_of
from embstore.metrics.apart import Own, Side, UnitWindows
from embstore.types import FloatArray

if TYPE_CHECKING:
    from embstore.geometry.arithmetic.protocol import Vectors

# Numbers held at once.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Products:
    """One layer's units, multiplied with those of their window: the same for all scopes.

    In float64, since a sink's square is a million times what is left without it.

    Attributes:
        units: (n_units, d).
        origin: what is subtracted from them, (d,).
        blocks: for windows of equally many units, as many as are held at once: which units
            they have, (windows, k), and the products, (windows, k, k).
    """

    units: NDArray[np.floating]
    origin: FloatArray
    blocks: tuple[tuple[NDArray[np.int64], FloatArray], ...]

    @classmethod
    def of(
        cls,
        units: NDArray[np.floating],
        windows: NDArray[np.int64],
        origin: FloatArray,
        placed: "Vectors | None" = None,
    ) -> "Products":
        """Multiply units with those of their window.

        Args:
            units: (n_units, d).
            windows: which each is from, -1 for those to leave out, (n_units,).
            origin: what is subtracted from them, (d,).
            placed: the units where they are multiplied; None for where they are.
        """
        there = units if placed is None else placed
        kept = kept_arithmetic_of(there)
        order = np.argsort(windows, kind="stable")
        order = order[windows[order] >= 0]
        _, starts, sizes = np.unique(windows[order], return_index=True, return_counts=True)
        blocks = []
        for size in np.unique(sizes).tolist():
            # All windows of one size at once: there may be as many as tokens.
            rows = order[starts[sizes == size][:, np.newaxis] + np.arange(size)]
            widest = max(size, units.shape[1])
            for block in np.array_split(rows, max(1, rows.size * widest // _BLOCK)):
                if len(block):
                    products = kept.group_products(there, block, origin)
                    blocks.append((block, products))
        return cls(units, origin, tuple(blocks))


def own_windows(
    windows: UnitWindows, *layers: tuple[Products, float, FloatArray, FloatArray]
) -> Own | None:
    """Sum up what units have in common with those of their window; None where that says nothing.

    Args:
        windows: of the units.
        layers: one or two: products of the units, what vectors are multiplied with so that they
            are about one long, the mean of all tokens, (d,), and the sum of their products about
            it, (d, d).
    """
    if windows.why_not is not None:
        return None
    clusters = windows.clusters
    sides = [
        Side(
            windows,
            scatter * scale**2,
            *np.zeros((2, len(clusters.cells))),
            *np.zeros((2, clusters.n_windows, len(mean))),
        )
        for _, scale, mean, scatter in layers
    ]
    own = Own(windows, sides[0], sides[-1], *np.zeros((3, len(clusters.cells))))
    for found in zip(*(products.blocks for products, *_ in layers), strict=True):
        rows = found[0][0]
        between = _between_units(windows, rows)
        grams = []
        for side, (_, gram), (products, scale, mean, _) in zip(sides, found, layers, strict=True):
            Z = (products.units[rows] - mean) * scale
            # About the mean of this scope, and not about the origin of the products.
            shift = (mean - products.origin) * scale
            along = Z @ shift
            moved = gram * scale**2 - along[:, :, np.newaxis] - along[:, np.newaxis] - shift @ shift
            _fill(side, rows, Z, moved, between)
            grams.append(moved)
        x, y = grams[0], grams[-1]
        own.xx[rows] = np.einsum("wij,wij,wij->wi", between, x, x)
        if len(grams) > 1:
            own.xy[rows] = np.einsum("wij,wij,wij->wi", between, x, y)
            own.yy[rows] = np.einsum("wij,wij,wij->wi", between, y, y)
    return own


def _between_units(windows: UnitWindows, rows: NDArray[np.int64]) -> FloatArray:
    """How often the second unit counts beside the first, (windows, k, k)."""
    drawn = windows.drawn[rows]
    weight = windows.weight_in[windows.of_units[rows].max(axis=1)][:, np.newaxis, np.newaxis]
    both = windows.pair_weight / (windows.weight or 1.0)
    between = np.where(
        drawn[:, :, np.newaxis],
        np.where(drawn[:, np.newaxis], both, 1.0),
        np.where(drawn[:, np.newaxis], weight, 1.0),
    )
    each = np.arange(rows.shape[1])
    between[:, each, each] = 1.0
    counted = windows.of_units[rows] >= 0
    return np.asarray(between * counted[:, np.newaxis])


def _fill(
    side: Side, rows: NDArray[np.int64], Z: FloatArray, gram: FloatArray, between: FloatArray
) -> None:
    """Fill in what some windows' units have in one layer."""
    windows = side.windows
    drawn, counted = windows.drawn[rows], windows.of_units[rows] >= 0
    side.squares[rows] = np.einsum("wii->wi", gram)
    side.to_window[rows] = np.einsum("wij,wij->wi", between, gram)
    at = windows.of_units[rows].max(axis=1)
    seen = at >= 0
    side.drawn[at[seen]] = np.einsum("wi,wid->wd", drawn, Z)[seen]
    side.others[at[seen]] = np.einsum("wi,wid->wd", counted & ~drawn, Z)[seen]
