"""Numbers from a stored spectrum: what can be had of a layer whose vectors are gone."""

import math
from collections.abc import Iterable

from embstore.common.messages import among
from embstore.errors import UsageError
from embstore.metrics.families.spectral import why_not_of
from embstore.metrics.metric import MetricValue
from embstore.metrics.registry import METRICS
from embstore.metrics.selection import ALL, LISTING
from embstore.types import FloatArray

# The metrics that are functions of the eigenvalues of the centred covariance alone.
DERIVABLE = tuple(name for name, metric in METRICS.items() if metric.of_spectrum)


def choose_derivable(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics that some names choose, in the order of the catalogue, each once.

    Args:
        terms: names of metrics; ``all`` for every one that can be derived.

    Raises:
        UsageError: nothing is named, or a metric that is unknown or takes more than a spectrum.

    >>> choose_derivable(["stable_rank", "anisotropy", "stable_rank"])
    ('anisotropy', 'stable_rank')
    """
    chosen: set[str] = set()
    for term in terms:
        if term == "all":
            chosen.update(DERIVABLE)
        elif term in DERIVABLE:
            chosen.add(term)
        elif term in ALL:
            raise UsageError(
                f"{term} does not follow from a stored spectrum, so it has to be measured; what "
                f"can be derived is {', '.join(DERIVABLE)}"
            )
        else:
            hint = among(term, DERIVABLE, groups=", ".join(DERIVABLE), ls=LISTING)
            raise UsageError(f"unknown metric {term!r}{hint}")
    if not chosen:
        raise UsageError(f"no metric is named: give some of {', '.join(DERIVABLE)}, or all")
    return tuple(name for name in DERIVABLE if name in chosen)


def from_spectrum(name: str, eigenvalues: FloatArray, n: int) -> MetricValue:
    """Compute a metric of a layer from its eigenvalues, as it was or would have been measured.

    Args:
        name: a metric of ``DERIVABLE``.
        eigenvalues: of the centred covariance, largest first, (d,).
        n: vectors behind them.

    Returns:
        The number, or why there is none. It has no interval: that takes the tokens.

    >>> import numpy as np
    >>> from_spectrum("stable_rank", np.array([2.0, 1.0, 1.0]), 100).value
    2.0
    """
    function = METRICS[name].of_spectrum
    value = function(eigenvalues) if function and n > 1 else math.nan
    if math.isfinite(value):
        return MetricValue(value, n)
    return MetricValue(None, n, why_not_of(float(eigenvalues.sum()), len(eigenvalues), n))
