"""The dimension from trees against SciPy's trees, scikit-dimension, and known manifolds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from embstore.geometry.spanning_trees import pair_distances
from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.of_one_layer import ph_dim
from embstore.metrics.of_one_layer.ph_dim import tree_lengths
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of
from tests.metrics.peers import skdim


def found(X: NDArray[np.floating]) -> MetricValue:
    return evaluate(METRICS["ph_dim"], cloud_of(X))


def length(X: NDArray[np.float64]) -> float:
    return float(minimum_spanning_tree(csr_matrix(squareform(pdist(X)))).sum())


@pytest.mark.slow
def test_the_tree_of_all_is_the_peers_and_parts_have_those_of_random_parts() -> None:
    X = manifolds.gaussian(640, 6, 12)
    lengths = tree_lengths(X, lambda rows: pair_distances(X[rows]))
    assert lengths[0] == pytest.approx(length(X), rel=1e-12)
    rng = np.random.default_rng(0)
    for found_length, size in zip(lengths[1:], (320, 160, 80), strict=True):
        drawn = [length(X[rng.permutation(640)[:size]]) for _ in range(30)]
        # Means of 8, 16 and 32 trees, which overlap less than draws do, and of 30.
        error = np.std(drawn) * np.sqrt(1 / 8 + 1 / 30)
        assert found_length == pytest.approx(np.mean(drawn), abs=4 * error)


def test_it_agrees_with_scikit_dimension() -> None:
    X = manifolds.ball(640, 5, 12)
    peer = skdim.id.PH(n_range_min=0.125, nsteps=8, subsamples=4, random_state=0).fit(X)
    # Other sizes, of which most are large: draws move either by 3 %.
    assert found(X).value == pytest.approx(peer.dimension_, rel=0.08)


@pytest.mark.parametrize("d", [1, 2, 5, 8])
def test_a_ball_has_its_dimension(d: int) -> None:
    # Borders make trees of few points shorter than the law says: they pull down in many.
    assert found(manifolds.ball(1600, d, 25)).value == pytest.approx(d, rel=0.12)


def test_a_curved_sheet_has_two_dimensions() -> None:
    assert found(manifolds.swiss_roll(1600, 20)).value == pytest.approx(2, rel=0.1)


def test_points_on_a_line_make_trees_of_one_length() -> None:
    """However many there are: a slope of nearly 0, from which 1 follows."""
    line = np.outer(np.arange(400.0), [1.0, 2.0])
    # Eighths of 50 points miss a fiftieth of the line at the ends.
    assert found(line).value == pytest.approx(1.0, abs=0.03)


def test_large_samples_are_looked_at_in_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    X = manifolds.ball(1500, 4, 10)
    whole = found(X).value
    monkeypatch.setattr(ph_dim, "_MOST", 400)
    # At a scale of 400 points borders are nearer.
    assert found(X).value == pytest.approx(whole, rel=0.1)
    sets = list(ph_dim._sets(X))
    assert [len(chosen) for chosen in sets] == [400] * 4
    assert len(np.unique(np.concatenate(sets[:3]))) == 1200


def test_every_point_is_drawn_where_the_sample_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ph_dim, "_MOST", 80)
    sets = list(ph_dim._sets(np.random.default_rng(0).normal(size=(803, 3))))
    assert len(np.unique(np.concatenate(sets))) == len(np.concatenate(sets)) == 800


def test_the_same_points_are_drawn_in_whatever_order_they_come() -> None:
    X = manifolds.gaussian(700, 4, 9)
    order = np.random.default_rng(3).permutation(700)
    turned = X[order] @ manifolds.rotation(9, 9, 5) + 4.0
    for mine, theirs in zip(ph_dim._sets(X), ph_dim._sets(turned), strict=True):
        np.testing.assert_array_equal(mine, order[theirs])


def test_an_undefined_one_says_why() -> None:
    few = found(np.random.default_rng(0).normal(size=(319, 5)))
    assert few.value is None
    assert few.reason == "319 distinct points in the sample, at least 320 needed"
    # Corners of a simplex: n − 1 edges of one length, of n points.
    assert found(np.eye(330)).reason == "trees grow as fast as the number of points"
