"""Whether numbers have settled: measured in eighths, quarters and halves, and in all vectors.

Every level uses all windows: a half is measured in both halves, and the number is the mean of
the two. So chance is nearly the same at all levels, and what changes between them is bias.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.errors import MeasurementError
from embstore.inputs.sampling import check_seed
from embstore.measuring.array_input import in_windows, rows_of
from embstore.measuring.vectors import measure_vectors
from embstore.metrics.selection import of_vectors
from embstore.types import Measurement

_PARTS = (8, 4, 2, 1)
# A part has at least so many windows, and vectors.
_LEAST_WINDOWS, _LEAST_VECTORS = 4, 64


@dataclass(frozen=True)
class Level:
    """A metric of parts of one size.

    Attributes:
        metric: its name.
        parts: in how many the vectors were dealt.
        n: vectors in each that are behind the number, on average.
        value: mean over the parts; None where it is undefined in one of them.
        lowest: of the parts.
        highest: of the parts.
        std_error: of all vectors; None for parts, and if it has none.
        ci_low: lower end of the 95 % interval, of all vectors.
        ci_high: upper end.
        reason: why the value is undefined.
    """

    metric: str
    parts: int
    n: float
    value: float | None
    lowest: float | None
    highest: float | None
    std_error: float | None
    ci_low: float | None
    ci_high: float | None
    reason: str | None


@dataclass(frozen=True)
class Verdict:
    """Whether a metric has settled: its change from halves to all, against its error.

    What is biased by a share of 1/n changes as much again beyond, so a change within the
    error leaves less bias than error.

    Attributes:
        metric: its name.
        half: mean of both halves.
        whole: of all vectors.
        errors: the change in standard errors of the whole.
    """

    metric: str
    half: float
    whole: float
    errors: float

    @property
    def settled(self) -> bool:
        """Whether the change is within a standard error."""
        return abs(self.errors) <= 1


def measure_convergence(
    X: object,
    *,
    windows: object = None,
    metrics: Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> list[Level]:
    """Measure parts of a set of vectors, the smallest first, metric by metric.

    Args:
        X: as for ``measure_vectors``.
        windows: as there; whole windows are dealt into parts.
        metrics: names, families or presets; None for all.
        sample: vectors kept for neighbours and quantiles, of each part.
        seed: deals the windows, and draws the samples.

    Raises:
        MeasurementError: as ``measure_vectors``, or there are too few windows to halve.
        UsageError: a metric is not known, or as ``measure_vectors``.
    """
    names = of_vectors(metrics, pair=False).names
    (array,), numbers, known = in_windows([rows_of(X)], windows)
    dealt = np.random.default_rng(check_seed(seed)).permutation(int(numbers[-1]) + 1)
    levels: dict[str, list[Level]] = {name: [] for name in names}
    for parts in _PARTS:
        chosen = [np.isin(numbers, part) for part in np.array_split(dealt, parts)]
        if len(dealt) // parts < _LEAST_WINDOWS or min(map(np.sum, chosen)) < _LEAST_VECTORS:
            continue
        found = [
            measure_vectors(
                array[rows],
                windows=_labels(numbers[rows]) if known else None,
                metrics=names,
                sample=sample,
                seed=seed,
            )
            for rows in chosen
        ]
        by_name = [{m.metric: m for m in one.measurements} for one in found]
        for name in names:
            levels[name].append(_level([one[name] for one in by_name]))
    if len(levels[names[0]]) < 2:
        raise MeasurementError(
            f"{len(array):,} vectors in {len(dealt):,} windows cannot be halved; needs "
            f"{2 * _LEAST_WINDOWS} windows and {2 * _LEAST_VECTORS} vectors"
        )
    return [level for name in names for level in levels[name]]


def _labels(windows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the windows of a part's rows, (n,); None if each row is one, which needs no label."""
    return windows if len(np.unique(windows)) < len(windows) else None


def verdicts(levels: Iterable[Level]) -> Iterator[Verdict]:
    """Judge each metric that has a value and an error at the last two levels."""
    found = {(level.metric, level.parts): level for level in levels}
    for (name, parts), whole in found.items():
        half = found.get((name, 2))
        if parts > 1 or half is None or half.value is None or whole.value is None:
            continue
        if whole.std_error:
            errors = (whole.value - half.value) / whole.std_error
            yield Verdict(name, half.value, whole.value, errors)


def _level(found: list[Measurement]) -> Level:
    parts, name = len(found), found[0].metric
    n = float(np.mean([one.n for one in found]))
    values = [one.value for one in found if one.value is not None]
    if len(values) < parts:
        reason = next(one.reason for one in found if one.value is None)
        return Level(name, parts, n, None, None, None, None, None, None, reason)
    # Of parts no error is given: they are the same windows as the whole, but so few at once that
    # errors to first order fall short.
    (first, *others) = found
    errors = (None, None, None) if others else (first.std_error, first.ci_low, first.ci_high)
    return Level(name, parts, n, float(np.mean(values)), min(values), max(values), *errors, None)
