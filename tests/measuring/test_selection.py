"""What nothing asks for is not computed, and what is asked for is the same number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from embstore.choices import TOKEN_SCOPES
from embstore.geometry import moments
from embstore.geometry.cross_moments import CrossMoments
from embstore.geometry.moments import Moments
from embstore.measuring import checkpoint, graphs
from embstore.measuring.checkpoint import Choice
from embstore.metrics.registry import METRICS, PAIR_METRICS
from embstore.metrics.selection import PRESETS, Selection, choose_metrics
from embstore.metrics.window_products import Products
from embstore.types import Measured, Measurement
from tests.measuring.test_checkpoint import measure, random_states, rows

# Errors come from products of tokens in float32 (half a unit in the last place is 6e-8 of each); of
# a layer's spread or first direction they are made by another way where no eigenvectors are needed.
# Seen: 4e-7. Values differ in the last place of float64.
_OF_VALUES, _OF_ERRORS = 1e-12, 2e-6


@pytest.fixture(scope="module")
def whole() -> Measured:
    return measure(random_states())


def of(*terms: str, intervals: bool = True) -> Choice:
    return Choice(TOKEN_SCOPES, Selection(choose_metrics(terms), intervals))


def assert_equal(found: Measurement, expected: Measurement, *, intervals: bool = True) -> None:
    assert (found.n, found.reason) == (expected.n, expected.reason)
    if expected.value is None:
        assert found.value is None
    else:
        assert found.value == pytest.approx(expected.value, rel=_OF_VALUES)
    if not intervals:
        assert (found.std_error, found.ci_low, found.ci_high) == (None, None, None)
        assert found.window_effects is None
        return
    for name in ("std_error", "ci_low", "ci_high"):
        wanted = getattr(expected, name)
        close = None if wanted is None else pytest.approx(wanted, rel=_OF_ERRORS)
        assert getattr(found, name) == close
    if expected.window_effects is None or expected.std_error is None:
        assert found.window_effects is None
    else:
        reach = _OF_ERRORS * expected.std_error
        assert found.window_effects == pytest.approx(expected.window_effects, rel=0, abs=reach)


@pytest.mark.slow
@pytest.mark.parametrize("intervals", [True, False])
@pytest.mark.parametrize("name", [*PRESETS["all"], *PRESETS])
def test_a_number_is_the_same_whatever_is_measured_with_it(
    name: str, intervals: bool, whole: Measured
) -> None:
    everything = rows(whole)
    found = rows(measure(random_states(), choice=of(name, intervals=intervals)))
    names = choose_metrics([name])
    assert found.keys() == {key for key in everything if key[2] in names}
    for key, number in found.items():
        assert_equal(number, everything[key], intervals=intervals)


# What is watched: where it is looked up, and which needs it.
_WATCHED: dict[str, tuple[Any, str, Callable[[Selection], bool]]] = {
    "search": (checkpoint, "nearest_neighbors", lambda s: s.needs("neighbors")),
    "pair counts": (graphs, "corrint_radii", lambda s: s.needs("pair counts")),
    "window products": (Products, "of", lambda s: s.needs("window products")),
    "joint sums": (CrossMoments, "add", lambda s: s.needs("joint covariance")),
    "eigenvectors": (Moments, "eigen", lambda s: s.eigen == "directions"),
    "eigenvalues": (Moments, "eigenvalues", lambda s: s.eigen == "values"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(intervals=False),
        Selection(PRESETS["core"]),
        Selection(PRESETS["default"]),
        *(Selection((name,)) for name in ("norm_p50", "anisotropy", "twonn", "corrint")),
        *(Selection((name,)) for name in ("stable_rank", "update_ratio", "cka_next")),
    ],
    ids=lambda selection: f"{len(selection.names)}-{selection.names[0]}-{selection.intervals}",
)
def test_what_nothing_asks_for_is_not_computed(
    selection: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of few dimensions a decomposition is as fast as finding the first eigenvector.
    monkeypatch.setattr(moments, "_LEAST_LANCZOS", 2)
    called: set[str] = set()

    def watch(name: str, place: Any, function: str) -> None:
        original = getattr(place, function)

        def watched(*args: Any, **options: Any) -> Any:
            called.add(name)
            return original(*args, **options)

        monkeypatch.setattr(place, function, watched)

    for name, (place, function, _) in _WATCHED.items():
        watch(name, place, function)
    found = measure(random_states(), choice=Choice(TOKEN_SCOPES, selection))
    assert called == {name for name, (*_, needed) in _WATCHED.items() if needed(selection)}
    assert bool(found.spectra) == selection.needs("spectrum")
    assert bool(found.curves) == selection.needs("neighbors")
    assert {m.metric for m in found.measurements} == set(selection.names)


def test_without_a_search_duplicates_are_still_counted(whole: Measured) -> None:
    states = random_states()
    for state in states.values():
        state[1, :3] = state[1, 3]
    found = measure(states, choice=of("length"))
    assert [layer.n_duplicates for layer in found.layers] == [3] * len(found.layers)
    assert {layer.neighbor_method for layer in found.layers} == {None}
    assert {layer.neighbor_method for layer in whole.layers} == {"exact"}


def test_of_no_covariance_no_sum_is_kept() -> None:
    X = np.random.default_rng(0).normal(size=(50, 7))
    bare = Moments.of(X, scatter=False)
    bare.add(X[:20] + 1.0)
    full = Moments.of(X)
    full.add(X[:20] + 1.0)
    assert bare.scatter.shape == (0, 0)
    for name in ("n", "mean", "unit_sum", "unit_squares", "n_zero", "norm_max", "abs_max"):
        np.testing.assert_allclose(getattr(bare, name), getattr(full, name), rtol=1e-14)


def test_the_pairs_alone_need_no_metric_of_one_layer() -> None:
    found = measure(random_states(), choice=of("next_layer"))
    assert {m.metric for m in found.measurements} == PAIR_METRICS.keys()
    assert not {m.metric for m in found.measurements} & METRICS.keys()
