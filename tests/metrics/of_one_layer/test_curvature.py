"""Curvature of paths whose angles are known."""

import numpy as np
import pytest

from embstore.geometry.arithmetic.choose import HOST
from tests.metrics.of_one_layer.windows import number, of_each


def test_a_straight_path_has_none_and_a_return_all() -> None:
    steps = np.arange(6.0)[:, np.newaxis] ** 2 * np.array([1.0, 2.0, 0.0])
    back = np.where(np.arange(6) % 2, 1.0, -1.0)[:, np.newaxis] * np.array([1.0, 2.0, 0.0])
    assert of_each(np.stack([steps, back]), "curvature") == pytest.approx([0, 180], abs=1e-5)


@pytest.mark.parametrize("corners", [3, 4, 6, 12])
def test_a_polygon_turns_by_its_outer_angle(corners: int) -> None:
    turns = 2 * np.pi * np.arange(2 * corners) / corners
    path = np.stack([np.cos(turns), np.sin(turns), np.ones(2 * corners)], axis=1)
    assert of_each(path[np.newaxis], "curvature") == pytest.approx([360 / corners])


@pytest.mark.parametrize(("walk", "degrees"), [(True, 90), (False, 120)])
def test_a_random_walk_turns_by_90_and_white_noise_by_120_degrees(walk: bool, degrees: int) -> None:
    X = np.random.default_rng(0).normal(size=(20, 100, 4000))
    found = of_each(np.cumsum(X, axis=1) if walk else X, "curvature")
    # cos = −1/2 in the limit; one angle is off by about 1/√d, and the mean by far less.
    assert found.mean() == pytest.approx(degrees, abs=0.1)


def test_what_is_left_out_interrupts_the_path() -> None:
    # Right, up, right: left out, the corner must not join its neighbours.
    path = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [3, 1], [4, 1], [5, 1]], dtype=float)
    rows = np.array([0, 1, 2, 4, 5, 6])
    found = HOST.within_groups(path, rows, np.array([6]), "curvature")
    assert found == pytest.approx([0], abs=1e-5)
    assert np.isnan(HOST.within_groups(path, rows[1:5], np.array([4]), "curvature")).all()


def test_a_vector_that_repeats_makes_no_step() -> None:
    path = np.array([[0, 0], [1, 0], [1, 0], [2, 0], [2, 1]], dtype=float)
    assert of_each(path[np.newaxis], "curvature") == pytest.approx([90])
    assert number(np.ones((5, 4, 3)), "curvature").value is None
