"""The curve of dimensions against the likelihood itself."""

import numpy as np
import pytest
from scipy import optimize

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.gride import gride
from tests import manifolds


@pytest.fixture(scope="module")
def distances() -> np.ndarray:
    return nearest_neighbors(manifolds.gaussian(2000, 8, 30), 64).distances


@pytest.mark.parametrize("rank", [1, 4, 32])
def test_gride_is_the_maximum_of_the_likelihood(rank: int, distances: np.ndarray) -> None:
    """Of the published density, maximised by scipy; constants of the dimension left out."""
    x = np.log(distances[:, 2 * rank - 1] / distances[:, rank - 1])

    def loss(d: float) -> float:
        return float(
            -np.sum(np.log(d) + (rank - 1) * np.log(np.expm1(d * x)) - (2 * rank - 1) * d * x)
        )

    found = optimize.minimize_scalar(
        loss, bounds=(1, 50), method="bounded", options={"xatol": 1e-9}
    )
    # A maximum is flat: its place is known to the root of rounding.
    assert gride(distances, rank) == pytest.approx(found.x, rel=1e-6)


def test_gride_at_rank_one_is_the_closed_form(distances: np.ndarray) -> None:
    logs = np.log(distances[:, 1] / distances[:, 0])
    assert gride(distances, 1) == pytest.approx(1 / logs.mean(), rel=1e-12)


def test_gride_bears_ties_and_knows_what_it_needs() -> None:
    tied = nearest_neighbors(manifolds.gaussian(300, 3, 5), 8).distances.copy()
    tied[:20, 7] = tied[:20, 3]
    assert 0 < gride(tied, 4) < np.inf
    assert np.isnan(gride(tied[:, :7], 4))
    assert np.isnan(gride(np.ones((5, 8)), 4))
