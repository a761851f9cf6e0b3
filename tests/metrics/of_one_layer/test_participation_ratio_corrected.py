"""The corrected participation ratio against its authors' package, brute force, and truth."""

import numpy as np
import pytest
from dimensionality import participation_ratio
from numpy.typing import NDArray

from embstore.geometry.moments import Moments
from embstore.metrics.apart import ENOUGH, UnitWindows
from embstore.metrics.clusters import N_DEALT, Clusters
from embstore.metrics.metric import evaluate
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of

METRIC = METRICS["participation_ratio_corrected"]


# What the metric does not look at, so that nothing is searched for.
OTHER = cloud_of(np.random.default_rng(0).normal(size=(40, 2)))


def of_units(X: NDArray[np.floating], rows: NDArray[np.int64], clusters: Clusters) -> Cloud:
    """A cloud of which some rows are kept."""
    return Cloud(Moments.of(X), OTHER.sample, OTHER.clusters, OTHER.graph, X[rows], clusters)


def value(X: NDArray[np.floating], windows: NDArray[np.int64] | None = None) -> float:
    rows = np.arange(len(X))
    clusters = Clusters.of(rows if windows is None else windows)
    found = evaluate(METRIC, of_units(X, rows, clusters)).value
    assert found is not None
    return found


def test_of_vectors_of_their_own_it_is_the_estimate_of_its_authors(
    stretched: NDArray[np.float64],
) -> None:
    expected = participation_ratio(stretched, return_all=True)["row"]
    assert value(stretched) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_as_many_isotropic_vectors_as_dimensions_read_the_dimension() -> None:
    X = np.random.default_rng(0).normal(size=(256, 256))
    cloud = cloud_of(X)
    numbers = [evaluate(METRICS[n], cloud).value for n in ("participation_ratio", METRIC.name)]
    # (tr Σ)²/‖Σ‖² is 256. Of n = d vectors the uncorrected one is d/2, and 5 of 256 is twice
    # what samples of this size differ by.
    assert numbers[0] == pytest.approx(128, abs=2)
    assert numbers[1] == pytest.approx(256, abs=5)


def brute_force(X: NDArray[np.float64], windows: NDArray[np.int64]) -> float:
    """Over all quadruples of windows, by definition: (tr Σ)² and tr Σ² as U-statistics."""
    labels = np.unique(windows)
    A = np.array([X[windows == g].T @ X[windows == g] for g in labels])
    m = np.array([X[windows == g].sum(axis=0) for g in labels])
    size = np.array([(windows == g).sum() for g in labels])
    n_pairs = n_triples = n_fours = 0.0
    pairs = np.zeros(2)
    triples = np.zeros(2)
    fours = 0.0
    G = len(labels)
    for g in range(G):
        for h in set(range(G)) - {g}:
            n_pairs += size[g] * size[h]
            pairs += [np.trace(A[g]) * np.trace(A[h]), (A[g] * A[h]).sum()]
            for k in set(range(G)) - {g, h}:
                n_triples += size[g] * size[h] * size[k]
                triples += [np.trace(A[g]) * (m[h] @ m[k]), m[h] @ A[g] @ m[k]]
                for o in set(range(G)) - {g, h, k}:
                    n_fours += size[g] * size[h] * size[k] * size[o]
                    fours += (m[g] @ m[h]) * (m[k] @ m[o])
    top, bottom = pairs / n_pairs - 2 * triples / n_triples + fours / n_fours
    return float(top / bottom)


@pytest.mark.parametrize("sizes", [[4] * 6, [3, 5, 2, 1, 4, 6, 3]])
def test_of_windows_it_is_the_mean_over_tokens_of_different_ones(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    windows = np.repeat(np.arange(len(sizes)), sizes)
    shifts = rng.normal(size=(len(sizes), 5))
    X = rng.normal(size=(24, 5)) * [3, 2, 1, 1, 0.5] + shifts[windows] + 4
    # A shift changes nothing, but that of windows of unequal size, which is about the mean.
    seen = X if len(set(sizes)) == 1 else X - X.mean(axis=0)
    assert value(X, windows) == pytest.approx(brute_force(seen, windows), rel=1e-9)


N_WINDOWS, WINDOW, D = 24, 32, 48
SPECTRUM = np.arange(1, D + 1) ** -0.5
TRUE = SPECTRUM.sum() ** 2 / (SPECTRUM**2).sum()


def autoregressive(rng: np.random.Generator) -> NDArray[np.float64]:
    """Windows of tokens of which each is like the one before, with that covariance."""
    noise = rng.normal(size=(N_WINDOWS, WINDOW, D))
    X = np.empty_like(noise)
    X[:, 0] = noise[:, 0]
    for t in range(1, WINDOW):
        X[:, t] = 0.9 * X[:, t - 1] + np.sqrt(1 - 0.81) * noise[:, t]
    return np.asarray(X.reshape(-1, D) * np.sqrt(SPECTRUM) + 2.0)


def sampled(X: NDArray[np.float64], kept: int, sinks: bool, rng: np.random.Generator) -> Cloud:
    """A cloud of which some tokens are kept; with sinks the first of each window is, always."""
    windows = np.repeat(np.arange(N_WINDOWS), WINDOW)
    first = np.arange(len(X)) % WINDOW == 0
    alone = first & sinks
    ordinary = np.flatnonzero(~alone)
    drawn = np.zeros(len(X), dtype=bool)
    drawn[rng.choice(ordinary, size=kept, replace=False)] = True
    rows = np.flatnonzero(drawn | alone)
    clusters = Clusters.of_sample(
        windows[rows],
        alone[rows],
        drawn[rows],
        np.bincount(windows[ordinary], minlength=N_WINDOWS),
        n_windows=N_WINDOWS,
    )
    return of_units(X, rows, clusters)


@pytest.mark.slow
@pytest.mark.parametrize("sinks", [False, True])
def test_it_is_right_on_average_over_correlated_tokens_of_which_half_are_kept(sinks: bool) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        X = autoregressive(rng)
        if sinks:
            # The same covariance, scaled: what is kept alone must not count as drawn.
            X[::WINDOW] = 2.0 + 4 * (X[::WINDOW] - 2.0)
        cloud = sampled(X, 300, sinks, rng)
        whole = METRICS["participation_ratio"].compute(cloud)
        half = evaluate(METRIC, cloud)
        every = value(X, np.repeat(np.arange(N_WINDOWS), WINDOW))
        assert half.interval is not None
        found.append((whole, every, half.value, half.interval.std_error))
    whole, every, half, error = np.array(found).T
    spread = half.std(ddof=1)
    # Twice the error of a mean of 60; a ratio of two unbiased numbers is off by 1 % here.
    assert every.mean() == pytest.approx(TRUE, abs=2 * spread / 60**0.5 + 0.01 * TRUE)
    assert half.mean() == pytest.approx(TRUE, abs=2 * spread / 60**0.5 + 0.01 * TRUE)
    # Uncorrected it is far off, in the same samples.
    assert whole.mean() < 0.85 * TRUE
    # 60 samples tell a spread to 9 %.
    assert 0.8 < np.median(error) / spread < 1.3


@pytest.mark.slow
def test_it_is_right_on_average_where_only_some_windows_have_a_sink_or_a_drawn_token() -> None:
    """Every other window has a sink, which is kept; of half of all windows a token is drawn."""
    rng = np.random.default_rng(0)
    windows = np.repeat(np.arange(N_WINDOWS), WINDOW)
    alone = (np.arange(len(windows)) % WINDOW == 0) & (windows % 2 == 0)
    whole = np.bincount(windows[alone], minlength=N_WINDOWS)
    others = np.bincount(windows[~alone], minlength=N_WINDOWS)
    found = []
    for _ in range(100):
        X = autoregressive(rng)
        X[alone] = 2.0 + 4 * (X[alone] - 2.0)
        some = rng.permutation(N_WINDOWS)[: N_WINDOWS // 2]
        drawn = ~alone & np.isin(windows, some) & (rng.random(len(windows)) < 0.5)
        rows = np.flatnonzero(drawn | alone)
        clusters = Clusters.of_sample(
            windows[rows], alone[rows], drawn[rows], others, n_windows=N_WINDOWS, whole=whole
        )
        found.append((METRIC.compute(of_units(X, rows, clusters)), value(X, windows)))
    part, every = np.array(found).T
    # Twice the error of a mean of 100; a ratio of two unbiased numbers is off by a few hundredths.
    bound = 2 * (part - every).std(ddof=1) / 10 + 0.03 * TRUE
    assert part.mean() == pytest.approx(every.mean(), abs=bound)


def test_too_few_windows_and_lone_tokens_give_a_reason() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    for n in (1, 3):
        found = evaluate(METRIC, cloud_of(X, np.arange(60) % n))
        assert found.value is None
        assert found.reason is not None
        assert found.reason.startswith(f"{n} window")
    one_each = Clusters.of_sample(
        np.arange(10), np.zeros(10, bool), np.ones(10, bool), np.full(10, 6), n_windows=10
    )
    assert UnitWindows(one_each, 60).why_not == "no two tokens of one window were kept: keep more"
    found = evaluate(METRIC, cloud_of(np.full((30, 4), 2.0)))
    assert (found.value, found.reason) == (None, "all vectors are equal")


@pytest.mark.slow
def test_a_part_of_many_kept_tokens_tells_as_much_as_all() -> None:
    """Products are made of a quarter of them: against those of all, in the same vectors."""
    rng = np.random.default_rng(0)
    n_windows, window = 12, 400
    windows = np.repeat(np.arange(n_windows), window)
    none, counts = np.zeros(len(windows), bool), np.full(n_windows, window)
    shares = []
    for _ in range(8):
        X = rng.normal(size=(len(windows), D)) * np.sqrt(SPECTRUM)
        X += 0.5 * rng.normal(size=(n_windows, D))[windows] * np.sqrt(SPECTRUM)
        clusters = Clusters.of_sample(windows, none, ~none, counts, n_windows=n_windows)
        assert (clusters.thinned(ENOUGH).cells >= 0).sum() == len(windows) // N_DEALT
        rows = np.arange(len(windows))
        part = evaluate(METRIC, of_units(X, rows, clusters))
        whole = evaluate(METRIC, of_units(X, rows, Clusters.of(windows)))
        assert part.value is not None
        assert whole.value is not None
        assert part.interval is not None
        assert whole.interval is not None
        shares.append((part.value - whole.value) / whole.interval.std_error)
        # The error's own part of the products is small.
        assert part.interval.std_error == pytest.approx(whole.interval.std_error, rel=0.1)
    # A tenth of an error: 3,100 pairs a window are looked at in the place of 79,800.
    assert np.abs(shares).max() < 0.3
    assert abs(np.mean(shares)) < 0.1
