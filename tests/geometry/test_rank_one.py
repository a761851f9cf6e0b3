"""A rank-one update against a decomposition of the whole matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.rank_one import add_outer_product
from tests.manifolds import rotation

D = 40


def spectrum(kind: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return {
        "spread": np.sort(rng.exponential(size=D))[::-1],
        "steep": np.geomspace(1, 1e-14, D),
        "equal": np.full(D, 2.0),
        "few": np.concatenate([np.linspace(3, 1, 7), np.zeros(D - 7)]),
        "pairs": np.repeat(np.linspace(5, 1, D // 2), 2),
        "none": np.zeros(D),
        "close": 1 + np.linspace(1e-13, 0, D),
    }[kind]


@pytest.mark.parametrize("length", [0.0, 1e-9, 1.0, 1e4])
@pytest.mark.parametrize("direction", ["any", "axis", "graded"])
@pytest.mark.parametrize("kind", ["spread", "steep", "equal", "few", "pairs", "none", "close"])
def test_it_is_the_decomposition_of_the_sum(kind: str, direction: str, length: float) -> None:
    values = spectrum(kind)
    V = rotation(D, D, 3)
    z = {
        "any": np.random.default_rng(1).normal(size=D),
        "axis": np.eye(D)[5],
        "graded": np.geomspace(1, 1e-20, D),
    }[direction]
    vector = V @ (z / np.linalg.norm(z) * length)
    whole = (V * values) @ V.T + np.outer(vector, vector)
    found, directions = add_outer_product(values, V, vector)
    # The sum itself is known to so many roundings of its largest eigenvalue.
    rounding = 64 * np.finfo(float).eps * max(values[0], length**2)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(whole)[::-1], rtol=0, atol=rounding)
    np.testing.assert_allclose((directions * found) @ directions.T, whole, atol=rounding)
    np.testing.assert_allclose(directions.T @ directions, np.eye(D), atol=1e-13)
    # Adding takes no eigenvalue down, and none beyond its neighbour.
    assert (found >= values - rounding).all()
    assert (found[1:] <= values[:-1] + rounding).all()
