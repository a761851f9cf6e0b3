"""Records what DADApy says about fixed clouds, for tests that cannot install it.

DADApy runs in an environment of its own. The clouds are made here, by the tests' own
recipes, and handed over as arrays. Run from the top of the checkout:
``python -m benchmarks.dadapy_answers``.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import TypedDict

import numpy as np

from benchmarks.dadapy_environment import dadapy_python
from tests import manifolds

ANSWERS = Path("tests/metrics/data/dadapy.json")


class Recipe(TypedDict):
    """A function of ``tests.manifolds`` and its arguments."""

    function: str
    arguments: dict[str, int]


CLOUDS: dict[str, Recipe] = {
    "gaussian_5": {
        "function": "gaussian",
        "arguments": {"n": 1000, "d": 5, "embedded_in": 20, "seed": 0},
    },
    "gaussian_20": {
        "function": "gaussian",
        "arguments": {"n": 2000, "d": 20, "embedded_in": 40, "seed": 1},
    },
    "ball_3": {
        "function": "ball",
        "arguments": {"n": 1000, "d": 3, "embedded_in": 25, "seed": 0},
    },
    "swiss_roll": {
        "function": "swiss_roll",
        "arguments": {"n": 1000, "embedded_in": 10, "seed": 0},
    },
}


def main() -> None:
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=home / "embstore-benchmarks")
    parser.add_argument("--out", type=Path, default=ANSWERS)
    options = parser.parse_args()

    clouds = {
        name: getattr(manifolds, recipe["function"])(**recipe["arguments"])
        for name, recipe in CLOUDS.items()
    }
    python = dadapy_python(options.cache)
    arrays = options.cache / "dadapy-clouds.npz"
    np.savez(arrays, **clouds)
    child = Path(__file__).with_name("dadapy_child.py")
    command = [str(python), str(child), str(arrays)]
    answers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    record = {
        "versions": answers["versions"],
        "clouds": {
            name: {
                **CLOUDS[name],
                # Tells a changed recipe from a changed estimate.
                "mean_squared_norm": float(np.square(X).sum(axis=1).mean()),
                **answers["clouds"][name],
            }
            for name, X in clouds.items()
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=2) + "\n")
    print(f"{options.out}: {len(clouds)} clouds, {answers['versions']}")


if __name__ == "__main__":
    main()
