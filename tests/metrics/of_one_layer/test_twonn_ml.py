"""TwoNN by maximum likelihood against SciPy's censored fit."""

import numpy as np
import pytest
from scipy import stats

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.of_one_layer.twonn_ml import twonn_ml
from tests import manifolds


def test_it_is_the_fit_of_a_censored_exponential() -> None:
    """scipy maximises the likelihood numerically; here it is a closed form."""
    distances = nearest_neighbors(manifolds.gaussian(800, 6, 12), 2).distances
    x = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    observed, limit = x[:720], x[719]
    data = stats.CensoredData(uncensored=observed, right=np.full(80, limit))
    _, scale = stats.expon.fit(data, floc=0)
    assert twonn_ml(distances) == pytest.approx(1 / scale, rel=1e-4)
