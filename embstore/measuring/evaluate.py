"""From what was kept of a layer, or of two, to its measurements in every scope."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.geometry.kept.choose import placed
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.duplicates import merge_duplicates
from embstore.geometry.neighbors.search import Neighbors
from embstore.measuring.collect import Few, LayerRecord, PairRecord
from embstore.measuring.graphs import Nearest, graphs_of, overlap_of
from embstore.measuring.scopes import FIRST, GROUPS, REST, SINK
from embstore.measuring.stack import StackRecord
from embstore.measuring.window_effects import window_effects
from embstore.metrics import gride
from embstore.metrics.apart import LEAST_WINDOWS, UnitWindows
from embstore.metrics.clusters import Clusters
from embstore.metrics.families.dimension import unless_far_points_decide
from embstore.metrics.metric import Metric, Subject, evaluate
from embstore.metrics.one_layer import NO_GRAPH, Cloud, Graph
from embstore.metrics.registry import N_NEIGHBORS
from embstore.metrics.selection import Selection
from embstore.metrics.two_layers import Core, Pair
from embstore.metrics.uncertainty import Interval
from embstore.metrics.window_products import Products
from embstore.types import (
    CurvePoint,
    FloatArray,
    Layer,
    LayerKey,
    Measurement,
    Spectrum,
)

Search = Callable[[NDArray[np.floating], int], Neighbors]


@dataclass(frozen=True, eq=False)
class LayerResult:
    """All that is known of one layer.

    Attributes:
        layer: the layer with its counts.
        measurements: its numbers, every metric in every scope.
        spectra: its covariance eigenvalues by scope.
        curves: its dimension by scale and scope.
        nearest: by scope, for comparing it with its neighbour layers.
        spread: by scope, as ``Cloud.spread``, for the same.
    """

    layer: Layer
    measurements: list[Measurement]
    spectra: list[Spectrum]
    curves: list[CurvePoint]
    nearest: dict[Scope, Nearest]
    spread: dict[Scope, FloatArray]


def measure_layer(
    stack: StackRecord,
    record: LayerRecord,
    scopes: Sequence[Scope],
    search: Search,
    selection: Selection | None = None,
    *,
    device: str = "cpu",
) -> LayerResult:
    """Measure one layer in every scope.

    Args:
        stack: the stack it belongs to.
        record: what was kept of it.
        scopes: which.
        search: finds the nearest neighbours of vectors, as ``nearest_neighbors`` does.
        selection: which metrics, with or without errors; None for all, with them.
        device: where covariances are decomposed, and kept vectors multiplied with their
            directions, if it has float64.
    """
    selection = selection or Selection()
    key = record.key
    reason = stack.why_nothing
    if record.n_bad:
        reason = f"{record.n_bad} of {stack.counts.sum()} {stack.unit} have NaN or infinite values"
    if reason is not None:
        names = [metric.name for metric in selection.of_layer]
        missing = [m for scope in scopes for m in _undefined(stack, key, scope, names, reason)]
        return LayerResult(_layer(stack, record, None), missing, [], [], {}, {})
    keeps = {scope: np.isin(stack.sample_groups, GROUPS[scope]) for scope in scopes}
    there = placed(record.units, device)
    on_host = isinstance(there, np.ndarray)
    found: Neighbors | None = None
    graphs: dict[Scope, Graph] = {}
    nearest: dict[Scope, Nearest] = {}
    if selection.needs("neighbors") and scopes:
        found = search(record.sample, N_NEIGHBORS)
        pair_counts = selection.needs("pair counts")
        graphs, nearest = graphs_of(found, keeps, stack.sample_windows, pair_counts=pair_counts)
    products = None
    if selection.needs("window products") and scopes:
        products = _products(stack, record, scopes, there)
    measurements: list[Measurement] = []
    spectra: list[Spectrum] = []
    curves: list[CurvePoint] = []
    spread: dict[Scope, FloatArray] = {}
    for scope, keep in keeps.items():
        cloud = Cloud(
            moments=record.merged(GROUPS[scope], stack.few),
            sample=record.sample if keep.all() else record.sample[keep],
            clusters=Clusters.of(stack.sample_windows[keep]),
            graph=graphs.get(scope, NO_GRAPH),
            units=record.units,
            unit_clusters=stack.clusters(GROUPS[scope]),
            products=products,
            eigen=selection.eigen,
            device=device,
            placed=there,
            placed_sample=None if on_host else there[np.flatnonzero(keep)],
            by_window={**stack.within.of(key, scope), **stack.means.of(key, scope)},
            why_not=stack.means.why_not(key),
        )
        measurements += [
            _measure(stack, key, scope, metric, cloud, intervals=selection.intervals)
            for metric in selection.of_layer
        ]
        if selection.needs("spectrum"):
            spectra.append(Spectrum(key, scope, cloud.eigenvalues, cloud.n))
        if graphs:
            curves += [
                curve_point(
                    *(key, scope, cloud.graph, rank),
                    n_windows=stack.n_windows,
                    intervals=selection.intervals,
                )
                for rank in gride.GRIDE_RANKS
            ]
        if selection.needs("spread"):
            spread[scope] = cloud.spread
        # Drop the cloud: it would keep this scope's sums while the next scope's are made.
        del cloud
    layer = _layer(stack, record, found)
    return LayerResult(layer, measurements, spectra, curves, nearest, spread)


def measure_pair(
    stack: StackRecord,
    record: PairRecord,
    results: dict[LayerKey, LayerResult],
    scopes: Sequence[Scope],
    selection: Selection | None = None,
    *,
    device: str = "cpu",
) -> list[Measurement]:
    """Compare a layer with the next in every scope; numbers stand with the earlier one.

    Args:
        stack: the stack they belong to.
        record: what was kept of both.
        results: of ``measure_layer``, for the same selection.
        scopes: which.
        selection: which metrics, with or without errors; None for all, with them.
        device: where the map between them is computed, if it has float64.
    """
    selection = selection or Selection()
    joint = selection.needs("joint covariance")
    overlaps = any("neighbors" in metric.needs for metric in selection.of_pair)
    none = np.zeros(0)
    key = record.x.key
    measurements: list[Measurement] = []
    few = stack.few
    there = _both_placed(record, device)
    x_products, y_products = (
        _products(stack, layer, scopes, vectors) if selection.needs("window products") else None
        for layer, vectors in zip((record.x, record.y), there, strict=True)
    )
    core = partial(_core, record, few=few, device=device, there=there)
    shared = core("shared", (REST,))
    for scope in scopes:
        reason = stack.why_nothing
        if record.x.n_bad or record.y.n_bad:
            reason = "this layer or the next has NaN or infinite values"
        if reason is not None:
            names = [metric.name for metric in selection.of_pair]
            measurements += _undefined(stack, key, scope, names, reason)
            continue
        groups = GROUPS[scope]
        x, y = results[record.x.key], results[record.y.key]
        whole = core("whole", groups)
        added = record.few(groups, few)
        # The shared sums can take in a scope's other tokens only if their vectors were kept and
        # the shared ones have full rank; else everything is computed from the whole scope.
        from_whole = (
            not joint or added is None or (len(added[0]) > 0 and shared.fit.cholesky is None)
        )
        pair = Pair(
            core=whole if from_whole else shared,
            added=None if from_whole else added,
            x=whole.x,
            y=whole.y,
            cross=whole.cross,
            clusters=stack.clusters(groups),
            spread_x=x.spread.get(scope, none),
            spread_y=y.spread.get(scope, none),
            overlap=overlap_of(
                stack.sample_windows,
                record,
                x.nearest.get(scope) if overlaps else None,
                y.nearest.get(scope) if overlaps else None,
                device,
            ),
            steps=record.merged_steps(groups),
            products=(x_products, y_products) if x_products and y_products else None,
            distance=stack.distances.between(key, record.y.key, scope),
        )
        measurements += [
            _measure(stack, key, scope, metric, pair, intervals=selection.intervals)
            for metric in selection.of_pair
        ]
        del pair, whole
    return measurements


def _products(
    stack: StackRecord, record: LayerRecord, scopes: Sequence[Scope], there: Vectors
) -> Products | None:
    """Multiply the units that any scope looks at with those of their window; None for no use."""
    windows = stack.unit_windows
    if record.n_bad or len(np.unique(windows)) < LEAST_WINDOWS:
        return None
    looked_at = np.zeros(len(windows), dtype=np.bool_)
    for scope in scopes:
        groups = GROUPS[scope]
        n = int(stack.counts[list(groups)].sum())
        looked_at |= UnitWindows.of(stack.clusters(groups), n).of_units >= 0
    chosen = np.where(looked_at, windows, -1)
    return Products.of(record.units, chosen, record.moments[REST].mean, there)


def _both_placed(record: PairRecord, device: str) -> tuple[Vectors, Vectors]:
    x, y = (placed(layer.units, device) for layer in (record.x, record.y))
    return x, y


def _core(
    record: PairRecord,
    name: str,
    groups: Sequence[int],
    *,
    few: Few,
    device: str,
    there: tuple[Vectors, Vectors],
) -> Core:
    """Gather what is known of two layers at the tokens of some groups."""
    return Core(
        name=name,
        x=record.x.merged(groups, few),
        y=record.y.merged(groups, few),
        cross=record.merged(groups, few),
        units_x=record.x.units,
        units_y=record.y.units,
        device=device,
        placed=there,
    )


def curve_point(
    key: LayerKey,
    scope: Scope,
    graph: Graph,
    rank: int,
    *,
    n_windows: int | None = None,
    intervals: bool = True,
) -> CurvePoint:
    """Return the intrinsic dimension at one scale with its interval.

    Args:
        key: the layer it is of.
        scope: the tokens it is of.
        graph: their distances.
        rank: the scale.
        n_windows: windows of the run; None if the last that occurs is its last.
        intervals: whether its error is wanted.
    """
    n = len(graph.distances)
    value = gride.gride(graph.distances, rank)
    if not np.isfinite(value):
        return CurvePoint(key, scope, rank, None, None, n)
    interval = None
    if intervals:
        influence = gride.influence(graph, rank, value)
        interval = unless_far_points_decide(graph, influence, value)
    scale = graph.distances[:, [rank - 1, 2 * rank - 1]].mean()
    errors = _errors(interval, n_windows or int(graph.clusters.windows[-1]) + 1)
    return CurvePoint(key, scope, rank, value, float(scale), n, *errors)


def _measure(
    stack: StackRecord,
    key: LayerKey,
    scope: Scope,
    metric: Metric[Subject],
    subject: Subject,
    *,
    intervals: bool,
) -> Measurement:
    found = evaluate(metric, subject, intervals=intervals)
    errors = _errors(found.interval, stack.n_windows)
    return Measurement(key, scope, metric.name, found.value, found.n, found.reason, *errors)


def _errors(
    interval: Interval | None, n_windows: int
) -> tuple[float, float, float, tuple[float, ...] | None] | tuple[None, None, None, None]:
    """Return what is stored of a number's interval: error, ends, effects of the run's windows."""
    if interval is None:
        return (None, None, None, None)
    windows = interval.windows
    effects = None if windows is None else window_effects(windows, interval.numbers, n_windows)
    return (interval.std_error, interval.low, interval.high, effects)


def _undefined(
    stack: StackRecord, key: LayerKey, scope: Scope, names: Iterable[str], reason: str
) -> list[Measurement]:
    n = int(stack.counts[list(GROUPS[scope])].sum())
    return [Measurement(key, scope, name, None, n, reason) for name in names]


def _layer(stack: StackRecord, record: LayerRecord, found: Neighbors | None) -> Layer:
    key = record.key
    # A layer that broke off has not kept all of them.
    few = [] if record.n_bad else [record.units[rows] for rows in stack.few.values()]
    return Layer(
        key=key,
        depth=key.layer / max(k.layer for k in stack.layers) if key.layer else 0.0,
        hidden_size=record.d,
        n_tokens=int(stack.counts.sum()),
        n_first=int(stack.counts[FIRST]),
        n_sinks=int(stack.counts[SINK]),
        n_sample=len(record.sample),
        n_duplicates=_n_duplicates(record, found),
        n_zero=sum(Moments.of(vectors, scatter=False).n_zero for vectors in few)
        + sum(moments.n_zero for moments in record.moments.values()),
        neighbor_method=found.method if found else None,
        neighbor_recall=found.recall if found else None,
    )


def _n_duplicates(record: LayerRecord, found: Neighbors | None) -> int:
    """Count the sample's vectors that repeat an earlier one; of a broken layer none is known."""
    if found is not None:
        return found.n_duplicates
    return 0 if record.n_bad else len(record.sample) - len(merge_duplicates(record.sample)[0])
