"""Builds the cloud that metrics look at from an array, as measuring does from a pass."""

import numpy as np
from numpy.typing import NDArray

from embstore.metrics import METRICS, N_NEIGHBORS, Value, evaluate
from embstore.metrics.cloud import Cloud
from embstore.moments import Moments
from embstore.neighbors import nearest_neighbors


def cloud_of(X: NDArray[np.floating]) -> Cloud:
    """Every row counts and is in the sample."""
    moments = Moments.of(X)
    neighbors = nearest_neighbors(X, N_NEIGHBORS)
    return Cloud(
        n=moments.n,
        d=X.shape[1],
        eigenvalues=moments.eigenvalues(),
        unit_sum=moments.unit_sum,
        n_unit=moments.n - moments.n_zero,
        norm_max=moments.norm_max if moments.n else float("nan"),
        abs_max=moments.abs_max if moments.n else float("nan"),
        sample_norms=np.linalg.norm(X.astype(np.float64), axis=1),
        sample_abs_median=float(np.median(np.abs(X))) if X.size else float("nan"),
        distances=neighbors.distances,
    )


def values_of(X: NDArray[np.floating]) -> dict[str, Value]:
    cloud = cloud_of(X)
    return {name: evaluate(metric, cloud) for name, metric in METRICS.items()}


def numbers_of(X: NDArray[np.floating]) -> dict[str, float]:
    numbers = {}
    for name, value in values_of(X).items():
        assert value.value is not None, f"{name}: {value.reason}"
        numbers[name] = value.value
    return numbers
