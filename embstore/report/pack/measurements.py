"""Chooses which measurements a page carries, and packs them.

A block holds one metric of one model, its values or one end of their intervals, for every
scope, hidden state and run, on a scale of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from embstore.report.pack.encoding import UNDEFINED, Codes, Scale, encode, lay_out
from embstore.types import SCOPES, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.report.contents import ModelFacts, State
    from embstore.store.connection import Database

Part = Literal["value", "low", "high"]
PARTS: tuple[Part, ...] = ("value", "low", "high")


# No geometry is this large, and differences of larger numbers overflow.
_LARGEST = 1e300

# Metrics of the last checkpoints that are read at once.
_TOGETHER = 16

# In the order in which they get a page's room for every checkpoint.
_FIRST = (
    *("anisotropy", "twonn", "mean_cosine", "mle", "linearity_next", "effective_rank"),
    *("participation_ratio", "norm_p50", "massive_ratio", "lid_p50", "cka_next"),
)

_COUNTS = """
SELECT metric, count(*) AS stored, count(ci_low) > 0 AS bounded
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) USING (run_id)
GROUP BY metric
ORDER BY metric
"""

_CELLS = """
SELECT
    list_position($metrics::VARCHAR[], measurement.metric)::INTEGER AS metric,
    chosen.place::INTEGER AS place,
    (CASE measurement.stack WHEN 'decoder' THEN 1 ELSE 0 END * 1048576
        + measurement.layer * 4
        + CASE measurement.site WHEN 'embedding' THEN 0 WHEN 'block' THEN 1 ELSE 2 END
    )::INTEGER AS state,
    (list_position($scopes::VARCHAR[], measurement.scope) - 1)::INTEGER AS scope,
    measurement.value,
    measurement.ci_low AS low,
    measurement.ci_high AS high
FROM measurement
JOIN (
    SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($places::INTEGER[]) AS place
) AS chosen USING (run_id)
WHERE measurement.metric IN (SELECT unnest($metrics::VARCHAR[]))
    AND list_contains($scopes::VARCHAR[], measurement.scope)
"""


@dataclass(frozen=True)
class Plan:
    """For which runs a metric goes on the page: all, or each model's last checkpoint.

    Attributes:
        metric: its name.
        every: values of every checkpoint.
        every_interval: intervals of every checkpoint too.
        bounded: the metric has intervals.
    """

    metric: str
    every: bool
    every_interval: bool
    bounded: bool


@dataclass(frozen=True)
class Block:
    """Where a block stands and how its codes are read.

    Attributes:
        metric: place of the metric among the planned ones.
        model: place of the model.
        part: place in PARTS.
        every: whether it has all the model's runs or the newest only.
        scale: how codes become numbers.
        low: the number of the first code.
        step: from one code to the next: a difference, or of logarithms.
    """

    metric: int
    model: int
    part: int
    every: bool
    scale: Scale
    low: float
    step: float


@dataclass(frozen=True)
class Packed:
    """The blocks of a page and their bytes, one after another."""

    blocks: tuple[Block, ...]
    content: bytes


def plan_metrics(
    database: "Database",
    run_ids: Sequence[str],
    *,
    cells: int,
    newest_cells: int,
    budget: int,
    only: Sequence[str] | None = None,
) -> tuple[Plan, ...]:
    """Decide what fits: every metric of the last checkpoints, then the rest by importance.

    Args:
        database: the store.
        run_ids: all runs of the page.
        cells: numbers that one metric has over all runs.
        newest_cells: the same over the last checkpoints only.
        budget: numbers a page may hold.
        only: these metrics, the first the most important; None for all.
    """
    rows = database.select(_COUNTS, {"runs": list(run_ids)}).to_pylist() if run_ids else []
    bounded = {row["metric"]: bool(row["bounded"]) for row in rows}
    order = only if only else [*_FIRST, *bounded]
    names = [name for name in dict.fromkeys(order) if name in bounded]
    left = budget - sum((3 if bounded[name] else 1) * newest_cells for name in names)
    every: set[str] = set()
    intervals: set[str] = set()
    for name in names:
        if cells <= left or not every:
            every.add(name)
            left -= cells
    for name in names:
        if bounded[name] and name in every and 2 * cells <= left:
            intervals.add(name)
            left -= 2 * cells
    return tuple(Plan(name, name in every, name in intervals, bounded[name]) for name in names)


def pack_metrics(
    database: "Database",
    plans: Sequence[Plan],
    models: "Sequence[ModelFacts]",
    run_ids: Sequence[str],
    newest: Sequence[int],
) -> Packed:
    """Read and pack one metric after another, so that memory holds one at a time.

    Those of the last checkpoints only are read some at a time: they are few numbers,
    and the store is scanned once for all of them.
    """
    blocks: list[Block] = []
    content: list[bytes] = []
    frames = [_Frame(model, newest) for model in models]
    for group in _groups(plans):
        places = range(len(run_ids)) if plans[group[0]].every else newest
        cells = database.select(
            _CELLS,
            {
                "metrics": [plans[number].metric for number in group],
                "runs": [run_ids[place] for place in places],
                "places": list(places),
                "scopes": list(SCOPES),
            },
        )
        which = cells["metric"].to_numpy() - 1
        for order, number in enumerate(group):
            mine = cells.filter(which == order) if len(group) > 1 else cells
            for block, codes in _pack(mine, number, plans[number], frames):
                blocks.append(block)
                content.append(lay_out(codes))
    return Packed(tuple(blocks), b"".join(content))


def _groups(plans: Sequence[Plan]) -> list[list[int]]:
    """Gather the places of plans that are read together."""
    alone = [[number] for number, plan in enumerate(plans) if plan.every]
    rest = [number for number, plan in enumerate(plans) if not plan.every]
    return alone + [rest[i : i + _TOGETHER] for i in range(0, len(rest), _TOGETHER)]


def _pack(
    cells: "pa.Table", number: int, plan: Plan, frames: "Sequence[_Frame]"
) -> Iterator[tuple[Block, Codes]]:
    """Yield one metric's blocks; ends of intervals only where there are some."""
    for part in PARTS if plan.bounded else PARTS[:1]:
        every = plan.every if part == "value" else plan.every_interval
        for model, numbers in _split(cells, part, frames, every=every):
            codes, scale, low, step = encode(numbers)
            if part == "value" or (codes % UNDEFINED).any():
                yield Block(number, model, PARTS.index(part), every, scale, low, step), codes


class _Frame:
    """A model's axes: which row and column a stored number goes to."""

    def __init__(self, model: "ModelFacts", newest: Sequence[int]) -> None:
        self.places = np.array(model.runs, dtype=np.int64)
        self.newest = np.array(sorted(set(model.runs) & set(newest)), dtype=np.int64)
        keys = np.array([_state_key(state) for state in model.states], dtype=np.int64)
        self.order = np.argsort(keys)
        self.keys = keys[self.order]


def _state_key(state: "State") -> int:
    site = {"embedding": 0, "block": 1}.get(state.site, 2)
    return (1048576 if state.stack == "decoder" else 0) + state.layer * 4 + site


def _split(
    cells: "pa.Table", part: Part, frames: Sequence[_Frame], *, every: bool
) -> "list[tuple[int, FloatArray]]":
    """Spread one metric's numbers over a dense array per model: scope, state, run."""
    place, state, scope = (cells[name].to_numpy() for name in ("place", "state", "scope"))
    numbers = cells[part].to_numpy().astype(np.float64)
    # A NULL is NaN here; the row is there, so the number is undefined.
    numbers = np.where(np.abs(numbers) < _LARGEST, numbers, np.inf)
    by_place = np.argsort(place, kind="stable")
    place, state, scope, numbers = (x[by_place] for x in (place, state, scope, numbers))
    arrays = []
    for model, frame in enumerate(frames):
        runs = frame.places if every else frame.newest
        dense = np.full((len(SCOPES), len(frame.keys), len(runs)), np.nan)
        # A model's runs stand side by side.
        start, end = np.searchsorted(place, (frame.places[0], frame.places[-1] + 1))
        if start == end or not len(frame.keys):
            continue
        mine = slice(start, end)
        column = np.minimum(np.searchsorted(runs, place[mine]), len(runs) - 1)
        row = np.minimum(np.searchsorted(frame.keys, state[mine]), len(frame.keys) - 1)
        known = (runs[column] == place[mine]) & (frame.keys[row] == state[mine])
        dense[scope[mine][known], frame.order[row[known]], column[known]] = numbers[mine][known]
        arrays.append((model, dense))
    return arrays
