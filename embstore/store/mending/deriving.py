"""Computes metrics of stored runs from their spectra, without a new pass over the model."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from embstore._version import __version__
from embstore.metrics.from_spectra import choose_derivable
from embstore.metrics.registry import METRICS
from embstore.store import schema
from embstore.store.derived_numbers import Derivation, compute, insert, version_of
from embstore.store.mending.find_runs import Selection, find_runs, in_transaction
from embstore.store.writing import insert_absent

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

# Runs whose spectra are read at once: of 30 layers of 4,096 dimensions each takes some 20 MB.
_AT_ONCE = 16
_RUNS = """
SELECT run_id, metric_versions, run_id IN (SELECT run_id FROM spectrum) AS has_spectra
FROM run WHERE json_valid(metric_versions) ORDER BY run_id
"""
# Stores of earlier schemas have no such table.
_IS_THERE = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'derivation'"
_DERIVED = "SELECT run_id, metric, version FROM derivation"


@dataclass(frozen=True)
class Derived:
    """What became of the runs whose numbers were to be derived.

    Attributes:
        metrics: which were asked for.
        runs: how many runs have got numbers.
        numbers: how many, with those that are undefined.
        known: runs that had all of them.
        without: runs without spectra that lack some of them.
        outdated: runs that have some of them measured by an earlier definition, which stay.
    """

    metrics: tuple[str, ...]
    runs: int
    numbers: int
    known: int
    without: int
    outdated: int


@dataclass
class _Plan:
    """What is to be done.

    Attributes:
        wanted: by run, the metrics to derive.
        known: runs that have all of them.
        without: runs without spectra that lack some.
        outdated: runs that measured some by an earlier definition.
    """

    wanted: dict[str, list[str]] = field(default_factory=dict)
    known: int = 0
    without: int = 0
    outdated: int = 0


def derive_numbers(
    database: "Database", metrics: Iterable[str], *, models: Sequence[str] = ()
) -> Derived:
    """Compute metrics of stored runs from their spectra; all of it is stored, or nothing.

    What is measured or derived already is left as it is, so a second time changes nothing. A
    number that was derived by an earlier definition is computed anew.

    Args:
        database: where the runs are.
        metrics: names; ``all`` for every metric that follows from a spectrum.
        models: only of these; all if none is named.

    Raises:
        UsageError: a metric is unknown, or takes more than a spectrum.
        QueryError: there is no such model.
        StoreError: the store cannot be written.
    """
    names = choose_derivable(metrics)
    database.check_whole()
    # Found out as the store is: where nothing is to be done, an older one is not migrated.
    plan = _plan(database, names, models)
    numbers = 0
    if plan.wanted:
        database.migrate()
        computed = dict(_computed(database, plan.wanted))
        stored = database.transact(lambda connection: _store(connection, plan.wanted, computed))
        numbers = sum(stored.values())
    return Derived(names, len(plan.wanted), numbers, plan.known, plan.without, plan.outdated)


def _plan(database: "Database", names: Sequence[str], models: Sequence[str]) -> _Plan:
    rows = database.look(_RUNS)
    if models:
        chosen = {run["run_id"] for run in find_runs(database.look, Selection(models=models))}
        rows = [row for row in rows if row["run_id"] in chosen]
    derived = {
        (row["run_id"], row["metric"]): row["version"]
        for row in (database.look(_DERIVED) if database.look(_IS_THERE) else [])
    }
    plan = _Plan()
    for row in rows:
        run_id = str(row["run_id"])
        measured = json.loads(str(row["metric_versions"]))
        lacking = [
            name
            for name in names
            if name not in measured and derived.get((run_id, name)) != version_of(name)
        ]
        plan.outdated += any(
            measured.get(name, version_of(name)) != version_of(name) for name in names
        )
        if not lacking:
            plan.known += 1
        elif row["has_spectra"]:
            plan.wanted[run_id] = lacking
        else:
            plan.without += 1
    return plan


def _computed(
    database: "Database", wanted: Mapping[str, list[str]]
) -> Iterator[tuple[str, pa.Table]]:
    runs = list(wanted)
    for start in range(0, len(runs), _AT_ONCE):
        some = runs[start : start + _AT_ONCE]
        # Between the parts others may write.
        yield from compute(
            lambda sql: list(database.select(sql).to_pylist()), {run: wanted[run] for run in some}
        ).items()


def _store(
    connection: "sa.Connection",
    wanted: Mapping[str, list[str]],
    computed: Mapping[str, pa.Table],
) -> dict[str, int]:
    """Store what is still lacking; return how many numbers of each run."""
    select = in_transaction(connection)
    there = {str(row["run_id"]) for row in select("SELECT run_id FROM run")}
    known: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for row in select(_DERIVED):
        known[str(row["run_id"])][str(row["metric"])] = row["version"]
    now = datetime.now(UTC)
    derivations = [
        Derivation(run_id, name, version_of(name), now, __version__)
        for run_id, names in wanted.items()
        for name in names
        # Another process may have derived it, or removed the run, meanwhile.
        if run_id in there & computed.keys() and known[run_id].get(name) != version_of(name)
    ]
    for derivation in derivations:
        if derivation.metric in known[derivation.run_id]:
            for table in ("measurement", "derivation"):
                connection.exec_driver_sql(
                    f"DELETE FROM {table} WHERE run_id = ? AND metric = ?",  # noqa: S608 - ours
                    (derivation.run_id, derivation.metric),
                )
    names = dict.fromkeys(derivation.metric for derivation in derivations)
    if names:
        insert_absent(connection, schema.metric, [dict(vars(METRICS[name].info)) for name in names])
    insert(connection, derivations, computed)
    counts: defaultdict[str, int] = defaultdict(int)
    for derivation in derivations:
        rows = computed[derivation.run_id]["metric"]
        counts[derivation.run_id] += rows.to_pylist().count(derivation.metric)
    return dict(counts)
