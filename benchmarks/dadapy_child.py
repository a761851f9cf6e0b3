"""Runs inside DADApy's own environment: arrays in, its answers out as JSON."""

import contextlib
import json
import platform
import sys
from importlib.metadata import version

import numpy as np
from dadapy import Data

# Gride compares the distances to neighbours n and 2n up to this rank.
LAST_RANK = 64


def main() -> None:
    with np.load(sys.argv[1]) as arrays:
        clouds = {name: arrays[name] for name in arrays.files}
    # DADApy prints progress; only the answers belong on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        answers = {name: answer(X) for name, X in clouds.items()}
    packages = ("dadapy", "numpy", "scipy", "scikit-learn", "jax")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    json.dump({"versions": versions, "clouds": answers}, sys.stdout)


def answer(X: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> dict[str, object]:
    """Return 2NN by both of its algorithms, and the Gride curve."""
    data = Data(coordinates=X, maxk=LAST_RANK, verbose=False, n_jobs=1)
    fit, _, scale = data.compute_id_2NN(algorithm="base", mu_fraction=0.9)
    likelihood, _, _ = data.compute_id_2NN(algorithm="ml")
    dimensions, errors, scales = data.return_id_scaling_gride(range_max=LAST_RANK)
    return {
        "twonn": {"mu_fraction": 0.9, "dimension": float(fit), "mean_distance": float(scale)},
        "twonn_untruncated_likelihood": float(likelihood),
        "gride": [
            {
                "n": 2**step,
                "dimension": float(dimension),
                "std_error": float(error),
                "mean_distance": float(distance),
            }
            for step, (dimension, error, distance) in enumerate(
                zip(dimensions, errors, scales, strict=True)
            )
        ],
    }


if __name__ == "__main__":
    main()
