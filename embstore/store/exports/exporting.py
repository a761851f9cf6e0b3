"""Writes a store as a folder of Parquet files that a data-set hub takes as it is."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import filelock

from embstore._version import __version__
from embstore.common.files import write_atomically
from embstore.errors import EmbstoreError, StoreError, StoreLockedError
from embstore.store import migration
from embstore.store.exports.data_card import croissant, data_card
from embstore.store.exports.export_files import (
    MANIFEST,
    ExportFile,
    Manifest,
    check_name,
    fact_path,
    number_path,
    parquet,
    read_manifest,
    sha256,
)
from embstore.store.failures import duckdb_message
from embstore.store.quoting import quoted
from embstore.store.reading import current_file
from embstore.store.session import reading
from embstore.store.table_names import FACTS, NUMBERS, ORPHANS

if TYPE_CHECKING:
    from embstore.store.connection import Database

# After so many runs the manifest is written: a stopped export keeps what it has by then.
_BATCH = 100
_LOCK = ".embstore.lock"
_PARTIAL = ".partial"
_KEYS = {
    "model": "model_id",
    "checkpoint": "checkpoint_id",
    "corpus": "corpus_id",
    "run": "run_id",
    "metric": "(name, version)",
}


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        folder: where it is.
        new: runs that were added.
        known: runs of the store that were there already.
        others: runs that are there and not in the store; they stay.
        size: bytes of all its Parquet files.
    """

    folder: Path
    new: int
    known: int
    others: int
    size: int


def export_store(database: "Database", folder: str | Path) -> Exported:
    """Write the runs of a store that a folder lacks as Parquet files, and describe them.

    Each run is a set of files that gets its name when it is whole. The manifest comes
    last, so whoever reads the folder sees the export as it was, or as it is.

    Raises:
        StoreError: the store cannot be read, the folder holds something else, or it cannot
            be written.
        StoreLockedError: another process exports into the folder.
    """
    database.check_whole()
    target = Path(folder).expanduser().resolve()
    _claim(target)
    try:
        with filelock.FileLock(target / _LOCK, timeout=database.timeout):
            return _export(database, target)
    except filelock.Timeout:
        raise StoreLockedError(
            f"{target} is written to by another process: wait until it has finished"
        ) from None
    except (OSError, EmbstoreError) as error:
        if isinstance(error, StoreError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{target} cannot be written: {reason.lower()}") from error


def _claim(target: Path) -> None:
    """Make the folder, or refuse one that holds something else."""
    check_name(target)
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file: name a folder for the export")
    if not target.parent.is_dir():
        raise StoreError(f"{target} cannot be made: {target.parent} is not a folder")
    try:
        target.mkdir(exist_ok=True)
        if (target / MANIFEST).exists():
            return
        if foreign := sorted(file.name for file in target.iterdir() if file.name != _LOCK):
            raise StoreError(
                f"{target} holds something else ({foreign[0]}): name a new folder, or an empty one"
            )
        # An export that is stopped at any moment from now on can be read.
        write_atomically(target / MANIFEST, Manifest(embstore_version=__version__).text().encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"{target} cannot be written: {reason}") from error


def _export(database: "Database", target: Path) -> Exported:
    before = manifest = read_manifest(target)
    connect = partial(_connection, current_file(database.path, database.timeout))
    with reading(database.path, database.timeout, connect) as connection:
        try:
            found = connection.execute("SELECT run_id FROM store.run ORDER BY run_id").fetchall()
            stored = [str(run_id) for (run_id,) in found]
            new = [run_id for run_id in stored if run_id not in before.runs]
            for start in range(0, max(1, len(new)), _BATCH):
                batch = new[start : start + _BATCH]
                added = {run_id: _write_run(connection, target, run_id) for run_id in batch}
                runs = {**manifest.runs, **added}
                tables = _write_facts(connection, target, before, list(runs))
                manifest = Manifest(embstore_version=__version__, tables=tables, runs=runs)
                _publish(connection, target, manifest)
        except duckdb.Error as error:
            raise StoreError(
                f"{target} could not be written ({duckdb_message(error)}): check the disk's free "
                "space, then export again; what was exported before is as it was"
            ) from error
    _sweep(target, manifest)
    return Exported(
        folder=target,
        new=len(new),
        known=len(stored) - len(new),
        others=len(before.runs.keys() - set(stored)),
        size=sum(file.size for file in manifest.files().values()),
    )


def _connection(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a store to read, in a connection that may write files, beside empty tables of facts."""
    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    try:
        connection.execute(f"ATTACH {quoted(path)} AS store (READ_ONLY)")
        connection.execute(migration.head_script())
        connection.execute("SET TimeZone = 'UTC'")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_run(
    connection: duckdb.DuckDBPyConnection, target: Path, run_id: str
) -> dict[str, ExportFile]:
    """Write a run's numbers under another name, then give the folder its own."""
    whole = (target / number_path(run_id, NUMBERS[0])).parent
    partial_ = whole.with_name(f".{run_id}{_PARTIAL}")
    for leftover in (partial_, whole):
        shutil.rmtree(leftover, ignore_errors=True)
    partial_.mkdir(parents=True)
    files = {
        table: _copy(
            connection,
            f"SELECT * FROM store.{table} WHERE run_id = {quoted(run_id)}",  # noqa: S608 - quoted
            partial_ / f"{table}.parquet",
        )
        for table in NUMBERS
    }
    partial_.replace(whole)
    return files


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> ExportFile:
    done = connection.execute(
        f"COPY ({sql}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return ExportFile(sha256(path), path.stat().st_size, int(done[0]) if done else 0)


def _write_facts(
    connection: duckdb.DuckDBPyConnection, target: Path, before: Manifest, runs: Sequence[str]
) -> dict[str, ExportFile]:
    """Write what these runs share: as the store has it, and of other runs as it was exported."""
    _gather(connection, target, before, runs)
    files = {}
    folder = target / "tables"
    folder.mkdir(exist_ok=True)
    for table in FACTS:
        path = folder / f".{table}{_PARTIAL}"
        files[table] = _copy(connection, f"SELECT * FROM {table} ORDER BY ALL", path)  # noqa: S608
        path.replace(target / fact_path(table, files[table]))
    return files


def _gather(
    connection: duckdb.DuckDBPyConnection, target: Path, before: Manifest, runs: Sequence[str]
) -> None:
    for table in FACTS:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - one of our own tables
        earlier = before.tables.get(table)
        sources = [f"SELECT * FROM store.{table}"]  # noqa: S608 - one of our own tables
        if earlier is not None:
            sources.append(parquet([str(target / fact_path(table, earlier))]))
        if table == "run":
            # A run stays with the numbers that it was exported with.
            sources.reverse()
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


def _publish(connection: duckdb.DuckDBPyConnection, target: Path, manifest: Manifest) -> None:
    """Describe the export, and at last say which files count."""
    content = manifest.text().encode()
    if (target / MANIFEST).read_bytes() == content:
        return
    found = connection.execute("SELECT DISTINCT name FROM model ORDER BY name").fetchall()
    models = [str(name) for (name,) in found]
    columns = _columns(connection)
    write_atomically(target / "README.md", data_card(manifest, models).encode())
    write_atomically(target / "croissant.json", croissant(manifest, columns).encode())
    write_atomically(target / MANIFEST, content)


def _columns(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Mapping[str, str]]:
    found = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'memory' ORDER BY table_name, column_index"
    ).fetchall()
    columns: dict[str, dict[str, str]] = {table: {} for table in (*FACTS, *NUMBERS)}
    for table, column, type_ in found:
        if table in columns:
            columns[table][column] = type_
    return columns


def _sweep(target: Path, manifest: Manifest) -> None:
    """Remove files that no longer count."""
    counting = manifest.files()
    for file in (target / "tables").glob("*"):
        if f"tables/{file.name}" not in counting:
            file.unlink()
    for folder in (target / "runs").glob("*"):
        if folder.name not in manifest.runs:
            shutil.rmtree(folder, ignore_errors=True)
