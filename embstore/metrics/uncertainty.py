"""Standard errors and intervals whose unit is the window, not the token.

Tokens of one window are correlated: taken as independent they make a standard error
several times too small. So each number's *influence function* says how much every token
moves it, the influences are summed over each window, and the spread of those sums is
the error (a cluster-robust "sandwich": Liang & Zeger 1986, doi 10.1093/biomet/73.1.13;
influence functions: Hampel 1974, doi 10.1080/01621459.1974.10482962).

Intervals are 95 %, from Student's t with one degree of freedom less than there are
windows, and are made on a scale on which the number is unbounded (a logarithm for
lengths, a logit for shares), so that they keep within its bounds. They tell the spread
over texts, not a bias such as that of estimates of dimension. How often they hold is
measured in ``benchmarks/coverage.py``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from embstore.metrics.clusters import Clusters, Totals
from embstore.metrics.conventions import LEVEL, errors_of_an_interval
from embstore.types import FloatArray

# What takes a number to a scale without bounds, on which its interval is symmetric.
Transform = Literal["linear", "log", "logit", "atanh", "count"]

_TRANSFORMS: dict[Transform, str] = {
    "linear": "symmetric",
    "log": "on a logarithmic scale",
    "logit": "on a logit scale",
    "atanh": "on an inverse hyperbolic tangent scale",
    "count": "widened to whole numbers",
}

# With fewer independent units than these beyond a quantile, the end of its interval may lie beyond
# all that was seen: a tail is then taken to fall exponentially, as fast as it does from the
# quantile on that stands second, and is not looked at beyond the share that stands third.
_FEW_BEYOND, _TAIL_FROM, _LEAST_SHARE = 3.0, 0.9, 1e-4

# Quantiles this far to either side of one tell the density between them.
_PACE = 0.05


def describe(how: Literal["quantile"] | Transform) -> str:
    """Say in a line how a metric's interval is made."""
    if how == "quantile":
        return "Woodruff's interval of the quantile, windows as units"
    return f"influence function summed over windows, Student's t, {_TRANSFORMS[how]}"


@dataclass(frozen=True)
class Interval:
    """A number's standard error, the ends of its 95 % interval, and what is behind them.

    Attributes:
        std_error: the standard error.
        low: lower end.
        high: upper end.
        windows: how much each window moves the number, (n_windows,): runs over the same
            windows are compared through these. None where the spread of a difference is not
            that of the differences of windows.
        numbers: which windows these are, (n_windows,).
    """

    std_error: float
    low: float
    high: float
    windows: FloatArray | None
    numbers: NDArray[np.int64]


def clustered(
    value: float, influence: FloatArray, clusters: Clusters, *, transform: Transform
) -> Interval | None:
    """Return a number's interval from how much each unit moves it.

    Args:
        value: the number.
        influence: of each unit, (n,), up to a constant: it is centred.
        clusters: their windows.
        transform: where the interval is symmetric.

    Returns:
        None with fewer than two windows, which have no spread, where the influence is not
        finite, and where no window moves the number at all.
    """
    return from_totals(value, clusters.totals(clusters.sums(influence)), transform=transform)


def from_totals(
    value: float, totals: Totals | None, *, transform: Transform, rounding: float = 1e-12
) -> Interval | None:
    """Do as ``clustered``, from what each window moves the number.

    Args:
        value: the number.
        totals: of the windows.
        transform: where the interval is symmetric.
        rounding: an error of this share of the number is rounding, and tells nothing.
    """
    if totals is None or not totals.error > rounding * abs(value):
        return None
    reach = totals.error * errors_of_an_interval(len(totals.windows) - 1)
    ends = _ends(value, reach, transform)
    # A whole number moves by jumps, which two runs do not make together.
    windows = None if transform == "count" else totals.windows
    return Interval(totals.error, *ends, windows, totals.numbers)


def quantile_interval(
    values: FloatArray, q: float, share_below: Callable[[float], Totals | None]
) -> Interval | None:
    """Return the interval of a quantile, by Woodruff's method.

    The share of units below the quantile has a standard error by windows, and so an
    interval: that of a binomial share of as many independent units as have that error. The
    quantiles at its ends are the ends. No density has to be estimated.

    Args:
        values: (n,).
        q: which quantile.
        share_below: what each window moves the share of units at or below a value.

    Woodruff 1952, doi 10.1080/01621459.1952.10483443; the share's interval: Korn &
    Graubard 1998, Survey Methodology 24.
    """
    totals = share_below(float(np.quantile(values, q)))
    if totals is None or not totals.error > 0:
        return None
    t = errors_of_an_interval(len(totals.windows) - 1)
    # Fewer units than there are, since few windows tell their error only roughly.
    n_independent = q * (1 - q) * (ndtri(0.5 + LEVEL / 2) / (t * totals.error)) ** 2
    below, above = n_independent * q, n_independent * (1 - q)
    ends = (
        betaincinv(below, above + 1, (1 - LEVEL) / 2),
        betaincinv(below + 1, above, (1 + LEVEL) / 2),
    )
    one_error = _ends(q, totals.error, "logit")
    with np.errstate(invalid="ignore"):
        low, high, less, more = np.quantile(values, [*ends, *one_error])
        if below < _FEW_BEYOND:
            low = min(low, -_in_tail(-values, 1 - ends[0]))
        if above < _FEW_BEYOND:
            high = max(high, _in_tail(values, ends[1]))
    if not np.isfinite([low, high]).all() or less == more:
        return None
    error = float(more - less) / 2
    # A window with more units below the quantile lowers it.
    windows = -totals.windows * (error / totals.error)
    return Interval(error, float(low), float(high), windows, totals.numbers)


def _in_tail(values: FloatArray, q: float) -> float:
    """Return a high quantile on an exponential tail."""
    start = float(np.quantile(values, _TAIL_FROM))
    slope = float(np.maximum(values - start, 0).mean()) / (1 - _TAIL_FROM)
    return start + slope * math.log((1 - _TAIL_FROM) / max(1 - q, _LEAST_SHARE))


def quantile_and_pace(x: FloatArray, q: float) -> tuple[float, float]:
    """Return a quantile and how fast it grows with q: one over the density there."""
    low, middle, high = np.quantile(x, [q - _PACE, q, q + _PACE])
    return float(middle), float(high - low) / (2 * _PACE)


def _ends(value: float, reach: float, transform: Transform) -> tuple[float, float]:
    if transform == "log" and value > 0:
        factor = math.exp(min(reach / value, 700.0))
        return value / factor, value * factor
    if transform == "logit" and 0 < value < 1:
        middle, half = math.log(value / (1 - value)), reach / (value * (1 - value))
        return _logistic(middle - half), _logistic(middle + half)
    if transform == "atanh" and -1 < value < 1:
        middle, half = math.atanh(value), reach / (1 - value * value)
        return math.tanh(middle - half), math.tanh(middle + half)
    if transform == "count":
        return math.floor(value - reach), math.ceil(value + reach)
    return value - reach, value + reach


def _logistic(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(x / 2))
