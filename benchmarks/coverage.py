"""How often 95 % intervals hold what they should, on populations whose truth is known.

Each replication draws new windows and measures two layers as an ingest does. Two things
can be held: the estimator's mean over all replications, which is what an interval of a
biased estimate can hold, and the value of the whole population, bias included.
"""

import dataclasses
import functools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.populations import POPULATIONS, next_layer
from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.inputs.token_sample import sample_positions
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.registry import METRICS, PAIR_METRICS
from embstore.metrics.selection import PRESETS, Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import CurvePoint, LayerKey, Measurement

FIRST, SECOND = LayerKey("decoder", 0, "embedding"), LayerKey("decoder", 1, "block")

# Replications of every design; of what seems to hold too seldom or too often, that many more.
_REPLICATIONS, _MORE = 200, 800
# From where to where an interval that holds in 95 of 100 may be found to.
_LOWEST, _HIGHEST = 0.90, 0.99
# What has an interval in less than this share of the replications has none.
_OFTEN = 0.2

# What has no interval has no coverage, and takes most of the time.
_WITH_INTERVALS = [
    name for name in PRESETS["all"] if (METRICS | PAIR_METRICS)[name].uncertainty != "none"
]

# Windows whose value stands for the population's.
_MANY_WINDOWS = 400
# Tokens, dimensions and windows; with all tokens kept, then with half and a quarter.
_SHAPES = ((512, 16, 8), (1024, 256, 16), (2048, 64, 32), (4096, 64, 16))
_PART_OF = (4096, 64, 16)
_KEPT = (0.5, 0.25)


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
class Found:
    """One number of one replication, NaN for what is not known."""

    value: float
    std_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """What became of one metric over the replications of one design.

    Attributes:
        design: of the replications.
        metric: its name.
        n: replications with an interval.
        covered_mean: share of the intervals that hold the mean of those replications.
        covered_value: share that hold the population's value; NaN where it has none, as an
            estimate from neighbours depends on how many tokens there are.
        error: mean standard error over the standard deviation of the values.
    """

    design: Design
    metric: str
    n: int
    covered_mean: float
    covered_value: float
    error: float


def run(scale: Scale) -> Section:
    """Measure the coverage of every metric over all populations."""
    replications = 3 if scale.quick else _REPLICATIONS
    shapes = _SHAPES[:1] if scale.quick else _SHAPES
    more = 0 if scale.quick else _MORE
    seeds = range(replications), range(replications, replications + more)
    folder = _folder(scale)
    found = [
        outcome
        for shape in shapes
        for name in POPULATIONS
        for outcome in _once(Design(name, *shape), *seeds, folder)
    ]
    tables = [_table(f"{name}, all tokens kept", found, name) for name in POPULATIONS]
    if not scale.quick:
        found = [
            outcome
            for kept in _KEPT
            for name in POPULATIONS
            for outcome in _once(Design(name, *_PART_OF, kept), *seeds, folder)
        ]
        tables += [
            _table(f"{name}, a half and a quarter kept", found, name) for name in POPULATIONS
        ]
    text = (
        f"95 % intervals of {replications} replications of each population in "
        "`benchmarks/populations.py`, at "
        + "; ".join(f"n = {n:,}, d = {d}, {windows} windows" for n, d, windows in shapes)
        + ". *Mean held*: the lowest and highest share of intervals, over these sizes, that hold "
        "the mean of all replications that have one; *value held*: likewise the value of the "
        "population, bias included; *error*: the mean standard error over the true spread. What "
        f"held in less than {_LOWEST:.2f} or more than {_HIGHEST:.2f} of these was looked at again "
        f"in {_MORE} others, which then count alone: among so many numbers some fall out by "
        "chance. Whole numbers of components have intervals of at least one to either side, which "
        "always hold. Where a few far points decide an estimate it has no interval."
    )
    return Section("Coverage of intervals", text, tuple(tables))


def _table(title: str, outcomes: list[Outcome], population: str) -> Table:
    rows = []
    chosen = [o for o in outcomes if o.design.population == population]
    for metric in dict.fromkeys(o.metric for o in chosen):
        of_metric = [o for o in chosen if o.metric == metric]
        columns = ("covered_mean", "covered_value", "error")
        rows.append((metric, *(_extent([getattr(o, c) for o in of_metric]) for c in columns)))
    return Table(("metric", "mean held", "value held", "error"), tuple(rows), title)


def _extent(numbers: list[float]) -> str:
    known = [x for x in numbers if math.isfinite(x)]
    return f"{min(known):.2f} to {max(known):.2f}" if known else ""


def _folder(scale: Scale) -> Path | None:
    """Return where what is found of each design is kept; None where no commit says of what."""
    commit = machine.commit()
    known = commit != "unknown" and not commit.endswith("changes")
    return scale.cache / "coverage" / commit if known and not scale.quick else None


def _once(design: Design, seeds: range, more: range, folder: Path | None) -> list[Outcome]:
    """Run a design and look again at what is doubtful, or read what this commit has found of it.

    All designs take an hour: a run that was stopped goes on.
    """
    name = "-".join(str(value) for value in dataclasses.astuple(design))
    file = folder / f"{name}.json" if folder else None
    if file and file.exists():
        rows = json.loads(file.read_text())
        return [Outcome(**{**row, "design": design}) for row in rows]
    found = _looked_at_again(_outcomes_of(design, seeds, None), more)
    if file:
        print(f"coverage: {name}", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([dataclasses.asdict(outcome) for outcome in found]))
    return found


def _outcomes_of(design: Design, seeds: range, names: frozenset[str] | None) -> list[Outcome]:
    with ProcessPoolExecutor(os.cpu_count(), initializer=_alone) as pool:
        one = functools.partial(replicate, design, names=names)
        runs = list(pool.map(one, seeds, chunksize=5))
    return list(outcomes(design, runs))


def _looked_at_again(found: list[Outcome], seeds: range) -> list[Outcome]:
    """Replace what seems to hold too seldom or too often by what other replications say.

    Args:
        found: of the first replications of one design.
        seeds: of the others; with none all stays.
    """
    doubtful = {
        outcome.metric
        for outcome in found
        if seeds
        and not outcome.metric.startswith("pca_dim")
        and not _LOWEST <= outcome.covered_mean <= _HIGHEST
    }
    if not doubtful:
        return found
    # The curve comes with any estimate of dimension.
    names = frozenset("mle" if name.startswith("gride") else name for name in doubtful)
    again = {outcome.metric: outcome for outcome in _outcomes_of(found[0].design, seeds, names)}
    return [
        again.get(outcome.metric, outcome) if outcome.metric in doubtful else outcome
        for outcome in found
    ]


def _alone() -> None:
    torch.set_num_threads(1)


def replicate(
    design: Design, seed: int, *, names: frozenset[str] | None = None
) -> dict[str, Found]:
    """Return every number of one replication with its interval, or those of some metrics."""
    measurements, curves = measured(design, seed, names)
    numbers = {m.metric: _found(m.value, m.std_error, m.ci_low, m.ci_high) for m in measurements}
    return numbers | {
        f"gride_{2 * c.rank}": _found(c.dimension, c.std_error, c.ci_low, c.ci_high) for c in curves
    }


def _found(*numbers: float | None) -> Found:
    return Found(*(math.nan if x is None else x for x in numbers))


def measured(
    design: Design, seed: int, names: frozenset[str] | None = None
) -> tuple[list[Measurement], list[CurvePoint]]:
    """Draw the windows of one replication and measure a layer, and it with the next one."""
    rng = np.random.default_rng(seed)
    window = design.n // design.n_windows
    X = POPULATIONS[design.population](rng, (design.n_windows, window, design.d))
    Y = next_layer(rng, X)
    states = {
        key: torch.from_numpy(np.ascontiguousarray(Z, dtype=np.float32))
        for key, Z in ((FIRST, X), (SECOND, Y))
    }
    mask = np.ones((design.n_windows, window), dtype=bool)
    ids = np.zeros(mask.shape, dtype=np.int64)
    positions = sample_positions(design.n_windows, window, round(design.n * design.kept), seed)
    chosen = [name for name in _WITH_INTERVALS if names is None or name in names]
    measurements: list[Measurement] = []
    curves: list[CurvePoint] = []
    # Of the next layer alone nobody asks anything.
    for layers, of in (((FIRST,), METRICS), ((FIRST, SECOND), PAIR_METRICS)):
        if some := tuple(name for name in chosen if name in of):
            batch = HiddenBatch(
                0, {key: states[key] for key in layers}, mask, {"decoder": ids}, 0.0
            )
            choice = Choice(scopes=("all",), selection=Selection(some))
            found = measure_batches([batch], positions, choice)
            measurements += [m for m in found.measurements if m.key == FIRST]
            if of is METRICS:
                curves = list(found.curves)
    return measurements, curves


def population_values(design: Design) -> dict[str, float]:
    """Return the numbers that all tokens are behind, from many windows of the same length."""
    window = design.n // design.n_windows
    n = _MANY_WINDOWS * window
    many = Design(design.population, n, design.d, _MANY_WINDOWS, _MANY_WINDOWS / n)
    numbers, _ = measured(many, seed=10**6)
    # What the sample is behind stands for its own size only.
    return {m.metric: m.value for m in numbers if m.n == n and m.value}


def outcomes(design: Design, runs: Sequence[Mapping[str, Found]]) -> Iterator[Outcome]:
    """Sum up the replications of one design."""
    truth = population_values(design)
    for name in runs[0]:
        found = [dataclasses.astuple(run[name]) for run in runs]
        value, error, low, high = np.array(found).T
        known = np.isfinite(error)
        if known.mean() < _OFTEN:
            continue
        values = value[known]
        mean, spread = float(values.mean()), float(values.std(ddof=1))
        yield Outcome(
            design=design,
            metric=name,
            n=int(known.sum()),
            covered_mean=_share(low[known] <= mean, mean <= high[known]),
            covered_value=(
                _share(low[known] <= truth[name], truth[name] <= high[known])
                if name in truth
                else math.nan
            ),
            error=float(error[known].mean()) / spread if spread > 0 else math.nan,
        )


def _share(above: NDArray[np.bool_], below: NDArray[np.bool_]) -> float:
    return float(np.mean(above & below))
