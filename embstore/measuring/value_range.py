"""Vectors of any size, brought to where their squares are numbers, and their metrics back."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embstore.errors import MeasurementError
from embstore.metrics.conventions import TOO_LARGE, TOO_SMALL
from embstore.metrics.registry import METRICS, PAIR_METRICS
from embstore.types import CurvePoint, Measurement

# Fourth powers of coordinates up to two to this power, summed, are within float64's range.
_SAFE_EXPONENT = 200
_DEGREES = {name: metric.description.degree for name, metric in (METRICS | PAIR_METRICS).items()}


def in_range(
    arrays: Sequence[NDArray[np.floating]],
) -> tuple[list[NDArray[np.floating]], int]:
    """Bring vectors to float32 or float64, divided by a power of two where they need it.

    Args:
        arrays: one layer or two, finite, of any floating-point dtype, also one with a wider
            range than float64.

    Returns:
        The vectors, and the power. Nothing is rounded but coordinates below 1e-247 of the
        largest.

    Raises:
        MeasurementError: one power does not do for both.
    """
    sizes = [int(np.frexp(np.abs(array).max())[1]) for array in arrays if array.any()]
    low, high = min(sizes, default=0), max(sizes, default=0)
    if max(-low, high) <= _SAFE_EXPONENT:
        # Squares of float16 overflow.
        kinds = [np.float32 if array.dtype.itemsize <= 4 else np.float64 for array in arrays]
        return [np.asarray(a, dtype) for a, dtype in zip(arrays, kinds, strict=True)], 0
    if high - low > 2 * _SAFE_EXPONENT:
        raise MeasurementError(
            "one of X and Y is more than 1e120 times as large as the other; scale it first"
        )
    exponent = (low + high) // 2
    # float32 would round here.
    wide = [array if array.dtype.itemsize > 8 else array.astype(np.float64) for array in arrays]
    return [np.ldexp(array, -exponent).astype(np.float64) for array in wide], exponent


def at_scale(found: Measurement, exponent: int) -> Measurement:
    """Multiply a metric's value and interval by a power of two, if float64 can hold them."""
    exponent *= _DEGREES[found.metric]
    if found.value is None or exponent == 0:
        return found
    value = _times(found.value, exponent)
    if value is None:
        reason = TOO_LARGE if exponent > 0 else TOO_SMALL
        return Measurement(found.key, found.scope, found.metric, None, found.n, reason)
    ends = [_times(end, exponent) for end in (found.std_error, found.ci_low, found.ci_high)]
    std_error, low, high = ends if None not in ends else (None, None, None)
    return replace(found, value=value, std_error=std_error, ci_low=low, ci_high=high)


def curve_at_scale(point: CurvePoint, exponent: int) -> CurvePoint:
    """Multiply the distance at a point of the curve, as ``at_scale`` does; None beyond float64."""
    return replace(point, mean_distance=_times(point.mean_distance, exponent))


def _times(number: float | None, exponent: int) -> float | None:
    """Multiply by a power of two; None where float64 holds nothing but 0 or infinity."""
    if number is None:
        return None
    with np.errstate(over="ignore"):
        product = float(np.ldexp(number, exponent))
    return product if np.isfinite(product) and (product != 0 or number == 0) else None
