"""What is made of the vectors that were kept of a layer, whoever does it.

For errors products are made in float32, of vectors about one long: an error needs no more digits.
They stay where the vectors are, for between two layers they are as large; what comes back is
small. What numbers are made of is multiplied in float64.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.protocol import Vectors
from embstore.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

V_contra = TypeVar("V_contra", "NDArray[np.floating]", "Tensor", contravariant=True)
Z = TypeVar("Z", "NDArray[np.float32]", "Tensor")

# Rows in float32, (n, d), where their vectors are.
Single: TypeAlias = Vectors


class PairShift(NamedTuple):
    """How the tokens of a scope differ from those whose products are known.

    Attributes:
        x: added to each scaled x, (d_x,); to each rest between unequal widths.
        rest: added to each scaled rest, (d_y,).
        slopes: y is these times x and the rest, (d_y,).
        unit: one unit of the scaled x in units of y.
        leverage: of each token, (n, k).
        change: what a unit of leverage adds to a prediction, (k, d_y).
        fixed: added to all predictions, (d_y,).
        turned: added to each product with the joint covariance, (d_y,).
    """

    x: FloatArray
    rest: FloatArray
    slopes: FloatArray
    unit: float
    leverage: NDArray[np.float32]
    change: FloatArray
    fixed: FloatArray
    turned: FloatArray


class KeptArithmetic(Protocol[V_contra, Z]):
    """What can be done with kept vectors of one kind.

    Rows on the host are the thread's own: they last until it asks for others of that name.
    """

    def centred(self, X: V_contra, mean: FloatArray, scale: float, name: str) -> Z:
        """Return (x − mean)·scale of each row, rounded at the end, (n, d)."""

    def rest(
        self,
        X: V_contra,
        Y: V_contra,
        slopes: FloatArray,
        mean: FloatArray,
        scale: float,
        name: str,
    ) -> Z:
        """Return (y − slopes∘x − mean)·scale of each row, (n, d_y); y alone of unequal widths."""

    def times(self, rows: Z, matrix: FloatArray, name: str) -> Z:
        """Return rows, (n, d), times a matrix, (d, k), that is given in float64."""

    def along(self, rows: Z, columns: FloatArray) -> NDArray[np.float32]:
        """Return rows, (n, d), times one vector, (d,), or a few, (d, k)."""

    def lengths(self, rows: Z) -> FloatArray:
        """Return the Euclidean norms, (n,)."""

    def row_products(self, one: Z, other: Z) -> FloatArray:
        """Return the product of each row with the same row of others, summed in float64, (n,)."""

    def square_sums(
        self, rows: Z, added: FloatArray, cells: NDArray[np.int64], n_cells: int
    ) -> FloatArray:
        """Sum up squared coordinates by cell.

        Args:
            rows: (n, d); may be changed.
            added: to each coordinate before it is squared, (d,).
            cells: of each row, -1 where it does not count, (n,).
            n_cells: how many there are.

        Returns:
            The sums in float64, (n_cells, d).
        """

    def pair_terms(self, before: Z, rest: Z, mapped: Z, turned: Z, shift: PairShift) -> FloatArray:
        """Return ‖y‖², ‖y − ŷ‖², y·t and ‖y − x‖² of each token, (n, 4).

        Args:
            before: x, scaled; the rest itself between unequal widths, (n, d_y).
            rest: what is left of y, scaled, (n, d_y).
            mapped: x times the map of least squares, (n, d_y).
            turned: x times the joint covariance, (n, d_y).
            shift: what the scope's tokens add to all of these.
        """

    def squared_cosines(self, X: V_contra, norms: FloatArray) -> FloatArray:
        """As ``unit_pairs.squared_cosines`` says."""

    def gaussian_sums(
        self, X: V_contra, norms: FloatArray, windows: NDArray[np.int64], *, t: float
    ) -> FloatArray:
        """As ``unit_pairs.gaussian_sums`` says."""

    def pair_distances(self, X: V_contra, rows: NDArray[np.int64]) -> FloatArray:
        """Return the distances of all pairs of some rows, from float64 differences, (k, k)."""

    def inner_products(
        self, X: V_contra, origins: NDArray[np.integer], neighbors: NDArray[np.integer]
    ) -> Iterator[tuple[slice, FloatArray]]:
        """As ``neighborhoods.inner_products`` says."""

    def group_products(
        self, X: V_contra, groups: NDArray[np.int64], origin: FloatArray
    ) -> FloatArray:
        """Return the inner products of the rows of each group with each other.

        Args:
            X: (n, d).
            groups: the rows of each, (n_groups, k).
            origin: what is subtracted from each row, (d,).

        Returns:
            In float64, (n_groups, k, k).
        """
