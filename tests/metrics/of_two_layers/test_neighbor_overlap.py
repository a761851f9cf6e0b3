"""Neighbour overlap against sets."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.metrics.of_two_layers.neighbor_overlap import neighbor_overlap
from tests.metrics.pairs import numbers_of_pair, two_layers


def test_it_counts_common_neighbours() -> None:
    rng = np.random.default_rng(0)
    x = np.array([rng.choice(50, size=30, replace=False) for _ in range(40)])
    y = np.array([rng.choice(50, size=30, replace=False) for _ in range(40)])
    expected = [len(set(a) & set(b)) / 30 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(neighbor_overlap(x, y), expected)
    assert (neighbor_overlap(x, rng.permuted(x, axis=1)) == 1).all()


def test_it_is_the_mean_over_tokens_of_those_among_the_nearest_thirty() -> None:
    X, Y = two_layers()
    common = [len(a & b) for a, b in zip(_nearest(X), _nearest(Y), strict=True)]
    expected = np.mean(common) / 30
    assert numbers_of_pair(X, Y)["neighbor_overlap_next"] == pytest.approx(expected, rel=1e-12)


def _nearest(X: NDArray[np.float64]) -> list[set[int]]:
    # The nearest of all is the point itself.
    return [set(row[1:31]) for row in np.argsort(cdist(X, X), axis=1)]
