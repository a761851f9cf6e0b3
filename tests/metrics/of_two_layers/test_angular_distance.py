"""Angular distance against known turns and against the cosines of all tokens."""

import numpy as np
import pytest

import embstore


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180])
def test_a_turn_by_an_angle_is_its_share_of_a_half_turn(degrees: int) -> None:
    X = np.random.default_rng(0).normal(size=(50, 2)) * [3.0, 1.0]
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    found = embstore.measure_pair(X, 7 * X @ turn)["angular_distance_next"]
    assert found.value == pytest.approx(degrees / 180, abs=1e-7)


def test_it_is_the_mean_over_tokens_with_the_error_of_windows() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 9))
    Y = X + rng.normal(size=(300, 9)) * np.repeat(rng.uniform(0.2, 2, size=20), 15)[:, np.newaxis]
    cosines = (X * Y).sum(axis=1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)
    each = np.arccos(cosines) / np.pi
    windows = np.repeat(np.arange(20), 15)
    found = embstore.measure_pair(X, Y, windows=windows)["angular_distance_next"]
    assert found.value == pytest.approx(each.mean(), rel=1e-12)
    of_windows = each.reshape(20, 15).mean(axis=1)
    assert found.std_error == pytest.approx(of_windows.std(ddof=1) / 20**0.5, rel=1e-9)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.ci_low < each.mean() < found.ci_high


def test_zero_vectors_do_not_count_and_unequal_widths_have_none() -> None:
    X = np.ones((40, 3))
    Y = np.ones((40, 3)) * [1.0, 0.0, 0.0]
    Y[:10] = 0.0
    found = embstore.measure_pair(X, Y)["angular_distance_next"]
    assert found.value == pytest.approx(np.arccos(3**-0.5) / np.pi)
    assert found.n == 30
    wider = embstore.measure_pair(X, np.ones((40, 4)))["angular_distance_next"]
    assert np.isnan(wider.value)
    assert wider.reason == "the two layers differ in width"
