"""A metric over the layers of a model, read from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.comparison.choose_runs import StoredRun, same_windows

if TYPE_CHECKING:
    from embstore.store.database import Database

_STACKS = """
SELECT run_id, stack, max(layer)::INTEGER AS n_layers
FROM layer
WHERE list_contains($runs::VARCHAR[], run_id)
GROUP BY run_id, stack
ORDER BY run_id, stack
"""

_VALUES = """
SELECT m.run_id, m.metric, m.scope, m.stack, m.layer, l.depth, m.value, m.std_error, m.reason,
    CASE WHEN $paired THEN m.window_effects END AS window_effects
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
WHERE list_contains($runs::VARCHAR[], m.run_id)
    AND list_contains($metrics::VARCHAR[], m.metric)
    AND list_contains($scopes::VARCHAR[], m.scope)
    AND m.site <> 'final_norm'
ORDER BY m.layer
"""

# A run's id, metric, scope, stack.
ProfileKey = tuple[str, str, str, str]


@dataclass(frozen=True)
class LayerValue:
    """A metric at one layer; ``reason`` says why ``value`` is None.

    ``window_effects`` is how much each window moves the value; None where that is not known,
    or the run it is compared with read other windows.
    """

    layer: int
    depth: float
    value: float | None
    std_error: float | None = None
    reason: str | None = None
    window_effects: Sequence[float] | None = None


@dataclass(frozen=True)
class Profile:
    """A metric over the layers of one stack, in ascending order.

    Attributes:
        values: one per layer that was measured.
        n_layers: blocks of the stack; the last layer has this number.
        n_windows: sequences behind the standard errors.
    """

    values: tuple[LayerValue, ...]
    n_layers: int
    n_windows: int


def read_profiles(
    database: "Database",
    a: StoredRun,
    b: StoredRun,
    metrics: Sequence[str],
    scopes: Sequence[str],
) -> tuple[dict[ProfileKey, Profile], dict[str, dict[str, int]]]:
    """Read both runs' profiles, and how many blocks each of their stacks has.

    Raises:
        StoreError: the store cannot be read.
    """
    runs = {run.run_id: run for run in (a, b)}
    stacks: dict[str, dict[str, int]] = {run_id: {} for run_id in runs}
    for row in database.select(_STACKS, {"runs": list(runs)}).to_pylist():
        stacks[row["run_id"]][row["stack"]] = row["n_layers"]
    values: dict[ProfileKey, list[LayerValue]] = {}
    asked = {
        "runs": list(runs),
        "metrics": list(metrics),
        "scopes": list(scopes),
        "paired": same_windows(a, b),
    }
    for row in database.select(_VALUES, asked).to_pylist():
        key = (row.pop("run_id"), row.pop("metric"), row.pop("scope"), row.pop("stack"))
        values.setdefault(key, []).append(LayerValue(**row))
    profiles = {
        key: Profile(tuple(found), stacks[key[0]][key[3]], runs[key[0]].n_windows)
        for key, found in values.items()
    }
    return profiles, stacks
