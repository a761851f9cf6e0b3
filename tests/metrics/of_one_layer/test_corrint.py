"""The correlation integral against scikit-dimension."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.measuring.graphs import graph_of
from tests import manifolds
from tests.metrics.clouds import number_of
from tests.metrics.peers import skdim


def test_it_equals_scikit_dimension() -> None:
    X = manifolds.gaussian(1000, 5, 12)
    peer = skdim.id.CorrInt(k1=10, k2=20).fit(X)
    # The same pairs, counted below radii that are equal to 1e-8.
    assert number_of(X, "corrint") == pytest.approx(peer.dimension_, rel=1e-7)


@pytest.mark.parametrize("away", [0.0, 30.0])
def test_rounding_of_the_vectors_counts_no_pair_beyond_a_radius(away: float) -> None:
    X = (manifolds.gaussian(1500, 8, 24) + away).astype(np.float32)
    graph = graph_of(nearest_neighbors(X, 30), np.zeros(len(X), dtype=np.int64))
    distances = squareform(pdist(X.astype(np.float64)))
    np.fill_diagonal(distances, np.inf)
    for column, radius in enumerate(graph.radii):
        # A radius is a median of distances, some of which are that to the last digit.
        expected = (distances <= radius * (1 + 1e-9)).sum(axis=1) / (len(X) - 1)
        np.testing.assert_array_equal(graph.within[:, column], expected)
