"""Takes the runs of other stores in: a union by the ids, which are hashes of content."""

import functools
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.common.messages import listed
from embstore.common.paths import expanded
from embstore.errors import StoreError, StoreLockedError
from embstore.store import duplicates, schema
from embstore.store.exports.at_address import address_in
from embstore.store.exports.damage import check_files
from embstore.store.exports.export_files import is_export, read_manifest
from embstore.store.exports.in_place import of_export
from embstore.store.mending.merged import RUNS, Merged, Runs, runs_of, told
from embstore.store.opening import discard_empty, prepare_store
from embstore.store.readable import check_readable
from embstore.store.reading import asking, current_file
from embstore.store.references import check_references
from embstore.store.session import Connect
from embstore.store.table_names import NUMBERS

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.connection import Database

_LOG = logging.getLogger(__name__)

_NEW = "SELECT run_id FROM {other}.run EXCEPT SELECT run_id FROM run"
_IS_HERE = "run_id IN (SELECT run_id FROM run)"
# What runs share, each with which of it the other store's new runs need.
_SHARED = (
    (
        schema.model,
        "model_id IN (SELECT model_id FROM {other}.checkpoint WHERE checkpoint_id IN ("
        "SELECT checkpoint_id FROM {other}.run WHERE run_id IN ({new})) AND checkpoint_id NOT IN "
        "(SELECT checkpoint_id FROM checkpoint))",
    ),
    (
        schema.checkpoint,
        "checkpoint_id IN (SELECT checkpoint_id FROM {other}.run WHERE run_id IN ({new}))",
    ),
    (
        schema.corpus,
        "corpus_id IN (SELECT corpus_id FROM {other}.run WHERE run_id IN ({new}))",
    ),
    (schema.metric, "true"),
)


def merge_stores(
    database: "Database", others: Iterable[Path], *, dry_run: bool = False
) -> list[Merged]:
    """Take in every run of other stores that is not there yet, or nothing of any of them.

    A store that has been merged, or is merged with itself, changes nothing. Other stores are
    only read; of an older one a temporary copy is migrated. Different models that have one name
    then are noted.

    Args:
        database: what to merge into.
        others: files of stores, or folders of exports.
        dry_run: only tell what would be taken in.

    Returns:
        What became of each store's runs, in the given order; a store counts runs that one
        before it brought as there already.

    Raises:
        StoreError: a file is missing, is no store, is locked or cannot be read, or the store
            cannot be written.
        StoreVersionError: a newer embstore wrote one.
    """
    given = [_as_file(path) for path in others]
    # Each once, and all of them looked at before anything is changed.
    current = {
        path: _up_to_date(path, database.timeout)
        for path in dict.fromkeys(given)
        if not _same_file(path, database.path)
    }
    if dry_run:
        return _noted(_would_merge(database, given, current))
    made = not database.path.exists()
    try:
        return _noted(_merge(database, given, current))
    except StoreLockedError:
        raise
    except StoreError:
        if made:
            discard_empty(database.path, database.timeout)
        # Which of them is damaged, if one is, and not whichever DuckDB was busy with.
        for path, file in {**current, database.path: database.path}.items():
            if file.exists():
                check_readable(path, file, database.timeout, _connect(file))
        raise


def _noted(merged: list[Merged]) -> list[Merged]:
    for one in merged:
        if one.namesakes:
            _LOG.warning(
                "%s: different models are called %s in these stores, and commands that name a "
                "model take them for one: rename it in one of the stores with `embstore rename` "
                "before merging",
                one.other,
                listed(map(repr, one.namesakes)),
            )
    return merged


def _merge(
    database: "Database", given: Iterable[Path], current: Mapping[Path, Path]
) -> list[Merged]:
    """Merge all of them in one transaction."""
    names = {path: f"other_{number}" for number, path in enumerate(current)}
    with database.begin(beside={names[path]: file for path, file in current.items()}) as connection:
        merged = []
        for path in given:
            source = f"{names[path]}." if path in names else ""
            if source:
                check_references(path, connection.exec_driver_sql, source)
            merged.append(told(path, _runs(connection), _runs(connection, source)))
            if source:
                take_in(connection, names[path])
        return merged


def import_export(database: "Database", folder: str | Path, *, dry_run: bool = False) -> Merged:
    """Take in every run of an export that is not there yet, or nothing.

    Raises:
        StoreError: the folder is no export, a file differs from its checksum, or the store
            cannot be written.
        StoreVersionError: a newer embstore wrote it.
    """
    path = _as_file(Path(folder))
    read_manifest(path)
    (merged,) = merge_stores(database, [path], dry_run=dry_run)
    return merged


def take_in(connection: "sa.Connection", other: str) -> None:
    """Insert what another schema, attached under a name, has and the store lacks."""
    words = {"other": other, "new": _NEW.format(other=other)}
    linked = duplicates.links(connection, f"{other}.")
    # The order of rows means nothing, and keeping it takes memory.
    connection.exec_driver_sql("SET preserve_insertion_order = false")
    for table, needed in _SHARED:
        keys = ", ".join(column.name for column in table.primary_key.columns)
        _insert(
            connection,
            table,
            f"FROM {other}.{table.name} WHERE {needed.format(**words)} "  # noqa: S608 - names of our own
            f"AND ({keys}) NOT IN (SELECT ({keys}) FROM {table.name})",
        )
    for table in (schema.metadata.tables[name] for name in NUMBERS):
        _insert(connection, table, f"FROM {other}.{table.name} WHERE run_id IN ({words['new']})")
    # After what is chosen by which runs are new.
    _insert(connection, schema.run, f"FROM {other}.run WHERE run_id IN ({words['new']})")
    # Rows without a key: each as often as the store has it that has it more often.
    for table, needed in ((schema.failure, "true"), (schema.tag_change, _IS_HERE)):
        columns = _columns(table)
        _insert(
            connection,
            table,
            f"FROM (SELECT {columns} FROM {other}.{table.name} WHERE {needed} "  # noqa: S608
            f"EXCEPT ALL SELECT {columns} FROM {table.name})",
        )
    duplicates.mark(connection, linked)


def _insert(connection: "sa.Connection", table: "sa.Table", rest: str) -> None:
    columns = _columns(table)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT {columns} {rest}")


def _columns(table: "sa.Table") -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _runs(connection: "sa.Connection", source: str = "") -> Runs:
    found = connection.exec_driver_sql(RUNS.format(source=source))
    return runs_of(found.fetchall())


def _would_merge(
    database: "Database", given: Iterable[Path], current: Mapping[Path, Path]
) -> list[Merged]:
    """Tell what merging would do, from reading alone."""

    def stored(place: Path, file: Path) -> Runs:
        with asking(file, database.timeout, _connect(file)) as connection:
            if place != database.path:
                check_references(place, lambda sql: connection.execute(sql).fetchall())
            return runs_of(connection.execute(RUNS.format(source="")).fetchall())

    here = stored(database.path, database.path) if database.path.exists() else {}
    merged = []
    for path in given:
        there = stored(path, current[path]) if path in current else dict(here)
        merged.append(told(path, here, there))
        here = {**there, **here}
    return merged


def _connect(file: Path) -> Connect | None:
    return functools.partial(of_export, file, ()) if is_export(file) else None


def _as_file(path: Path) -> Path:
    if address := address_in(path):
        raise StoreError(
            f"{address} is an address, which can be asked only: fetch the folder and name that"
        )
    return Path(os.path.realpath(expanded(path)))


def _same_file(path: Path, own: Path) -> bool:
    try:
        return path.samefile(own)
    except OSError:
        return False


def _up_to_date(path: Path, timeout: float) -> Path:
    """Return what to read of a store: its file, or the migrated copy of an older one."""
    if is_export(path):
        check_files(path, read_manifest(path))
        return path
    prepare_store(path, timeout, create=False)
    return current_file(path, timeout)
