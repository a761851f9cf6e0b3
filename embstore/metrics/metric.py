"""What a metric is: what its number means, how it is made, and how sure it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar

from embstore.metrics.related import RELATED
from embstore.metrics.uncertainty import Interval
from embstore.types import FloatArray, MetricInfo


class Vectors(Protocol):
    """What a metric looks at: one layer's vectors, or those of two."""

    @property
    def d(self) -> int:
        """Dimensions, of the first layer if there are two."""


Subject = TypeVar("Subject", bound=Vectors, contravariant=True)

# The same vector added to all; all turned about the origin; each there twice.
Change = Literal["shift", "rotation", "duplication"]


# What has to be made ready for a metric beyond sums of the vectors and the sample itself: the
# covariance; all of its eigenvalues; those of the mean of xxᵀ; how far each token lies along it;
# the nearest neighbours; the pairs within a distance; products of tokens of one window; one number
# for each window: how its tokens lie to their mean, how evenly they are spread, how they turn; the
# angles between any two layers; what the language-model head and the attention make of each token;
# the length of first tokens; the joint covariance of two layers. "own pass" is what no other metric
# shares.
Need = Literal[
    "covariance",
    "spectrum",
    "spectrum about origin",
    "spread",
    "neighbors",
    "pair counts",
    "window products",
    "window cosine",
    "window entropy",
    "window matrix entropy",
    "window curvature",
    "window dimension",
    "layer distances",
    "head",
    "attention",
    "first norms",
    "joint covariance",
    "own pass",
]


# What a metric costs beyond the forward pass: what it shares with all others of its class.
COSTS: dict[str, frozenset[Need]] = {
    "head": frozenset({"head"}),
    "eager attention": frozenset({"attention"}),
    "own pass": frozenset(
        {
            *("own pass", "spectrum about origin", "pair counts", "window products"),
            *("window cosine", "window entropy", "window matrix entropy", "window curvature"),
            *("window dimension", "layer distances"),
        }
    ),
    "search": frozenset({"neighbors"}),
    "decomposition": frozenset({"spectrum"}),
    "pair sums": frozenset({"joint covariance"}),
    "sums": frozenset(),
}


# What lowest and highest values are said with, for n vectors of d dimensions.
_LIMITS: dict[str, Callable[[int, int], float]] = {
    "-inf": lambda _n, _d: -math.inf,
    "-8": lambda _n, _d: -8.0,
    "-1/(n - 1)": lambda n, _d: -1.0 / max(n - 1, 1),
    "-1": lambda _n, _d: -1.0,
    "0": lambda _n, _d: 0.0,
    "1/d": lambda _n, d: 1.0 / d,
    "1": lambda _n, _d: 1.0,
    "log(min(n, d))": lambda n, d: math.log(min(n, d)),
    "min(n, d)": lambda n, d: float(min(n, d)),
    "d - 1": lambda _n, d: float(d - 1),
    "d": lambda _n, d: float(d),
    "180": lambda _n, _d: 180.0,
    "inf": lambda _n, _d: math.inf,
}


@dataclass(frozen=True)
class Family:
    """Metrics that look at the same thing, as a section of docs/metrics.md.

    Attributes:
        name: what chooses all of them together.
        title: of the section.
        text: what all of them have in common, in Markdown.
    """

    name: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a reader should know of a metric.

    Attributes:
        name: its key in a store, permanent.
        title: a few words.
        symbol: short, for tables.
        formula: in plain text.
        bounds: lowest and highest value, written with n (vectors) and d (dimensions).
        citation: who defined it, with the year.
        notes: where it misleads and what to compare it with, in Markdown.
        unchanged_by: which changes of all vectors leave it as it is.
        degree: it grows with this power of the vectors' length; 0 if that does not matter.
        unit: "1" for a pure number.
        version: raised where the definition changes, which gives new runs a new id.
    """

    name: str
    title: str
    symbol: str
    formula: str
    bounds: tuple[str, str]
    citation: str
    notes: str
    unchanged_by: tuple[Change, ...]
    degree: int = 0
    unit: str = "1"
    version: int = 1

    def __post_init__(self) -> None:
        """Check that the bounds can be computed.

        Raises:
            ValueError: they are written with something that is not in ``_LIMITS``.
        """
        if unknown := set(self.bounds) - _LIMITS.keys():
            raise ValueError(f"{self.name}: unknown bounds {', '.join(sorted(unknown))}")

    def limits(self, n: int, d: int) -> tuple[float, float]:
        """Return the lowest and the highest value for n vectors of d dimensions."""
        low, high = self.bounds
        return _LIMITS[low](n, d), _LIMITS[high](n, d)


@dataclass(frozen=True)
class Metric(Generic[Subject]):
    """A metric, ready to be evaluated.

    Attributes:
        description: what the number means.
        family: the metrics it belongs with.
        uncertainty: how its interval is made, in a line; "none" if it has none.
        compute: the number; NaN where it is undefined.
        count: how many vectors are behind it.
        interval: its standard error and interval; None where it has none.
        why: the reason for an undefined value, given the number of vectors.
        needs: what it takes; what no chosen metric needs is not computed.
        needs_many: it is biased unless there are many times more vectors than dimensions.
        of_spectrum: the number again, from the eigenvalues of the covariance alone, (d,), which are
            stored; None where it takes more.
    """

    description: Description
    family: Family
    uncertainty: str
    compute: Callable[[Subject], float]
    count: Callable[[Subject], int]
    interval: Callable[[Subject, float], Interval | None]
    why: Callable[[Subject, int], str]
    needs: frozenset[Need] = frozenset()
    needs_many: bool = False
    of_spectrum: Callable[[FloatArray], float] | None = None

    @property
    def name(self) -> str:
        """Its key in a store."""
        return self.description.name

    @property
    def cost(self) -> str:
        """What it takes beyond the forward pass: the dearest of ``COSTS`` that it needs."""
        return next((cost for cost, needs in COSTS.items() if needs & self.needs), "sums")

    @property
    def related(self) -> tuple[str, ...]:
        """Metrics that rank the layers of real models as it does, or the other way round."""
        return tuple(name for name, _ in RELATED.get(self.name, ()))

    @property
    def info(self) -> MetricInfo:
        """What a store keeps of its description."""
        about = self.description
        lower, upper = about.bounds
        return MetricInfo(
            name=about.name,
            version=about.version,
            title=about.title,
            symbol=about.symbol,
            formula=about.formula,
            unit=about.unit,
            lower=lower,
            upper=upper,
            citation=about.citation,
            uncertainty=self.uncertainty,
        )


@dataclass(frozen=True)
class MetricValue:
    """A metric's value with the number of vectors behind it; None with a reason."""

    value: float | None
    n: int
    reason: str | None = None
    interval: Interval | None = None


def evaluate(metric: Metric[Subject], subject: Subject, *, intervals: bool = True) -> MetricValue:
    """Compute one metric with its interval; an undefined value comes with its reason.

    Args:
        metric: which.
        subject: what it looks at.
        intervals: whether its error is wanted, which may take longer than the number.
    """
    n = metric.count(subject)
    number = metric.compute(subject)
    if number - number == 0:  # finite
        if not intervals:
            return MetricValue(number, n)
        interval = metric.interval(subject, number)
        if interval is not None:
            interval = _within(interval, number, *metric.description.limits(n, subject.d))
        return MetricValue(number, n, interval=interval)
    return MetricValue(None, n, metric.why(subject, n))


def _within(interval: Interval, number: float, lowest: float, highest: float) -> Interval:
    """Cut an interval off at the metric's bounds, but never the number itself, as rounded."""
    low, high = max(interval.low, min(lowest, number)), min(interval.high, max(highest, number))
    return replace(interval, low=low, high=high)
