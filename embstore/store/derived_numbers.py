"""Numbers that are computed from stored spectra, as rows of ``measurement``.

The tokens are gone by then, so they have no errors. Table ``derivation`` says which they are: what
a run was measured with decides its id, and stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from duckdb_sqlalchemy import insert_from_arrow

from embstore.metrics.from_spectra import DERIVABLE, from_spectrum
from embstore.metrics.names import NEED_SPECTRUM
from embstore.metrics.registry import METRICS
from embstore.store import schema
from embstore.store.columns import arrow_table, measurements_of
from embstore.store.mending.find_runs import Select, in_transaction
from embstore.store.quoting import quoted, quoted_ids
from embstore.types import LayerKey, Measurement

if TYPE_CHECKING:
    import sqlalchemy as sa

_AMONG = "run_id IN (SELECT unnest(string_split({runs}, ',')))"
_SPECTRA = f"""
SELECT run_id, stack, layer, site, scope, eigenvalues, n
FROM spectrum WHERE {_AMONG}
ORDER BY run_id, scope, stack, layer, site
"""  # noqa: S608 - quoted
# Of states without a spectrum, such as one that has NaN or is too large, say what was said then.
_WITHOUT = f"""
SELECT
    run_id, stack, layer, site, scope, max(n) AS n,
    coalesce(
        min(reason) FILTER (metric IN ({", ".join(map(quoted, sorted(NEED_SPECTRUM)))})),
        min(reason), 'no spectrum is stored'
    ) AS reason
FROM measurement WHERE {_AMONG}
    AND (run_id, stack, layer, site, scope) NOT IN (
        SELECT (run_id, stack, layer, site, scope) FROM spectrum WHERE {_AMONG}
    )
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - quoted
# What runs of a checkpoint and text have derived, and later ones have neither measured nor derived.
_LACKING = """
SELECT
    newer.run_id, derivation.metric, derivation.version,
    max(derivation.derived_at) AS derived_at,
    max_by(derivation.embstore_version, derivation.derived_at) AS embstore_version
FROM derivation
JOIN run AS older ON older.run_id = derivation.run_id
JOIN run AS newer ON newer.checkpoint_id = older.checkpoint_id
    AND newer.corpus_id = older.corpus_id AND newer.created_at > older.created_at
WHERE {which}
    AND newer.run_id IN (SELECT run_id FROM spectrum)
    AND (newer.run_id, derivation.metric) NOT IN (SELECT (run_id, metric) FROM derivation)
    AND CASE WHEN json_valid(newer.metric_versions)
        THEN NOT list_contains(json_keys(newer.metric_versions), derivation.metric) END
GROUP BY newer.run_id, derivation.metric, derivation.version
ORDER BY newer.run_id, derivation.metric
"""


@dataclass(frozen=True)
class Derivation:
    """A row of the table: which metric of which run was derived, when, and by which embstore."""

    run_id: str
    metric: str
    version: int
    derived_at: object
    embstore_version: str


def version_of(metric: str) -> int:
    """Return the version of a metric's definition as it is now."""
    return METRICS[metric].description.version


def compute(select: Select, wanted: Mapping[str, Sequence[str]]) -> dict[str, pa.Table]:
    """Compute the numbers of some runs from their spectra.

    Args:
        select: asks the store, or a transaction.
        wanted: by run, the metrics.

    Returns:
        By run the rows of ``measurement``: of each state and scope, with a reason in the place of
        the number where there is no spectrum.
    """
    runs = quoted_ids(wanted)
    found: defaultdict[str, list[Measurement]] = defaultdict(list)
    for row in select(_SPECTRA.format(runs=runs)):
        found[str(row["run_id"])] += from_row(row, wanted[str(row["run_id"])])
    for row in select(_WITHOUT.format(runs=runs)):
        key, scope = _state(row)
        found[str(row["run_id"])] += [
            Measurement(key, scope, name, None, _int(row["n"]), str(row["reason"]))
            for name in wanted[str(row["run_id"])]
        ]
    return {run_id: measurements_of(run_id, numbers) for run_id, numbers in found.items()}


def from_row(row: Mapping[str, object], names: Iterable[str]) -> list[Measurement]:
    """Compute some metrics of a row of ``spectrum``."""
    key, scope = _state(row)
    eigenvalues = np.array(row["eigenvalues"], dtype=np.float64)
    values = ((name, from_spectrum(name, eigenvalues, _int(row["n"]))) for name in names)
    return [Measurement(key, scope, name, v.value, v.n, v.reason) for name, v in values]


def insert(
    connection: "sa.Connection",
    derivations: Sequence[Derivation],
    computed: Mapping[str, pa.Table],
) -> None:
    """Store derived numbers, with what says which they are."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for derivation in derivations:
        wanted[derivation.run_id].append(derivation.metric)
    for run_id, names in wanted.items():
        rows = computed[run_id]
        chosen = np.isin(rows["metric"].to_numpy(zero_copy_only=False), names)
        insert_from_arrow(connection, schema.measurement, rows.filter(pa.array(chosen)))
    if derivations:
        rows = arrow_table(schema.derivation, map(vars, derivations))
        insert_from_arrow(connection, schema.derivation, rows)


def carry_on(connection: "sa.Connection", runs: Iterable[str] | None = None) -> list[str]:
    """Derive for later runs what was derived for an earlier one of the same checkpoint and text.

    Questions look at a checkpoint's newest run, so it would be out of sight otherwise.

    Args:
        connection: a writing transaction.
        runs: the later ones; None for all.

    Returns:
        The metrics that were derived for any of them.
    """
    which = "true"
    if runs is not None:
        which = f"newer.{_AMONG.format(runs=quoted_ids(runs))}"
    select = in_transaction(connection)
    # By definitions of this embstore: another would be another number.
    lacking = [
        row
        for row in select(_LACKING.format(which=which))
        if row["metric"] in DERIVABLE and row["version"] == version_of(str(row["metric"]))
    ]
    if not lacking:
        return []
    derivations = [Derivation(**_as_any(row)) for row in lacking]
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for derivation in derivations:
        wanted[derivation.run_id].append(derivation.metric)
    insert(connection, derivations, compute(select, wanted))
    return sorted({derivation.metric for derivation in derivations})


def _as_any(row: Mapping[str, object]) -> dict[str, Any]:
    return dict(row)


def _state(row: Mapping[str, object]) -> tuple[LayerKey, Any]:
    stack: Any = row["stack"]
    site: Any = row["site"]
    return LayerKey(stack, _int(row["layer"]), site), row["scope"]


def _int(value: object) -> int:
    return int(str(value))
