"""Metrics of each window alone, averaged over windows.

``cloud.by_window`` has a number of each window, NaN where it is undefined. Where each window is one
vector there is none.
"""

from collections.abc import Mapping

from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Transform
from embstore.metrics.window_means import window_mean
from embstore.types import WindowNumber

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

NEEDS: Mapping[WindowNumber, Need] = {
    "cosine": "window cosine",
    "entropy": "window entropy",
    "matrix entropy": "window matrix entropy",
    "curvature": "window curvature",
    "dimension": "window dimension",
}


def mean_over_windows(
    description: Description, what: WindowNumber, why: str, *, transform: Transform
) -> Metric[Cloud]:
    """The mean of a number that the vectors of each window have alone.

    Args:
        description: what it means.
        what: the number.
        why: the reason where no window has it.
        transform: where its interval is symmetric.
    """
    return window_mean(description, FAMILY, what, why, need=NEEDS[what], transform=transform)
