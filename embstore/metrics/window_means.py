"""The mean over windows of a number that each window has alone; each window counts once."""

import numpy as np

from embstore.metrics.clusters import Totals
from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, Transform, describe, from_totals
from embstore.types import FloatArray, TokenNumber, WindowNumber


def window_mean(
    description: Description,
    family: Family,
    what: WindowNumber | TokenNumber,
    why: str,
    *,
    need: Need,
    transform: Transform,
) -> Metric[Cloud]:
    """The mean of a number that each window has alone.

    Args:
        description: what it means.
        family: the metrics it belongs with.
        what: the number.
        why: the reason where no window has it, unless the cloud knows a better one.
        need: what makes it ready.
        transform: where its interval is symmetric.
    """

    def interval(cloud: Cloud, number: float) -> Interval | None:
        values = cloud.by_window[what]
        (windows,) = np.nonzero(~np.isnan(values))
        # Windows are independent: what each adds is its own number.
        totals = Totals.of(values[windows] / len(windows), windows)
        return from_totals(number, totals, transform=transform)

    return Metric(
        description,
        family,
        describe(transform),
        compute=lambda cloud: _mean(cloud.by_window.get(what)),
        count=lambda cloud: cloud.n,
        interval=interval,
        why=lambda cloud, _n: cloud.why_not.get(what, why),
        needs=frozenset({need}),
    )


def _mean(values: FloatArray | None) -> float:
    known = np.zeros(0) if values is None else values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
