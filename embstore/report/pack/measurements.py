"""Reads and packs the measurements that a page carries.

A chunk holds one metric of one model, its values, one end of their intervals or their standard
errors, for every scope, hidden state and run, encoded by itself. A standard error is not to be
had from the ends: many intervals are symmetric on a scale of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from embstore.report.pack.encoding import UNDEFINED, Codes, Spacing, encode, lay_out
from embstore.report.pack.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.report.records import Contents, ModelFacts, State
    from embstore.store.database import Database
    from embstore.types import FloatArray

Part = Literal["value", "low", "high", "error"]
PARTS: tuple[Part, ...] = ("value", "low", "high", "error")

# No geometry is this large, and differences of larger numbers overflow.
_LARGEST = 1e300

# Numbers and metrics that are read at once: each reading scans the store's largest table, and
# memory holds what one reads.
_NUMBERS_TOGETHER = 1_000_000
_METRICS_TOGETHER = 16

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
    measurement.ci_high AS high,
    measurement.std_error AS error
FROM measurement
JOIN (
    SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($places::INTEGER[]) AS place
) AS chosen USING (run_id)
WHERE measurement.metric IN (SELECT unnest($metrics::VARCHAR[]))
    AND list_contains($scopes::VARCHAR[], measurement.scope)
"""


@dataclass(frozen=True)
class Chunk:
    """What a chunk holds and how its codes are read.

    Attributes:
        metric: place of the metric among the selected ones.
        model: place of the model.
        part: place in PARTS.
        every: whether it has all the model's runs or the newest only.
        spacing: how codes become numbers.
        low: the number of the first code.
        step: from one code to the next: a difference, or of logarithms.
    """

    metric: int
    model: int
    part: int
    every: bool
    spacing: Spacing
    low: float
    step: float


@dataclass(frozen=True)
class Packed:
    """The chunks of a page and their bytes, one after another."""

    chunks: tuple[Chunk, ...]
    content: bytes


def pack_metrics(
    database: "Database", selections: Sequence[Selection], contents: "Contents"
) -> Packed:
    """Read and pack the metrics some at a time, so that memory does not grow with their total."""
    chunks: list[Chunk] = []
    content: list[bytes] = []
    frames = [_Frame(model, contents.newest, len(contents.scopes)) for model in contents.models]
    for group in _groups(selections):
        every = selections[group[0]].every
        places = range(len(contents.runs)) if every else contents.newest
        cells = database.select(
            _CELLS,
            {
                "metrics": [selections[number].metric for number in group],
                "runs": [contents.run_ids[place] for place in places],
                "places": list(places),
                "scopes": list(contents.scopes),
            },
        )
        which = cells["metric"].to_numpy() - 1
        for order, number in enumerate(group):
            mine = cells.filter(which == order) if len(group) > 1 else cells
            for chunk, codes in _pack(mine, number, selections[number], frames):
                chunks.append(chunk)
                content.append(lay_out(codes))
    return Packed(tuple(chunks), b"".join(content))


def _groups(selections: Sequence[Selection]) -> list[list[int]]:
    """Gather the places of selections that are read together, those of all runs first."""
    groups: list[list[int]] = []
    left = 0
    for number, selection in enumerate(selections):
        if selection.every:
            if selection.stored > left:
                groups.append([])
                left = max(_NUMBERS_TOGETHER, selection.stored)
            groups[-1].append(number)
            left -= selection.stored
    rest = [number for number, selection in enumerate(selections) if not selection.every]
    size = _METRICS_TOGETHER
    return groups + [rest[start : start + size] for start in range(0, len(rest), size)]


def _pack(
    cells: "pa.Table", number: int, selection: Selection, frames: "Sequence[_Frame]"
) -> Iterator[tuple[Chunk, Codes]]:
    """Yield one metric's chunks; ends of intervals only where there are some."""
    for part in PARTS if selection.bounded else PARTS[:1]:
        every = selection.every if part == "value" else selection.every_interval
        for model, numbers in _split(cells, part, frames, every=every):
            codes, spacing, low, step = encode(numbers)
            if part == "value" or (codes % UNDEFINED).any():
                yield Chunk(number, model, PARTS.index(part), every, spacing, low, step), codes


class _Frame:
    """A model's axes: which row and column a stored number goes to."""

    def __init__(self, model: "ModelFacts", newest: Sequence[int], n_scopes: int) -> None:
        self.n_scopes = n_scopes
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
        dense = np.full((frame.n_scopes, len(frame.keys), len(runs)), np.nan)
        # A model's runs are neighbours.
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
