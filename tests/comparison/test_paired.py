"""Differences window by window: against paired t-tests, and against the macro of the store."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from embstore.comparison.differences import compare_profiles
from embstore.comparison.paired import ROUNDING, paired_error
from embstore.comparison.profiles import LayerValue, Profile
from tests.stores import new_store
from tests.synthetic import make_run, with_effects

N_WINDOWS = 12


def of_windows(means: np.ndarray) -> LayerValue:
    """Return what would be stored of a mean over equal windows with these means."""
    effects = (means - means.mean()) / len(means)
    error = means.std(ddof=1) / math.sqrt(len(means))
    return LayerValue(0, 0.0, float(means.mean()), float(error), None, tuple(effects))


def profile(layers: list[np.ndarray], *, told: bool = True) -> Profile:
    """Return a profile of such means; ``told`` is whether it has the effects of windows."""
    last = max(len(layers) - 1, 1)
    found = [of_windows(means) for means in layers]
    return Profile(
        tuple(
            LayerValue(
                i, i / last, at.value, at.std_error, None, at.window_effects if told else None
            )
            for i, at in enumerate(found)
        ),
        last,
        N_WINDOWS,
    )


def drawn(rng: np.random.Generator, n: int, *, own: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw n numbers of two runs each: windows move both alike, and each a little by itself."""
    shared = rng.normal(5, 1, (n, N_WINDOWS))
    return [
        (x + own * rng.normal(size=N_WINDOWS), x + own * rng.normal(size=N_WINDOWS)) for x in shared
    ]


def test_the_interval_ends_where_the_paired_t_test_has_five_percent() -> None:
    x, y = drawn(np.random.default_rng(0), 1, own=0.1)[0]
    row = compare_profiles(profile([x]), profile([y]))[0]
    assert (row.part, row.errors) == ("layer", "paired")
    assert row.std_error == pytest.approx(stats.sem(y - x), rel=1e-12)
    for end in (row.ci_low, row.ci_high):
        assert stats.ttest_rel(y - end, x).pvalue == pytest.approx(0.05, rel=1e-9)


def test_the_mean_over_blocks_is_that_of_each_windows_means() -> None:
    sides = zip(*drawn(np.random.default_rng(1), 4, own=0.3), strict=True)
    x, y = (list(side) for side in sides)
    rows = {row.part: row for row in compare_profiles(profile(x), profile(y))}
    # The embedding is no block.
    difference = np.mean(y[1:], axis=0) - np.mean(x[1:], axis=0)
    assert rows["mean"].difference == pytest.approx(difference.mean())
    assert rows["mean"].std_error == pytest.approx(stats.sem(difference), rel=1e-12)
    assert (rows["peak_value"].errors, rows["peak_depth"].errors) == ("paired", None)


def test_between_layers_effects_are_interpolated_as_values_are() -> None:
    rng = np.random.default_rng(2)
    coarse = [x for x, _ in drawn(rng, 3, own=0)]
    fine = [x for x, _ in drawn(rng, 4, own=0)]
    row = compare_profiles(profile(coarse), profile(fine))[1]
    # Depth 1/2 lies midway between the second and the third of four.
    difference = (fine[1] + fine[2]) / 2 - coarse[1]
    assert row.difference == pytest.approx(difference.mean())
    assert row.std_error == pytest.approx(stats.sem(difference), rel=1e-12)


@pytest.mark.slow
def test_paired_intervals_are_wrong_one_time_in_twenty_and_others_never() -> None:
    pairs = drawn(np.random.default_rng(3), 2000, own=0.2)
    a, b = (profile([pair[side] for pair in pairs]) for side in (0, 1))
    rows = [row for row in compare_profiles(a, b) if row.part == "layer"]
    # Three standard errors of a share of 2,000 are 0.015.
    assert np.mean([row.differs for row in rows]) == pytest.approx(0.05, abs=0.015)
    alone = (profile([pair[side] for pair in pairs], told=False) for side in (0, 1))
    others = [row for row in compare_profiles(*alone) if row.part == "layer"]
    assert {row.errors for row in others} == {"independent"}
    assert np.mean([row.differs for row in others]) < 0.001


def test_beside_a_number_that_does_not_vary_one_keeps_its_own_error() -> None:
    at = of_windows(np.array([0.3, -0.1, 0.4]))
    found = paired_error(at.window_effects or (), [0.0] * 3)
    assert found is not None
    assert found[0] == pytest.approx(at.std_error)
    assert found[1] == 2


def test_windows_that_lack_the_number_do_not_count() -> None:
    x, y = drawn(np.random.default_rng(6), 1, own=0.1)[0]
    known = np.arange(N_WINDOWS) % 4 > 0
    effects = []
    for means in (x[known], y[known]):
        of_all = np.zeros(N_WINDOWS)
        of_all[known] = (means - means.mean()) / len(means)
        effects.append(of_all.tolist())
    found = paired_error(*effects)
    assert found is not None
    assert found[0] == pytest.approx(stats.sem(y[known] - x[known]), rel=1e-12)
    assert found[1] == known.sum() - 1


def test_what_is_not_of_the_same_windows_is_not_paired() -> None:
    assert paired_error([1.0, -1.0], [1.0, 0.0, -1.0]) is None
    assert paired_error([1.0], [1.0]) is None
    assert paired_error([], []) is None
    assert paired_error([0.0, 1.0], [0.0, 1.0]) is None
    assert paired_error([0.0, 0.0], [0.0, 0.0]) == (0.0, 1)


def test_rounding_is_no_difference() -> None:
    x = list(np.random.default_rng(4).normal(size=8))
    found = paired_error(x, x)
    assert found is not None
    independent = math.sqrt(8 / 7 * 2) * np.linalg.norm(x)
    assert found[0] == pytest.approx(ROUNDING * independent)


@pytest.mark.parametrize("size", [1e-200, 1e-3, 1e200])
def test_effects_that_four_bytes_cannot_hold_are_not_stored(tmp_path: Path, size: float) -> None:
    run = with_effects(make_run(), lambda _: [size, -size])
    database = new_store(tmp_path / "embstore.duckdb", [run])
    found = database.select("SELECT DISTINCT window_effects FROM measurement").to_pylist()
    held = [pytest.approx(1e-3), pytest.approx(-1e-3)] if size == 1e-3 else None
    assert found == [{"window_effects": held}]


@pytest.mark.slow
def test_the_macro_of_the_store_is_the_same_formula(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    cases = []
    for n in (0, 1, 2, 3, 16, 64):
        x, y = rng.normal(size=(2, n)).astype(np.float32).tolist()
        cases += [(x, y), (x, x), (x, [*y, 1.0]), ([0.0, *x], [0.0, *y])]
        # Windows without the number, in both or in one; none that has it.
        nothing = [0.0] * n
        cases += [([0.0, *x, 0.0], [0.0, *y, 0.0]), ([0.0, *x], [*y, 0.0]), (x, nothing)]
        cases += [(nothing, nothing), ([0.0, *x[:1], *nothing], [0.0, *y[:1], *nothing])]
    database = new_store(tmp_path / "embstore.duckdb")
    for x, y in cases:
        sql = (
            "SELECT paired_error($x::FLOAT[], $y::FLOAT[]) AS error, "
            "windows_counted($x::FLOAT[], $y::FLOAT[]) - 1 AS freedom"
        )
        (row,) = database.select(sql, {"x": x, "y": y}).to_pylist()
        expected = paired_error(x, y)
        assert row["error"] == (None if expected is None else pytest.approx(expected[0], rel=1e-12))
        if expected is not None:
            assert row["freedom"] == expected[1]
