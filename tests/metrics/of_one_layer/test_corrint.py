"""The correlation integral against scikit-dimension."""

import pytest

from tests import manifolds
from tests.metrics.clouds import numbers_of
from tests.metrics.peers import skdim


def test_it_equals_scikit_dimension() -> None:
    X = manifolds.gaussian(1000, 5, 12)
    peer = skdim.id.CorrInt(k1=10, k2=20).fit(X)
    # The same pairs, counted below radii that are equal to 1e-8.
    assert numbers_of(X)["corrint"] == pytest.approx(peer.dimension_, rel=1e-7)
