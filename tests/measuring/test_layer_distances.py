"""Angles between any two layers against all tokens at once, in every scope, and with gaps."""

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.choices import SCOPES, Scope
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerDistance, LayerKey, Measured

KEYS = [
    LayerKey("decoder", 0, "embedding"),
    *(LayerKey("decoder", layer, "block") for layer in (1, 2, 3)),
    LayerKey("decoder", 3, "final_norm"),
]
N_WINDOWS, WINDOW, D = 80, 10, 6
SINK = 4
SELECTION = Selection(("angular_distance_next",))

States = dict[LayerKey, NDArray[np.float32]]


def states() -> States:
    rng = np.random.default_rng(0)
    found = rng.normal(size=(N_WINDOWS, WINDOW, D))
    layers = {}
    for key in KEYS:
        found = found + 0.4 * rng.normal(size=found.shape)
        layers[key] = found.astype(np.float32)
        if key.site != "embedding":
            layers[key][:, SINK] *= 300
    return layers


def measure(
    layers: States, selection: Selection = SELECTION, scopes: tuple[Scope, ...] = SCOPES
) -> Measured:
    batches = (
        HiddenBatch(
            start=start,
            states={k: torch.from_numpy(s[start : start + 16]) for k, s in layers.items()},
            mask=np.ones((16, WINDOW), dtype=bool),
            ids={"decoder": np.zeros((16, WINDOW), dtype=np.int64)},
            seconds=0.0,
        )
        for start in range(0, N_WINDOWS, 16)
    )
    positions = np.arange(0, N_WINDOWS * WINDOW, 3)
    return measure_batches(
        batches, positions, Choice(scopes, selection), windows=np.arange(N_WINDOWS)
    )


def by_pair(found: Measured, scope: Scope) -> dict[tuple[int, int], LayerDistance]:
    return {(d.key.layer, d.other_layer): d for d in found.distances if d.scope == scope}


def expected(layers: States, scope: Scope, one: int, other: int) -> tuple[float, float, int]:
    """Return the mean, its error and the number of vectors, from all of them."""
    keep = np.ones(WINDOW, dtype=bool)
    keep[0] = scope in ("all", "last")
    keep[SINK] = scope in ("all", "no_first", "last")
    kept = [layers[KEYS[place]][:, keep].astype(float) for place in (one, other)]
    if scope == "last":
        kept = [vectors[:, -1:] for vectors in kept]
    if scope == "mean":
        # As they are kept.
        kept = [v.mean(axis=1, keepdims=True).astype(np.float32).astype(float) for v in kept]
    x, y = kept
    cosines = (x * y).sum(axis=2) / np.linalg.norm(x, axis=2) / np.linalg.norm(y, axis=2)
    angles = np.arccos(cosines) / np.pi
    error = angles.mean(axis=1).std(ddof=1) / N_WINDOWS**0.5
    return float(angles.mean()), float(error), angles.size


@pytest.mark.parametrize("scope", SCOPES)
def test_every_two_layers_are_compared_in_every_scope(scope: Scope) -> None:
    layers = states()
    found = by_pair(measure(layers), scope)
    assert list(found) == list(combinations(range(4), 2))
    for (one, other), distance in found.items():
        mean, error, n = expected(layers, scope, one, other)
        assert distance.distance == pytest.approx(mean, rel=1e-7)
        assert distance.std_error == pytest.approx(error, rel=1e-5)
        assert distance.n == n
        assert distance.key == KEYS[one]


def test_the_distance_to_the_next_layer_is_the_metric() -> None:
    found = measure(states())
    distances = {scope: by_pair(found, scope) for scope in SCOPES}
    assert found.measurements
    for m in found.measurements:
        distance = distances[m.scope][m.key.layer, m.key.layer + 1]
        assert (m.value, m.std_error, m.n) == (distance.distance, distance.std_error, distance.n)
        assert (m.ci_low, m.ci_high) == (distance.ci_low, distance.ci_high)


def test_nothing_is_compared_unless_it_is_asked_for() -> None:
    assert not measure(states(), Selection(("anisotropy",))).distances
    assert not measure(states(), Selection(("adjacent_cosine",))).distances


def test_a_broken_layer_is_compared_with_none() -> None:
    layers = states()
    layers[KEYS[2]][50, 3, 1] = np.nan
    found = by_pair(measure(layers), "all")
    assert list(found) == [(0, 1), (0, 3), (1, 3)]
    mean, error, _ = expected(states(), "all", 0, 3)
    assert found[0, 3].distance == pytest.approx(mean, rel=1e-7)
    assert found[0, 3].std_error == pytest.approx(error, rel=1e-5)


def test_layers_of_other_widths_have_no_distance() -> None:
    layers = states()
    layers[KEYS[0]] = layers[KEYS[0]][..., :4]
    found = by_pair(measure(layers), "no_sinks")
    assert {pair for pair, d in found.items() if d.distance is None} == {(0, 1), (0, 2), (0, 3)}
    assert found[1, 3].distance is not None


def test_few_windows_have_none() -> None:
    few = {key: state[:16] for key, state in states().items()}
    batch = HiddenBatch(
        0,
        {key: torch.from_numpy(state) for key, state in few.items()},
        np.ones((16, WINDOW), dtype=bool),
        {"decoder": np.zeros((16, WINDOW), dtype=np.int64)},
        0.0,
    )
    found = measure_batches(
        [batch], np.arange(160), Choice(("all", "last"), SELECTION), windows=np.arange(16)
    )
    assert by_pair(found, "all")
    assert not by_pair(found, "last")


@pytest.mark.parametrize("selection", [SELECTION, Selection(("angular_distance_next", "twonn"))])
def test_a_stack_of_broken_layers_has_a_reason(selection: Selection) -> None:
    """As a NaN in the embedding goes through all layers; here in a last, ordinary token."""
    layers = states()
    for state in layers.values():
        state[20, -1, 1] = np.nan
    found = measure(layers, selection)
    assert not found.distances
    assert {m.scope for m in found.measurements} == set(SCOPES)
    for m in found.measurements:
        assert m.value is None
        assert m.reason is not None
        assert "NaN or infinite values" in m.reason
