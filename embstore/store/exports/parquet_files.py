"""Writes the tables of a store as the Parquet files of an export."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from embstore.store import migration
from embstore.store.exports.export_files import (
    ExportFile,
    Manifest,
    fact_path,
    number_path,
    parquet,
    sha256,
)
from embstore.store.places import Place
from embstore.store.quoting import quoted
from embstore.store.session import attach
from embstore.store.table_names import FACTS, NUMBERS, ORPHANS

PARTIAL = ".partial"
_KEYS = {
    "model": "model_id",
    "checkpoint": "checkpoint_id",
    "corpus": "corpus_id",
    "run": "run_id",
    "metric": "(name, version)",
    "derivation": "(run_id, metric)",
}


def connect(place: Place, timeout: float) -> duckdb.DuckDBPyConnection:
    """Open a store to read, in a connection that may write files, beside empty tables of facts."""
    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    try:
        attach(connection, "store", place, timeout)
        connection.execute(migration.head_script())
        connection.execute("SET TimeZone = 'UTC'")
    except BaseException:
        connection.close()
        raise
    return connection


def write_run(
    connection: duckdb.DuckDBPyConnection, target: Path, run_id: str
) -> dict[str, ExportFile]:
    """Write a run's numbers under another name, then give the folder its own.

    A folder that is there already, of a run whose files are damaged, gets new files.
    """
    whole = (target / number_path(run_id, NUMBERS[0])).parent
    partial = whole.with_name(f".{run_id}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    files = {
        table: _copy(connection, _numbers(table, run_id), partial / f"{table}.parquet")
        for table in NUMBERS
    }
    if whole.exists():
        for file in partial.iterdir():
            file.replace(whole / file.name)
        partial.rmdir()
    else:
        partial.replace(whole)
    return files


def renew_numbers(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    run_id: str,
    files: Mapping[str, ExportFile],
) -> dict[str, ExportFile]:
    """Write the numbers of a run anew that has had some derived since; its other files stay.

    What another store has derived of it and this one has not stays, too.
    """
    earlier = target / number_path(run_id, "measurement", files["measurement"])
    partial = earlier.with_name(f".measurement{PARTIAL}")
    now = _numbers("measurement", run_id)
    others = (
        f"SELECT * FROM ({parquet([str(earlier)])}) "  # noqa: S608 - quoted
        f"WHERE metric NOT IN (SELECT metric FROM ({now}))"
    )
    written = _copy(connection, f"{now} UNION ALL BY NAME {others}", partial)
    file = replace(written, renewed=True)
    partial.replace(target / number_path(run_id, "measurement", file))
    return {**files, "measurement": file}


def _numbers(table: str, run_id: str) -> str:
    return f"SELECT * FROM store.{table} WHERE run_id = {quoted(run_id)}"  # noqa: S608 - quoted


def write_facts(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    before: Manifest,
    runs: Sequence[str],
    renewed: Collection[str],
) -> dict[str, ExportFile]:
    """Write what these runs share: as the store has it, and of other runs as it was exported.

    Args:
        connection: with the store.
        target: the folder.
        before: what was exported before.
        runs: that the export has from now on.
        renewed: of those that it had before, the ones with numbers derived since.
    """
    _gather(connection, target, before, runs, renewed)
    files = {}
    folder = target / "tables"
    folder.mkdir(exist_ok=True)
    for table in FACTS:
        path = folder / f".{table}{PARTIAL}"
        files[table] = _copy(connection, f"SELECT * FROM {table} ORDER BY ALL", path)  # noqa: S608
        path.replace(target / fact_path(table, files[table]))
    return files


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> ExportFile:
    done = connection.execute(
        f"COPY ({sql}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return ExportFile(sha256(path), path.stat().st_size, int(done[0]) if done else 0)


def _gather(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    before: Manifest,
    runs: Sequence[str],
    renewed: Collection[str],
) -> None:
    for table in FACTS:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of our own tables
        earlier = before.tables.get(table)
        sources = [f"SELECT * FROM store.{table}"]  # noqa: S608 - one of our own tables
        if earlier is not None:
            sources.append(parquet([str(target / fact_path(table, earlier))]))
        if table == "run" and earlier is not None:
            # A run stays with the numbers that it was exported with.
            kept = ", ".join(map(quoted, before.runs)) or "''"
            sources = [f"{sources[1]} WHERE run_id IN ({kept})", sources[0]]
        if table == "derivation":
            # So does what was derived of it.
            kept = ", ".join(map(quoted, before.runs.keys() - set(renewed))) or "''"
            sources[0] += f" WHERE run_id NOT IN ({kept})"
        for source in sources:
            absent = (
                f"SELECT * FROM ({source}) WHERE {_KEYS[table]} NOT IN "  # noqa: S608 - our own
                f"(SELECT {_KEYS[table]} FROM {table})"
                if table in _KEYS
                else f"({source}) EXCEPT ALL SELECT * FROM {table}"  # noqa: S608 - our own
            )
            connection.execute(f"INSERT INTO {table} BY NAME {absent}")
    kept = ", ".join(map(quoted, runs)) or "''"
    connection.execute(f"DELETE FROM run WHERE run_id NOT IN ({kept})")  # noqa: S608 - quoted
    for table, orphaned in ORPHANS.items():
        connection.execute(f"DELETE FROM {table} WHERE {orphaned}")  # noqa: S608 - our own words
