"""Windows as one vector each: the numbers of those vectors, measured as an array of their own."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.choices import WINDOW_SCOPES, Scope
from embstore.inputs.token_sample import sample_windows
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.measuring.vectors import measure_vector_pair, measure_vectors
from embstore.measuring.window_vectors import LEAST_VECTORS
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey, Measured, Measurement

pytestmark = pytest.mark.slow

KEYS = [
    LayerKey("decoder", 0, "embedding"),
    LayerKey("decoder", 1, "block"),
    LayerKey("decoder", 2, "block"),
    LayerKey("decoder", 2, "final_norm"),
]
N_WINDOWS, WINDOW, D = 150, 12, 16
SINK = 5

States = dict[LayerKey, NDArray[np.float32]]


@pytest.fixture
def states() -> States:
    """Windows with a meaning of their own, and one sink each, in blocks as long as forty tokens."""
    rng = np.random.default_rng(3)
    found = {}
    for key in KEYS:
        of_window = rng.normal(size=(N_WINDOWS, 1, D)) * np.geomspace(3, 0.5, D)
        found[key] = (of_window + rng.normal(size=(N_WINDOWS, WINDOW, D))).astype(np.float32)
    for key in KEYS[1:]:
        found[key][:, SINK] *= 40
    return found


@pytest.fixture
def mask() -> NDArray[np.bool_]:
    """Padding: on the right of the first windows, on the left of some others."""
    found = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    found[:40, 9:] = False
    found[40:60, :3] = False
    return found


def measure(
    states: States,
    mask: NDArray[np.bool_],
    scopes: tuple[Scope, ...] = WINDOW_SCOPES,
    *,
    sample: int = 4096,
    batch_size: int = 32,
) -> Measured:
    batches = (
        HiddenBatch(
            start=start,
            states={k: torch.from_numpy(s[start : start + batch_size]) for k, s in states.items()},
            mask=mask[start : start + batch_size],
            ids={"decoder": np.zeros_like(mask, dtype=np.int64)[start : start + batch_size]},
            seconds=0.0,
        )
        for start in range(0, len(mask), batch_size)
    )
    kept = sample_windows(len(mask), sample, seed=0)
    return measure_batches(batches, np.flatnonzero(mask), Choice(scopes), windows=kept)


def last_of(vectors: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    rows = [window[tokens][-1] for window, tokens in zip(vectors, mask, strict=True)]
    return np.array(rows)


def mean_of(vectors: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Average what is neither first nor the sink."""
    rows = []
    for window, tokens in zip(vectors, mask, strict=True):
        ordinary = tokens.copy()
        ordinary[np.argmax(tokens)] = ordinary[SINK] = False
        rows.append(window[ordinary].astype(np.float64).mean(axis=0))
    return np.array(rows).astype(np.float32)


POOLED: dict[Scope, Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]] = {
    "last": last_of,
    "mean": mean_of,
}


def by_metric(found: Measured, key: LayerKey, scope: Scope) -> dict[str, Measurement]:
    return {m.metric: m for m in found.measurements if (m.key, m.scope) == (key, scope)}


def alike(one: float | None, other: float | None, rel: float) -> bool:
    if one is None or other is None:
        return one is other
    return one == pytest.approx(other, rel=rel, abs=rel)


@pytest.mark.parametrize("scope", WINDOW_SCOPES)
def test_each_window_is_one_vector_with_the_errors_of_independent_ones(
    states: States, mask: NDArray[np.bool_], scope: Scope
) -> None:
    found = measure(states, mask)
    for key in KEYS:
        expected = measure_vectors(POOLED[scope](states[key], mask))
        numbers = by_metric(found, key, scope)
        assert len(expected.measurements) > 30
        for one in expected.measurements:
            number = numbers[one.metric]
            assert number.n == one.n == N_WINDOWS
            for field in ("value", "std_error", "ci_low", "ci_high"):
                # Sums that are made batch by batch, and means rounded to float32.
                assert alike(getattr(number, field), getattr(one, field), 2e-5), (one, number)
        points = [c for c in found.curves if (c.key, c.scope) == (key, scope)]
        for point, other in zip(points, expected.curve, strict=True):
            assert alike(point.dimension, other.dimension, 2e-5)
        (spectrum,) = (s for s in found.spectra if (s.key, s.scope) == (key, scope))
        assert spectrum.n == N_WINDOWS


@pytest.mark.parametrize("scope", WINDOW_SCOPES)
def test_a_layer_is_compared_with_the_next(
    states: States, mask: NDArray[np.bool_], scope: Scope
) -> None:
    found = measure(states, mask)
    x, y = (POOLED[scope](states[key], mask) for key in KEYS[1:3])
    numbers = by_metric(found, KEYS[1], scope)
    for one in measure_vector_pair(x, y).measurements:
        assert alike(numbers[one.metric].value, one.value, 2e-5), (one, numbers[one.metric])


def test_tokens_are_measured_as_without(states: States, mask: NDArray[np.bool_]) -> None:
    scopes: tuple[Scope, ...] = ("all", "no_sinks")
    alone, beside = measure(states, mask, scopes), measure(states, mask, (*scopes, "last", "mean"))
    assert alone.layers == beside.layers
    assert alone.massive == beside.massive
    assert alone.measurements == tuple(m for m in beside.measurements if m.scope in scopes)
    # What is known of a layer beside its numbers does not ask for a scope of tokens.
    windows = measure(states, mask).layers
    assert [(layer.n_tokens, layer.n_first, layer.n_sinks) for layer in windows] == [
        (layer.n_tokens, layer.n_first, layer.n_sinks) for layer in alone.layers
    ]
    assert {layer.neighbor_method for layer in windows} == {None}


def test_batches_do_not_matter(states: States, mask: NDArray[np.bool_]) -> None:
    one, other = measure(states, mask, batch_size=1), measure(states, mask, batch_size=64)
    for m, n in zip(one.measurements, other.measurements, strict=True):
        assert alike(m.value, n.value, 1e-5), (m, n)
        assert alike(m.std_error, n.std_error, 1e-4), (m, n)


@pytest.mark.parametrize("scope", WINDOW_SCOPES)
def test_of_many_windows_some_are_kept(
    states: States, mask: NDArray[np.bool_], scope: Scope
) -> None:
    found = measure(states, mask, sample=100)
    numbers = by_metric(found, KEYS[2], scope)
    pooled = POOLED[scope](states[KEYS[2]], mask)
    whole = {m.metric: m.value for m in measure_vectors(pooled).measurements}
    kept = pooled[sample_windows(N_WINDOWS, 100, seed=0)]
    some = {m.metric: m.value for m in measure_vectors(kept).measurements}
    # Sums have all windows, and what looks at neighbours those that are kept.
    assert alike(numbers["anisotropy"].value, whole["anisotropy"], 1e-6)
    assert numbers["anisotropy"].n == N_WINDOWS
    assert alike(numbers["twonn"].value, some["twonn"], 1e-6)
    assert numbers["twonn"].n == 100


def test_windows_without_an_ordinary_token_have_no_mean(
    states: States, mask: NDArray[np.bool_]
) -> None:
    mask[:20] = False
    mask[:20, 0] = True  # a first token, and no other
    found = measure(states, mask, sample=140)
    kept = sample_windows(N_WINDOWS, 140, seed=0)
    counts = {
        scope: [by_metric(found, KEYS[1], scope)[name].n for name in ("anisotropy", "twonn")]
        for scope in WINDOW_SCOPES
    }
    assert counts == {"last": [150, 140], "mean": [130, (kept >= 20).sum()]}
    expected = measure_vectors(mean_of(states[KEYS[1]][20:], mask[20:])).measurements
    whole = next(m.value for m in expected if m.metric == "anisotropy")
    assert alike(by_metric(found, KEYS[1], "mean")["anisotropy"].value, whole, 1e-6)


def test_every_last_token_may_be_a_sink(states: States) -> None:
    mask = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    mask[:, SINK + 1 :] = False
    found = measure(states, mask)
    for one in measure_vectors(last_of(states[KEYS[1]], mask)).measurements:
        assert alike(by_metric(found, KEYS[1], "last")[one.metric].value, one.value, 2e-5), one
    pair = measure_vector_pair(*(last_of(states[key], mask) for key in KEYS[1:3])).measurements
    for one in pair:
        assert alike(by_metric(found, KEYS[1], "last")[one.metric].value, one.value, 2e-5), one


@pytest.mark.parametrize("n", [1, LEAST_VECTORS - 1, LEAST_VECTORS])
def test_few_windows_say_what_would_help(states: States, mask: NDArray[np.bool_], n: int) -> None:
    some = {key: state[:n] for key, state in states.items()}
    found = measure(some, mask[:n])
    assert len(found.measurements) == len(measure(states, mask).measurements)
    undefined = [m for m in found.measurements if m.value is None]
    if n >= LEAST_VECTORS:
        assert not [m for m in undefined if "one vector each" in str(m.reason)]
        return
    assert len(undefined) == len(found.measurements)
    assert {m.reason for m in undefined} == {
        f"{n} windows with one vector each, at least {LEAST_VECTORS} needed; feed more tokens or "
        "take shorter windows"
    }
    assert not found.curves
    assert not found.spectra


def test_what_is_not_finite_counts_where_it_is_met(states: States, mask: NDArray[np.bool_]) -> None:
    states[KEYS[1]][70, 4] = np.nan  # ordinary, and not the last
    found = measure(states, mask)
    assert by_metric(found, KEYS[1], "last")["anisotropy"].value is not None
    broken = by_metric(found, KEYS[1], "mean")["anisotropy"]
    assert (broken.value, broken.reason) == (None, "1 of 150 windows have NaN or infinite values")
    assert by_metric(found, KEYS[1], "mean")["cka_next"].value is None
    assert by_metric(found, KEYS[2], "mean")["anisotropy"].value is not None


def test_window_effects_stand_where_their_windows_do(
    states: States, mask: NDArray[np.bool_]
) -> None:
    states[KEYS[2]][149, 11] += 500
    effects = by_metric(measure(states, mask), KEYS[2], "last")["anisotropy"].window_effects
    assert effects is not None
    assert len(effects) == 64
    assert int(np.argmax(np.abs(effects))) == 63
