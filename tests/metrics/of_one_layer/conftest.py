"""What the oracles of many metrics are asked about."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.neighbors.search import nearest_neighbors
from tests import manifolds


@pytest.fixture(scope="session")
def stretched() -> NDArray[np.float64]:
    """A cloud that is longer in some directions than in others, (400, 30)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 30)) @ rng.normal(size=(30, 30)) + 5.0


@pytest.fixture(scope="session")
def singular_values(stretched: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the stretched cloud, centred, (30,)."""
    centred = stretched - stretched.mean(axis=0)
    return np.asarray(np.linalg.svd(centred, compute_uv=False))


@pytest.fixture(scope="session")
def gaussian() -> NDArray[np.float64]:
    """A round cloud of dimension 8 within 30, (2000, 30)."""
    return manifolds.gaussian(2000, 8, 30)


@pytest.fixture(scope="session")
def distances(gaussian: NDArray[np.float64]) -> NDArray[np.float64]:
    """To each point's nearest neighbours in that cloud, (2000, >= 20)."""
    return nearest_neighbors(gaussian, 20).distances
