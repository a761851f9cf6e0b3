"""Runs inside DADApy's own environment: times what it is asked for, one JSON line each.

A request names a quantity and the files of two layers; the reply gives the answer, the
milliseconds and the peak memory. Loading the files is not in them.
"""

import contextlib
import json
import sys
import time
from functools import cache

import numpy as np
from dadapy import Data
from numpy.typing import NDArray

from benchmarks.peak import Peak

GRIDE_RANGE = 64
OVERLAP_K = 30


def main() -> None:
    # DADApy prints progress; only the replies belong on stdout.
    replies = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            print(json.dumps(answer(**json.loads(line))), file=replies, flush=True)


def answer(quantity: str, files: list[str]) -> dict[str, float]:
    """Compute one quantity from scratch."""
    X, Y = map(_loaded, files)
    work = {"2NN": twonn, "Gride": gride, "overlap": overlap}[quantity]
    peak = Peak()
    began = time.perf_counter()
    value = work(X, Y)
    elapsed = (time.perf_counter() - began) * 1000
    return {"answer": value, "ms": elapsed, "peak_mb": peak.megabytes()}


def twonn(X: NDArray[np.float32], _next: NDArray[np.float32]) -> float:
    """Fit all but the largest tenth of the ratios, with no more neighbours than that needs."""
    data = Data(coordinates=X, maxk=2, verbose=False, n_jobs=1)
    return float(data.compute_id_2NN(algorithm="base", mu_fraction=0.9)[0])


def gride(X: NDArray[np.float32], _next: NDArray[np.float32]) -> float:
    """Compute the curve up to ranks 32 and 64; return its last point."""
    data = Data(coordinates=X, maxk=GRIDE_RANGE, verbose=False, n_jobs=1)
    return float(data.return_id_scaling_gride(range_max=GRIDE_RANGE)[0][-1])


def overlap(X: NDArray[np.float32], Y: NDArray[np.float32]) -> float:
    """Return the mean share of common neighbours of two layers."""
    data = Data(coordinates=X, maxk=OVERLAP_K, verbose=False, n_jobs=1)
    return float(data.return_data_overlap(coordinates=Y, k=OVERLAP_K))


@cache
def _loaded(file: str) -> NDArray[np.float32]:
    X: NDArray[np.float32] = np.load(file)
    return X


if __name__ == "__main__":
    main()
