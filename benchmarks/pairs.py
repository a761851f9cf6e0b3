"""Two contenders timed in turns in one process."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timed:
    """One run: its answer, how long it took, and its peak memory where it knows it."""

    answer: float
    ms: float
    peak_mb: float | None = None


@dataclass(frozen=True)
class Pair:
    """What two contenders answered, how long they took, and the ratio of their times.

    Attributes:
        ours: embstore's answer.
        theirs: the peer's.
        our_ms: median of embstore's times.
        their_ms: median of the peer's.
        ratio: median over the peer's runs of its time divided by the mean of
            embstore's runs just before and just after.
    """

    ours: float
    theirs: float
    our_ms: float
    their_ms: float
    ratio: float

    @property
    def difference(self) -> float:
        """How far the answers are apart, relative to the peer's."""
        return abs(self.ours - self.theirs) / abs(self.theirs) if self.theirs else abs(self.ours)


def in_turns(ours: Callable[[], Timed], theirs: Callable[[], Timed], *, repeats: int) -> Pair:
    """Run A B A B … A, so that a slow minute of a shared machine hits both alike.

    Args:
        ours: embstore; run ``repeats + 1`` times.
        theirs: the peer; run ``repeats`` times.
        repeats: at least 1.
    """
    our_runs, their_runs, ratios = [ours()], [], []
    for _ in range(repeats):
        their_runs.append(theirs())
        our_runs.append(ours())
        around = statistics.fmean([our_runs[-2].ms, our_runs[-1].ms])
        ratios.append(their_runs[-1].ms / around)
    return Pair(
        ours=our_runs[0].answer,
        theirs=their_runs[0].answer,
        our_ms=statistics.median(run.ms for run in our_runs),
        their_ms=statistics.median(run.ms for run in their_runs),
        ratio=statistics.median(ratios),
    )
