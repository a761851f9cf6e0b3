"""What a catalogue entry is: the number's meaning, how it is made, and how sure it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from embstore.metrics.uncertainty import Interval
from embstore.types import MetricInfo

# What a metric looks at: one layer's vectors, or those of two.
Subject = TypeVar("Subject", contravariant=True)


@dataclass(frozen=True)
class Metric(Generic[Subject]):
    """A metric as the catalogue knows it.

    Attributes:
        info: what the number means.
        compute: the number; NaN where it is undefined.
        count: how many vectors are behind it.
        interval: its standard error and interval; None where it has none.
        why: the reason for an undefined value, given the number of vectors.
    """

    info: MetricInfo
    compute: Callable[[Subject], float]
    count: Callable[[Subject], int]
    interval: Callable[[Subject, float], Interval | None]
    why: Callable[[Subject, int], str]


@dataclass(frozen=True)
class Value:
    """A metric's value with the number of vectors behind it; None with a reason."""

    value: float | None
    n: int
    reason: str | None = None
    interval: Interval | None = None


def evaluate(metric: Metric[Subject], subject: Subject) -> Value:
    """Compute one metric with its interval; an undefined value comes with its reason."""
    n = metric.count(subject)
    number = metric.compute(subject)
    if number - number == 0:  # finite
        return Value(number, n, interval=metric.interval(subject, number))
    return Value(None, n, metric.why(subject, n))
