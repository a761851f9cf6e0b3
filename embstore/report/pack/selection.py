"""Chooses which measurements a page carries: as many as it has room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from embstore.report.read.counts import MetricCount

# In the order in which they get a page's room for every checkpoint.
_FIRST = (
    *("anisotropy", "twonn", "mean_cosine", "mle", "linearity_next", "effective_rank"),
    *("participation_ratio", "norm_p50", "massive_ratio", "lid_p50", "cka_next"),
)


@dataclass(frozen=True)
class Selection:
    """For which runs a metric goes on the page: all, or each model's last checkpoint.

    Attributes:
        metric: its name.
        every: values of every checkpoint.
        every_interval: intervals of every checkpoint too.
        bounded: the metric has intervals.
        stored: how many numbers of it the store has.
    """

    metric: str
    every: bool
    every_interval: bool
    bounded: bool
    stored: int


def select_metrics(
    counts: Sequence[MetricCount],
    *,
    cells: int,
    newest_cells: int,
    budget: int,
    only: Sequence[str] | None = None,
) -> tuple[Selection, ...]:
    """Decide what fits: every metric of the last checkpoints, then the rest by importance.

    Args:
        counts: of the metrics that the runs of the page have.
        cells: numbers that one metric has over all runs.
        newest_cells: the same over the last checkpoints only.
        budget: numbers a page may hold.
        only: these metrics, the first the most important; None for all.
    """
    of_metric = {count.metric: count for count in counts}
    order = only if only else [*_FIRST, *of_metric]
    chosen = [of_metric[name] for name in dict.fromkeys(order) if name in of_metric]
    left = budget - sum((4 if count.bounded else 1) * newest_cells for count in chosen)
    every: set[str] = set()
    intervals: set[str] = set()
    for count in chosen:
        if cells <= left or not every:
            every.add(count.metric)
            left -= cells
    for count in chosen:
        if count.bounded and count.metric in every and 3 * cells <= left:
            intervals.add(count.metric)
            left -= 3 * cells
    return tuple(
        Selection(
            metric=count.metric,
            every=count.metric in every,
            every_interval=count.metric in intervals,
            bounded=count.bounded,
            stored=count.stored,
        )
        for count in chosen
    )
