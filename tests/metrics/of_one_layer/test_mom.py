"""The method of moments against scikit-dimension."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.mom import mom
from tests.metrics.peers import skdim


def test_it_equals_scikit_dimension(
    gaussian: NDArray[np.float64], distances: NDArray[np.float64]
) -> None:
    peer = skdim.id.MOM().fit(gaussian, n_neighbors=20)
    assert mom(distances) == pytest.approx(peer.dimension_, rel=1e-6)
