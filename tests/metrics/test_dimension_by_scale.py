"""Dimension at larger scales against the likelihood itself and against scikit-dimension."""

import warnings

import numpy as np
import pytest
from scipy import optimize

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics import dimension_by_scale
from tests import manifolds
from tests.metrics.clouds import cloud_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scikit-dimension's own, on import
    import skdim


@pytest.fixture(scope="module")
def distances() -> np.ndarray:
    return nearest_neighbors(manifolds.gaussian(2000, 8, 30), 64).distances


def test_corrint_equals_scikit_dimension() -> None:
    X = manifolds.gaussian(1000, 5, 12)
    graph = cloud_of(X).graph
    peer = skdim.id.CorrInt(k1=10, k2=20).fit(X)
    # The same pairs, counted below radii that are equal to 1e-8.
    assert dimension_by_scale.corrint(graph.within, graph.radii) == pytest.approx(
        peer.dimension_, rel=1e-7
    )


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
    assert dimension_by_scale.gride(distances, rank) == pytest.approx(found.x, rel=1e-6)


def test_gride_at_rank_one_is_the_closed_form(distances: np.ndarray) -> None:
    logs = np.log(distances[:, 1] / distances[:, 0])
    assert dimension_by_scale.gride(distances, 1) == pytest.approx(1 / logs.mean(), rel=1e-12)


def test_gride_bears_ties_and_knows_what_it_needs() -> None:
    tied = nearest_neighbors(manifolds.gaussian(300, 3, 5), 8).distances.copy()
    tied[:20, 7] = tied[:20, 3]
    assert 0 < dimension_by_scale.gride(tied, 4) < np.inf
    assert np.isnan(dimension_by_scale.gride(tied[:, :7], 4))
    assert np.isnan(dimension_by_scale.gride(np.ones((5, 8)), 4))
