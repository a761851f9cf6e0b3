"""How often 95 % intervals hold what they should, on populations whose truth is known.

Each replication draws new windows and measures two layers as an ingest does. Two things
can be held: the estimator's mean over all replications, which is what an interval of a
biased estimate can hold, and the value of the whole population, bias included.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.populations import POPULATIONS, next_layer
from embstore.inputs.token_sample import sample_positions
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey, Measured

FIRST, SECOND = LayerKey("decoder", 0, "embedding"), LayerKey("decoder", 1, "block")


@dataclass(frozen=True)
class Design:
    """One population at one size.

    Attributes:
        population: a key of ``POPULATIONS``.
        n: tokens.
        d: coordinates.
        n_windows: windows of n / n_windows tokens.
        kept: share of the tokens that the sample keeps.
    """

    population: str
    n: int
    d: int
    n_windows: int
    kept: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of one metric over the replications of one design.

    Attributes:
        design: of the replications.
        metric: its name.
        n: replications with an interval.
        covered_mean: share of the intervals that hold the mean of all replications.
        error: mean standard error over the standard deviation of the values.
        value: mean of all replications.
    """

    design: Design
    metric: str
    n: int
    covered_mean: float
    error: float
    value: float


def measured(design: Design, seed: int) -> Measured:
    """Draw the windows of one replication and measure them."""
    rng = np.random.default_rng(seed)
    window = design.n // design.n_windows
    X = POPULATIONS[design.population](rng, (design.n_windows, window, design.d))
    Y = next_layer(rng, X)
    states = {
        key: torch.from_numpy(np.ascontiguousarray(Z, dtype=np.float32))
        for key, Z in ((FIRST, X), (SECOND, Y))
    }
    mask = np.ones((design.n_windows, window), dtype=bool)
    ids: np.ndarray = np.zeros(mask.shape, dtype=np.int64)
    batch = HiddenBatch(0, states, mask, {"decoder": ids}, 0.0)
    positions = sample_positions(design.n_windows, window, round(design.n * design.kept), seed)
    return measure_batches([batch], positions, Choice(scopes=("all",)))


def replicate(task: tuple[Design, int]) -> dict[str, tuple[float, float, float, float]]:
    """Return value, error and interval of every number of one replication."""
    found = measured(*task)
    numbers = {
        m.metric: (m.value, m.std_error, m.ci_low, m.ci_high)
        for m in found.measurements
        if m.key == FIRST
    }
    numbers |= {
        f"gride_{2 * c.rank}": (c.dimension, c.std_error, c.ci_low, c.ci_high)
        for c in found.curves
        if c.key == FIRST
    }
    return {
        name: tuple(float("nan") if x is None else x for x in row)  # type: ignore[misc]
        for name, row in numbers.items()
    }


def outcomes(design: Design, runs: Iterable[dict[str, tuple[float, ...]]]) -> Iterator[Outcome]:
    """Sum up the replications of one design."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for run in runs:
        for name, row in run.items():
            rows.setdefault(name, []).append(row)
    for name, found in rows.items():
        value, error, low, high = np.array(found).T
        known = np.isfinite(error)
        if not known.any():
            continue
        mean, spread = value[np.isfinite(value)].mean(), value[np.isfinite(value)].std(ddof=1)
        held = (low[known] <= mean) & (mean <= high[known])
        ratio = float(error[known].mean() / spread) if spread > 0 else float("nan")
        yield Outcome(design, name, int(known.sum()), float(held.mean()), ratio, float(mean))


def simulate(designs: Iterable[Design], replications: int, workers: int) -> Iterator[Outcome]:
    """Run every design, its replications side by side."""
    with ProcessPoolExecutor(workers, initializer=_alone) as pool:
        for design in designs:
            tasks = [(design, seed) for seed in range(replications)]
            yield from outcomes(design, pool.map(replicate, tasks, chunksize=5))


def _alone() -> None:
    torch.set_num_threads(1)


def main() -> None:
    import json
    import sys

    designs = [Design(**d) for d in json.loads(sys.argv[1])]
    for outcome in simulate(designs, int(sys.argv[2]), int(os.environ.get("JOBS", "2"))):
        print(json.dumps(dataclasses.asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
