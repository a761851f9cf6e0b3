"""Errors and intervals: against textbook formulas, added windows, resampled windows, and truth."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import spatial, stats

from benchmarks.coverage import Design, outcomes, replicate
from embstore.geometry.moments import Moments
from embstore.measuring.evaluate import curve_point
from embstore.metrics.clusters import Clusters, Totals
from embstore.metrics.gride import GRIDE_RANKS, gride
from embstore.metrics.metric import evaluate
from embstore.metrics.one_layer import Cloud, Graph
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.two_layers import Pair
from embstore.metrics.uncertainty import Transform, clustered, describe, quantile_interval
from embstore.types import LayerKey
from tests.metrics.clouds import OF_VECTORS, cloud_of
from tests.metrics.pairs import pair_of

N_WINDOWS, WINDOW, D = 16, 40, 24
WINDOWS = np.repeat(np.arange(N_WINDOWS), WINDOW)

ALL_METRICS = OF_VECTORS | PAIR_METRICS
WITHOUT = {name for name, metric in ALL_METRICS.items() if metric.uncertainty == "none"}
QUANTILES = {name for name, m in OF_VECTORS.items() if m.uncertainty == describe("quantile")}
COUNTS = {name for name, m in OF_VECTORS.items() if m.uncertainty == describe("count")}


def draw(rng: np.random.Generator, d: int = D) -> NDArray[np.float64]:
    """Windows with a mean and a spread of their own, (640, d).

    Their scales differ by 5 %. At 20 % local dimensions depend on how a window's scale
    compares with the others', and their intervals are too wide: they cover all of the time.
    """
    spread = np.arange(1, d + 1) ** -0.5
    parts = []
    for _ in range(N_WINDOWS):
        centre = 0.3 * rng.normal(size=d) * spread + 0.5
        centre[0] += 1.0
        parts.append(np.exp(0.05 * rng.normal()) * rng.normal(size=(WINDOW, d)) * spread + centre)
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    return cloud_of(draw(np.random.default_rng(0)), WINDOWS)


def test_units_of_their_own_give_the_textbook_error_of_a_mean() -> None:
    x = np.random.default_rng(0).exponential(size=200)
    found = clustered(float(x.mean()), x, Clusters.of(np.arange(200)), transform="linear")
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert found is not None
    assert found.std_error == pytest.approx(stats.sem(x), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_windows_of_equal_tokens_count_once_each() -> None:
    x = np.random.default_rng(0).normal(size=30)
    found = clustered(
        float(x.mean()),
        np.repeat(x, 7),
        Clusters.of(np.repeat(np.arange(30), 7)),
        transform="linear",
    )
    assert found is not None
    assert found.std_error == pytest.approx(stats.sem(x), rel=1e-12)


def test_one_window_has_no_spread() -> None:
    assert (
        clustered(1.0, np.arange(5.0), Clusters.of(np.zeros(5, dtype=int)), transform="log") is None
    )
    one = Clusters.of(np.zeros(5, dtype=int))
    assert quantile_interval(np.arange(5.0), 0.5, share_below(np.arange(5.0), one)) is None


@pytest.mark.parametrize(
    ("transform", "value", "low", "high"),
    [("log", 0.01, 0, np.inf), ("logit", 0.99, 0, 1), ("atanh", -0.9, -1, 1)],
)
def test_intervals_keep_within_the_bounds(
    transform: Transform, value: float, low: float, high: float
) -> None:
    influence = np.random.default_rng(0).normal(size=10) * 0.3
    found = clustered(value, influence, Clusters.of(np.arange(10)), transform=transform)
    assert found is not None
    assert low < found.low < value < found.high < high


def share_below(x: NDArray[np.float64], clusters: Clusters) -> Callable[[float], Totals | None]:
    return lambda limit: clusters.totals(clusters.sums((x <= limit).astype(float)))


def test_a_count_has_whole_ends() -> None:
    found = clustered(16.0, np.arange(8.0) / 10, Clusters.of(np.arange(8)), transform="count")
    assert found is not None
    assert (found.low, found.high) == (15, 17)


def test_the_interval_of_a_median_covers_like_one_of_order_statistics() -> None:
    x = np.sort(np.random.default_rng(0).normal(size=1000))
    found = quantile_interval(x, 0.5, share_below(x, Clusters.of(np.arange(1000))))
    low, high = stats.binom.interval(0.95, 1000, 0.5)
    assert found is not None
    # Both rank intervals; normal against binomial and interpolation: a rank or two, each
    # about 0.0025 wide here.
    assert found.low == pytest.approx(x[int(low)], abs=0.008)
    assert found.high == pytest.approx(x[int(high)], abs=0.008)


def repeated(cloud: Cloud, times: int, extra: int | None) -> Cloud:
    """All vectors many times over, and one window once more."""
    m = cloud.moments
    moments = replace(
        m.whole(),
        n=m.n * times,
        scatter=m.scatter * times,
        unit_sum=m.unit_sum * times,
        unit_squares=m.unit_squares * times,
    )
    rows = np.tile(np.arange(m.n), times)
    if extra is not None:
        chosen = np.flatnonzero(extra == WINDOWS)
        moments.add(cloud.sample[chosen])
        rows = np.concatenate([rows, chosen])
    g = cloud.graph
    clusters = Clusters.of(np.arange(len(rows)))
    graph = Graph(
        g.distances[rows], g.indices[rows], clusters, g.radii, g.within[rows], g.rows[rows]
    )
    return replace(cloud, moments=moments, graph=graph)


def error_by_adding_windows(cloud: Cloud, compute: Callable[[Cloud], float]) -> float:
    """The sandwich from numerical derivatives: what each window, added once more, does."""
    times = 50
    before = compute(repeated(cloud, times, None))
    n = cloud.n * times + WINDOW
    moved = [(compute(repeated(cloud, times, g)) - before) * n for g in range(N_WINDOWS)]
    return float(np.std(moved) * N_WINDOWS / np.sqrt(N_WINDOWS - 1) / cloud.n)


def alone(cloud: Cloud) -> Cloud:
    """A cloud whose points are nobody's neighbour: what one adds again does to the number."""
    nobody = replace(cloud.graph, indices=np.zeros((0, 64), dtype=np.int32))
    return replace(cloud, graph=nobody)


# Of more than 100 dimensions; 0 here, without an error. A test of its own tells it.
WIDE = {"band_above_100"}
# Added windows have copies elsewhere, which count as others; tests of its own tell its error.
APART = {"participation_ratio_corrected", "cka_debiased_next"}
# Likewise of those that look at the sample itself, which stays as it is here.
APART |= {"tle", "ess", "uniformity", "self_clustering"}
# Each window has a number of its own, whose spread is compared in tests of their own.
APART |= {"curvature", "window_cosine", "window_entropy", "window_matrix_entropy"}
APART |= {"window_twonn_ml", "angular_distance_next"}


@pytest.mark.parametrize(
    "name",
    sorted(
        OF_VECTORS.keys() - WITHOUT - QUANTILES - COUNTS - APART - WIDE - {"twonn_ml", "corrint"}
    ),
)
def test_the_error_is_that_of_adding_windows(cloud: Cloud, name: str) -> None:
    metric = OF_VECTORS[name]
    interval = evaluate(metric, alone(cloud)).interval
    assert interval is not None
    expected = error_by_adding_windows(cloud, metric.compute)
    # A window is a 50 · 16th of the whole, so curvature adds a thousandth; TwoNN's fit ends
    # at one of 640 ratios, in steps: off by up to 2 % here, 0.2 % with four times as many.
    assert interval.std_error == pytest.approx(expected, rel=0.03 if "twonn" in name else 0.01)


@pytest.mark.parametrize(
    "name",
    [
        *("anisotropy", "participation_ratio", "effective_rank", "mean_cosine", "norm_p50"),
        *("twonn", "twonn_ml", "mle", "mada", "lid_p50"),
    ],
)
def test_the_error_is_that_of_resampled_windows(cloud: Cloud, name: str) -> None:
    """A bootstrap of whole windows; distances to neighbours count as given."""
    rng = np.random.default_rng(0)
    metric = OF_VECTORS[name]
    rows = np.arange(cloud.n).reshape(N_WINDOWS, WINDOW)
    values = []
    for _ in range(600):
        chosen = rows[rng.integers(0, N_WINDOWS, size=N_WINDOWS)].ravel()
        clusters = Clusters.of(np.zeros(len(chosen), dtype=int))
        graph = replace(cloud.graph, distances=cloud.graph.distances[chosen], clusters=clusters)
        X = cloud.sample[chosen]
        values.append(metric.compute(Cloud(Moments.of(X), X, clusters, graph, X, clusters)))
    interval = evaluate(metric, alone(cloud)).interval
    assert interval is not None
    # A bootstrap of G windows is short by sqrt((G - 1)/G), and 600 of them tell 3 %; it sees
    # curvature, too. Densities at a quantile come from a tenth of 640 tokens.
    expected = np.std(values) * np.sqrt(N_WINDOWS / (N_WINDOWS - 1))
    assert interval.std_error == pytest.approx(expected, rel=0.15)


def test_the_error_of_the_correlation_integral_is_that_of_leaving_windows_out(
    cloud: Cloud,
) -> None:
    """With the radii found anew; how far a point's own neighbours are counts as given."""
    X = cloud.sample.astype(np.float64)
    apart = spatial.distance.squareform(spatial.distance.pdist(X))
    np.fill_diagonal(apart, np.inf)
    values = []
    for g in range(N_WINDOWS):
        kept = np.flatnonzero(g != WINDOWS)
        a, b = np.median(cloud.graph.distances[kept][:, [9, 19]], axis=0)
        pairs = apart[np.ix_(kept, kept)]
        values.append(np.log((pairs <= b).sum() / (pairs <= a).sum()) / np.log(b / a))
    expected = np.std(values) * np.sqrt(N_WINDOWS - 1)
    interval = evaluate(OF_VECTORS["corrint"], cloud).interval
    assert interval is not None
    # Densities and slopes are differences over a tenth of 640 points and over few pairs.
    assert interval.std_error == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("rank", GRIDE_RANKS)
def test_the_error_of_the_curve_is_that_of_adding_windows(cloud: Cloud, rank: int) -> None:
    point = curve_point(LayerKey("decoder", 1, "block"), "all", alone(cloud).graph, rank)
    expected = error_by_adding_windows(cloud, lambda c: gride(c.graph.distances, rank))
    assert point.std_error == pytest.approx(expected, rel=0.01)


@pytest.fixture(scope="module")
def coverage() -> dict[str, float]:
    """How often 95 % intervals of 200 samples hold the mean over all samples."""
    # A small part of the benchmark, which has more populations and sizes.
    design = Design("windows 5 %", n=512, d=24, n_windows=16)
    names = frozenset(ALL_METRICS.keys() - WITHOUT)
    runs = [replicate(design, seed, names=names) for seed in range(200)]
    return {outcome.metric: outcome.covered_mean for outcome in outcomes(design, runs)}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALL_METRICS.keys() - WITHOUT - COUNTS - WIDE))
def test_intervals_cover_the_mean_as_often_as_they_say(
    coverage: dict[str, float], name: str
) -> None:
    # 200 samples tell a coverage of 0.95 to 0.015.
    assert 0.90 <= coverage[name] <= 0.99


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_the_interval_of_a_count_reaches_half_a_component_beyond_its_error(
    cloud: Cloud, name: str
) -> None:
    found = evaluate(OF_VECTORS[name], cloud)
    assert found.interval is not None
    assert found.value is not None
    assert found.interval.low < found.value < found.interval.high


@pytest.mark.parametrize("name", OF_VECTORS)
def test_a_metric_has_an_interval_unless_it_says_none(cloud: Cloud, name: str) -> None:
    assert (evaluate(OF_VECTORS[name], cloud).interval is None) == (name in WITHOUT | WIDE)
    assert name in WITHOUT or "window" in OF_VECTORS[name].uncertainty


def test_extremes_and_indices_have_no_interval() -> None:
    assert {"top_cosine_coordinate", "norm_max", "massive_ratio"} <= WITHOUT


def two_layers(rng: np.random.Generator) -> Pair:
    """A layer and one that turns it, adds noise and moves whole windows, (640, 24) each."""
    X = draw(rng)
    turned = X @ (np.eye(D) + 0.1 * np.random.default_rng(7).normal(size=(D, D)))
    moved = 0.2 * rng.normal(size=(N_WINDOWS, D))[WINDOWS]
    Y = turned + 0.3 * rng.normal(size=X.shape) * np.abs(X[:, :1]) + moved
    return pair_of(X, Y, WINDOWS)


def repeated_pair(pair: Pair, times: int, extra: int | None) -> Pair:
    def more(m: Moments) -> Moments:
        return replace(m.whole(), n=m.n * times, scatter=m.scatter * times)

    x, y, cross = more(pair.x), more(pair.y), replace(pair.cross.copy(), n=pair.n * times)
    cross.scatter, cross.squares = pair.cross.scatter * times, pair.cross.squares * times
    rows = np.tile(np.arange(pair.n), times)
    if extra is not None:
        chosen = np.flatnonzero(extra == WINDOWS)
        added_x, added_y = pair.core.units_x[chosen], pair.core.units_y[chosen]
        x.add(added_x)
        y.add(added_y)
        cross.add(added_x, added_y)
        rows = np.concatenate([rows, chosen])
    assert pair.steps is not None
    return replace(
        pair,
        core=replace(pair.core, x=x, y=y, cross=cross),
        x=x,
        y=y,
        cross=cross,
        overlap=replace(pair.overlap, shares=pair.overlap.shares[rows]),
        steps=replace(
            pair.steps,
            mean_ratio=float(pair.steps.ratios[rows].mean()),
            mean_cosine=float(pair.steps.cosines[rows].mean()),
        ),
    )


@pytest.mark.parametrize("name", sorted(PAIR_METRICS.keys() - APART))
def test_the_error_of_two_layers_is_that_of_adding_windows(name: str) -> None:
    pair = two_layers(np.random.default_rng(1))
    metric = PAIR_METRICS[name]
    nobody = np.zeros_like(pair.overlap.as_neighbor)
    alone = replace(pair, overlap=replace(pair.overlap, as_neighbor=nobody))
    interval = evaluate(metric, alone).interval
    assert interval is not None
    times = 50
    before = metric.compute(repeated_pair(pair, times, None))
    n = pair.n * times + WINDOW
    moved = [(metric.compute(repeated_pair(pair, times, g)) - before) * n for g in range(N_WINDOWS)]
    expected = float(np.std(moved) * N_WINDOWS / np.sqrt(N_WINDOWS - 1) / pair.n)
    # Curvature, as above; the sample is multiplied in float32.
    assert interval.std_error == pytest.approx(expected, rel=0.01)


def test_the_interval_of_a_high_quantile_reaches_beyond_the_largest_value() -> None:
    """Windows of equal tokens, so 64 numbers, of which one or two lie beyond the quantile."""
    clusters = Clusters.of(np.repeat(np.arange(64), 10))
    true = np.log(50.0)
    held, within = [], []
    for seed in range(300):
        values = np.repeat(np.random.default_rng(seed).exponential(size=64), 10)

        def share_below(limit: float, values: NDArray[np.float64] = values) -> Totals | None:
            return clusters.totals(clusters.sums((values <= limit).astype(np.float64)))

        found = quantile_interval(values, 0.98, share_below)
        assert found is not None
        held.append(found.low <= true <= found.high)
        within.append(found.low <= true <= values.max())
    assert 0.9 < np.mean(held) < 0.99
    assert np.mean(within) < 0.8


def beside_zeros(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many rows again, all zero, each behind one that is not."""
    return np.stack([X, np.zeros_like(X)], axis=1).reshape(-1, X.shape[1])


@pytest.mark.parametrize(
    "name",
    ["mean_cosine", "top_cosine_share", "normalized_std", "self_clustering", "uniformity"],
)
def test_zero_vectors_do_not_change_the_error_of_what_leaves_them_out(name: str) -> None:
    """A mean over the vectors with a direction has the error that it has without the others."""
    X = 0.1 * np.random.default_rng(0).normal(size=(500, 8)) + np.eye(8)[0]
    found, expected = (evaluate(OF_VECTORS[name], cloud_of(Z)) for Z in (beside_zeros(X), X))
    assert found.n == expected.n == 500
    assert found.interval is not None
    assert expected.interval is not None
    # The number of windows, twice as many, is in it by one in a thousand.
    assert found.interval.std_error == pytest.approx(expected.interval.std_error, rel=2e-3)


@pytest.mark.parametrize("name", ["update_ratio", "adjacent_cosine"])
def test_zero_vectors_do_not_change_the_error_of_steps(name: str) -> None:
    """Against the textbook error of a mean of independent numbers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 8)) + 1
    Y = X + 0.5 * rng.normal(size=X.shape)
    found = evaluate(PAIR_METRICS[name], pair_of(beside_zeros(X), beside_zeros(Y)))
    x, y = (np.linalg.norm(Z, axis=1) for Z in (X, Y))
    steps = np.linalg.norm(Y - X, axis=1) / x if "ratio" in name else (X * Y).sum(axis=1) / (x * y)
    assert found.value == pytest.approx(steps.mean(), rel=1e-12)
    assert found.interval is not None
    expected = steps.std(ddof=1) / np.sqrt(500)
    # As above.
    assert found.interval.std_error == pytest.approx(expected, rel=2e-3)
