"""One pass against NumPy on all states at once; scopes, sinks, padding, broken layers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from embstore.choices import TOKEN_SCOPES, Scope
from embstore.geometry.moments import Moments
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.measuring.scopes import token_groups
from embstore.metrics.of_two_layers.cka import linear_cka
from embstore.metrics.of_two_layers.linearity import linearity_of
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.selection import Selection
from embstore.metrics.two_layers import Overlap
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey, Measured, Measurement
from tests.metrics.clouds import LEAST_POINTS, OF_VECTORS, SINGLE, cloud_of, numbers_of
from tests.metrics.pairs import numbers_of_pair

pytestmark = pytest.mark.slow

KEYS = [
    LayerKey("decoder", 0, "embedding"),
    LayerKey("decoder", 1, "block"),
    LayerKey("decoder", 2, "block"),
    LayerKey("decoder", 2, "final_norm"),
]
N_WINDOWS, WINDOW, D = 6, 24, 24


def token_ids(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1000, 1000 + shape[0] * shape[1]).reshape(shape)


def random_states(seed: int = 0) -> dict[LayerKey, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        key: rng.normal(size=(N_WINDOWS, WINDOW, D)).astype(np.float32) + key.layer for key in KEYS
    }


def measure(
    states: dict[LayerKey, np.ndarray],
    *,
    mask: np.ndarray | None = None,
    batch_size: int = 2,
    positions: np.ndarray | None = None,
    choice: Choice | None = None,
) -> Measured:
    mask = np.ones((N_WINDOWS, WINDOW), dtype=bool) if mask is None else mask
    batches = (
        HiddenBatch(
            start=start,
            states={k: torch.from_numpy(s[start : start + batch_size]) for k, s in states.items()},
            mask=mask[start : start + batch_size],
            ids={"decoder": token_ids(mask.shape)[start : start + batch_size]},
            seconds=0.0,
        )
        for start in range(0, len(mask), batch_size)
    )
    positions = np.flatnonzero(mask) if positions is None else positions
    return measure_batches(batches, positions, choice)


def rows(measured: Measured) -> dict[tuple[LayerKey, Scope, str], Measurement]:
    return {(m.key, m.scope, m.metric): m for m in measured.measurements}


WINDOWS = np.repeat(np.arange(N_WINDOWS), WINDOW).reshape(N_WINDOWS, WINDOW)


# A small difference of numbers near 0.1, of which products in float32 have seven digits.
NEAR_ZERO = {"cka_debiased_next": 1e-7}


def rounding(name: str) -> float:
    return 1e-6 if name in SINGLE else 1e-10


def test_a_pass_in_batches_gives_the_metrics_of_all_tokens_at_once() -> None:
    states = random_states()
    found = rows(measure(states))
    for key in KEYS:
        for name, expected in numbers_of(states[key].reshape(-1, D), WINDOWS.ravel()).items():
            measurement = found[key, "all", name]
            assert measurement.value == pytest.approx(expected, rel=rounding(name)), (key, name)
            assert measurement.n == N_WINDOWS * WINDOW


def test_scope_no_first_leaves_out_the_first_token_of_each_window() -> None:
    states = random_states()
    found = rows(measure(states))
    expected = numbers_of(states[KEYS[1]][:, 1:].reshape(-1, D), WINDOWS[:, 1:].ravel())
    for name, value in expected.items():
        measurement = found[KEYS[1], "no_first", name]
        assert measurement.value == pytest.approx(value, rel=rounding(name)), name
        assert measurement.n == N_WINDOWS * (WINDOW - 1)


def test_scope_no_sinks_leaves_out_sinks_at_every_layer() -> None:
    states = random_states()
    states[KEYS[2]][3, 7] *= 1000  # a sink at one block only
    found = rows(measure(states))
    keep = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    keep[:, 0] = False
    keep[3, 7] = False
    for key in KEYS:
        for name, value in numbers_of(states[key][keep], WINDOWS[keep]).items():
            if name == "curvature":
                continue  # a path is interrupted where a token is left out
            measurement = found[key, "no_sinks", name]
            assert measurement.value == pytest.approx(value, rel=rounding(name)), name
    with_sink = found[KEYS[2], "all", "anisotropy"].value or 0
    without = found[KEYS[2], "no_sinks", "anisotropy"].value or 1
    assert with_sink > 0.99
    assert without < 0.5


def test_counts_of_tokens_sinks_and_duplicates_are_kept() -> None:
    states = random_states()
    states[KEYS[2]][3, 7] *= 1000
    states[KEYS[0]][1] = states[KEYS[0]][0]  # the same embeddings twice
    states[KEYS[1]][5, 5] = 0
    layers = {layer.key: layer for layer in measure(states).layers}
    layer = layers[KEYS[0]]
    assert (layer.n_tokens, layer.n_first, layer.n_sinks) == (144, 6, 1)
    assert (layer.n_sample, layer.n_duplicates) == (144, WINDOW)
    assert layers[KEYS[1]].n_zero == 1
    assert [layers[key].depth for key in KEYS] == [0.0, 0.5, 1.0, 1.0]


def test_sinks_are_judged_by_their_own_window_at_blocks_only() -> None:
    states = {key: torch.ones(2, 10, 4) for key in KEYS}
    states[KEYS[0]][0, 4] = 100  # large, but in the embedding
    states[KEYS[1]][0, 5] = 8.1  # just above eight medians
    states[KEYS[1]][0, 6] = 7.9
    states[KEYS[1]][1] = 50.0  # a loud window without a sink
    groups = token_groups(states, np.ones((2, 10), dtype=bool), 8.0)
    assert groups[0].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert groups[1].tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def alike(
    found: Measurement, expected: Measurement, *, rel: float, least: float | None = None
) -> bool:
    """Tell whether two numbers are near each other, or neither is defined."""
    if expected.value is None:
        return found.value is None and found.reason == expected.reason
    return bool(found.value == pytest.approx(expected.value, rel=rel, abs=least))


def test_batch_size_does_not_change_a_number() -> None:
    states = random_states()
    states[KEYS[2]][3, 7] *= 1000
    one = rows(measure(states, batch_size=1))
    for key, measurement in rows(measure(states, batch_size=4)).items():
        # Batches are merged in another order: rounding only, of float32 between layers.
        same = 1e-6 if key[2] in PAIR_METRICS.keys() | SINGLE else 1e-11
        assert alike(measurement, one[key], rel=same, least=NEAR_ZERO.get(key[2])), key
        assert measurement.n == one[key].n


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_never_counted(side: str) -> None:
    plain = random_states()
    expected = rows(measure(plain))
    pad = 4
    mask = np.ones((N_WINDOWS, WINDOW + pad), dtype=bool)
    columns = slice(0, pad) if side == "left" else slice(WINDOW, None)
    mask[:, columns] = False
    states = {}
    for key, state in plain.items():
        states[key] = np.full((*mask.shape, D), 1e6, dtype=np.float32)
        states[key][mask] = state.reshape(-1, D)
    for which, measurement in rows(measure(states, mask=mask)).items():
        assert alike(measurement, expected[which], rel=1e-11), which
        assert measurement.n == expected[which].n


def test_a_sample_moves_only_what_it_is_behind() -> None:
    states = random_states()
    positions = np.arange(0, N_WINDOWS * WINDOW, 3)
    found = rows(measure(states, positions=positions, batch_size=4))
    flat = states[KEYS[1]].reshape(-1, D)
    whole = numbers_of(flat, WINDOWS.ravel())
    part = numbers_of(flat[positions], positions // WINDOW)
    cloud = replace(cloud_of(flat[positions]), moments=Moments.of(flat))
    for name, metric in OF_VECTORS.items():
        if name in {"massive_ratio", "participation_ratio_corrected"}:
            continue  # of all tokens and of the sample
        from_sample = metric.count(cloud) == len(positions)
        if name in LEAST_POINTS:
            assert found[KEYS[1], "all", name].value is None, name
            continue
        expected = part[name] if from_sample else whole[name]
        assert found[KEYS[1], "all", name].value == pytest.approx(expected, rel=1e-10), name
        assert found[KEYS[1], "all", name].n == (48 if from_sample else 144)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_layer_has_a_reason_and_the_others_stand(bad: float) -> None:
    states = random_states()
    expected = rows(measure(states))
    states[KEYS[1]][4, 3, 2] = bad
    found = measure(states)
    for key, measurement in rows(found).items():
        if key[0] == KEYS[1] and key[2] in OF_VECTORS:
            assert measurement.value is None
            assert measurement.reason == "1 of 144 tokens have NaN or infinite values"
        elif key[2] in PAIR_METRICS:
            assert measurement.value is None  # on both sides of the broken layer
            assert measurement.reason == "this layer or the next has NaN or infinite values"
        else:
            assert alike(measurement, expected[key], rel=1e-12)
    assert {spectrum.key for spectrum in found.spectra} == set(KEYS) - {KEYS[1]}


def test_a_single_token_per_window_has_no_cloud_without_first_tokens() -> None:
    states = {key: state[:, :1] for key, state in random_states().items()}
    found = rows(measure(states, mask=np.ones((N_WINDOWS, 1), dtype=bool)))
    measurement = found[KEYS[1], "no_first", "anisotropy"]
    assert measurement.value is None
    assert (measurement.n, measurement.reason) == (0, "0 tokens")


def test_every_scope_is_measured_in_order() -> None:
    assert (
        tuple(dict.fromkeys(m.scope for m in measure(random_states()).measurements)) == TOKEN_SCOPES
    )


def test_spectra_sum_to_the_variance() -> None:
    states = random_states()
    spectra = {(s.key, s.scope): s for s in measure(states).spectra}
    variance = states[KEYS[1]].reshape(-1, D).astype(np.float64).var(axis=0, ddof=1).sum()
    assert spectra[KEYS[1], "all"].eigenvalues.sum() == pytest.approx(variance, rel=1e-12)
    assert spectra[KEYS[1], "all"].eigenvalues.shape == (D,)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_largest_coordinates_of_every_layer_are_those_of_a_full_sort(batch_size: int) -> None:
    states = random_states()
    states[KEYS[2]][3, 7, 11] = -500
    states[KEYS[2]][5, 2, 11] = 500  # a tie: the earlier token first
    found = measure(states, batch_size=batch_size).massive
    for key in KEYS:
        of_layer = [m for m in found if m.key == key]
        magnitudes = np.abs(states[key])
        expected = np.sort(magnitudes.ravel())[::-1][:16]
        np.testing.assert_array_equal([abs(m.value) for m in of_layer], expected)
        assert [m.rank for m in of_layer] == list(range(1, 17))
        for m in of_layer:
            assert states[key][m.window_index, m.position, m.coordinate] == m.value
            assert m.token_id == 1000 + m.window_index * WINDOW + m.position
    top = [m for m in found if m.key == KEYS[2]][:2]
    assert [(m.window_index, m.position, m.coordinate, m.value) for m in top] == [
        (3, 7, 11, -500.0),
        (5, 2, 11, 500.0),
    ]


def test_padding_holds_no_massive_activation() -> None:
    mask = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    mask[:, :4] = False
    states = random_states()
    for state in states.values():
        state[:, :4] = 1e6
    assert all(m.position >= 4 for m in measure(states, mask=mask).massive)


def pair_numbers(X: np.ndarray, Y: np.ndarray, windows: np.ndarray) -> dict[str, float]:
    """Two-layer metrics from whole arrays, (n, d) each, most of them in NumPy."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = Yc - Xc @ np.linalg.lstsq(Xc, Yc)[0]
    norms = np.linalg.norm(X, axis=1), np.linalg.norm(Y, axis=1)
    order = []
    for Z in (X, Y):
        apart = np.linalg.norm(Z[:, None] - Z, axis=2)
        np.fill_diagonal(apart, np.inf)
        order.append(np.argsort(apart, axis=1)[:, :30])
    common = [len(set(a) & set(b)) for a, b in zip(*order, strict=True)]
    return numbers_of_pair(X, Y, windows=windows) | {
        "linearity_next": 1 - np.square(rest).sum() / np.square(Yc).sum(),
        "linearity_residual_next": 1 - np.square(rest).sum() / np.square(Yc - Xc).sum(),
        "cka_next": linear_cka(Xc.T @ Xc, Xc.T @ Yc, Yc.T @ Yc),
        "neighbor_overlap_next": float(np.mean(common)) / 30,
        "update_ratio": float((np.linalg.norm(Y - X, axis=1) / norms[0]).mean()),
        "adjacent_cosine": float(((X * Y).sum(axis=1) / norms[0] / norms[1]).mean()),
    }


@pytest.mark.parametrize("batch_size", [1, 4])
def test_layers_are_compared_with_the_next_in_every_scope(batch_size: int) -> None:
    states = random_states()
    states[KEYS[2]] += states[KEYS[1]]
    states[KEYS[2]][3, 7] *= 1000
    found = rows(measure(states, batch_size=batch_size))
    keep = np.ones((N_WINDOWS, WINDOW), dtype=bool)
    for scope in TOKEN_SCOPES:
        for earlier, later in ((KEYS[0], KEYS[1]), (KEYS[1], KEYS[2])):
            expected = pair_numbers(states[earlier][keep], states[later][keep], WINDOWS[keep])
            assert expected.keys() == PAIR_METRICS.keys()
            for name, value in expected.items():
                measurement = found[earlier, scope, name]
                # Joint moments of ordinary tokens are products in float32, good to 1e-7.
                near = pytest.approx(value, rel=1e-6, abs=NEAR_ZERO.get(name))
                assert measurement.value == near, (scope, name)
                assert measurement.n == keep.sum()
        keep[:, 0] = False
        keep[3, 7] &= scope != "no_first"
    # Nothing follows the last block, and the final norm is no layer further on.
    assert {key.layer for key, _, name in found if name in PAIR_METRICS} == {0, 1}


def test_groups_of_tokens_too_few_for_sums_and_those_beyond_give_the_same() -> None:
    """At half as many first tokens as dimensions their vectors become sums: 12 of 24 here."""
    states = {key: np.concatenate([s, 2 * s, 3 - s]) for key, s in random_states().items()}
    mask = np.ones((3 * N_WINDOWS, WINDOW), dtype=bool)
    batches = (
        HiddenBatch(
            start=start,
            states={k: torch.from_numpy(s[start : start + 2]) for k, s in states.items()},
            mask=mask[start : start + 2],
            ids={"decoder": token_ids(mask.shape)[start : start + 2]},
            seconds=0.0,
        )
        for start in range(0, len(mask), 2)
    )
    found = rows(measure_batches(batches, np.flatnonzero(mask)))
    flat = [states[key].reshape(-1, D) for key in KEYS]
    assert found[KEYS[0], "all", "anisotropy"].value == pytest.approx(
        numbers_of(flat[0])["anisotropy"], rel=1e-10
    )
    assert found[KEYS[0], "all", "linearity_next"].value == pytest.approx(
        linearity_of(flat[0], flat[1]),
        rel=1e-6,  # as above
    )


def test_duplicates_in_one_layer_leave_the_overlap_of_the_distinct() -> None:
    states = random_states()
    states[KEYS[0]][1] = states[KEYS[0]][0]  # the same embeddings twice
    found = rows(measure(states))[KEYS[0], "all", "neighbor_overlap_next"]
    distinct = np.delete(np.arange(144), np.arange(WINDOW, 2 * WINDOW))
    flat = [states[key].reshape(-1, D)[distinct] for key in KEYS[:2]]
    assert found.n == 120
    expected = pair_numbers(flat[0], flat[1], WINDOWS.ravel()[distinct])["neighbor_overlap_next"]
    assert found.value == pytest.approx(expected)


def test_only_what_was_chosen_is_measured() -> None:
    states = random_states()
    everything = rows(measure(states))
    found = rows(measure(states, choice=Choice(("no_sinks",), Selection(tuple(OF_VECTORS)))))
    assert {scope for _, scope, _ in found} == {"no_sinks"}
    assert {name for _, _, name in found} == OF_VECTORS.keys()
    numbers = {"value", "std_error", "ci_low", "ci_high", "window_effects"}
    for which, measurement in found.items():
        for name, expected in vars(everything[which]).items():
            if name in numbers and expected is not None:
                # Matrices of another shape are summed in another order: last digits may differ.
                expected = pytest.approx(expected, rel=1e-12)
            assert getattr(measurement, name) == expected


def test_neighbours_are_compared_only_for_what_looks_at_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unasked(*_: object) -> Overlap:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr("embstore.measuring.graphs.overlap", unasked)
    choice = Choice(("all",), Selection(("twonn", "adjacent_cosine")))
    assert {m.metric for m in measure(random_states(), choice=choice).measurements} == {
        *choice.selection.names
    }
    with pytest.raises(AssertionError, match="nobody asked"):
        measure(random_states(), choice=Choice(("all",), Selection(("neighbor_overlap_next",))))


def test_every_number_that_can_has_an_interval_around_it() -> None:
    for measurement in measure(random_states()).measurements:
        if measurement.std_error is None:
            # Nor has the share of directions that there are none of.
            without = OF_VECTORS[measurement.metric].uncertainty == "none"
            assert without or (measurement.metric, measurement.value) == ("band_above_100", 0)
            continue
        assert measurement.value is not None
        assert measurement.ci_low is not None
        assert measurement.ci_high is not None
        assert measurement.ci_low <= measurement.value <= measurement.ci_high


def sinks(n_windows: int, window: int, d: int) -> dict[LayerKey, np.ndarray]:
    """Two layers with one vector of huge and varying length in each window."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_windows, window, d)).astype(np.float32)
    X[:, 0, 1] = 100 * np.exp(0.1 * rng.normal(size=n_windows))
    Y = X + 0.3 * rng.normal(size=X.shape).astype(np.float32)
    return {KEYS[0]: X, KEYS[1]: Y}


def errors(found: Measured, names: list[str]) -> dict[str, float]:
    return {
        m.metric: m.std_error
        for m in found.measurements
        if m.metric in names and m.scope == "all" and m.key == KEYS[0] and m.std_error
    }


@pytest.mark.parametrize(("n_windows", "window"), [(10, 40), (60, 12)])
def test_a_smaller_sample_does_not_widen_the_errors_of_what_all_tokens_are_behind(
    n_windows: int, window: int
) -> None:
    """First tokens decide all here: with 60 of 16 dimensions they have sums of their own."""
    states = sinks(n_windows, window, 16)
    mask = np.ones((n_windows, window), dtype=bool)
    rng = np.random.default_rng(1)
    names = ["anisotropy", "participation_ratio", "effective_rank", "spectral_entropy"]
    choice = Choice(("all",), Selection(tuple(names)))
    whole = errors(measure(states, mask=mask, choice=choice), names)
    for share in (2, 4):
        draws = []
        for _ in range(12):
            lots = rng.random((n_windows, window)).argsort(axis=1) < window // share
            kept = np.flatnonzero(lots)
            found = errors(measure(states, mask=mask, positions=kept, choice=choice), names)
            draws.append([found[name] for name in names])
        # The chance in which tokens stand for the others is taken off as it is estimated: right
        # on average, and from 10 windows one draw is half or twice.
        average = np.sqrt(np.square(draws).mean(axis=0))
        assert average == pytest.approx([whole[name] for name in names], rel=0.3), share


def test_first_tokens_beyond_a_quarter_of_the_sample_are_kept_no_longer() -> None:
    """Then the windows seen before tell the error, roughly."""
    states = sinks(60, 12, 16)
    mask = np.ones((60, 12), dtype=bool)
    positions = np.flatnonzero(np.arange(720) % 6 == 1)
    whole, part = (
        errors(measure(states, mask=mask, positions=kept), ["mean_cosine"])
        for kept in (None, positions)
    )
    assert part["mean_cosine"] == pytest.approx(whole["mean_cosine"], rel=0.5)


@pytest.mark.parametrize("every", [10, 5])
def test_no_group_is_given_up_for_another(every: int) -> None:
    """First tokens have sums, and so have forty sinks but not twenty; windows come in any order."""
    rng = np.random.default_rng(0)
    n_windows, window, d = 200, 8, 64
    X = rng.normal(size=(n_windows, window, d)).astype(np.float32)
    X[:, 0] *= 3
    X[::every, 4] *= 300
    order = rng.permutation(n_windows)
    batches = [
        HiddenBatch(
            start=0,
            states={KEYS[1]: torch.from_numpy(X[some])},
            mask=np.ones((2, window), dtype=bool),
            ids={"decoder": np.zeros((2, window), dtype=np.int64)},
            seconds=0.0,
            numbers=some,
        )
        for some in order.reshape(-1, 2)
    ]
    positions = np.arange(0, n_windows * window, n_windows * window // 40)
    choice = Choice(("all",), Selection(("anisotropy", "mean_cosine")))
    found = measure_batches(batches, positions, choice)
    cloud = cloud_of(X.reshape(-1, d))
    assert len(found.measurements) == 2
    for m in found.measurements:
        assert m.value == pytest.approx(OF_VECTORS[m.metric].compute(cloud), rel=1e-6)
        assert m.std_error is not None


def test_the_curve_has_a_point_for_every_scale() -> None:
    found = measure(random_states()).curves
    ranks = [c.rank for c in found if c.key == KEYS[1] and c.scope == "all"]
    assert ranks == [1, 2, 4, 8, 16, 32]
    assert all(c.dimension is not None and c.std_error is not None for c in found)
