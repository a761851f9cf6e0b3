"""``embstore.convergence``: whether there are enough vectors for a number."""

from collections.abc import Iterable
from dataclasses import asdict

from embstore.asking.answer import Answer
from embstore.common.messages import listed


def convergence(
    X: object,
    *,
    windows: object = None,
    metrics: str | Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> Answer:
    """Show each metric of eighths, quarters and halves of the vectors, and of all of them.

    A level is the mean over its parts, so all levels see the same vectors and chance hardly
    differs: what changes from one to the next is bias. A metric has settled if it changes by
    less than its standard error from the halves to all.

    Args:
        X: as for ``embstore.measure``.
        windows: as for ``embstore.measure``; whole windows are dealt into parts.
        metrics: names, families or presets of metrics; None for all.
        sample: vectors kept for neighbours and quantiles, of each part. With more vectors than
            that, numbers behind which is the sample do not change for want of them.
        seed: deals the windows, and draws the samples.

    Returns:
        One row per metric and level, with the mean, the lowest and the highest of its parts, and
        the interval of all; ``notes`` say which metrics have settled.

    Raises:
        MeasurementError: as ``embstore.measure``, or there are too few windows to halve.
        UsageError: a metric is not known; ``sample`` is below 1 or the seed negative.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(512, 128))
    >>> found = convergence(X, metrics="participation_ratio")
    >>> [round(value) for value in found["value"].to_pylist()]
    [42, 64, 85, 102]
    >>> found.notes[0]
    'Not settled: participation_ratio (85.2 from halves, 102 from all).'
    """
    import pyarrow as pa

    from embstore.measuring.convergence import measure_convergence, verdicts

    names = [metrics] if isinstance(metrics, str) else metrics
    levels = measure_convergence(X, windows=windows, metrics=names, sample=sample, seed=seed)
    judged = list(verdicts(levels))
    open_ = [
        f"{v.metric} ({v.half:.3g} from halves, {v.whole:.3g} from all)"
        for v in judged
        if not v.settled
    ]
    settled = [v.metric for v in judged if v.settled]
    notes = [
        *([f"Not settled: {listed(open_)}."] if open_ else []),
        *([f"Changed by less than a standard error: {listed(settled)}."] if settled else []),
    ]
    numbers = ("n", "value", "lowest", "highest", "std_error", "ci_low", "ci_high")
    types = {"metric": pa.string(), "parts": pa.int64()} | dict.fromkeys(numbers, pa.float64())
    schema = pa.schema([*types.items(), ("reason", pa.string())])
    return Answer(pa.Table.from_pylist([asdict(level) for level in levels], schema=schema), notes)
