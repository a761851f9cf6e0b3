"""embstore against DADApy, which runs in a process and an environment of its own."""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.dadapy_environment import PEER, dadapy_python
from benchmarks.pairs import Timed
from benchmarks.quantities import Quantity, against, warm_up
from benchmarks.saved_states import Cloud, clouds, distinct
from benchmarks.scale import Scale
from benchmarks.sections import Section
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.gride import gride
from embstore.metrics.of_one_layer.twonn import twonn
from embstore.metrics.of_two_layers.neighbor_overlap import neighbor_overlap

# Each rank is compared with twice it.
_RANKS = (1, 2, 4, 8, 16, 32)
_OVERLAP_K = 30


class Server:
    """DADApy in its own process; it takes turns with embstore over a pipe."""

    def __init__(self, cache_folder: Path) -> None:
        self._process = subprocess.Popen(
            [str(dadapy_python(cache_folder)), "-m", "benchmarks.dadapy_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, quantity: str, cloud: Cloud) -> Timed:
        """Have one quantity computed; the time is what the server's own clock says."""
        request = {"quantity": quantity, "files": [str(file) for file in cloud.files]}
        # Popen types both as optional; they are pipes here.
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the server has no pipes")
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        reply = stdout.readline()
        if not reply:
            raise RuntimeError(f"DADApy ended without an answer to {request}")
        return Timed(**json.loads(reply))


def run(scale: Scale) -> Section:
    """Compare 2NN, Gride and neighbour overlap."""
    warm_up(QUANTITIES, scale.cache)
    # The peer keeps duplicates as neighbours at distance zero, so neither is given any.
    layers = [distinct(cloud) for cloud in clouds(scale)]
    text = (
        "DADApy needs NumPy 1 and brings jax, so it has a process of its own that loads each "
        "array once and times its own calls, in turns with embstore's. Both get the same float32 "
        "array of distinct tokens. Gride is the whole curve from rank 1 to 32; the answer "
        "compared is its last point. Overlap is between a layer and the next, k = 30."
    )
    return against(
        PEER, text, "benchmarks.peers_dadapy", QUANTITIES, layers, scale, ("dadapy", "2NN")
    )


@cache
def _server(cache_folder: Path) -> Server:
    return Server(cache_folder)


def _ask(quantity: str) -> Callable[[Cloud], Timed]:
    return lambda cloud: _server(cloud.cache).ask(quantity, cloud)


def _gride(cloud: Cloud) -> float:
    distances = nearest_neighbors(cloud.X, 2 * _RANKS[-1]).distances
    return [gride(distances, rank) for rank in _RANKS][-1]


def _overlap(cloud: Cloud) -> float:
    first, second = (
        nearest_neighbors(Z, _OVERLAP_K).indices[:, :_OVERLAP_K] for Z in (cloud.X, cloud.Y)
    )
    return float(neighbor_overlap(first, second).mean())


# DADApy's distances come from float32 arrays by norms and products and its fit stops near
# 1e-8. Its Gride has n - 1 points where the likelihood has n: a share of 1/(32 n) at rank 32,
# n at least 256. Two neighbours at almost the same distance may trade places.
_FLOAT32, _ONE_POINT, _TRADED = 1e-5, 2e-4, 1e-4

QUANTITIES = (
    Quantity("2NN", lambda c: twonn(nearest_neighbors(c.X, 2).distances), _ask("2NN"), _FLOAT32),
    Quantity("Gride", _gride, _ask("Gride"), _ONE_POINT),
    Quantity("overlap", _overlap, _ask("overlap"), _TRADED),
)
