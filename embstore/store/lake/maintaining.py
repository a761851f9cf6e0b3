"""Keeps a lake quick and small: many writers leave many small files, and changes leave old ones."""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from embstore.choices import KEPT_DAYS
from embstore.errors import StoreError, UsageError
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import LAKE, lake_connection
from embstore.store.lake.failures import lake_error
from embstore.store.lake.server import Turn, turn_to_write
from embstore.store.quoting import quoted
from embstore.store.session import interruptible, locked

if TYPE_CHECKING:
    from embstore.store.database import Database

_LOG = logging.getLogger(__name__)

# How DuckLake calls files. It takes every Parquet file that it does not know for an orphan.
_OF_A_LAKE = re.compile(r"/main/\w+/ducklake-[\w-]+\.parquet$")

_FILES = """
SELECT
    coalesce(sum(file_count) + sum(delete_file_count), 0)::BIGINT,
    coalesce(sum(file_size_bytes) + sum(delete_file_size_bytes), 0)::BIGINT
FROM ducklake_table_info(current_database())
"""


@dataclass(frozen=True)
class Maintained:
    """What was done to a lake.

    Attributes:
        files_before: Parquet files that the lake consisted of.
        files: that it consists of now.
        size: their bytes.
        expired: snapshots, earlier states of the lake, that can be read no more.
        removed: files that were deleted: of those states, and of writers that were killed.
    """

    files_before: int
    files: int
    size: int
    expired: int
    removed: int


def maintain(database: "Database", *, keep_days: float = KEPT_DAYS) -> Maintained:
    """Merge the small files of a lake, forget its earlier states, and delete what nobody needs.

    The numbers stay as they are. Nobody else writes meanwhile; questions are answered.

    Args:
        database: a store in a lake.
        keep_days: earlier states that are younger stay readable, and their files with them; with
            0 a question that began before may fail.

    Raises:
        UsageError: the number of days cannot be.
        StoreError: the store is no lake, or cannot be written.
    """
    if not 0 <= keep_days < 36_500:
        raise UsageError(f"keep days is {keep_days:g}: give 0 or more, up to a hundred years")
    database.check_whole()
    address = database.home.key
    if not isinstance(address, LakeAddress):
        raise StoreError(
            f"{database.place} is a DuckDB file, which needs no maintenance: that is for lakes"
        )
    if not database.exists():
        raise StoreError(f"{address} has no tables: fill it with `embstore ingest`")
    with locked(address), turn_to_write(address, database.timeout) as turn, interruptible():
        try:
            with lake_connection(address, read_only=False) as connection:
                return _maintain(connection, turn, timedelta(days=keep_days))
        except duckdb.Error as error:
            raise lake_error(address, "could not be maintained", error) from error


def _maintain(connection: duckdb.DuckDBPyConnection, turn: Turn, keep: timedelta) -> Maintained:
    def call(function: str, *options: str) -> list[tuple[Any, ...]]:
        words = ", ".join((quoted(LAKE), *options))
        return connection.execute(f"CALL ducklake_{function}({words})").fetchall()

    (files_before, _), *_ = connection.execute(_FILES).fetchall()
    # Small inserts are kept in the catalog until then.
    call("flush_inlined_data")
    # Also files of which only a few rows were deleted: who removes a run wants it gone.
    call("rewrite_data_files", "delete_threshold => 0")
    call("merge_adjacent_files")
    older = f"older_than => TIMESTAMPTZ '{(datetime.now(UTC) - keep).isoformat()}'"
    expired = call("expire_snapshots", older)
    # What was merged just now may still be read by a question that began before, and what is in
    # no state of the lake may belong to a transaction that is still open.
    # Who writes now, should the turn be lost, has files that are in no state yet.
    turn.check()
    which = older if keep else "cleanup_all => true"
    removed = [*call("cleanup_old_files", which)]
    orphans = [str(file) for (file,) in call("delete_orphaned_files", which, "dry_run => true")]
    if foreign := [file for file in orphans if not _OF_A_LAKE.search(file)]:
        _LOG.warning(
            "files that no lake has made are in the folder of this one, such as %s: move them "
            "elsewhere; until then what killed writers have left is not deleted",
            foreign[0],
        )
    else:
        removed += call("delete_orphaned_files", which)
    (files, size), *_ = connection.execute(_FILES).fetchall()
    return Maintained(
        files_before=int(files_before),
        files=int(files),
        size=int(size),
        expired=len(expired),
        removed=len(removed),
    )
