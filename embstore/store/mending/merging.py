"""Takes the runs of other stores in: a union by the ids, which are hashes of content."""

import functools
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embstore.common.messages import listed
from embstore.common.paths import expanded
from embstore.errors import StoreError, StoreLockedError
from embstore.store import duplicates, schema
from embstore.store.connection import open_database
from embstore.store.exports.at_address import address_in
from embstore.store.exports.export_files import read_manifest
from embstore.store.exports.in_export import only_asked
from embstore.store.mending.merged import Contents, Merged, contents_of, told
from embstore.store.opening import discard_empty
from embstore.store.places import Place
from embstore.store.readable import check_readable
from embstore.store.references import check_references
from embstore.store.table_names import NUMBERS

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

_LOG = logging.getLogger(__name__)

_NEW = "SELECT run_id FROM {other}.run EXCEPT SELECT run_id FROM run"
_IS_HERE = "run_id IN (SELECT run_id FROM run)"
# Of runs that both have from one doing, so that they have one spectrum.
_DERIVED_THERE = """
(run_id, metric) IN (
    SELECT (derivation.run_id, derivation.metric)
    FROM {other}.derivation AS derivation
    JOIN {other}.run AS there ON there.run_id = derivation.run_id
    JOIN run ON run.run_id = there.run_id AND run.created_at = there.created_at
    WHERE (derivation.run_id, derivation.metric) NOT IN (SELECT (run_id, metric) FROM derivation)
)
"""
_IS_DERIVED = "SELECT 1 FROM derivation LIMIT 1"
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
_WITHOUT_KEY = ((schema.failure, "true"), (schema.tag_change, _IS_HERE), (schema.score, "true"))


def merge_stores(
    database: "Database", others: Iterable[str | Path], *, dry_run: bool = False
) -> list[Merged]:
    """Take in every run of other stores that is not there yet, or nothing of any of them.

    A store that has been merged, or is merged with itself, changes nothing. Other stores are
    only read; of an older one a temporary copy is migrated. Different models that have one name
    then are noted.

    Args:
        database: what to merge into.
        others: files or addresses of stores, or folders of exports.
        dry_run: only tell what would be taken in.

    Returns:
        What became of each store's runs, in the given order; a store counts runs that one
        before it brought as there already.

    Raises:
        StoreError: a file is missing, is no store, is locked or cannot be read, or the store
            cannot be written.
        StoreVersionError: a newer embstore wrote one.
    """
    opened = [_open(database, other) for other in others]
    # Each once, and all of them looked at before anything is changed.
    sources = {
        other.place: other.source()
        for other in {other.place: other for other in opened}.values()
        if not _is_same(other, database)
    }
    if dry_run:
        return _noted(_would_merge(database, opened))
    made = not database.exists()
    try:
        return _noted(_merge(database, [other.place for other in opened], sources))
    except StoreLockedError:
        raise
    except StoreError:
        if made and isinstance(database.home.key, Path):
            discard_empty(database.home.key, database.timeout)
        # Which of them is damaged, if one is, and not whichever DuckDB was busy with.
        for one in (*opened, database):
            if one.exists():
                check_readable(one)
        raise


def _open(database: "Database", other: str | Path) -> "Database":
    """Open a store to take runs from."""
    if address := address_in(other):
        raise only_asked(address)
    return open_database(other, create=False, timeout=database.timeout)


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
    database: "Database", given: Iterable[str], sources: Mapping[str, Place]
) -> list[Merged]:
    """Merge all of them in one transaction."""
    # DuckDB calls a file's database like the file, and fails inside itself where two have one name.
    unique = uuid.uuid4().hex
    names = {place: f"other_{number}_{unique}" for number, place in enumerate(sources)}

    def merge(connection: "sa.Connection") -> list[Merged]:
        merged = []
        for place in given:
            source = f"{names[place]}." if place in names else ""
            if source:
                check_references(place, connection.exec_driver_sql, source)
            ask = _answers(connection)
            merged.append(told(place, contents_of(ask), contents_of(ask, source)))
            if source:
                take_in(connection, names[place])
        return merged

    return database.transact(
        merge, beside={names[place]: source for place, source in sources.items()}
    )


def import_export(database: "Database", folder: str | Path, *, dry_run: bool = False) -> Merged:
    """Take in every run of an export that is not there yet, or nothing.

    Raises:
        StoreError: the folder is no export, a file differs from its checksum, or the store
            cannot be written.
        StoreVersionError: a newer embstore wrote it.
    """
    if not address_in(folder):
        read_manifest(Path(os.path.realpath(expanded(folder))))
    (merged,) = merge_stores(database, [folder], dry_run=dry_run)
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
    # The numbers before what says that they are derived, by which they are chosen.
    for table in (schema.measurement, schema.derivation):
        _insert(
            connection,
            table,
            f"FROM {other}.{table.name} WHERE {_DERIVED_THERE.format(**words)}",
        )
    for table in (*(schema.metadata.tables[name] for name in NUMBERS), schema.derivation):
        _insert(connection, table, f"FROM {other}.{table.name} WHERE run_id IN ({words['new']})")
    # After what is chosen by which runs are new.
    _insert(connection, schema.run, f"FROM {other}.run WHERE run_id IN ({words['new']})")
    # Rows without a key: each as often as the store has it that has it more often.
    for table, needed in _WITHOUT_KEY:
        columns = _columns(table)
        _insert(
            connection,
            table,
            f"FROM (SELECT {columns} FROM {other}.{table.name} WHERE {needed} "  # noqa: S608
            f"EXCEPT ALL SELECT {columns} FROM {table.name})",
        )
    duplicates.mark(connection, linked)
    if connection.exec_driver_sql(_IS_DERIVED).first():
        # A later run may hide what was derived for an earlier one.
        from embstore.store.derived_numbers import carry_on

        carry_on(connection)


def _insert(connection: "sa.Connection", table: "sa.Table", rest: str) -> None:
    columns = _columns(table)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT {columns} {rest}")


def _columns(table: "sa.Table") -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _answers(connection: "sa.Connection") -> Callable[[str], Iterable[Sequence[Any]]]:
    return lambda sql: connection.exec_driver_sql(sql).fetchall()


def _would_merge(database: "Database", opened: Iterable["Database"]) -> list[Merged]:
    """Tell what merging would do, from reading alone."""
    here = _contents(database) if database.exists() else Contents({}, set())
    merged = []
    for other in opened:
        there = here
        if not _is_same(other, database):
            check_references(other.place, functools.partial(_ask, other))
            there = _contents(other)
        merged.append(told(other.place, here, there))
        here |= there
    return merged


def _contents(database: "Database") -> Contents:
    return contents_of(functools.partial(_ask, database))


def _ask(database: "Database", sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in database.select(sql).to_pylist()]


def _is_same(other: "Database", own: "Database") -> bool:
    if not (isinstance(other.home.key, Path) and isinstance(own.home.key, Path)):
        return other.home.key == own.home.key
    try:
        return other.home.key.samefile(own.home.key)
    except OSError:
        return False
