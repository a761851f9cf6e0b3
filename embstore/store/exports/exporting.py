"""Writes a store as a folder of Parquet files that a data-set hub takes as it is."""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import filelock

from embstore._version import __version__
from embstore.common.files import write_atomically
from embstore.common.paths import expanded
from embstore.errors import EmbstoreError, StoreError, StoreLockedError
from embstore.store.exports.at_address import address_in
from embstore.store.exports.damage import find_damage
from embstore.store.exports.data_card import croissant, data_card
from embstore.store.exports.export_files import (
    MANIFEST,
    Manifest,
    check_name,
    number_path,
    read_manifest,
)
from embstore.store.exports.kept_words import renewed_card, renewed_metadata
from embstore.store.exports.more_derived import derived_runs, runs_with_more
from embstore.store.exports.parquet_files import (
    PARTIAL,
    connect,
    renew_numbers,
    write_facts,
    write_run,
)
from embstore.store.failures import duckdb_message, reading_error
from embstore.store.readable import check_readable
from embstore.store.references import check_references
from embstore.store.session import reading
from embstore.store.table_names import FACTS, NUMBERS

if TYPE_CHECKING:
    from embstore.store.database import Database

# After so many runs the manifest is written: a stopped export keeps what it has by then.
_BATCH = 100
_LOCK = ".embstore.lock"
# What embstore calls the files that it deletes when they count no more; others are the user's.
_TABLE_FILE = re.compile(rf"({'|'.join(FACTS)})-[0-9a-f]{{16}}\.parquet|\.\w+{re.escape(PARTIAL)}")
_NUMBER_FILE = re.compile(
    rf"({'|'.join(NUMBERS)})(-[0-9a-f]{{16}})?\.parquet|\.\w+{re.escape(PARTIAL)}"
)
_RUN_FOLDER = re.compile(rf"[0-9a-f]{{32}}|\.[0-9a-f]{{32}}{re.escape(PARTIAL)}")


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        folder: where it is.
        new: runs that were added.
        known: runs of the store that were there already.
        others: runs that are there and not in the store; they stay.
        mended: files that were missing or damaged, and are written anew.
        damaged: runs of others with such files, which this store cannot write.
        size: bytes of all its Parquet files.
    """

    folder: Path
    new: int
    known: int
    others: int
    mended: int
    damaged: int
    size: int


def export_store(database: "Database", folder: str | Path) -> Exported:
    """Write the runs of a store that a folder lacks as Parquet files, and describe them.

    Each run is a set of files that gets its name when it is whole. The manifest comes
    last, so whoever reads the folder sees the export as it was, or as it is. Files that are
    missing or differ from their checksum are written anew; what others put there stays.

    Raises:
        StoreError: the store cannot be read, the folder holds something else, it cannot
            be written, or what is damaged in it cannot be written from this store.
        StoreLockedError: another process exports into the folder.
    """
    database.check_whole()
    if address := address_in(folder):
        raise StoreError(f"{address} is an address, which cannot be written to: name a folder")
    target = Path(os.path.realpath(expanded(folder)))
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
        raise _not_written(target, error) from error


def _claim(target: Path) -> None:
    """Make the folder, or refuse one that holds something else."""
    check_name(target)
    made = False
    try:
        if os.path.lexists(target) and not stat.S_ISDIR(target.stat().st_mode):
            raise StoreError(f"{target} is a file: name a folder for the export")
        if not target.parent.is_dir():
            raise StoreError(f"{target} cannot be made: {target.parent} is not a folder")
        made = not target.exists()
        target.mkdir(exist_ok=True)
        if (target / MANIFEST).exists():
            return
        if foreign := sorted(file.name for file in target.iterdir() if file.name != _LOCK):
            raise StoreError(
                f"{target} holds something else ({foreign[0]}): name a new folder, or an empty one"
            )
        # An export that is stopped at any moment from now on can be read.
        write_atomically(target / MANIFEST, Manifest(embstore_version=__version__).text().encode())
    except (OSError, EmbstoreError) as error:
        if made:
            with contextlib.suppress(OSError):
                target.rmdir()
        if isinstance(error, StoreError):
            raise
        raise _not_written(target, error) from error


def _not_written(target: Path, error: OSError | EmbstoreError) -> StoreError:
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return StoreError(f"{target} cannot be written: {reason}; change that, or name another folder")


def _export(database: "Database", target: Path) -> Exported:
    manifest = given = read_manifest(target)
    source = database.source()
    with reading(
        database.home.key, database.timeout, partial(connect, source, database.timeout)
    ) as connection:
        stored = _stored_runs(database, connection)
        damage = find_damage(target, given, stored)
        before = damage.sound
        if "derivation" in given.tables.keys() - before.tables:
            # Which of their numbers were derived is not known any more.
            unknown = derived_runs(connection)
            kept = {run_id: files for run_id, files in before.runs.items() if run_id not in unknown}
            before = replace(before, runs=kept)
        written = [run_id for run_id in stored if run_id not in before.runs]
        renewable = runs_with_more(connection, target, before)
        runs = before.runs
        try:
            renewed: list[str] = []
            for start in range(0, max(1, len(written), len(renewable)), _BATCH):
                batch = written[start : start + _BATCH]
                added = {run_id: write_run(connection, target, run_id) for run_id in batch}
                later = renewable[start : start + _BATCH]
                added |= {
                    run_id: renew_numbers(connection, target, run_id, before.runs[run_id])
                    for run_id in later
                }
                renewed += later
                runs = {**runs, **added}
                tables = write_facts(connection, target, before, list(runs), renewed)
                manifest = Manifest(embstore_version=__version__, tables=tables, runs=runs)
                _publish(connection, target, manifest)
        except duckdb.Error as error:
            check_readable(database)
            raise StoreError(
                f"{target} could not be written ({duckdb_message(error)}): check the disk's free "
                "space, then export again; what was exported before is as it was"
            ) from error
    _sweep(target, manifest)
    known = given.runs.keys() & set(stored)
    return Exported(
        folder=target,
        new=len(stored) - len(known),
        known=len(known),
        others=len(given.runs) - len(known),
        mended=len(damage.mendable),
        damaged=len(damage.lost),
        size=sum(file.size for file in manifest.files().values()),
    )


def _stored_runs(database: "Database", connection: duckdb.DuckDBPyConnection) -> list[str]:
    def ask(sql: str) -> list[tuple[str, ...]]:
        return connection.execute(sql).fetchall()

    try:
        check_references(database.place, ask, "store.")
        return [run_id for (run_id,) in ask("SELECT run_id FROM store.run ORDER BY run_id")]
    except duckdb.Error as error:
        raise reading_error(database.place, error) from error


def _publish(connection: duckdb.DuckDBPyConnection, target: Path, manifest: Manifest) -> None:
    """Describe the export, and at last say which files count."""
    found = connection.execute("SELECT DISTINCT name FROM model ORDER BY name").fetchall()
    card = data_card(manifest, [str(name) for (name,) in found])
    metadata = croissant(manifest, _columns(connection))
    _renew(target / "README.md", partial(renewed_card, new=card))
    _renew(target / "croissant.json", partial(renewed_metadata, new=metadata))
    _renew(target / MANIFEST, lambda _: manifest.text())


def _renew(path: Path, make: Callable[[str | None], str]) -> None:
    """Write what a file is to say, given what it says, if that is another thing."""
    old = path.read_bytes().decode(errors="surrogateescape") if path.exists() else None
    new = make(old)
    if new != old:
        write_atomically(path, new.encode(errors="surrogateescape"))


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
    """Remove files of embstore that no longer count."""
    counting = manifest.files()
    for run_id, files in manifest.runs.items():
        # Of a run whose numbers were renewed, and of one whose export was stopped meanwhile.
        for found in (target / number_path(run_id, "measurement")).parent.glob("measurement-*"):
            name = f"runs/{run_id}/{found.name}"
            if _NUMBER_FILE.fullmatch(found.name) and name not in counting:
                found.unlink()
        if "measurement" in files and files["measurement"].renewed:
            (target / number_path(run_id, "measurement")).unlink(missing_ok=True)
    for file in (target / "tables").glob("*"):
        if _TABLE_FILE.fullmatch(file.name) and f"tables/{file.name}" not in counting:
            file.unlink()
    for folder in (target / "runs").glob("*"):
        if _RUN_FOLDER.fullmatch(folder.name) and folder.name not in manifest.runs:
            for file in folder.glob("*.parquet"):
                if _NUMBER_FILE.fullmatch(file.name):
                    file.unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()
