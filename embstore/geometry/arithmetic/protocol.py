"""The passes over a layer's vectors that measuring is made of, whoever does them.

``Vectors`` are (n, d), finite unless said otherwise, and stay where they are. What comes back is
small and on the host, but for sums of products: those stay beside the vectors until they are
asked for, since a layer's (d, d) numbers for each batch would be more than its vectors.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

V_contra = TypeVar("V_contra", "NDArray[np.floating]", "Tensor", contravariant=True)

Vectors: TypeAlias = "NDArray[np.floating] | Tensor"

# Sums of products, (d_x, d_y): an array, or a tensor beside the vectors.
Sums: TypeAlias = Any

Rows = NDArray[np.int64]

# What can be asked of the rows of a group.
Within = Literal["cosine", "entropy", "matrix entropy", "curvature"]


class Description(NamedTuple):
    """Some vectors and their directions, summed up.

    Attributes:
        mean: of the vectors, (d,).
        unit_sum: of the vectors scaled to length one, (d,).
        unit_squares: of the squared coordinates of these, (d,).
        n_zero: vectors of length zero, which have no direction.
        norm_max: largest length.
        abs_max: largest absolute coordinate.
    """

    mean: FloatArray
    unit_sum: FloatArray
    unit_squares: FloatArray
    n_zero: int
    norm_max: float
    abs_max: float


class Arithmetic(Protocol[V_contra]):
    """What can be done with vectors of one kind; sums are in float64 unless said otherwise."""

    def lengths(self, X: V_contra) -> FloatArray:
        """Return the Euclidean norms, (n,); of a row that is not finite NaN or infinity."""

    def n_bad(self, X: V_contra) -> int:
        """Count the rows with a value that is not finite."""

    def peaks(self, X: V_contra) -> FloatArray:
        """Return the largest absolute coordinate of each row, (n,)."""

    def take(self, X: V_contra, rows: Rows, out: NDArray[np.floating]) -> None:
        """Fill ``out``, (n_rows, d), with some rows."""

    def means(self, X: V_contra, rows: Rows, ends: Rows) -> Vectors:
        """Return the means of groups of rows, (n_groups, d), beside the vectors and as precise.

        Args:
            X: (n, d).
            rows: which rows, group after group.
            ends: where in ``rows`` each group ends, ascending, none of them empty, (n_groups,).
        """

    def within_groups(self, X: V_contra, rows: Rows, ends: Rows, what: Within) -> FloatArray:
        """Return one number for each group of rows, (n_groups,), NaN where it is undefined.

        Args:
            X: (n, d).
            rows: which rows, group after group, ascending in each.
            ends: where in ``rows`` each group ends, ascending, none of them empty, (n_groups,).
            what: ``cosine``, the mean cosine of the rows with their mean; ``entropy``, that of
                the eigenvalues of their directions' Gram matrix, in nats; ``matrix entropy``, the
                same of the rows as long as they are; ``curvature``, the
                mean angle between steps from row to row, in degrees.
        """

    def angles(self, layers: Sequence[V_contra], rows: Rows) -> FloatArray:
        """Return the angles between the vectors of the same row in any two layers.

        Args:
            layers: each (n, d), of any widths.
            rows: which rows.

        Returns:
            In radians, (n_rows, n_layers, n_layers); NaN where a vector is zero, and between
            layers of unequal width.
        """

    def describe(self, X: V_contra, rows: Rows) -> Description:
        """Sum up some rows, at least one."""

    def product(self, X: V_contra, rows: Rows, mean: FloatArray, *, half: bool = False) -> Sums:
        """Return the sum over some rows of (x − mean)(x − mean)ᵀ, (d, d), beside the vectors.

        Of half of it, what is below the diagonal may be anything.
        """

    def compare(self, X: V_contra, Y: V_contra, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Return ‖y − x‖/‖x‖ and cos(x, y) of some rows, (n_rows,), NaN where undefined."""

    def slopes(self, X: V_contra, Y: V_contra, rows: Rows) -> FloatArray:
        """Return by how much each coordinate of ``Y`` follows the same one of ``X``, (d,)."""

    def describe_pair(
        self, X: V_contra, Y: V_contra, rows: Rows, slopes: FloatArray
    ) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
        """Return the means of x and of y − slopes∘x over some rows, and their root mean squares."""

    def product_of_pair(
        self,
        X: V_contra,
        Y: V_contra,
        rows: Rows,
        slopes: FloatArray,
        means: tuple[FloatArray, FloatArray],
        scales: tuple[float, float],
        *,
        single: bool,
    ) -> tuple[Sums, FloatArray]:
        """Multiply x with what is left of y, both centred and scaled.

        Args:
            X: vectors before, (n, d_x).
            Y: vectors after, (n, d_y).
            rows: which of them.
            slopes: y less these times x is left, (d_y,); zeros between unequal widths.
            means: of x and of what is left.
            scales: of both.
            single: multiply in float32.

        Returns:
            The sum of products, (d_x, d_y), beside the vectors, and the sum of squares of what is
            left before scaling, by coordinate, (d_y,).
        """

    def add_scatter(
        self,
        scatter: Sums,
        product: Sums,
        unit: float,
        steps: tuple[FloatArray, FloatArray],
        weight: float,
    ) -> None:
        """Add to ``scatter``, in place, ``unit`` · product + ``weight`` · step_x step_yᵀ."""

    def room_for(self, shape: tuple[int, int]) -> Sums | None:
        """Return zeros beside the vectors to add products to; None if they are to be elsewhere.

        That is on the host: the vectors are there already, or their device has no room.
        """

    def matrix(self, sums: Sums) -> Sums:
        """Return a sum of products as this kind of arithmetic has it."""
