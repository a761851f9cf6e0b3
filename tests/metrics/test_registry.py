"""What holds for every metric: documented, bounded, invariant, defined or explained."""

import math
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embstore.metrics.families import dimension, spectral, within_windows
from embstore.metrics.from_spectra import DERIVABLE, from_spectrum
from embstore.metrics.metric import evaluate
from embstore.metrics.names import (
    NEED_MANY,
    NEIGHBOR_ESTIMATES,
    OF_SPECTRUM,
    PEAKS_WITHOUT_EMBEDDING,
)
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import METRICS, PAIR_METRICS, find_metrics, metric_infos
from embstore.metrics.related import RELATED
from embstore.metrics.selection import PRESETS, SAID_ALREADY
from embstore.types import MetricInfo
from tests.manifolds import rotation
from tests.metrics.clouds import OF_VECTORS, cloud_of, numbers_of, values_of
from tests.metrics.pairs import numbers_of_pair, two_layers
from tests.processes import imported

HERE = Path(__file__).parent


@pytest.mark.parametrize("folder", ["of_one_layer", "of_two_layers"])
def test_every_metric_has_an_oracle(folder: str) -> None:
    """A file of tests of its own, against the same number computed another way."""
    metrics = HERE.parents[1] / "embstore" / "metrics" / folder
    tested = {path.stem.removeprefix("test_") for path in (HERE / folder).glob("test_*.py")}
    assert {path.stem for path in metrics.glob("[!_]*.py")} == tested


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


def test_two_metrics_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("__init__", "one", "other"):
        line = "from embstore.metrics.of_one_layer.anisotropy import METRICS as METRICS\n"
        (folder / f"{name}.py").write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="two metrics are called 'anisotropy'"):
        find_metrics(import_module("twice"), Cloud)


def test_the_estimates_that_fall_short_are_those_from_neighbours() -> None:
    assert {n for n, m in METRICS.items() if m.family == dimension.FAMILY} == NEIGHBOR_ESTIMATES


def test_of_a_dimension_of_neighbourhoods_no_peak_is_in_the_embedding() -> None:
    assert NEIGHBOR_ESTIMATES | {"ess", "local_pca"} == PEAKS_WITHOUT_EMBEDDING


def test_spectra_of_few_vectors_are_known_to_be_biased() -> None:
    """Two halves of an isotropic cloud, whose numbers would not change but for the bias."""
    X = np.random.default_rng(0).normal(size=(512, 128))
    whole, half = numbers_of(X), numbers_of(X[:256])
    spectra = {n for n, m in METRICS.items() if m.family == spectral.FAMILY}
    moved = {name for name in spectra if half[name] != pytest.approx(whole[name], rel=0.02)}
    # A band in the middle gains from one side what it loses to the other.
    assert moved == (spectra & NEED_MANY) - {"band_11_100"}
    assert {"cka_next", "linearity_next", "linearity_residual_next"} == NEED_MANY - METRICS.keys()


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


Vectors = NDArray[np.float64]
SCALE = 37.0


def changed(X: Vectors, change: str, seed: int) -> Vectors:
    """Do to all vectors what ``change`` says, (n, d)."""
    d = X.shape[1]
    if change == "shift":
        return X + 10 * np.random.default_rng(seed).normal(size=d)
    if change == "rotation":
        return X @ rotation(d, d, seed)
    return np.concatenate([X, X]) if change == "duplication" else X * SCALE


@pytest.mark.slow
@pytest.mark.parametrize("change", ["shift", "rotation", "duplication", "scale"])
def test_each_metric_is_unchanged_by_what_it_says_and_by_nothing_else(change: str) -> None:
    metrics = OF_VECTORS | PAIR_METRICS
    moved: set[str] = set()
    # One cloud may be unmoved by chance, such as the number of a coordinate.
    for seed in range(5):
        X = np.random.default_rng(seed).normal(size=(321, 24)) * np.geomspace(3, 0.5, 24)
        X += 0.25 * seed
        layers = two_layers(seed)
        before = numbers_of(X) | numbers_of_pair(*layers)
        after = numbers_of(changed(X, change, seed))
        after |= numbers_of_pair(*(changed(layer, change, seed) for layer in layers))
        for name, value in before.items():
            factor = SCALE ** metrics[name].description.degree if change == "scale" else 1.0
            # Rounding of X itself: 100 / 0.1 nearest distance * 2^-53, and far from it.
            if after[name] != pytest.approx(value * factor, rel=1e-8):
                moved.add(name)
    assert before.keys() == metrics.keys()
    says_so = {name for name, m in metrics.items() if change in m.description.unchanged_by}
    assert moved == (set() if change == "scale" else metrics.keys() - says_so)


@pytest.mark.slow
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
        about = METRICS[name].description
        # Rounding of X itself: 50 / 0.1 nearest distance * 2^-53, and far from it.
        if "rotation" in about.unchanged_by:
            assert turned[name] == pytest.approx(value, rel=1e-9), name
        assert grown[name] == pytest.approx(value * scale**about.degree, rel=1e-9), name
        if "shift" in about.unchanged_by:
            assert moved[name] == pytest.approx(value, rel=1e-8), name


def test_order_of_tokens_does_not_matter() -> None:
    X = np.random.default_rng(0).normal(size=(330, 24))
    shuffled = numbers_of(np.random.default_rng(1).permutation(X))
    for name, value in numbers_of(X).items():
        # Other tokens of a window, in another order, are another window.
        if METRICS[name].family != within_windows.FAMILY:
            assert shuffled[name] == pytest.approx(value, rel=1e-12), name
    assert shuffled.keys() == OF_VECTORS.keys()


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


@pytest.mark.slow
def test_importing_the_registry_does_not_import_torch() -> None:
    assert "torch" not in imported("import embstore.metrics.registry")


def test_what_a_metric_costs_is_the_dearest_thing_that_it_takes() -> None:
    metrics = METRICS | PAIR_METRICS
    costs = {name: metrics[name].cost for name in COSTLY}
    assert costs == COSTLY
    # What shares nothing is left out unless it is asked for.
    alone = {name for name, metric in metrics.items() if metric.cost == "own pass"}
    assert alone == {*PRESETS["all"]} - {*PRESETS["default"], *SAID_ALREADY}


COSTLY = {
    "norm_p50": "sums",
    "anisotropy": "sums",
    "update_ratio": "sums",
    "mean_cosine": "sums",
    "stable_rank": "decomposition",
    "twonn": "search",
    "neighbor_overlap_next": "search",
    "linearity_next": "pair sums",
    "rankme": "own pass",
    "corrint": "own pass",
    "window_loss": "head",
    "sink_rate": "eager attention",
    "first_token_norm": "sums",
}


def test_metrics_that_go_with_each_other_both_say_so() -> None:
    metrics = METRICS | PAIR_METRICS
    for name, others in RELATED.items():
        for other, rho in others:
            assert (name, rho) in RELATED[other]
            assert 0.95 <= abs(rho) <= 1
    # A function that only rises is one ranking.
    for a, b in (("participation_ratio", "isoscore"), ("spectral_entropy", "spectral_rank")):
        assert (b, 1.0) in RELATED[a]
    assert ("stable_rank", -1.0) in RELATED["anisotropy"]
    assert metrics["anisotropy"].related[0] == "stable_rank"
    assert RELATED.keys() <= metrics.keys()


def test_what_says_what_another_says_is_not_measured_by_default() -> None:
    assert all(METRICS[name].of_spectrum and METRICS[name].related for name in SAID_ALREADY)


@pytest.mark.parametrize("name", DERIVABLE)
def test_from_a_spectrum_comes_what_was_measured(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(400, 120)) * np.geomspace(3, 0.1, 120)
    cloud = cloud_of(X)
    measured = evaluate(METRICS[name], cloud)
    assert from_spectrum(name, cloud.eigenvalues, cloud.n).value == pytest.approx(
        measured.value, rel=1e-12
    )
    for points, d in ((1, 4), (30, 4)):
        # One vector, and equal ones: the same reason, or the same number.
        same = cloud_of(np.ones((points, d)))
        found = from_spectrum(name, same.eigenvalues, same.n)
        expected = evaluate(METRICS[name], same)
        assert (found.value, found.reason) == (expected.value, expected.reason)


def test_what_follows_from_a_spectrum_is_unchanged_by_a_shift() -> None:
    assert all("shift" in METRICS[name].description.unchanged_by for name in DERIVABLE)
    assert {*DERIVABLE} == OF_SPECTRUM
