"""embstore against scikit-dimension."""

from importlib.metadata import version

import numpy as np
import skdim

from benchmarks.quantities import Quantity, against, warm_up
from benchmarks.saved_states import Cloud, clouds, distinct
from benchmarks.scale import Scale
from benchmarks.sections import Section
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.measuring.graphs import graph_of
from embstore.metrics.neighbor_ratios import NEIGHBORS, local_dimensions
from embstore.metrics.of_one_layer.corrint import CORRINT_NEIGHBORS, corrint
from embstore.metrics.of_one_layer.mada import mada
from embstore.metrics.of_one_layer.mle import mle
from embstore.metrics.of_one_layer.mom import mom
from embstore.metrics.of_one_layer.twonn import twonn
from embstore.types import FloatArray

BOTH = "TwoNN + MLE"
_K = NEIGHBORS


def run(scale: Scale) -> Section:
    """Compare estimators of the intrinsic dimension."""
    warm_up(QUANTITIES, scale.cache)
    # The peer has no rule for duplicates, so neither contender is given any.
    layers = [distinct(cloud) for cloud in clouds(scale)]
    text = (
        "Both get the same float32 array of distinct tokens and start from it: embstore's times "
        f"are those of the search and the estimate. {BOTH} comes from one search in embstore; "
        "the answer compared is their sum. The peer takes distances from norms and products in "
        "float64 and keeps them in float32."
    )
    return against(
        f"scikit-dimension {version('scikit-dimension')}",
        text,
        "benchmarks.peers_skdim",
        QUANTITIES,
        layers,
        scale,
        ("scikit-dimension", BOTH),
    )


def _searched(cloud: Cloud, k: int = _K) -> FloatArray:
    return nearest_neighbors(cloud.X, k).distances


def _both(cloud: Cloud) -> float:
    distances = _searched(cloud)
    local = local_dimensions(distances, k=_K)
    return twonn(distances) + mle(local)


def _mle(cloud: Cloud) -> float:
    return mle(local_dimensions(_searched(cloud), k=_K))


def _corrint(cloud: Cloud) -> float:
    k = max(CORRINT_NEIGHBORS)
    one_window = np.zeros(len(cloud.X), dtype=np.int64)
    graph = graph_of(nearest_neighbors(cloud.X, k), one_window, k)
    return corrint(graph.within, graph.radii)


def _their_corrint(cloud: Cloud) -> float:
    k1, k2 = CORRINT_NEIGHBORS
    return float(skdim.id.CorrInt(k1=k1, k2=k2).fit(cloud.X).dimension_)


def _their_twonn(cloud: Cloud) -> float:
    return float(skdim.id.TwoNN(discard_fraction=0.1).fit(cloud.X).dimension_)


def _their_mle(cloud: Cloud) -> float:
    return float(skdim.id.MLE().fit(cloud.X, n_neighbors=_K, comb="mle").dimension_)


# Distances in float32, 6e-8 each; a logarithm of a ratio near 1 loses two digits more. The
# plain averages of MADA and MOM are decided by the few points whose radii lie closest, such
# as massive ones, whose distances lose four digits more to norms and products.
# CorrInt counts pairs, ten thousand and more: one at the very radius is in or out by the
# last digit.
_FLOAT32, _FLOAT32_AVERAGED, _ONE_PAIR = 1e-5, 1e-3, 1e-4

QUANTITIES = (
    Quantity(BOTH, _both, lambda c: _their_twonn(c) + _their_mle(c), _FLOAT32),
    Quantity("TwoNN", lambda c: twonn(_searched(c, 2)), _their_twonn, _FLOAT32),
    Quantity("MLE, k = 20", _mle, _their_mle, _FLOAT32),
    Quantity(
        "MADA, k = 20",
        lambda c: mada(_searched(c), k=_K),
        lambda c: float(skdim.id.MADA().fit(c.X, n_neighbors=_K).dimension_),
        _FLOAT32_AVERAGED,
        repeats=3,
    ),
    Quantity(
        "MOM, k = 20",
        lambda c: mom(_searched(c), k=_K),
        lambda c: float(skdim.id.MOM().fit(c.X, n_neighbors=_K).dimension_),
        _FLOAT32_AVERAGED,
    ),
    Quantity("CorrInt, k = 10 and 20", _corrint, _their_corrint, _ONE_PAIR),
)
