"""All estimates of dimension on a manifold where they should be alike."""

import pytest

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.of_one_layer.mada import mada
from embstore.metrics.of_one_layer.mom import mom
from embstore.metrics.of_one_layer.twonn_low20 import twonn_low20
from embstore.metrics.of_one_layer.twonn_ml import twonn_ml
from tests import manifolds


@pytest.mark.parametrize("d", [2, 5])
def test_all_estimates_agree_on_a_ball(d: int) -> None:
    found = nearest_neighbors(manifolds.ball(3000, d, 25), 20).distances
    # Averages of local ratios are biased upwards at k = 20, boundaries pull down; the
    # regression on few, small ratios is noisy.
    assert twonn_ml(found) == pytest.approx(d, rel=0.1)
    assert twonn_low20(found) == pytest.approx(d, rel=0.12)
    assert mom(found) == pytest.approx(d, rel=0.12)
    assert mada(found) == pytest.approx(d, rel=0.15)
