"""Vectors without a transformer: an (n, d) array, or two of the same rows, in windows or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from embstore.common.workers import workers
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.geometry.row_loops import lengths
from embstore.inputs.sampling import check_sample, check_seed
from embstore.inputs.token_sample import sample_rows
from embstore.measuring.array_input import Rows, in_windows, rows_of, together
from embstore.measuring.collect import N_GROUPS, BatchTokens, LayerRecord
from embstore.measuring.evaluate import measure_layer, measure_pair
from embstore.measuring.layer_distances import LayerDistances
from embstore.measuring.scopes import REST, SINK, SINK_THRESHOLD
from embstore.measuring.stack import MORE_KEPT, StackRecord
from embstore.measuring.value_range import at_scale, curve_at_scale, in_range
from embstore.measuring.within_windows import WithinWindows
from embstore.metrics.selection import Selection, of_vectors
from embstore.types import CurvePoint, LayerKey, Measurement

_CHUNK_ROWS = 1 << 15


@dataclass(frozen=True, eq=False)
class VectorsMeasured:
    """What was found of one set of vectors, or of two.

    Attributes:
        measurements: each chosen metric's number.
        curve: the intrinsic dimension by scale; empty for two sets.
        n: vectors in each set.
        d: dimensions, of the wider of two.
        n_windows: the windows they came in; None where nobody told of any.
        recall: share of true neighbours that the search found, 1 for an exact one, or none.
        counting: coordinates that count the rows, as an index does.
    """

    measurements: tuple[Measurement, ...]
    curve: tuple[CurvePoint, ...]
    n: int
    d: int
    n_windows: int | None
    recall: float
    counting: tuple[int, ...]


def measure_vectors(
    X: object,
    *,
    windows: object = None,
    metrics: Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> VectorsMeasured:
    """Measure single-layer metrics of a set of vectors.

    Args:
        X: a NumPy array or torch tensor of real numbers, (n, d), one vector a row, or
            (windows, tokens, d).
        windows: a label per row, which says what came together; None for nothing known.
        metrics: names, families or presets; None for all that vectors alone have. What nothing
            asks for is not computed.
        sample: vectors kept for neighbours and quantiles, drawn by seed.
        seed: draws the sample.

    Raises:
        MeasurementError: not such an array, too few rows, or with NaN or infinite values; or
            windows that do not fit it.
        UsageError: a metric is not known or not to be had; ``sample`` is below 1 or the seed
            negative.
    """
    selection = of_vectors(metrics, pair=False)
    return _measure([rows_of(X)], windows, sample, seed, selection)


def measure_vector_pair(
    X: object,
    Y: object,
    *,
    windows: object = None,
    metrics: Iterable[str] | None = None,
    sample: int = 4096,
    seed: int = 0,
) -> VectorsMeasured:
    """Measure two-layer metrics of the same tokens in a layer, ``X``, and the next, ``Y``.

    Args:
        X: as for ``measure_vectors``.
        Y: the same tokens in the same order, of any width.
        windows: as for ``measure_vectors``, for both.
        metrics: as for ``measure_vectors``.
        sample: vectors kept for neighbours and quantiles, drawn by seed.
        seed: draws the sample.

    Raises:
        MeasurementError: as ``measure_vectors``, or the two have not equally many rows, or
            are 1e120 times as large as each other.
        UsageError: as ``measure_vectors``.
    """
    selection = of_vectors(metrics, pair=True)
    x, y = rows_of(X, "the vectors of X"), rows_of(Y, "the vectors of Y")
    return _measure(together(x, y), windows, sample, seed, selection)


def _measure(
    sets: list[Rows], windows: object, sample: int, seed: int, selection: Selection
) -> VectorsMeasured:
    sample, seed = check_sample(sample), check_seed(seed)
    given, numbers, known = in_windows(sets, windows)
    layers, exponent = in_range(given)
    kept = sample_rows(np.bincount(numbers), sample, seed)
    stack = _collect(layers, numbers, kept, selection)
    search = partial(nearest_neighbors, seed=seed)
    results = {
        key: measure_layer(stack, record, ("all",), search, selection)
        for key, record in stack.layers.items()
    }
    (first, *others) = results.values()
    measurements = first.measurements
    if others:
        (pair,) = stack.pairs
        measurements = measure_pair(stack, pair, results, ("all",), selection)
    recalls = [result.layer.neighbor_recall for result in results.values()]
    return VectorsMeasured(
        tuple(at_scale(found, exponent) for found in measurements),
        tuple(() if others else (curve_at_scale(point, exponent) for point in first.curves)),
        n=len(numbers),
        d=max(X.shape[1] for X in layers),
        n_windows=int(numbers[-1]) + 1 if known else None,
        recall=min((recall for recall in recalls if recall is not None), default=1.0),
        counting=tuple(sorted({place for rows in sets for place in rows.counting})),
    )


def _collect(
    layers: list[NDArray[np.floating]],
    windows: NDArray[np.int64],
    kept: NDArray[np.int64],
    selection: Selection,
) -> StackRecord:
    """Take in arrays as a pass over a model takes in its layers."""
    keys = [LayerKey("encoder", i, "block") for i in range(len(layers))]
    arrays = dict(zip(keys, layers, strict=True))
    covariance = selection.needs("covariance")
    records = [
        LayerRecord(key, X.shape[1], len(kept), X.dtype.type, covariance=covariance)
        for key, X in arrays.items()
    ]
    within = WithinWindows(("all",), selection)
    if len(layers) == 1:
        within.add_rows(keys[0], layers[0], windows)
    distances = LayerDistances(keys, ("all",))
    if selection.needs("layer distances"):
        distances.add_rows(layers, windows)
    stack = StackRecord(
        records,
        windows[kept],
        pairs=len(layers) > 1,
        joint=selection.needs("joint covariance"),
        within=within,
        distances=distances,
    )
    n = len(windows)
    groups = _groups(layers, len(kept))
    n_windows = int(windows[-1]) + 1
    counted = np.bincount(windows * N_GROUPS + groups, minlength=n_windows * N_GROUPS)
    stack.by_window.append(counted.reshape(-1, N_GROUPS))
    with workers() as pool:
        for start in range(0, n, _CHUNK_ROWS):
            rows = slice(start, min(start + _CHUNK_ROWS, n))
            at = slice(*np.searchsorted(kept, (rows.start, rows.stop)).tolist())
            batch = BatchTokens(
                mask=np.ones(rows.stop - start, dtype=bool),
                groups=groups[rows],
                kept=kept[at] - start,
                at=at,
                also_kept=np.flatnonzero(groups[rows] == SINK),
                tokens=np.arange(rows.start, rows.stop),
            )
            stack.take(partial(_rows, arrays, rows), batch, windows[rows], pool)
    return stack


def _rows(
    arrays: dict[LayerKey, NDArray[np.floating]], rows: slice, key: LayerKey
) -> NDArray[np.floating]:
    return arrays[key][rows]


def _groups(layers: list[NDArray[np.floating]], n_kept: int) -> NDArray[np.int8]:
    """Tell which rows are as long as a sink: where a sample is drawn, these are kept whole.

    In or out by chance, a few of them would decide how far the others' errors are off.
    """
    heavy = np.zeros(len(layers[0]), dtype=np.bool_)
    if n_kept < len(heavy):
        for X in layers:
            norms = lengths(X)
            heavy |= norms > SINK_THRESHOLD * np.median(norms)
    # So many are no exceptions, and would take more room than the sample.
    if heavy.sum() > MORE_KEPT * n_kept:
        heavy[:] = False
    return np.where(heavy, np.int8(SINK), np.int8(REST))
