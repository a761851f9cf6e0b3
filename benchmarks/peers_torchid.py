"""embstore against torchid, PyPI torchid 0.3.0, on the CPU.

The peer is installed on demand into the cache folder and never becomes a dependency. It asks for
Python 3.13, but its code runs on 3.11, too.
"""

import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from benchmarks.quantities import Quantity, against, warm_up
from benchmarks.saved_states import Cloud, clouds, distinct
from benchmarks.scale import Scale
from benchmarks.sections import Section
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.neighbor_ratios import NEIGHBORS, local_dimensions, log_ratios
from embstore.metrics.of_one_layer.mada import mada
from embstore.metrics.of_one_layer.mle import mle
from embstore.metrics.of_one_layer.mom import mom
from embstore.types import FloatArray

PEER = "torchid==0.3.0"
# Its search on a CPU is faiss's, and the package itself imports torchmetrics.
_NEEDS = ("faiss-cpu", "torchmetrics", "lightning-utilities")
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
        "the answer compared is their sum. TwoNN by the peer's rule, F = (i − 1)/n. The peer takes "
        "distances from faiss, in float32 from norms and products, which lose digits where "
        "vectors are long and near each other."
    )
    return against(
        PEER, text, "benchmarks.peers_torchid", QUANTITIES, layers, scale, ("torchid", BOTH)
    )


@cache
def _estimators(folder: Path) -> ModuleType:
    """Install the peer if need be and import its estimators."""
    target = folder / PEER
    if not (target / "torchid").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        pip += ["--ignore-requires-python", "--target", str(target)]
        subprocess.run([*pip, PEER, *_NEEDS], check=True)
    sys.path.append(str(target))
    return import_module("torchid.estimators")


def _searched(cloud: Cloud, k: int = _K) -> FloatArray:
    return nearest_neighbors(cloud.X, k).distances


def _twonn(distances: FloatArray) -> float:
    """TwoNN by the peer's rule."""
    n = len(distances)
    x = np.sort(log_ratios(distances))[: int(n * 0.9)]
    y = -np.log1p(-np.arange(len(x)) / n)
    return float(x @ y / (x @ x))


def _both(cloud: Cloud) -> float:
    distances = _searched(cloud)
    return _twonn(distances) + mle(local_dimensions(distances, k=_K))


def _theirs(name: str, cloud: Cloud, **options: object) -> float:
    estimator = getattr(_estimators(cloud.cache), name)(**options)
    return float(estimator.fit(torch.from_numpy(cloud.X)).dimension_)


def _their_both(cloud: Cloud) -> float:
    return _theirs("TwoNN", cloud) + _theirs("MLE", cloud)


# Distances from products in float32: of a ratio near 1 three digits are left. Plain averages are
# decided by the few points whose radii lie closest.
_FLOAT32, _FLOAT32_AVERAGED = 1e-3, 1e-2

QUANTITIES = (
    Quantity(BOTH, _both, _their_both, _FLOAT32),
    Quantity("TwoNN", lambda c: _twonn(_searched(c, 2)), lambda c: _theirs("TwoNN", c), _FLOAT32),
    Quantity(
        "MLE, k = 20",
        lambda c: mle(local_dimensions(_searched(c), k=_K)),
        lambda c: _theirs("MLE", c),
        _FLOAT32,
    ),
    Quantity(
        "MADA, k = 20",
        lambda c: mada(_searched(c), k=_K),
        lambda c: _theirs("MADA", c, n_neighbors=_K),
        _FLOAT32_AVERAGED,
    ),
    Quantity(
        "MOM, k = 20",
        lambda c: mom(_searched(c), k=_K),
        lambda c: _theirs("MOM", c, n_neighbors=_K),
        _FLOAT32_AVERAGED,
    ),
)
