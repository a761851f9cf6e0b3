"""Adjacent cosine against SciPy's cosine distance."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from tests.metrics.pairs import numbers_of_pair, two_layers


def test_it_is_the_mean_cosine_of_a_token_with_itself() -> None:
    X, Y = two_layers()
    expected = np.mean([1 - cosine(x, y) for x, y in zip(X, Y, strict=True)])
    assert numbers_of_pair(X, Y)["adjacent_cosine"] == pytest.approx(expected, rel=1e-12)
