"""Metrics of each window alone, averaged over windows.

``cloud.by_window`` has a number of each window, NaN where it is undefined. Where each window is one
vector there is none.
"""

from collections.abc import Mapping

import numpy as np

from embstore.geometry.arithmetic.protocol import Within
from embstore.metrics.clusters import Totals
from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, Transform, describe, from_totals
from embstore.types import FloatArray

FAMILY = Family(
    name="within_windows",
    title="Within windows",
    text="""
    What the vectors of one window have in common, or how they turn from token to token: computed
    for each window alone, and averaged over windows, each of which counts once. They see every
    token fed to the model. They depend on how long windows are, so compare runs of one window size.
    In the scopes `last` and `mean`, where a window is one vector, they have no value. Measured if
    asked for: by name, or with `--metrics all`.
    """,
)

NEEDS: Mapping[Within, Need] = {
    "cosine": "window cosine",
    "entropy": "window entropy",
    "curvature": "window curvature",
}


def mean_over_windows(
    description: Description, what: Within, why: str, *, transform: Transform
) -> Metric[Cloud]:
    """The mean of a number that each window has alone.

    Args:
        description: what it means.
        what: the number.
        why: the reason where no window has it.
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
        FAMILY,
        describe(transform),
        compute=lambda cloud: _mean(cloud.by_window.get(what)),
        count=lambda cloud: cloud.n,
        interval=interval,
        why=lambda _cloud, _n: why,
        needs=frozenset({NEEDS[what]}),
    )


def _mean(values: FloatArray | None) -> float:
    known = np.zeros(0) if values is None else values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
