"""Maximum likelihood against scikit-dimension and balls of known dimension."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.neighbor_ratios import local_dimensions
from embstore.metrics.of_one_layer.mle import mle
from tests import manifolds
from tests.metrics.peers import skdim


def test_it_equals_scikit_dimension(
    gaussian: NDArray[np.float64], distances: NDArray[np.float64]
) -> None:
    peer = skdim.id.MLE(K=20).fit(gaussian, n_neighbors=20, comb="mle")
    local = local_dimensions(distances[:, :20])
    # The peer's distances come from norms and products, about 1e-8 relative per ratio;
    # single points gather the error of twenty ratios.
    assert mle(local) == pytest.approx(peer.dimension_, rel=1e-6)
    np.testing.assert_allclose(np.sort(local), np.sort(peer.dimension_pw_), rtol=1e-5)


# Points near the surface have neighbours on one side only, and their share grows with d.
@pytest.mark.parametrize(("d", "tolerance"), [(1, 0.03), (2, 0.05), (5, 0.08)])
def test_a_ball_in_many_dimensions_keeps_its_own(d: int, tolerance: float) -> None:
    found = nearest_neighbors(manifolds.ball(3000, d, 25), 20).distances
    assert mle(local_dimensions(found)) == pytest.approx(d, rel=tolerance)


def test_too_few_neighbours_are_undefined() -> None:
    assert np.isnan(mle(local_dimensions(np.ones((5, 4)))))
