"""Finds the runs that a person names: by how an id begins, by model, by revision.

What is named wrongly is found out by a question, before an older store is migrated to be written
to; in the transaction that writes it is found again, for others may have written meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.common.messages import closest, listed
from embstore.errors import QueryError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

_LEAST = 8

# Also those whose model, checkpoint or text is gone: removing them is what mends such a store.
_RUNS = """
SELECT r.run_id, m.name AS model, c.revision, t.name AS corpus, r.created_at
FROM run AS r
LEFT JOIN checkpoint AS c ON c.checkpoint_id = r.checkpoint_id
LEFT JOIN model AS m ON m.model_id = c.model_id
LEFT JOIN corpus AS t ON t.corpus_id = r.corpus_id
ORDER BY m.name, c.step NULLS LAST, c.revision, r.created_at, r.run_id
"""

# Of tables only that every schema has.
_FAILURES = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'failure'"
_NO_FAILURES = "(SELECT '' AS model, '' AS revision LIMIT 0)"

RunFacts = Mapping[str, object]
# Answers SQL with rows: of a question, or of a transaction.
Select = Callable[[str], list[RunFacts]]


@dataclass(frozen=True)
class Selection:
    """Which runs are meant: those that fit everything that is given.

    Attributes:
        runs: ids, or how they begin.
        models: names.
        revisions: names.
    """

    runs: Sequence[str] = ()
    models: Sequence[str] = ()
    revisions: Sequence[str] = ()


def in_transaction(connection: "sa.Connection") -> Select:
    """Return what reads within a transaction."""

    def select(sql: str) -> list[RunFacts]:
        return [dict(row) for row in connection.exec_driver_sql(sql).mappings()]

    return select


def failures(select: Select) -> str:
    """Return the SQL of the table of failures, which stores of the first schemas lack."""
    return "failure" if select(_FAILURES) else _NO_FAILURES


def find_runs(select: Select, selection: Selection) -> list[RunFacts]:
    """Return the runs that are meant, by model and step: id, model, revision, text and date.

    Raises:
        UsageError: nothing is given, or too little of an id.
        QueryError: no run fits, or several have an id that begins so.
    """
    if not (selection.runs or selection.models or selection.revisions):
        raise UsageError("no run is named: give a run's id, a model or a revision")
    rows = select(_RUNS)
    for what, wanted in (("model", selection.models), ("revision", selection.revisions)):
        known = list(dict.fromkeys(str(row[what]) for row in rows if row[what] is not None))
        for name in wanted:
            if name not in known:
                has = f"it has {listed(known)}" if known else "it has no runs"
                raise QueryError(f"no {what} {name!r} in this store{closest(name, known)}; {has}")
        rows = [row for row in rows if not wanted or row[what] in wanted]
    if selection.runs:
        ids = {_one_id(start, rows) for start in selection.runs}
        rows = [row for row in rows if row["run_id"] in ids]
    if not rows:
        raise QueryError("no run has both that model and that revision")
    return rows


def _one_id(start: str, rows: Sequence[RunFacts]) -> str:
    asked = start.strip().lower()
    if len(asked) < _LEAST:
        raise UsageError(
            f"run {start!r} is too short: give the first {_LEAST} or more characters of its id, "
            "which embstore ls runs shows"
        )
    found = [str(row["run_id"]) for row in rows if str(row["run_id"]).startswith(asked)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise QueryError(f"no run {start!r} among those asked for; list them: embstore ls runs")
    raise QueryError(f"several runs begin with {start!r}: {listed(found)}; give more of the id")
