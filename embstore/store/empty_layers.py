"""Finds the runs some of whose layers have no numbers, such as after an overflow."""

from collections.abc import Collection
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from embstore.store import ids
from embstore.store.missing_values import has_value, why_none
from embstore.store.quoting import quoted_ids
from embstore.types import LayerKey, Measurement, Run

if TYPE_CHECKING:
    from embstore.store.database import Database

# Every layer whose states are finite has this number, in every scope that was asked for. Of a run
# that did not measure it all numbers are looked at, which takes longer.
_ALWAYS_KNOWN = "norm_max"
_EMPTY = f"""
WITH chosen AS (
    SELECT run_id, metric_versions LIKE '%"{_ALWAYS_KNOWN}":%' AS has_it
    FROM run WHERE {{which}}
),
states AS (
    SELECT
        run_id, layer, site, count(value) AS known, min_by(reason, scope) AS reason
    FROM measurement
    WHERE metric = '{_ALWAYS_KNOWN}' AND run_id IN (SELECT run_id FROM chosen WHERE has_it)
    GROUP BY run_id, stack, layer, site
    UNION ALL
    SELECT
        run_id, layer, site, count(value) AS known, min_by(reason, (scope, metric)) AS reason
    FROM measurement
    WHERE run_id IN (SELECT run_id FROM chosen WHERE NOT has_it)
    GROUP BY run_id, stack, layer, site
)
SELECT
    states.run_id,
    model.name AS model,
    checkpoint.revision,
    run.dtype,
    count(*) FILTER (known = 0) AS n_empty,
    count(*) AS n_layers,
    min_by(reason, layer) FILTER (known = 0) AS reason
FROM states
JOIN run ON run.run_id = states.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
GROUP BY
    states.run_id, model.name, checkpoint.revision, checkpoint.step, run.dtype
HAVING n_empty > 0
ORDER BY model.name, checkpoint.step NULLS LAST, checkpoint.revision, states.run_id
"""  # noqa: S608 - a constant


# In the reason of a layer whose states are not finite.
_NOT_FINITE = "NaN or infinite"


@dataclass(frozen=True)
class EmptyLayers:
    """The layers of a run that have no numbers, whatever the scope.

    Attributes:
        run_id: of the run.
        model: its name.
        revision: of it.
        dtype: of the forward pass.
        n_empty: layers without a number.
        n_layers: all of them.
        reason: why the first of them has none.
    """

    run_id: str
    model: str
    revision: str
    dtype: str
    n_empty: int
    n_layers: int
    reason: str | None

    @property
    def count(self) -> str:
        """How many there are: ``4 of 5 layers have no numbers``."""
        have = "has no number" if self.n_layers == 1 else "have no numbers"
        return f"{self.n_empty} of {self.n_layers} layers {have}"

    @property
    def sentence(self) -> str:
        """What to say of them, and what to do: ``4 of 5 layers have no numbers (…); …``."""
        why = f" ({self.reason})" if self.reason else ""
        if self.reason and _NOT_FINITE not in self.reason:
            # Such as too few windows: the reason says what to do.
            return f"{self.count}{why}"
        advice = (
            "float16 overflows at 65,504: measure again with dtype bfloat16 or float32"
            if self.dtype == "float16"
            else "its training may have diverged"
        )
        return f"{self.count}{why}; {advice}"


def empty_layers_of(run: Run) -> EmptyLayers | None:
    """Return which layers of a run have no numbers, as ``empty_layers`` says of it once stored."""
    versions = {info.name for info in run.metrics}
    numbers: dict[LayerKey, list[Measurement]] = {}
    for number in run.measured.measurements:
        if _ALWAYS_KNOWN not in versions or number.metric == _ALWAYS_KNOWN:
            numbers.setdefault(number.key, []).append(number)
    empty = {key: found for key, found in numbers.items() if not any(map(has_value, found))}
    if not empty:
        return None
    first = min(empty, key=attrgetter("layer"))
    return EmptyLayers(
        run_id=ids.run_id_of(run),
        model=run.model.name,
        revision=run.checkpoint.revision,
        dtype=run.configuration.dtype,
        n_empty=len(empty),
        n_layers=len(numbers),
        reason=why_none(min(empty[first], key=attrgetter("scope", "metric"))),
    )


def empty_scopes_of(run: Run) -> tuple[str, ...]:
    """Say which scopes of a run have no number in any layer, each with the reason."""
    by_scope: dict[str, list[Measurement]] = {}
    for number in run.measured.measurements:
        by_scope.setdefault(number.scope, []).append(number)
    return tuple(
        f"scope {scope} has no numbers ({why_none(numbers[0])})"
        for scope, numbers in by_scope.items()
        if not any(map(has_value, numbers))
    )


def empty_layers(database: "Database", runs: Collection[str] | None = None) -> list[EmptyLayers]:
    """Return which runs have layers without numbers, by model and step.

    Args:
        database: the store.
        runs: of which ones; None for all.

    Raises:
        StoreError: the store cannot be read.
    """
    if runs is not None and not runs:
        return []
    chosen = "run_id IN (SELECT unnest(string_split({}, ',')))"
    which = "true" if runs is None else chosen.format(quoted_ids(runs))
    found = database.select(_EMPTY.format(which=which))
    return [EmptyLayers(**row) for row in found.to_pylist()]
