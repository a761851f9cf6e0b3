"""What holds for every metric: documented, bounded, invariant, defined or explained."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embstore.metrics.names import NEIGHBOR_ESTIMATES
from embstore.metrics.registry import METRICS, PAIR_METRICS, metric_infos
from embstore.types import MetricInfo
from tests.manifolds import rotation
from tests.metrics.clouds import numbers_of, values_of
from tests.processes import imported

# What happens to a metric when the cloud is moved, turned or grown.
FREE_OF_TRANSLATION = {
    *("anisotropy", "participation_ratio", "isoscore", "effective_rank", "spectral_entropy"),
    *("pca_dim_90", "pca_dim_95", "pca_dim_99", "spectral_slope"),
    *("twonn", "twonn_low20", "twonn_ml", "corrint", "mle", "mom", "mada"),
    *(f"lid_p{q:02d}" for q in (5, 25, 50, 75, 95)),
}
TIED_TO_AXES = {"massive_ratio", "top_cosine_share", "top_cosine_coordinate"}
GROWS_WITH_SCALE = {"norm_p01", "norm_p50", "norm_p99", "norm_max"}


@pytest.mark.parametrize("info", metric_infos(pairs=True), ids=lambda info: info.name)
def test_every_metric_is_documented_and_cited(info: MetricInfo) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", info.name)
    assert info.version >= 1
    assert re.search(r"\b(19|20)\d\d\b", info.citation), "a citation has a year"
    for text in (info.title, info.symbol, info.formula, info.unit, info.lower, info.upper):
        assert text.strip()


def test_no_name_is_used_twice() -> None:
    assert not METRICS.keys() & PAIR_METRICS.keys()
    assert [info.name for info in metric_infos(pairs=False)] == list(METRICS)


def test_the_estimates_that_fall_short_are_those_from_neighbours() -> None:
    of_points = {name for name, metric in METRICS.items() if metric.info.unit == "dimensions"}
    assert {n for n in of_points if "pca" not in n} - NEIGHBOR_ESTIMATES == {
        *("participation_ratio", "effective_rank"),
    }
    assert METRICS.keys() >= NEIGHBOR_ESTIMATES


def bound(expression: str, n: int, d: int) -> float:
    names = {"n": n, "d": d, "min": min, "log": math.log, "inf": math.inf}
    return float(eval(expression, {"__builtins__": {}}, names))


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(25, 80),
    d=st.integers(2, 40),
    seed=st.integers(0, 999),
    offset=st.floats(-100, 100),
)
def test_every_value_is_within_its_stated_bounds(n: int, d: int, seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.exponential(size=d) + offset
    for name, value in numbers_of(X).items():
        info = METRICS[name].info
        # A bound that is reached may be passed by rounding.
        assert value >= bound(info.lower, n, d) - 1e-9, name
        assert value <= bound(info.upper, n, d) + 1e-9, name


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(1e-6, 1e6), shift=st.floats(-50, 50))
def test_invariances(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 5)) * [3, 2, 1, 1, 0.5] + 1.0
    plain = numbers_of(X)
    turned = numbers_of(X @ rotation(5, 5, seed))
    grown = numbers_of(X * scale)
    moved = numbers_of(X + shift)
    for name, value in plain.items():
        # Rounding of X itself: 50 / 0.1 nearest distance * 2^-53, and far from it.
        if name not in TIED_TO_AXES:
            assert turned[name] == pytest.approx(value, rel=1e-9), name
        factor = scale if name in GROWS_WITH_SCALE else 1.0
        assert grown[name] == pytest.approx(value * factor, rel=1e-9), name
        if name in FREE_OF_TRANSLATION:
            assert moved[name] == pytest.approx(value, rel=1e-8), name


def test_order_of_tokens_does_not_matter() -> None:
    X = np.random.default_rng(0).normal(size=(100, 6))
    shuffled = np.random.default_rng(1).permutation(X)
    for name, value in numbers_of(X).items():
        assert numbers_of(shuffled)[name] == pytest.approx(value, rel=1e-12), name


def test_mean_cosine_is_the_mean_over_all_pairs() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6)) + 0.7
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines = (U @ U.T)[np.triu_indices(40, k=1)]
    assert numbers_of(X)["mean_cosine"] == pytest.approx(cosines.mean(), rel=1e-12)


def test_shares_of_mean_cosine_are_those_over_all_pairs() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6)) + 0.3
    X[:, 4] += 2
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    pairs = np.triu_indices(40, k=1)
    by_coordinate = np.array([np.outer(u, u)[pairs].sum() for u in U.T])
    shares = by_coordinate / by_coordinate.sum()
    numbers = numbers_of(X)
    assert numbers["top_cosine_share"] == pytest.approx(shares.max(), rel=1e-12)
    assert numbers["top_cosine_coordinate"] == shares.argmax() == 4


def test_norms_are_those_of_numpy() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6))
    X[3, 2] = 1000.0
    norms = np.linalg.norm(X, axis=1)
    numbers = numbers_of(X)
    assert numbers["norm_max"] == pytest.approx(norms.max(), rel=1e-14)
    assert numbers["norm_p50"] == pytest.approx(np.median(norms), rel=1e-14)
    assert numbers["norm_p01"] == pytest.approx(np.quantile(norms, 0.01), rel=1e-14)
    assert numbers["massive_ratio"] == pytest.approx(1000 / np.median(np.abs(X)))


@pytest.mark.parametrize(
    ("X", "metric", "reason"),
    [
        (np.ones((30, 4)), "anisotropy", "all vectors are equal"),
        (np.ones((30, 4)), "twonn", "1 distinct points in the sample, at least 3 needed"),
        (np.ones((1, 4)), "anisotropy", "1 tokens"),
        (np.zeros((30, 4)), "mean_cosine", "0 vectors with a direction"),
        (np.zeros((30, 4)), "massive_ratio", "more than half of all coordinates are zero"),
        (np.arange(30.0)[:, None], "isoscore", "needs more than one dimension"),
        (np.eye(12), "mle", "12 distinct points in the sample, at least 21 needed"),
        (np.eye(12), "twonn", "neighbours lie at equal distances"),
    ],
)
def test_an_undefined_value_says_why(X: np.ndarray, metric: str, reason: str) -> None:
    found = values_of(X)[metric]
    assert found.value is None
    assert found.reason == reason


def test_importing_the_catalogue_does_not_import_torch() -> None:
    assert "torch" not in imported("import embstore.metrics.registry")
