"""How much each window moves a number: the same spread as its error, and what pairs two runs."""

import numpy as np
import pytest
import torch
from scipy import stats

from embstore.comparison.paired import paired_error
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.measuring.window_effects import MOST_EFFECTS, window_effects
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import CurvePoint, LayerKey, Measured, Measurement

KEYS = (LayerKey("decoder", 0, "embedding"), LayerKey("decoder", 1, "block"))
N_WINDOWS, WINDOW, D = 8, 40, 6
# Of the coordinates: where directions have equal variance, the first one is a matter of chance.
SPREAD = np.arange(1, D + 1) ** -1.0


def measure(
    layers: list[np.ndarray], *, share: float = 1.0, choice: Choice | None = None
) -> Measured:
    states = {
        key: torch.from_numpy(X.astype(np.float32)) for key, X in zip(KEYS, layers, strict=True)
    }
    n_windows, window, _ = layers[0].shape
    mask = np.ones((n_windows, window), dtype=bool)
    ids: np.ndarray = np.zeros(mask.shape, dtype=np.int64)
    batch = HiddenBatch(0, states, mask, {"decoder": ids}, 0.0)
    tokens = np.random.default_rng(0).permutation(mask.size)[: round(share * mask.size)]
    return measure_batches([batch], np.sort(tokens), choice)


def random_layers(seed: int, n_windows: int = N_WINDOWS) -> list[np.ndarray]:
    """Windows differ a little in scale and place; the second layer adds to the first."""
    rng = np.random.default_rng(seed)
    shape = (n_windows, WINDOW, D)
    scale = np.exp(0.05 * rng.normal(size=(n_windows, 1, 1)))
    X = 1 + scale * SPREAD * (rng.normal(size=shape) + 0.2 * rng.normal(size=(n_windows, 1, D)))
    return [X, X + 0.5 * SPREAD * rng.normal(size=shape)]


def numbers(found: Measured) -> dict[str, Measurement]:
    return {m.metric: m for m in found.measurements if (m.key, m.scope) == (KEYS[0], "all")}


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_number_with_an_error_says_which_window_moves_it(share: float) -> None:
    layers = random_layers(0)
    layers[0][3, 7] *= 1000  # a sink
    found = measure(layers, share=share)
    checked = 0
    every: list[Measurement | CurvePoint] = [*found.measurements, *found.curves]
    for number in every:
        name = number.metric if isinstance(number, Measurement) else "gride"
        # Of angles only sums over windows are known.
        if number.std_error is None or name.startswith(("pca_dim", "lid_p", "angular_distance")):
            assert number.window_effects is None
            continue
        effects = np.array(number.window_effects)
        assert effects.shape == (N_WINDOWS,)
        assert effects.sum() == pytest.approx(0, abs=1e-9 * abs(effects).max())
        spread = np.sqrt(N_WINDOWS / (N_WINDOWS - 1)) * np.linalg.norm(effects)
        assert spread == pytest.approx(number.std_error, rel=1e-9), number
        checked += 1
    assert checked > 150


@pytest.mark.slow
def test_a_window_without_points_of_its_own_has_its_place() -> None:
    layers = random_layers(1)
    for X in layers:
        X[2] = X[5] = X[0]
    found = numbers(measure(layers))["twonn"].window_effects
    assert found is not None
    assert [at for at, effect in enumerate(found) if effect == 0] == [2, 5]


@pytest.mark.parametrize("n_windows", [64, 65, 100, 200])
def test_of_many_windows_neighbouring_ones_are_added_up(n_windows: int) -> None:
    effects = np.random.default_rng(2).normal(size=n_windows)
    there = np.arange(n_windows) % 7 != 3
    found = window_effects(effects[there], np.flatnonzero(there), n_windows)
    parts: list[list[float]] = [[] for _ in range(MOST_EFFECTS)]
    for window in range(n_windows):
        parts[window * 64 // n_windows].append(effects[window] if there[window] else 0.0)
    assert found == pytest.approx([sum(part) for part in parts])
    # As equal as can be.
    assert {len(part) for part in parts} <= {n_windows // 64, n_windows // 64 + 1}


@pytest.mark.slow
def test_the_error_of_a_difference_is_that_of_a_paired_t_test() -> None:
    """Of the mean update, a mean over tokens, in two runs over the same windows."""
    X, Y = random_layers(3)
    Z = Y + 0.05 * np.random.default_rng(4).normal(size=Y.shape)
    before, after = (numbers(measure([X, side]))["update_ratio"] for side in (Y, Z))
    found = paired_error(before.window_effects or (), after.window_effects or ())
    assert found is not None
    assert before.value is not None
    assert after.value is not None
    means = [
        (np.linalg.norm(side - X, axis=2) / np.linalg.norm(X, axis=2)).mean(axis=1)
        for side in (Y, Z)
    ]
    test = stats.ttest_rel(means[1], means[0])
    # Hidden states are float32.
    assert (after.value - before.value) / found[0] == pytest.approx(test.statistic, rel=1e-4)
    assert found[1] == test.df


@pytest.mark.slow
def test_two_runs_over_the_same_windows_differ_by_less_than_their_errors() -> None:
    """Over 60 draws of windows: the paired error is the spread of a difference, the other not."""
    wanted = ["anisotropy", "effective_rank", "participation_ratio", "mean_cosine", "norm_p50"]
    wanted += ["update_ratio", "linearity_residual_next"]
    changes: dict[str, list[float]] = {name: [] for name in wanted}
    paired: dict[str, list[float]] = {name: [] for name in wanted}
    independent: dict[str, list[float]] = {name: [] for name in wanted}
    for seed in range(60):
        layers = random_layers(seed, 16)
        noise = np.random.default_rng(1000 + seed)
        moved = [X + 0.1 * SPREAD * noise.normal(size=X.shape) for X in layers]
        one, other = (
            numbers(measure(side, choice=Choice(("all",), Selection(tuple(wanted)))))
            for side in (layers, moved)
        )
        for name in wanted:
            a, b = one[name], other[name]
            found = paired_error(a.window_effects or (), b.window_effects or ())
            assert found is not None
            changes[name].append((b.value or 0) - (a.value or 0))
            paired[name].append(found[0])
            independent[name].append(np.hypot(a.std_error or 0, b.std_error or 0))
    for name in wanted:
        spread = np.std(changes[name], ddof=1)
        # 60 draws tell a spread to 9 %, and errors of 16 windows are low by a few more.
        assert 0.7 < np.mean(paired[name]) / spread < 1.4, name
        assert np.mean(independent[name]) / spread > 1.6, name
