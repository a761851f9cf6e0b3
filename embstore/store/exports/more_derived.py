"""Which runs of an export have got numbers in the store that were derived since."""

from pathlib import Path

import duckdb

from embstore.store.exports.export_files import Manifest, fact_path, parquet
from embstore.store.quoting import quoted


def derived_runs(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the runs of which the store has derived numbers."""
    found = connection.execute("SELECT DISTINCT run_id FROM store.derivation")
    return {str(run_id) for (run_id,) in found.fetchall()}


def runs_with_more(
    connection: duckdb.DuckDBPyConnection, target: Path, before: Manifest
) -> list[str]:
    """Return the exported runs of which the store has numbers that were derived since."""
    if not before.runs:
        return []

    def exported(table: str, otherwise: str) -> str:
        file = before.tables.get(table)
        return f"({parquet([str(target / fact_path(table, file))])})" if file else otherwise

    numbered = [run_id for run_id, files in before.runs.items() if "measurement" in files]
    kept = ", ".join(map(quoted, numbered)) or "''"
    derived = exported("derivation", "(SELECT * FROM store.derivation LIMIT 0)")
    # A run stays with the numbers of the doing that it was exported from.
    found = connection.execute(
        f"""
        SELECT DISTINCT derived.run_id
        FROM (
            SELECT run_id, metric, version FROM store.derivation
            EXCEPT SELECT run_id, metric, version FROM {derived}
        ) AS derived
        JOIN store.run AS run ON run.run_id = derived.run_id
        JOIN {exported("run", "store.run")} AS earlier
            ON earlier.run_id = run.run_id AND earlier.created_at = run.created_at
        WHERE derived.run_id IN ({kept})
        ORDER BY derived.run_id
        """  # noqa: S608 - quoted
    ).fetchall()
    return [str(run_id) for (run_id,) in found]
