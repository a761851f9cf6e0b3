"""Spanning trees against SciPy's, and distances of pairs against SciPy's."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from embstore.geometry.spanning_trees import pair_distances, tree_length


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distances_are_those_of_all_pairs(dtype: str) -> None:
    X = (np.random.default_rng(0).normal(size=(37, 5)) + 100).astype(dtype)
    found = pair_distances(X[::-1])[::-1, ::-1]
    np.testing.assert_allclose(found, squareform(pdist(X.astype(np.float64))), rtol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_a_tree_is_as_long_as_the_peers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 3))
    members = rng.permutation(150)[:100]
    distances = pair_distances(X)
    expected = minimum_spanning_tree(csr_matrix(distances[np.ix_(members, members)])).sum()
    # The same edges, added up in another order.
    assert tree_length(distances, members) == pytest.approx(expected, rel=1e-13)


def test_one_point_has_a_tree_without_length() -> None:
    assert tree_length(np.zeros((1, 1)), np.zeros(1, dtype=np.int64)) == 0.0
