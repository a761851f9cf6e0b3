"""Linearity of the residual against NumPy's least squares on whole arrays."""

import numpy as np
import pytest

from tests.metrics.pairs import numbers_of_pair, two_layers


def test_it_is_that_of_least_squares_on_what_is_added() -> None:
    X, Y = two_layers()
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    added = Yc - Xc
    rest = added - Xc @ np.linalg.lstsq(Xc, added)[0]
    expected = 1 - np.square(rest).sum() / np.square(added).sum()
    found = numbers_of_pair(X, Y)
    # The sum of squares added is that of Y and X less twice their product.
    assert found["linearity_residual_next"] == pytest.approx(expected, rel=1e-11)
    # The part that X carries on does not count.
    assert found["linearity_residual_next"] < found["linearity_next"]
