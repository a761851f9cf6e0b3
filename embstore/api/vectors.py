"""``embstore.measure`` and ``measure_pair``: vectors without a transformer, and no store."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from embstore.api.metric_results import MetricResult, MetricResults
from embstore.asking.few_vectors import describe_few
from embstore.metrics.conventions import GOOD_RECALL

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.measuring.vectors import VectorsMeasured
    from embstore.types import CurvePoint, Measurement


def measure(
    X: object,
    *,
    windows: object = None,
    metrics: str | Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> MetricResults:
    """Measure single-layer metrics of any set of vectors; no store, no transformer.

    Args:
        X: a NumPy array or torch tensor of real numbers, (n, d), one vector a row; or
            (windows, tokens, d), hidden states as a model returns them.
        windows: a label per row, numbers or text in any order: rows of one label came
            together, as the tokens of one text, and standard errors count them once. Without,
            each vector counts by itself.
        metrics: names, families or presets of metrics; None for all that vectors alone have.
            What nothing asks for is not computed.
        sample: vectors kept for neighbours and quantiles, drawn by seed, from every window.
        seed: draws the sample.

    Returns:
        A mapping from a metric's name to its value, standard error, interval, n and reason,
        with ``to_pandas()``, the Gride curve as ``curve``, and a table as what it shows.

    Raises:
        MeasurementError: not such an array, too few rows, with NaN or infinite values, or
            windows that do not fit it.
        UsageError: a metric is not known, or not to be had of one set of vectors alone;
            ``sample`` is below 1 or the seed negative.

    >>> import numpy as np
    >>> line = np.outer(np.arange(100.0), [1.0, 2.0])
    >>> found = measure(line)
    >>> round(found["anisotropy"].value, 6)
    1.0
    >>> tokens = np.random.default_rng(0).normal(size=(8, 16, 4))
    >>> measure(tokens)["mean_cosine"].n
    128
    """
    # numba takes half a second to import.
    from embstore.measuring.vectors import measure_vectors

    return _results(
        measure_vectors(X, windows=windows, metrics=_names(metrics), sample=sample, seed=seed)
    )


def measure_pair(
    X: object,
    Y: object,
    *,
    windows: object = None,
    metrics: str | Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> MetricResults:
    """Measure two-layer metrics: how a layer, ``X``, becomes the next, ``Y``.

    Args:
        X: as for ``measure``.
        Y: the same tokens in the same order; it may have another width.
        windows: as for ``measure``, for both.
        metrics: as for ``measure``.
        sample: vectors kept for neighbours and quantiles, drawn by seed, from every window.
        seed: draws the sample.

    Returns:
        What ``measure`` returns; the curve has no rows.

    Raises:
        MeasurementError: as ``measure``, or X and Y have not equally many rows.
        UsageError: as ``measure``.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> round(measure_pair(X, 2 * X)["update_ratio"].value, 6)
    1.0
    """
    from embstore.measuring.vectors import measure_vector_pair

    return _results(
        measure_vector_pair(
            X, Y, windows=windows, metrics=_names(metrics), sample=sample, seed=seed
        )
    )


def _names(metrics: str | Iterable[str] | None) -> Iterable[str] | None:
    return [metrics] if isinstance(metrics, str) else metrics


def _results(measured: "VectorsMeasured") -> MetricResults:
    from embstore.metrics.registry import METRICS, PAIR_METRICS

    units = {name: metric.info.unit for name, metric in (METRICS | PAIR_METRICS).items()}
    return MetricResults(
        {found.metric: _result(found, units[found.metric]) for found in measured.measurements},
        _curve(measured.curve),
        _notes(measured),
    )


def _result(found: "Measurement", unit: str) -> MetricResult:
    return MetricResult(
        value=_number(found.value),
        std_error=_number(found.std_error),
        ci_low=_number(found.ci_low),
        ci_high=_number(found.ci_high),
        n=found.n,
        unit=unit,
        reason=found.reason,
    )


def _number(known: float | None) -> float:
    return float("nan") if known is None else float(known)


def _curve(points: "tuple[CurvePoint, ...]") -> "pa.Table":
    import pyarrow as pa

    numbers = ("dimension", "std_error", "ci_low", "ci_high", "mean_distance")
    columns = {name: [getattr(point, name) for point in points] for name in ("rank", *numbers, "n")}
    types = {name: pa.float64() if name in numbers else pa.int64() for name in columns}
    return pa.table({name: pa.array(columns[name], types[name]) for name in columns})


def _notes(measured: "VectorsMeasured") -> list[str]:
    """Say what standard errors count, which numbers are biased, and how poor the search was."""
    if measured.n_windows is None:
        notes = [
            f"Each of the {measured.n:,} vectors counts by itself: give windows where some came "
            "together, or standard errors are too small."
        ]
    elif measured.n_windows == 1:
        notes = ["All vectors are of one window: standard errors need two or more."]
    else:
        notes = [f"Standard errors count the {measured.n_windows:,} windows."]
    if measured.counting:
        places = ", ".join(map(str, measured.counting))
        notes.append(
            f"Coordinate {places} (from 0) counts the rows: leave it out if it is an index, which "
            "outweighs all others."
        )
    names = [found.metric for found in measured.measurements]
    if few := describe_few(names, measured.n, measured.d):
        notes.append(few)
    if measured.recall < GOOD_RECALL:
        notes.append(
            f"The approximate search found {measured.recall:.3f} of the neighbours; take a "
            "smaller sample for an exact one."
        )
    return notes
