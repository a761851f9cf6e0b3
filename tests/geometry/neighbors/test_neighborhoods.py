"""Inner products within neighbourhoods against those of differences, one point at a time."""

import numpy as np
import pytest

from embstore.geometry.neighbors import neighborhoods
from embstore.geometry.neighbors.neighborhoods import centred, inner_products


@pytest.mark.parametrize("at_once", [1, 100, 1 << 21])
def test_they_are_those_of_the_differences(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(neighborhoods, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    # Far from the origin, where products of the vectors themselves have lost these differences.
    points = (rng.normal(size=(40, 6)) + 1e6).astype(np.float64)
    origins, neighbors = np.arange(5, 30), rng.integers(0, 40, size=(25, 7))
    done = 0
    for part, products in inner_products(points, origins, neighbors):
        assert part.start == done
        done = part.stop
        for i, found in zip(range(part.start, part.stop), products, strict=True):
            away = points[neighbors[i]] - points[origins[i]]
            unit = np.abs(away).max()
            # Differences are exact; sums of six products.
            np.testing.assert_allclose(found, away @ away.T / unit**2, rtol=1e-13, atol=1e-13)
    assert done == 25


@pytest.mark.parametrize("k", [-1000, 900])
def test_no_product_leaves_the_range_of_float64(k: int) -> None:
    points = np.random.default_rng(0).normal(size=(10, 4))
    origins, neighbors = np.arange(10), np.tile(np.arange(10), (10, 1))
    ((_, usual),) = inner_products(points, origins, neighbors)
    ((_, found),) = inner_products(np.ldexp(points, k), origins, neighbors)
    np.testing.assert_array_equal(found, usual)


def test_centred_they_are_seen_from_the_mean() -> None:
    X = np.random.default_rng(1).normal(size=(3, 7, 6))
    about = X - X.mean(axis=1, keepdims=True)
    found = centred(X @ X.transpose(0, 2, 1))
    np.testing.assert_allclose(found, about @ about.transpose(0, 2, 1), atol=1e-13)
