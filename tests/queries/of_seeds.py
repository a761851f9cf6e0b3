"""A store of seeds whose numbers are drawn by chance, and what NumPy says of a band."""

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from embstore.choices import Scope
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, Values, make_run

NAMES = ("lab/s1", "lab/s2", "lab/s3", "lab/s4")
GROUP = {"seed_group": "lab/all"}
SPREADS = {"band": (0.0, 1.0), "quartiles": (0.25, 0.75)}


def drawn(*of: object) -> Values:
    """Give every number of a model by chance, the same each time."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        name = repr((of, metric, key, scope))
        return float(np.random.default_rng(zlib.crc32(name.encode())).uniform(1, 5))

    return values


def run(name: str, step: int | None = None, **how: Any) -> Run:
    """Make the run of one seed, in the group of all."""
    usual: dict[str, Any] = {"tags": GROUP, "metrics": ALL_METRICS, "values": drawn(name, step)}
    if step is not None:
        usual |= {"revision": f"step{step}", "step": step}
    return make_run(name=name, **(usual | how))


def store(path: Path, *runs: Run) -> Database:
    """Make a store of some runs in a folder."""
    return new_store(path / "s.duckdb", runs)


def spread(numbers: Iterable[float], spread: str) -> list[float]:
    """Return the median and both ends of a band, of NumPy."""
    low, high = SPREADS[spread]
    return [float(np.quantile(list(numbers), share)) for share in (0.5, low, high)]


def in_band(row: dict[str, object], value: str = "value") -> list[object]:
    """Return the line and both ends of the band in a row."""
    return [row[name] for name in (value, "seed_low", "seed_high")]
