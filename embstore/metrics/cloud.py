"""What a metric may look at: one layer's token vectors in one scope, summarised."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embstore.metrics.dimension import local_dimensions
from embstore.moments import Moments
from embstore.types import FloatArray


@dataclass(frozen=True, eq=False)
class Cloud:
    """A cloud of n token vectors in d dimensions, and the sample kept from it.

    Attributes:
        n: vectors in the cloud.
        d: dimensions.
        eigenvalues: of the covariance, largest first, (d,).
        unit_sum: sum of the vectors scaled to length one, (d,).
        unit_squares: sum of their squared coordinates, (d,).
        n_unit: vectors with a direction, that is of non-zero length.
        norm_max: largest norm.
        abs_max: largest absolute coordinate.
        sample_norms: norms of the kept sample, (n_sample,).
        sample_abs_median: median absolute coordinate of the kept sample.
        distances: to the k nearest other distinct points of the sample, ascending
            along each row, (n_distinct, k).
    """

    n: int
    d: int
    eigenvalues: FloatArray
    unit_sum: FloatArray
    unit_squares: FloatArray
    n_unit: int
    norm_max: float
    abs_max: float
    sample_norms: FloatArray
    sample_abs_median: float
    distances: FloatArray

    @classmethod
    def of(cls, moments: Moments, sample: NDArray[np.floating], distances: FloatArray) -> "Cloud":
        """Summarise all vectors' moments and the kept sample of them, (n_sample, d)."""
        return cls(
            n=moments.n,
            d=len(moments.mean),
            eigenvalues=moments.eigenvalues(),
            unit_sum=moments.unit_sum,
            unit_squares=moments.unit_squares,
            n_unit=moments.n - moments.n_zero,
            norm_max=moments.norm_max if moments.n else float("nan"),
            abs_max=moments.abs_max if moments.n else float("nan"),
            sample_norms=np.linalg.norm(sample.astype(np.float64), axis=1),
            sample_abs_median=float(np.median(np.abs(sample))) if sample.size else float("nan"),
            distances=distances,
        )

    @cached_property
    def local_dimensions(self) -> FloatArray:
        """Levina-Bickel estimate around each distinct point of the sample, (n_distinct,)."""
        return local_dimensions(self.distances)
