"""Whatever is computed on a device is the same number; torch's CPU, named cpu:0, stands for it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.choices import TOKEN_SCOPES
from embstore.geometry import rank_one
from embstore.geometry.arithmetic.matrices_on_torch import FactorOnTorch
from embstore.geometry.arithmetic.on_torch import OnTorch
from embstore.geometry.kept.on_torch import KeptOnTorch
from embstore.geometry.neighbors import search
from embstore.measuring import collect, scopes, window_vectors, within_windows
from embstore.measuring.checkpoint import Choice
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.selection import Selection, choose_metrics
from embstore.types import LayerKey, Measured
from tests.measuring.test_checkpoint import (
    KEYS,
    N_WINDOWS,
    NEAR_ZERO,
    WINDOW,
    D,
    measure,
    random_states,
    rounding,
    rows,
)
from tests.measuring.test_window_vectors import mask, states
from tests.measuring.test_window_vectors import measure as measure_windows

pytestmark = pytest.mark.slow

# Fixtures.
__all__ = ["mask", "states"]

States = dict[LayerKey, NDArray[np.float32]]

# Joint products of two layers are in float32, which torch and NumPy sum up in orders that depend
# on the processor. What is made of them are shares of 1, seen to differ by 2e-9.
_OF_PAIRS = 1e-8

# Products of tokens are in float32, half a unit in whose last place is 6e-8 of each, and are
# summed in another order. Seen: 1.6e-6 of an error, of fewer tokens than dimensions.
_OF_ERRORS = 5e-6


def with_sinks() -> States:
    states = random_states()
    for state in states.values():
        state[:, 0] *= 300.0
    return states


def of_few_tokens() -> States:
    """Fewer tokens than dimensions."""
    rng = np.random.default_rng(1)
    return {key: rng.normal(size=(N_WINDOWS, WINDOW, 200)).astype(np.float32) for key in KEYS}


def of_two_widths() -> States:
    every = random_states().items()
    return {key: state[..., : D - 5 * (i % 2)] for i, (key, state) in enumerate(every)}


def without_full_rank() -> States:
    states = with_sinks()
    for state in states.values():
        state[..., 3] = state[..., 5]
    return states


def with_duplicates() -> States:
    states = random_states()
    for i, state in enumerate(states.values()):
        state[i, 2:5] = state[i, 2]
    return states


KINDS = [
    random_states,
    with_sinks,
    of_few_tokens,
    of_two_widths,
    without_full_rank,
    with_duplicates,
]


@pytest.fixture
def _on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a CPU's tensors as if they were a device's."""

    def beside(state: torch.Tensor) -> torch.Tensor:
        return state.float().reshape(-1, state.shape[-1])

    for module in (collect, scopes, window_vectors, within_windows):
        monkeypatch.setattr(module, "vectors_of", beside)


def assert_same(found: Measured, expected: Measured, of_errors: float) -> None:
    there, here = rows(found), rows(expected)
    assert there.keys() == here.keys()
    for key, number in there.items():
        wanted = here[key]
        assert (number.n, number.reason) == (wanted.n, wanted.reason)
        of_values = max(rounding(key[2]), NEAR_ZERO.get(key[2], 0.0))
        least = _OF_PAIRS if key[2] in PAIR_METRICS else 1e-12
        for one, other, rel in (
            (number.value, wanted.value, of_values),
            (number.std_error, wanted.std_error, of_errors),
            (number.ci_low, wanted.ci_low, max(of_values, of_errors)),
            (number.ci_high, wanted.ci_high, max(of_values, of_errors)),
        ):
            assert one == other or one == pytest.approx(other, rel=rel, abs=least), key
    for spectrum, other_spectrum in zip(found.spectra, expected.spectra, strict=True):
        largest = other_spectrum.eigenvalues[0]
        np.testing.assert_allclose(
            spectrum.eigenvalues, other_spectrum.eigenvalues, rtol=1e-9, atol=1e-12 * largest
        )
    for point, other_point in zip(found.curves, expected.curves, strict=True):
        for one, other in (
            (point.dimension, other_point.dimension),
            (point.std_error, other_point.std_error),
        ):
            assert one == other or one == pytest.approx(other, rel=1e-9)


@pytest.mark.usefixtures("_on_a_device")
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("states", KINDS)
def test_all_numbers_are_those_of_the_cpu(
    states: Callable[[], States], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    mask[-1, -5:] = False
    there = measure(states(), mask=mask, choice=Choice(device=device))
    monkeypatch.undo()
    here = measure(states(), mask=mask)
    assert_same(there, here, 1e-12 if device == "cpu" else _OF_ERRORS)


@pytest.mark.usefixtures("_on_a_device")
def test_so_are_those_of_windows_as_one_vector_each(
    states: States, mask: NDArray[np.bool_], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = measure_windows(states, mask)
    monkeypatch.undo()
    assert_same(there, measure_windows(states, mask), _OF_ERRORS)


@pytest.mark.parametrize("intervals", [True, False])
@pytest.mark.parametrize("names", ["core", "default", "participation_ratio", "cka_next"])
def test_so_are_those_of_fewer_metrics(names: str, intervals: bool) -> None:
    selection = Selection(choose_metrics([names]), intervals)
    there, here = (
        measure(with_sinks(), choice=Choice(TOKEN_SCOPES, selection, device=device))
        for device in ("cpu:0", "cpu")
    )
    assert_same(there, here, _OF_ERRORS)


def test_so_are_those_that_take_many_points() -> None:
    """Trees need 320 of them."""
    rng = np.random.default_rng(2)
    shape = (8, 48, D)
    states = {key: rng.normal(size=shape).astype(np.float32) + 0.2 for key in KEYS}
    states[KEYS[0]][3, 5] = states[KEYS[0]][2, 7]
    names = choose_metrics(["ph_dim", "ess", "tle", "local_pca", "uniformity", "self_clustering"])
    there, here = (
        measure(
            states,
            mask=np.ones(shape[:2], dtype=bool),
            choice=Choice(TOKEN_SCOPES, Selection(names), device=device),
        )
        for device in ("cpu:0", "cpu")
    )
    assert all(number.value is not None for number in there.measurements)
    assert_same(there, here, 1e-9)


@pytest.mark.usefixtures("_on_a_device")
def test_what_is_heavy_is_computed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    called: set[str] = set()

    def watch(place: object, function: str) -> None:
        original = getattr(place, function)

        def watched(*args: object, **options: object) -> object:
            called.add(function)
            return original(*args, **options)

        monkeypatch.setattr(place, function, watched)

    heavy: dict[object, list[str]] = {
        OnTorch: ["product", "product_of_pair", "describe", "compare"],
        KeptOnTorch: [
            *("centred", "rest", "times", "square_sums", "pair_terms"),
            *("squared_cosines", "gaussian_sums", "pair_distances"),
            *("inner_products", "group_products"),
        ],
        rank_one: ["matmul"],
        FactorOnTorch: ["solve", "solve_transposed"],
        search: ["candidates_torch", "exact_distances_torch", "count_products_torch"],
    }
    for place, functions in heavy.items():
        for function in functions:
            watch(place, function)
    # So many tokens that every metric is defined.
    rng = np.random.default_rng(2)
    states = {key: rng.normal(size=(8, 48, D)).astype(np.float32) for key in KEYS}
    measure(states, mask=np.ones((8, 48), dtype=bool), choice=Choice(device="cpu:0"))
    assert called == {function for functions in heavy.values() for function in functions}
